"""How a live session conducts itself: what each shared command comes to. Pure; see `office.session` for the theory."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, get_args

import msgspec

from office import commands as c
from office.events import NewEvent
from office.findings import find
from office.person import distance_m
from office.session import (
    ANYONE,
    APPLICANT,
    BEFORE,
    IN_CALL,
    NOTHING,
    OFFICERS,
    SHARED_RULES,
    CloseCall,
    Command,
    Effect,
    Gate,
    MakeSeal,
    OpenCall,
    Outcome,
    Party,
    Phase,
    Refused,
    Role,
    Rule,
    ToOnSite,
    refuse_by_rule,
)
from office.state import SessionState

_ALWAYS: frozenset[Phase] = frozenset(get_args(Phase))
_SYSTEM: frozenset[Role] = frozenset({"system"})

SYSTEM_RULES: Mapping[type[Command], Rule] = {
    c.PersonJoin: Rule(ANYONE, _ALWAYS),
    c.PersonLeave: Rule(ANYONE, _ALWAYS),
    c.OfficerAssign: Rule(_SYSTEM | OFFICERS, BEFORE | IN_CALL),
    c.WitnessName: Rule(_SYSTEM, BEFORE | IN_CALL),
    c.LegUp: Rule(_SYSTEM, _ALWAYS),
    c.LegDown: Rule(_SYSTEM, _ALWAYS),
    c.MediaInterrupted: Rule(_SYSTEM, _ALWAYS),
    c.MediaResumed: Rule(_SYSTEM, _ALWAYS),
    c.RecordingLost: Rule(_SYSTEM, _ALWAYS),
    c.RecordingBack: Rule(_SYSTEM, _ALWAYS),
    c.QualityNote: Rule(_SYSTEM, _ALWAYS),
    c.PointerMoved: Rule(OFFICERS, IN_CALL | {"closing"}),
    # A photograph taken before the end may arrive after it: the phone keeps it until the network is back.
    c.PhotoTaken: Rule(APPLICANT, IN_CALL | {"waiting", "closing"}),
    c.ReportBuilt: Rule(_SYSTEM, _ALWAYS),
    c.SignatureMade: Rule(_SYSTEM, _ALWAYS),
    c.SignatureRefused: Rule(_SYSTEM, _ALWAYS),
    c.SealMade: Rule(_SYSTEM, _ALWAYS),
    c.RecordSealed: Rule(_SYSTEM, _ALWAYS),
}


_RULES: Mapping[type[Command], Rule] = {**SHARED_RULES, **SYSTEM_RULES}
_PASSING = frozenset(
    {
        c.PersonJoin,
        c.PersonLeave,
        c.LegUp,
        c.LegDown,
        c.MediaInterrupted,
        c.MediaResumed,
        c.RecordingLost,
        c.RecordingBack,
        c.QualityNote,
    }
)


def apply(state: SessionState, command: Command, actor: Party, now: datetime) -> Outcome | Refused:
    """Decide a shared or system command. `now` is aware UTC. TypeError for a command that no session knows."""
    refused = refuse_by_rule(_RULES, command, state.phase, actor)
    if refused is not None:
        return refused
    if state.sealed and type(command) in _PASSING:
        # Somebody who looks at a finished record again is in the audit log, not in the sealed chain.
        return NOTHING
    return _DECIDE[type(command)](state, command, actor, now)


def say(actor: Party, tag: str, body: Mapping[str, Any], *effects: Effect) -> Outcome:
    """One event by this actor. Structs and times in `body` become plain JSON data."""
    event = NewEvent(tag=tag, actor=actor.id, body=msgspec.to_builtins(dict(body)))
    return Outcome((event,), effects)


def fields(command: Command) -> dict[str, Any]:
    """A command's fields as an event's body, without its word."""
    return msgspec.structs.asdict(command)


def measured_place(state: SessionState, lat: float, lon: float, accuracy_m: float) -> dict[str, Any]:
    """A fix with its distance in metres from the registered address, where that is known."""
    distance = round(distance_m((lat, lon), state.location), 1) if state.location is not None else None
    return {"lat": lat, "lon": lon, "accuracy_m": accuracy_m, "distance_m": distance}


Decide = Callable[[SessionState, Any, Party, datetime], Outcome | Refused]


def _consent(state: SessionState, command: c.ConsentGive, actor: Party, now: datetime) -> Outcome:
    if state.consent is not None and state.consent.version == command.version:
        return NOTHING
    return say(actor, "applicant:consent:given", {"version": command.version})


def _refuse_consent(state: SessionState, command: c.ConsentRefuse, actor: Party, now: datetime) -> Outcome:
    return say(actor, "applicant:consent:refused", {}, ToOnSite("consent_refused"))


def _device(state: SessionState, command: c.DeviceReport, actor: Party, now: datetime) -> Outcome | Refused:
    if state.consent is None:
        return Refused("I10")
    body = fields(command)
    if command.place is not None:
        body["place"] = measured_place(state, command.place.lat, command.place.lon, command.place.accuracy_m)
    return say(actor, "applicant:device:checked", body)


def _wait(state: SessionState, command: c.WaitEnter, actor: Party, now: datetime) -> Outcome | Refused:
    if state.consent is None:
        return Refused("I10")
    return say(actor, "applicant:wait:entered", {}) if state.phase == "invited" else NOTHING


def _wait_message(state: SessionState, command: c.WaitMessage, actor: Party, now: datetime) -> Outcome:
    return say(actor, "officer:wait:messaged", {"text": command.text, "name": actor.name, "role": actor.role})


def _start(state: SessionState, command: c.CallStart, actor: Party, now: datetime) -> Outcome | Refused:
    if state.consent is None:
        return Refused("I10")
    # Derived, not drawn: applying the command again after a conflict gives the same call.
    call = f"call_{state.record.removeprefix('rec_')}_{state.calls + 1}"
    return say(actor, "officer:call:started", {"call": call}, OpenCall(call))


def _leave(state: SessionState, command: c.CallLeave, actor: Party, now: datetime) -> Outcome:
    person = state.people.get(actor.id)
    if person is None or not person.online:
        return NOTHING
    return say(actor, f"{actor.source}:call:left", {"leg": person.leg})


def _end(state: SessionState, command: c.CallEnd, actor: Party, now: datetime) -> Outcome:
    if state.call is None:
        return NOTHING
    return say(actor, "officer:call:ended", {"call": state.call}, CloseCall(state.call))


def _interruption(state: SessionState, command: c.InterruptionReport, actor: Party, now: datetime) -> Outcome | Refused:
    if command.ended_at is not None and command.ended_at < command.started_at:
        return Refused("I05", {"phase": state.phase})
    return say(actor, "applicant:interruption:reported", fields(command))


def _message(state: SessionState, command: c.Say, actor: Party, now: datetime) -> Outcome:
    body = {"text": command.text, "name": actor.name, "role": actor.role}
    return say(actor, f"{actor.source}:message:said", body)


def _ask(state: SessionState, command: c.Ask, actor: Party, now: datetime) -> Outcome:
    return say(actor, "officer:request:made", {"request": request_id(state), "name": actor.name, **fields(command)})


def request_id(state: SessionState) -> str:
    """Name of the request that the next event makes: unique within the record, the same when applied again."""
    return f"req_{state.seq + 1}"


def _reply(state: SessionState, command: c.AskReply, actor: Party, now: datetime) -> Outcome | Refused:
    request = state.requests.get(command.request)
    if request is None:
        return Refused("I07", {"id": command.request})
    if request.state != "asked":
        return NOTHING
    return say(actor, "applicant:request:answered", fields(command))


def _place(state: SessionState, command: c.PlaceReport, actor: Party, now: datetime) -> Outcome | Refused:
    if state.consent is None:
        return Refused("I10")
    return say(actor, "applicant:place:reported", measured_place(state, command.lat, command.lon, command.accuracy_m))


def _mute(state: SessionState, command: c.MuteReport, actor: Party, now: datetime) -> Outcome:
    person = state.people.get(actor.id)
    known = person is not None and (person.muted_audio if command.kind == "audio" else person.muted_video)
    if person is None or known == command.muted:
        return NOTHING
    verb = "muted" if command.muted else "unmuted"
    return say(actor, f"{actor.source}:track:{verb}", {"kind": command.kind, "leg": person.leg})


def _mask(state: SessionState, command: c.MaskSet, actor: Party, now: datetime) -> Outcome | Refused:
    if state.person_of(command.leg) is None:
        return Refused("I07", {"id": command.leg})
    if command.on == (command.leg in state.masks):
        return NOTHING
    verb = "on" if command.on else "off"
    effect = Gate(command.leg, "camera", not command.on)
    return say(actor, f"officer:mask:{verb}", {"leg": command.leg, "name": actor.name}, effect)


def _join(state: SessionState, command: c.PersonJoin, actor: Party, now: datetime) -> Outcome:
    before = state.people.get(actor.id)
    if before is not None and before.online and before.leg == command.leg:
        return NOTHING
    covered = before is not None and before.leg in state.masks
    effects = (Gate(command.leg, "camera", False),) if covered else ()
    body = {"leg": command.leg, "name": actor.name, "role": actor.role}
    return say(actor, f"{actor.source}:person:joined", body, *effects)


def _person_leave(state: SessionState, command: c.PersonLeave, actor: Party, now: datetime) -> Outcome:
    person = state.people.get(actor.id)
    if person is None or not person.online or person.leg != command.leg:
        return NOTHING
    return say(actor, f"{actor.source}:person:left", fields(command))


def _assign(state: SessionState, command: c.OfficerAssign, actor: Party, now: datetime) -> Outcome | Refused:
    other = state.assist if command.role == "lead" else state.lead
    if other is not None and other.id == command.staff:
        # 行政许可法 §34: two or more persons, so nobody is their own second.
        return Refused("I13", {"name": command.name})
    mine = state.lead if command.role == "lead" else state.assist
    if mine is not None and mine.id == command.staff:
        return NOTHING
    return say(actor, "system:officer:assigned", fields(command))


def _witness(state: SessionState, command: c.WitnessName, actor: Party, now: datetime) -> Outcome | Refused:
    if any(each.name == command.name for each in state.witnesses):
        return NOTHING
    return say(actor, "system:witness:named", fields(command))


def _signature(state: SessionState, command: Any, actor: Party, now: datetime) -> Outcome | Refused:
    signer = next((each for each in state.signers if each.is_for(command.role, command.name)), None)
    if signer is None:
        return Refused("I07", {"id": command.role})
    if signer.state != "waiting":
        return NOTHING
    verb = "made" if isinstance(command, c.SignatureMade) else "refused"
    last = all(each.state != "waiting" for each in state.signers if each is not signer and each.role != "seal")
    effects = (MakeSeal(),) if last else ()
    return say(actor, f"{command.role}:signature:{verb}", fields(command), *effects)


def _report(state: SessionState, command: c.ReportBuilt, actor: Party, now: datetime) -> Outcome:
    known = state.report_sha256 == command.sha256
    return NOTHING if known else say(actor, "system:report:built", fields(command))


def _seal(state: SessionState, command: c.SealMade, actor: Party, now: datetime) -> Outcome:
    known = state.seal_sha256 == command.sha256
    return NOTHING if known else say(actor, "system:seal:made", fields(command))


def _sealed(state: SessionState, command: c.RecordSealed, actor: Party, now: datetime) -> Outcome:
    return NOTHING if state.sealed else say(actor, "system:record:sealed", fields(command))


def _recording_lost(state: SessionState, command: c.RecordingLost, actor: Party, now: datetime) -> Outcome:
    known = command.leg in state.unrecorded
    return NOTHING if known else say(actor, "worker:recording:lost", fields(command))


def _recording_back(state: SessionState, command: c.RecordingBack, actor: Party, now: datetime) -> Outcome:
    known = command.leg not in state.unrecorded
    return NOTHING if known else say(actor, "worker:recording:resumed", fields(command))


def _quality(state: SessionState, command: c.QualityNote, actor: Party, now: datetime) -> Outcome:
    """Several nodes hear the worker, one after another: what is older than what stands is no news."""
    stands = find(state.findings, command.leg, command.about)
    person = state.person_of(command.leg)
    if state.call is None or person is None or (stands is not None and command.at <= stands.at):
        return NOTHING
    if command.finding == (stands.finding if stands is not None else "good"):
        return NOTHING
    if command.about == "picture" and person.muted_video and command.finding != "good":
        return NOTHING  # a camera that its owner has switched off sends black
    return say(actor, "worker:quality:changed", fields(command))


def _written(tag: str) -> Decide:
    """A command that only becomes its event."""

    def decide(state: SessionState, command: Command, actor: Party, now: datetime) -> Outcome:
        return say(actor, tag, fields(command))

    return decide


_DECIDE: Mapping[type[Command], Decide] = {
    c.ConsentGive: _consent,
    c.ConsentRefuse: _refuse_consent,
    c.DeviceReport: _device,
    c.WaitEnter: _wait,
    c.WaitMessage: _wait_message,
    c.CallStart: _start,
    c.CallLeave: _leave,
    c.CallEnd: _end,
    c.InterruptionReport: _interruption,
    c.Say: _message,
    c.Ask: _ask,
    c.AskReply: _reply,
    c.PlaceReport: _place,
    c.MuteReport: _mute,
    c.MaskSet: _mask,
    c.PersonJoin: _join,
    c.PersonLeave: _person_leave,
    c.OfficerAssign: _assign,
    c.WitnessName: _witness,
    c.LegUp: _written("worker:leg:up"),
    c.LegDown: _written("worker:leg:down"),
    c.MediaInterrupted: _written("worker:media:interrupted"),
    c.MediaResumed: _written("worker:media:resumed"),
    c.RecordingLost: _recording_lost,
    c.RecordingBack: _recording_back,
    c.QualityNote: _quality,
    c.PointerMoved: _written("officer:pointer:moved"),
    c.PhotoTaken: _written("applicant:photo:taken"),
    c.ReportBuilt: _report,
    c.SignatureMade: _signature,
    c.SignatureRefused: _signature,
    c.SealMade: _seal,
    c.RecordSealed: _sealed,
}
