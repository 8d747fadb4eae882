"""What is true of one inspection: the fold of its record over the facts of its case. Pure."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from inspection.checklist import Displaced, Given, ItemStanding, standings
from office import fold
from office.condition import Literal_
from office.events import Event, StoredEvent
from office.matter import Matter
from office.state import Gap, OfficeFacts, SessionState

STEPS = ("identity", "show_credentials", "tell_rights", "consent_to_recording", "walk_round", "read_back")
"""Steps that are events of their own; `sign` and `close` of a matter's list are told by signatures and result."""

STEP_WORDS: Mapping[str, tuple[str, str]] = {
    "identity": ("核对身份", "identity check"),
    "show_credentials": ("出示证件", "showing credentials"),
    "tell_rights": ("告知权利", "telling of rights"),
    "consent_to_recording": ("同意录音录像", "consent to recording"),
    "walk_round": ("巡查", "walk-round"),
    "read_back": ("复述核对", "reading back"),
}

CONCLUDING_STEPS = frozenset({"identity", "show_credentials", "tell_rights"})
"""Without these no result concludes: 行政许可法 §34 and 上海市行政许可办理规定 §10 (亮证、告知)."""


class InspectionFacts(Struct, frozen=True, kw_only=True):
    """What was known before the session; it does not change while the record is open."""

    record: str
    case: str
    case_number: str
    office: OfficeFacts
    matter: Matter
    matter_version: int
    business_name: str
    applicant_name: str
    address: str
    location: tuple[float, float] | None
    scheduled_at: datetime
    facts: Mapping[str, Literal_]


class StepDone(Struct, frozen=True, kw_only=True):
    """`again`: an interruption made the step due once more."""

    at: datetime
    by: str
    method: str = ""
    note: str = ""
    again: bool = False


class Photo(Struct, frozen=True, kw_only=True):
    """A photograph on record. `late`: it arrived after the result stood, so the sheet's first version lacks it."""

    id: str
    sha256: str
    bytes: int
    width: int
    height: int
    mime: str
    item: str | None
    request: str | None
    taken_at: datetime | None
    at: datetime
    seq: int
    late: bool = False


class Objection(Struct, frozen=True, kw_only=True):
    item: str | None
    text: str
    at: datetime


class InspectionState(Struct, frozen=True, kw_only=True):
    """`answers` holds what stands; every answer ever given is in the record."""

    facts: InspectionFacts
    session: SessionState
    steps: Mapping[str, StepDone] = {}
    answers: Mapping[str, Given] = {}
    photos: tuple[Photo, ...] = ()
    objections: tuple[Objection, ...] = ()
    read_by: frozenset[str] = frozenset()
    result_note: str = ""
    rectify_by: date | None = None

    def standings(self) -> tuple[ItemStanding, ...]:
        counts: dict[str, int] = {}
        for photo in self.photos:
            if photo.item is not None:
                counts[photo.item] = counts.get(photo.item, 0) + 1
        return standings(self.facts.matter, self.facts.facts, self.answers, counts)


def initial(facts: InspectionFacts) -> InspectionState:
    return InspectionState(facts=facts, session=SessionState(record=facts.record, location=facts.location))


def evolve(state: InspectionState, event: Event) -> InspectionState:
    """The state after one more event of the record."""
    session = fold.evolve(state.session, event)
    after = replace(state, session=session)
    if state.session.gap is not None and session.gap is None:
        after = _after_gap(after, session.gaps[-1])
    change = _CHANGES.get(event.tag) or _CHANGES.get("*:" + event.tag.partition(":")[2])
    erased = isinstance(event, StoredEvent) and event.body_text is None
    return change(after, event) if change is not None and not erased else after


def _after_gap(state: InspectionState, gap: Gap) -> InspectionState:
    """Whether identity is checked again is the matter's policy: three legal variants (office.matter)."""
    policy = state.facts.matter.procedure.interruption
    done = state.steps.get("identity")
    if done is None or gap.end is None:
        return state
    long = (gap.end - gap.start).total_seconds() > policy.grace_seconds
    due = {
        "reidentify_always": True,
        "reidentify_after_exit": long or gap.cause == "left",
        "reidentify_only_if_unverified": False,
    }[policy.variant]
    return replace(state, steps={**state.steps, "identity": replace(done, again=True)}) if due else state


def _stepped(state: InspectionState, event: Event) -> InspectionState:
    body = event.body
    done = StepDone(at=event.at, by=body.get("name", ""), method=body.get("method", ""), note=body.get("note", ""))
    return replace(state, steps={**state.steps, body["step"]: done})


def _consented(state: InspectionState, event: Event) -> InspectionState:
    done = StepDone(at=event.at, by=state.facts.applicant_name)
    return replace(state, steps={**state.steps, "consent_to_recording": done})


def given_of(event: Event) -> Given:
    """The answer that an event sets."""
    body = event.body
    return Given(
        value=body.get("value"),
        measured=body.get("measured"),
        choice=body.get("choice"),
        text=body.get("text"),
        note=body.get("note", ""),
        by=body.get("name", ""),
        by_id=event.actor,
        at=event.at,
        seq=event.seq,
    )


def _answered(state: InspectionState, event: Event) -> InspectionState:
    body = event.body
    item, before = body["item"], state.answers.get(body["item"])
    conflict = None
    if body.get("conflict") and before is not None:
        conflict = Displaced(
            by=before.by,
            at=before.at,
            value=before.value,
            measured=before.measured,
            choice=before.choice,
            seq=before.seq,
        )
    return replace(state, answers={**state.answers, item: replace(given_of(event), conflict=conflict)})


def _photographed(state: InspectionState, event: Event) -> InspectionState:
    known = {name: event.body[name] for name in Photo.__struct_fields__ if name in event.body}
    request = state.session.requests.get(event.body.get("request") or "")
    late = state.session.concluded_at is not None
    # A photograph taken for a request belongs to the item that was asked for.
    item = event.body.get("item") or (request.item if request is not None else None)
    whole: dict[str, Any] = {**known, "id": event.body["photo"], "item": item, "at": event.at, "seq": event.seq}
    return replace(state, photos=(*state.photos, msgspec.convert({**whole, "late": late}, Photo)))


def _concluded(state: InspectionState, event: Event) -> InspectionState:
    by = event.body.get("rectify_by")
    return replace(
        state,
        result_note=event.body.get("note", ""),
        rectify_by=date.fromisoformat(by) if by is not None else None,
    )


def _objected(state: InspectionState, event: Event) -> InspectionState:
    objection = Objection(item=event.body.get("item"), text=event.body.get("text", ""), at=event.at)
    return replace(state, objections=(*state.objections, objection))


_CHANGES: Mapping[str, Callable[[InspectionState, Event], InspectionState]] = {
    "applicant:consent:given": _consented,
    "officer:step:done": _stepped,
    "officer:answer:set": _answered,
    "applicant:photo:taken": _photographed,
    "officer:record:closed": _concluded,
    "applicant:sheet:objected": _objected,
    "*:sheet:read": lambda state, event: replace(state, read_by=state.read_by | {event.actor}),
}
