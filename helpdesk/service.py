"""A help service (视频帮办): which command is accepted when, and what it comes to. Pure.

Theory of operation. The shared table (office.session) moves the phases: the citizen consents and waits, the agent opens
the call, and it runs until the agent finishes. This table adds what a help service has of its own:

    leads     one agent at a time, whoever the number is with. `service.take` names them; the one before stays as an
              onlooker until they leave, so nobody is left alone while the service goes from hand to hand
    offers    at most one stands: offered ──take──► taken;  offered ──expired, declined, closed──► returned
    cards     pushed by the agent, ticked by the citizen
    files     sent both ways while the call runs
    screen    shared by the citizen until they stop or their line is gone; the agent's marks are on it as long
    parked    until somebody takes it again; call and recording go on
    drop      ends a service whose call never began: its number was served in the hall
    finish    ends call and service together: nobody signs, the office's seal alone stands on the record sheet

The number (`helpdesk.queue`) and the record are two things: the number says whose turn it is, the record what happened.
What moves both is one transaction of the server. Citizens have the session's part `applicant`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from helpdesk.commands import (
    CardPush,
    CardTick,
    Drop,
    FileSend,
    Finish,
    GiveBack,
    Offer,
    Park,
    ScreenClear,
    ScreenMark,
    ScreenShare,
    TakeOver,
)
from helpdesk.state import ServiceState, evolve, initial
from office import conduct
from office.commands import Command, ConsentRefuse, OfficerAssign
from office.conduct import fields, say
from office.session import (
    APPLICANT,
    BEFORE,
    IN_CALL,
    LEAD,
    NOTHING,
    OFFICERS,
    RUNNING,
    BuildReport,
    CloseCall,
    Outcome,
    Party,
    Refused,
    Role,
    Rule,
    refuse_by_rule,
)

_SYSTEM: frozenset[Role] = frozenset({"system"})

RULES: Mapping[type[Command], Rule] = {
    CardPush: Rule(LEAD, IN_CALL),
    CardTick: Rule(APPLICANT, IN_CALL),
    ScreenShare: Rule(APPLICANT, IN_CALL),
    ScreenMark: Rule(LEAD, IN_CALL),
    ScreenClear: Rule(LEAD, IN_CALL),
    Offer: Rule(LEAD, RUNNING - {"closing"}),
    TakeOver: Rule(_SYSTEM, RUNNING - {"closing"}),
    GiveBack: Rule(_SYSTEM, RUNNING),
    Park: Rule(LEAD, IN_CALL),
    Drop: Rule(_SYSTEM, BEFORE),
    FileSend: Rule(APPLICANT | OFFICERS, IN_CALL),
    Finish: Rule(LEAD, IN_CALL),
}

MOST_CARDS = 30
"""Of one service; each travels with every view."""

MOST_FILES = 30
"""Of one service, 300 MB at most; each travels with every view."""


def apply(state: ServiceState, command: Command, actor: Party, now: datetime) -> Outcome | Refused:
    """Decide one command of a help service. `now` is aware UTC. Never changes `state`."""
    if isinstance(command, ConsentRefuse):
        return _without_video(state, command, actor, now)
    decide = _DECIDE.get(type(command))
    if decide is None:
        return conduct.apply(state.session, command, actor, now)
    refused = refuse_by_rule(RULES, command, state.session.phase, actor)
    return refused if refused is not None else decide(state, command, actor, now)


def _without_video(state: ServiceState, command: ConsentRefuse, actor: Party, now: datetime) -> Outcome | Refused:
    """Whoever does not agree to be recorded keeps their number and is helped at the window: no visit is arranged."""
    decided = conduct.apply(state.session, command, actor, now)
    return decided if isinstance(decided, Refused) else replace(decided, effects=())


def _take(state: ServiceState, command: TakeOver, actor: Party, now: datetime) -> Outcome | Refused:
    lead = state.session.lead
    same = lead is not None and lead.id == command.staff
    if same and state.window == command.window and state.offer is None and not state.parked:
        return NOTHING
    taker = Party(id=command.staff, name=command.name, role="lead", kind="staff")
    taken = say(taker, "officer:service:taken", fields(command))
    if same:
        return taken
    assign = OfficerAssign(role="lead", staff=command.staff, name=command.name)
    assigned = say(actor, "system:officer:assigned", fields(assign))
    return Outcome((*assigned.events, *taken.events))


def _offer(state: ServiceState, command: Offer, actor: Party, now: datetime) -> Outcome | Refused:
    if state.offer is not None:
        return Refused("Q14", {"window": state.offer.window})
    return say(actor, "officer:service:offered", {**fields(command), "name": actor.name})


def _give_back(state: ServiceState, command: GiveBack, actor: Party, now: datetime) -> Outcome:
    if state.offer is None:
        return NOTHING
    return say(actor, "system:service:returned", {**fields(command), "window": state.offer.window})


def _push(state: ServiceState, command: CardPush, actor: Party, now: datetime) -> Outcome | Refused:
    if len(state.cards) >= MOST_CARDS:
        return Refused("Q15", {"count": MOST_CARDS})
    # Derived, not drawn: applying the command again after a conflict gives the same card.
    card = f"card_{len(state.cards) + 1}"
    return say(actor, "officer:card:pushed", {"card": card, **fields(command), "name": actor.name})


def _tick(state: ServiceState, command: CardTick, actor: Party, now: datetime) -> Outcome | Refused:
    card = state.card(command.card)
    if card is None or command.step >= len(card.steps):
        return Refused("I07", {"id": command.card})
    if (command.step in card.done) == command.done:
        return NOTHING
    return say(actor, "applicant:card:ticked", {**fields(command), "text": card.steps[command.step]})


def _share(state: ServiceState, command: ScreenShare, actor: Party, now: datetime) -> Outcome:
    if command.on == state.screen:
        return NOTHING
    return say(actor, "applicant:screen:shared" if command.on else "applicant:screen:ended", {})


def _mark(state: ServiceState, command: ScreenMark, actor: Party, now: datetime) -> Outcome | Refused:
    return say(actor, "officer:screen:marked", fields(command)) if state.screen else Refused("Q17")


def _clear(state: ServiceState, command: ScreenClear, actor: Party, now: datetime) -> Outcome:
    return say(actor, "officer:screen:cleared", {}) if state.marks else NOTHING


def _park(state: ServiceState, command: Park, actor: Party, now: datetime) -> Outcome:
    return NOTHING if state.parked else say(actor, "officer:service:parked", {**fields(command), "name": actor.name})


def _drop(state: ServiceState, command: Drop, actor: Party, now: datetime) -> Outcome:
    return say(actor, "system:record:dropped", {})


def _send(state: ServiceState, command: FileSend, actor: Party, now: datetime) -> Outcome | Refused:
    if any(each.id == command.file for each in state.files):
        return NOTHING
    if len(state.files) >= MOST_FILES:
        return Refused("F07", {"count": MOST_FILES})
    body = fields(command)
    # `name` is the person's in every event that speaks of one.
    body |= {"title": command.name, "name": actor.name, "role": actor.role}
    return say(actor, f"{actor.source}:file:sent", body)


def _finish(state: ServiceState, command: Finish, actor: Party, now: datetime) -> Outcome:
    closed = say(
        actor,
        "officer:record:closed",
        {**fields(command), "name": actor.name, "signers": [{"role": "seal", "name": state.facts.office.name}]},
    )
    call = state.session.call
    if call is None:
        return replace(closed, effects=(BuildReport(),))
    ended = say(actor, "officer:call:ended", {"call": call})
    return Outcome((*closed.events, *ended.events), (BuildReport(), CloseCall(call)))


Decide = Callable[[ServiceState, Any, Party, datetime], Outcome | Refused]

_DECIDE: Mapping[type[Command], Decide] = {
    TakeOver: _take,
    Offer: _offer,
    GiveBack: _give_back,
    CardPush: _push,
    CardTick: _tick,
    ScreenShare: _share,
    ScreenMark: _mark,
    ScreenClear: _clear,
    Park: _park,
    Drop: _drop,
    FileSend: _send,
    Finish: _finish,
}

__all__ = ["RULES", "ServiceState", "apply", "evolve", "initial"]
