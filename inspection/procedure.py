"""The procedure of an inspection: which command is accepted when, and what it comes to.

Theory of operation. The shared table (office.session) moves the phases; this table adds what an inspection demands
inside them. Answers, steps and requests belong to the call; a result ends them (`close`), and what follows is
reading, objecting and signing. A result is one of three kinds:

- concluding (pass, rectify, fail): two officers present (行政许可法 §34 第三款), identity, credentials and rights done,
  no required item open, no required photograph missing; pass only if the matter's rule gives it.
- go_on_site: the matter is handed to a visit, so the list may be incomplete, but two officers decide it.
- suspend: the lead alone may always stop.

Two officers may answer the same item at once. The later answer stands; if its writer had not seen the earlier one
(`seen_seq`), the event says so and the state keeps the displaced answer beside it. Both are on record for ever.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from msgspec import Struct

from inspection.checklist import Given, ItemStanding, Suggestion, fault, suggest
from inspection.commands import (
    AnswerSet,
    AnyCommand,
    ClientCommand,
    Close,
    PhotoAsk,
    PhotoRefuse,
    SheetObject,
    SheetRead,
    StepMark,
)
from inspection.state import CONCLUDING_STEPS, STEP_WORDS, InspectionState, evolve, initial
from office import conduct
from office.commands import Command, PhotoTaken
from office.conduct import fields, say
from office.session import (
    APPLICANT,
    IN_CALL,
    LEAD,
    NOTHING,
    OFFICERS,
    BuildReport,
    Effect,
    Outcome,
    Party,
    Refused,
    Rule,
    ToOnSite,
    refuse_by_rule,
)

RULES: Mapping[type[Command], Rule] = {
    StepMark: Rule(OFFICERS, IN_CALL | {"closing"}),
    AnswerSet: Rule(OFFICERS, IN_CALL),
    PhotoAsk: Rule(OFFICERS, IN_CALL),
    PhotoRefuse: Rule(APPLICANT, IN_CALL | {"closing"}),
    Close: Rule(LEAD, IN_CALL),
    SheetObject: Rule(APPLICANT, frozenset({"closing"})),
    SheetRead: Rule(APPLICANT | OFFICERS, frozenset({"closing"})),
}

CONCLUDING = frozenset({"pass", "rectify_and_reinspect", "fail"})
BEIJING = timezone(timedelta(hours=8))
"""A date in a result is a date of the office's calendar."""


class Reason(Struct, frozen=True, kw_only=True):
    """One thing that stands between the record and a concluding result."""

    code: str
    item: str | None = None
    params: dict[str, str | int] = {}


def apply(state: InspectionState, command: Command, actor: Party, now: datetime) -> Outcome | Refused:
    """Decide one command of an inspection. `now` is aware UTC. Never changes `state`."""
    decide = _DECIDE.get(type(command))
    if decide is None:
        return conduct.apply(state.session, command, actor, now)
    if type(command) in RULES:
        refused = refuse_by_rule(RULES, command, state.session.phase, actor)
        if refused is not None:
            return refused
    return decide(state, command, actor, now)


def close_reasons(state: InspectionState, found: tuple[ItemStanding, ...] | None = None) -> tuple[Reason, ...]:
    """Everything that still forbids a concluding result, in the order in which an officer would mend it."""
    found = state.standings() if found is None else found
    reasons = []
    if state.session.officers_here() < state.facts.matter.procedure.officers_min:
        reasons.append(Reason(code="I02"))
    for step in state.facts.matter.procedure.steps:
        if step in CONCLUDING_STEPS and (step not in state.steps or state.steps[step].again):
            zh, en = STEP_WORDS[step]
            reasons.append(Reason(code="I04", params={"step": step, "step_zh": zh, "step_en": en}))
    reasons += [
        Reason(code="I01", item=each.item.id, params={"number": each.number})
        for each in found
        if each.required and each.open
    ]
    reasons += [
        Reason(code="I12", item=each.item.id, params={"number": each.number, "missing": each.photos_missing})
        for each in found
        if each.required and each.photos_missing
    ]
    return tuple(reasons)


def _refuse_result(state: InspectionState, command: Close, found: tuple[ItemStanding, ...]) -> Refused | None:
    if command.result == "suspend":
        return None
    reasons = close_reasons(state, found)
    if command.result == "go_on_site":
        reasons = tuple(reason for reason in reasons if reason.code == "I02")
    if reasons:
        first = reasons[0]
        same = [reason for reason in reasons if reason.code == first.code]
        # The first of them, to go to; all are in the view's close_reasons.
        return Refused(first.code, {**first.params, "count": len(same), "item": first.item})
    suggestion = suggest(state.facts.matter, found)
    if command.result == "pass" and suggestion.result != "pass":
        failing = suggestion.critical + suggestion.major + suggestion.minor + suggestion.not_seen
        return Refused("I11", {"count": failing})
    return None


def _close(state: InspectionState, command: Close, actor: Party, now: datetime) -> Outcome | Refused:
    if command.result not in state.facts.matter.procedure.results:
        return Refused("I14", {"result": command.result})
    found = state.standings()
    refused = _refuse_result(state, command, found)
    if refused is not None:
        return refused
    rectify = command.result == "rectify_and_reinspect"
    if rectify and (command.rectify_by is None or command.rectify_by <= now.astimezone(BEIJING).date()):
        return Refused("I09")
    suggestion: Suggestion = suggest(state.facts.matter, found)
    body = {
        "result": command.result,
        "note": command.note,
        "rectify_by": command.rectify_by if rectify else None,
        "suggested": suggestion.result,
        "fails": {"critical": suggestion.critical, "major": suggestion.major, "minor": suggestion.minor},
        "name": actor.name,
        "signers": _signers(state, actor),
    }
    effects: tuple[Effect, ...] = (BuildReport(),)
    if command.result == "go_on_site":
        effects = (*effects, ToOnSite("result"))
    return say(actor, "officer:record:closed", body, *effects)


def _signers(state: InspectionState, lead: Party) -> list[dict[str, str]]:
    """Who signs, in the matter's order. An assisting officer who never attended cannot testify to what was seen."""
    assist = state.session.assist
    second = state.session.people.get(assist.id) if assist is not None else None
    names = {
        "applicant": ("applicant", state.facts.applicant_name),
        "lead_officer": ("lead", lead.name),
        "assisting_officer": ("assist", assist.name if assist is not None else ""),
        "office_seal": ("seal", state.facts.office.name),
    }
    signers = [names[signer] for signer in state.facts.matter.procedure.signers]
    attended = second is not None and second.role == "assist" and second.id in state.session.attended
    found = [{"role": role, "name": name} for role, name in signers if role != "assist" or attended]
    # After the applicant, whose place they saw, and before the officers, whose sheet it is.
    after = next((number for number, one in enumerate(found, start=1) if one["role"] == "applicant"), 0)
    witnesses = [{"role": "witness", "name": one.name, "party": one.id} for one in state.session.witnesses]
    return [*found[:after], *witnesses, *found[after:]]


def _step(state: InspectionState, command: StepMark, actor: Party, now: datetime) -> Outcome:
    return say(actor, "officer:step:done", {**fields(command), "name": actor.name})


def _answer(state: InspectionState, command: AnswerSet, actor: Party, now: datetime) -> Outcome | Refused:
    item = state.facts.matter.item(command.item)
    if item is None:
        return Refused("I07", {"id": command.item})
    measured = command.measured
    place = state.session.place
    if item.answer.type == "place" and measured is None and command.value in (None, "conforms", "fails"):
        # The distance that the phone last reported is what this item measures.
        measured = place.distance_m if place is not None else None
    given = Given(
        value=command.value,
        measured=measured,
        choice=command.choice,
        text=command.text,
        note=command.note,
        at=now,
        seq=state.session.seq + 1,
    )
    why = fault(item, given, state.facts.facts)
    if why is not None:
        number = next((each.number for each in state.standings() if each.item.id == item.id), 0) or item.id
        return Refused("I08", {"item": item.id, "number": number, "why": why})
    before = state.answers.get(command.item)
    if before is not None and before.by_id == actor.id and _said(before) == _said(given):
        return NOTHING
    conflict = (
        before is not None
        and before.by_id != actor.id
        and before.seq > command.seen_seq
        and _said(before) != _said(given)
    )
    body = {name: value for name, value in fields(command).items() if name != "seen_seq"}
    return say(actor, "officer:answer:set", {**body, "measured": measured, "conflict": conflict, "name": actor.name})


def _said(given: Given) -> tuple[Any, ...]:
    return (given.value, given.measured, given.choice, given.text, given.note)


def _ask_photo(state: InspectionState, command: PhotoAsk, actor: Party, now: datetime) -> Outcome | Refused:
    if command.item is not None and state.facts.matter.item(command.item) is None:
        return Refused("I07", {"id": command.item})
    request = conduct.request_id(state.session)
    return say(actor, "officer:photo:asked", {"request": request, "name": actor.name, **fields(command)})


def _refuse_photo(state: InspectionState, command: PhotoRefuse, actor: Party, now: datetime) -> Outcome | Refused:
    request = state.session.requests.get(command.request)
    if request is None or request.kind != "photo":
        return Refused("I07", {"id": command.request})
    return NOTHING if request.state != "asked" else say(actor, "applicant:photo:refused", fields(command))


def _photo(state: InspectionState, command: PhotoTaken, actor: Party, now: datetime) -> Outcome | Refused:
    if command.item is not None and state.facts.matter.item(command.item) is None:
        return Refused("I07", {"id": command.item})
    if command.request is not None and command.request not in state.session.requests:
        return Refused("I07", {"id": command.request})
    if any(photo.id == command.photo for photo in state.photos):
        return NOTHING
    return conduct.apply(state.session, command, actor, now)


def _object(state: InspectionState, command: SheetObject, actor: Party, now: datetime) -> Outcome | Refused:
    if command.item is not None and state.facts.matter.item(command.item) is None:
        return Refused("I07", {"id": command.item})
    if any(signer.state == "signed" for signer in state.session.signers):
        # The sheet that somebody signed does not change any more; a remark can go with the own signature.
        return Refused("I05", {"phase": "signed"})
    return say(actor, "applicant:sheet:objected", fields(command), BuildReport())


def _read(state: InspectionState, command: SheetRead, actor: Party, now: datetime) -> Outcome | Refused:
    if state.session.report_sha256 is None:
        return Refused("I05", {"phase": state.session.phase})
    if actor.id in state.read_by:
        return NOTHING
    body = {"sha256": state.session.report_sha256, "name": actor.name, "role": actor.role}
    return say(actor, f"{actor.source}:sheet:read", body)


Decide = Callable[[InspectionState, Any, Party, datetime], Outcome | Refused]

_DECIDE: Mapping[type[Command], Decide] = {
    StepMark: _step,
    AnswerSet: _answer,
    PhotoAsk: _ask_photo,
    PhotoRefuse: _refuse_photo,
    PhotoTaken: _photo,
    Close: _close,
    SheetObject: _object,
    SheetRead: _read,
}

__all__ = [
    "RULES",
    "AnyCommand",
    "ClientCommand",
    "InspectionState",
    "Reason",
    "apply",
    "close_reasons",
    "evolve",
    "initial",
]
