"""How each event of a record changes the state that every kind shares. Pure: the state is the fold of the record.

`evolve` believes what is written: an event of an unknown tag changes nothing but `seq`, so old code can read new
records.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from office.events import Event, StoredEvent
from office.findings import judged
from office.session import BEFORE, IN_CALL, TRANSITIONS, Cue
from office.state import Consent, Device, Gap, Message, Officer, Person, Place, Request, SessionState, Signer, Witness

MESSAGES_KEPT = 50
"""What a view shows; the record keeps all."""


def cue_of(before: SessionState, event: Event) -> Cue | None:
    """What an event means for the phase, if anything."""
    match event.tag:
        case "applicant:consent:refused":
            return "refused"
        case "system:record:dropped":
            return "dropped"
        case "applicant:wait:entered":
            return "arrived"
        case "officer:call:started":
            return "started"
        case "officer:record:closed":
            return "concluded"
        case "applicant:person:joined" | "worker:media:resumed":
            return "back" if _concerns_applicant(before, event) else None
        case "applicant:person:left" | "applicant:call:left" | "worker:media:interrupted":
            return "lost" if _concerns_applicant(before, event) else None
        case "applicant:interruption:reported":
            return "lost" if event.body.get("ended_at") is None else "back"
    return None


def _concerns_applicant(before: SessionState, event: Event) -> bool:
    """Late news of a connection that was replaced meanwhile concerns nobody."""
    if event.tag in ("applicant:person:joined", "applicant:call:left"):
        return True
    return event.body.get("leg") in (None, before.applicant_leg())


def evolve(state: SessionState, event: Event) -> SessionState:
    """The state after one more event of the record."""
    cue = cue_of(state, event)
    change = _CHANGES.get(event.tag) or _CHANGES.get("*:" + event.tag.partition(":")[2])
    erased = isinstance(event, StoredEvent) and event.body_text is None
    after = change(state, event) if change is not None and not erased else state
    phase = TRANSITIONS.get((state.phase, cue), state.phase) if cue is not None else state.phase
    if cue == "lost" and state.call is not None and state.gap is None:
        after = _open_gap(after, event)
    elif cue == "back" and state.gap is not None:
        after = _close_gap(after, event)
    if phase == "closing" and after.settled and after.call is None:
        phase = TRANSITIONS[phase, "settled"]
    findings = after.findings if erased else judged(after.findings, event)
    return replace(after, seq=event.seq, phase=phase, findings=findings)


def _open_gap(state: SessionState, event: Event) -> SessionState:
    cause = str(event.body.get("cause") or ("left" if event.tag.endswith(":left") else "other"))
    if event.tag == "applicant:call:left":
        cause = "left"
    leg = str(event.body.get("leg") or state.applicant_leg() or "")
    return replace(state, gaps=(*state.gaps, Gap(start=event.at, end=None, cause=cause, leg=leg)))


def _close_gap(state: SessionState, event: Event) -> SessionState:
    last = state.gaps[-1]
    cause = last.cause
    if event.tag == "applicant:interruption:reported":
        # The phone knows why, the server only that: its word replaces the guess.
        cause = str(event.body.get("cause") or cause)
    return replace(state, gaps=(*state.gaps[:-1], replace(last, end=event.at, cause=cause)))


def _time(value: Any) -> datetime | None:
    return msgspec.convert(value, datetime) if value is not None else None


def _joined(state: SessionState, event: Event) -> SessionState:
    before = state.people.get(event.actor)
    person = Person(
        id=event.actor,
        name=event.body.get("name", ""),
        role=event.body.get("role", ""),
        leg=event.body["leg"],
        online=True,
        since=event.at,
    )
    masks = state.masks
    if before is not None and before.leg in masks:
        # A cover belongs to the person: a new connection must not lift it.
        masks = (masks - {before.leg}) | {person.leg}
    attended = state.attended | {event.actor} if state.phase in IN_CALL else state.attended
    return replace(state, people={**state.people, event.actor: person}, masks=masks, attended=attended)


def _left(state: SessionState, event: Event) -> SessionState:
    person = state.people.get(event.actor)
    if person is None or event.body.get("leg") not in (None, person.leg):
        return state
    gone = replace(person, online=False, since=event.at)
    return replace(state, people={**state.people, event.actor: gone})


def _muted(muted: bool) -> Callable[[SessionState, Event], SessionState]:
    def change(state: SessionState, event: Event) -> SessionState:
        person = state.people.get(event.actor)
        if person is None:
            return state
        if event.body.get("kind") == "audio":
            person = replace(person, muted_audio=muted)
        else:
            person = replace(person, muted_video=muted)
        return replace(state, people={**state.people, event.actor: person})

    return change


def _started(state: SessionState, event: Event) -> SessionState:
    here = frozenset(person.id for person in state.people.values() if person.online)
    return replace(
        state,
        call=event.body["call"],
        calls=state.calls + 1,
        call_started_at=event.at,
        attended=state.attended | here,
    )


def _said(state: SessionState, event: Event) -> SessionState:
    body = event.body
    message = Message(
        sender=event.actor, name=body.get("name", ""), role=body.get("role", ""), text=body.get("text", ""), at=event.at
    )
    if event.tag == "officer:wait:messaged":
        return replace(state, wait_message=message)
    return replace(state, messages=(*state.messages, message)[-MESSAGES_KEPT:])


def _asked(state: SessionState, event: Event) -> SessionState:
    body = event.body
    request = Request(
        id=body["request"],
        kind=body.get("kind", "photo"),
        text=body.get("text", ""),
        value=body.get("value"),
        by=body.get("name", ""),
        at=event.at,
        item=body.get("item"),
    )
    return replace(state, requests={**state.requests, request.id: request})


def _answered(state: SessionState, event: Event) -> SessionState:
    request = state.requests.get(event.body.get("request") or "")
    if request is None:
        return state
    done = event.body.get("done", event.tag == "applicant:photo:taken")
    answered = replace(request, state="done" if done else "refused", reason=event.body.get("reason", ""))
    return replace(state, requests={**state.requests, request.id: answered})


def _placed(state: SessionState, event: Event) -> SessionState:
    body = event.body if event.tag == "applicant:place:reported" else event.body.get("place")
    if body is None:
        return state
    place = Place(
        lat=body["lat"],
        lon=body["lon"],
        accuracy_m=body["accuracy_m"],
        distance_m=body.get("distance_m"),
        at=event.at,
    )
    return replace(state, place=place)


def _checked(state: SessionState, event: Event) -> SessionState:
    known = {name: event.body[name] for name in Device.__struct_fields__ if name in event.body}
    return replace(_placed(state, event), device=msgspec.convert({**known, "at": event.at}, Device))


def _hindsight(state: SessionState, event: Event) -> SessionState:
    """An interruption told afterwards, that nobody had noticed, is a gap of its own."""
    start, end = _time(event.body.get("started_at")), _time(event.body.get("ended_at"))
    if end is None or start is None or state.gap is not None:
        return state
    if state.gaps and state.gaps[-1].end is not None and start < state.gaps[-1].end:
        # The gap is known already; the phone's word gives it its cause.
        return replace(state, gaps=(*state.gaps[:-1], replace(state.gaps[-1], cause=str(event.body["cause"]))))
    gap = Gap(start=start, end=end, cause=str(event.body["cause"]), leg=state.applicant_leg() or "")
    return replace(state, gaps=(*state.gaps, gap))


def _assigned(state: SessionState, event: Event) -> SessionState:
    body, role = event.body, event.body["role"]
    officer = Officer(body["staff"], body.get("name", ""), body.get("office", ""))
    people = dict(state.people)
    before = state.lead if role == "lead" else state.assist
    if before is not None and before.id != officer.id and before.id in people:
        people[before.id] = replace(people[before.id], role="expert")
    if officer.id in people:
        # They had the record open before they were named: from now on they are here in their new part.
        people[officer.id] = replace(people[officer.id], role=role)
    state = replace(state, people=people)
    return replace(state, lead=officer) if role == "lead" else replace(state, assist=officer)


def _concluded(state: SessionState, event: Event) -> SessionState:
    signers = tuple(msgspec.convert(each, Signer) for each in event.body.get("signers", ()))
    return replace(state, result=event.body.get("result"), concluded_at=event.at, signers=signers)


def _signed(kind: Literal["signed", "refused"]) -> Callable[[SessionState, Event], SessionState]:
    def change(state: SessionState, event: Event) -> SessionState:
        signers = tuple(
            replace(signer, state=kind, at=event.at, name=event.body.get("name") or signer.name)
            if signer.is_for(event.body.get("role", ""), event.body.get("name", ""))
            else signer
            for signer in state.signers
        )
        return replace(state, signers=signers)

    return change


def _seal(state: SessionState, event: Event) -> SessionState:
    stamped = _signed("signed")(state, replace(event, body={"role": "seal"}))
    return replace(stamped, seal_sha256=event.body.get("sha256"))


def _moved(state: SessionState, event: Event) -> SessionState:
    """Another worker begins anew and tells for itself what it cannot record."""
    lost = {event.body["leg"]} if event.body.get("cause") in ("worker_lost", "worker_drained") else set()
    return replace(state, unrecorded=state.unrecorded - lost)


def _waiting(state: SessionState, event: Event) -> SessionState:
    return replace(state, waiting_since=event.at) if state.phase in BEFORE and state.waiting_since is None else state


_CHANGES: Mapping[str, Callable[[SessionState, Event], SessionState]] = {
    "*:person:joined": _joined,
    "*:person:left": _left,
    "*:call:left": _left,
    "*:track:muted": _muted(True),
    "*:track:unmuted": _muted(False),
    "*:message:said": _said,
    "*:signature:made": _signed("signed"),
    "*:signature:refused": _signed("refused"),
    "applicant:consent:given": lambda state, event: replace(
        state, consent=Consent(event.body.get("version", ""), event.at)
    ),
    "applicant:device:checked": _checked,
    "applicant:wait:entered": _waiting,
    "applicant:interruption:reported": _hindsight,
    "applicant:place:reported": _placed,
    "applicant:request:answered": _answered,
    "applicant:photo:taken": _answered,
    "applicant:photo:refused": _answered,
    "officer:wait:messaged": _said,
    "officer:call:started": _started,
    "officer:call:ended": lambda state, event: replace(state, call=None, unrecorded=frozenset()),
    "officer:request:made": _asked,
    "officer:photo:asked": _asked,
    "officer:mask:on": lambda state, event: replace(state, masks=state.masks | {event.body["leg"]}),
    "officer:mask:off": lambda state, event: replace(state, masks=state.masks - {event.body["leg"]}),
    "officer:record:closed": _concluded,
    "system:officer:assigned": _assigned,
    "system:witness:named": lambda state, event: replace(
        state, witnesses=(*state.witnesses, Witness(event.body["invitation"], event.body.get("name", "")))
    ),
    "worker:media:interrupted": _moved,
    "worker:recording:lost": lambda state, event: replace(state, unrecorded=state.unrecorded | {event.body["leg"]}),
    "worker:recording:resumed": lambda state, event: replace(state, unrecorded=state.unrecorded - {event.body["leg"]}),
    "system:report:built": lambda state, event: replace(
        state, report_sha256=event.body.get("sha256"), coverage=event.body.get("coverage")
    ),
    "system:seal:made": _seal,
    "system:record:sealed": lambda state, event: replace(state, sealed=True),
}
"""One reading for each tag; `*:` stands for any source."""
