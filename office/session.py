"""What every live session shares, an inspection and a help service alike: its phases, parties, outcomes and effects.

Theory of operation. A session has no state of its own: its state is the fold of the record's events.

    command ──apply(state, command, actor, now)──► Outcome(events, effects) | Refused(code)
    events  ──store.append (UNIQUE(record, seq))─► stored;  state = evolve(state, event) for each
    effects ──after the commit──────────────────► the media plane, jobs, notices

`apply` decides and changes nothing; `evolve` believes what is written and decides nothing. A room is a cache of this
fold: on a conflict it reads the missing events, folds them in and applies again. Both are pure, so any process may do
it, and live view, sheet, replay and audit are four readings of one list.

The phase moves by *cues*, which `office.fold.cue_of` reads from events:

    invited ──arrived──► waiting ──started──► live ⇄ (lost / back) interrupted
       │                    │                   └──concluded──► closing ──settled──► closed
       ├──────refused───────┼──► declined
       └──────dropped───────┴──► closed

- arrived: the applicant, having consented, entered the waiting room.  refused: they do not agree to be recorded (to
  the spot).  dropped: what it was for is done without it.
- started: the lead opened the call; recording begins. lost, back: the applicant's connection or picture; the clock
  runs on.
- concluded: a result stands and answers are fixed; call and recording go on while the sheet is read and signed.
- settled: every person has signed or refused, and the call has ended. The office's seal may come later than that.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct

from office.commands import (
    Ask,
    AskReply,
    CallEnd,
    CallLeave,
    CallStart,
    Command,
    ConsentGive,
    ConsentRefuse,
    DeviceReport,
    InterruptionReport,
    MaskSet,
    MuteReport,
    PlaceReport,
    Say,
    SharedCommand,
    SystemCommand,
    WaitEnter,
    WaitMessage,
)
from office.events import Event, NewEvent

Phase = Literal["invited", "waiting", "live", "interrupted", "closing", "closed", "declined"]
Cue = Literal["refused", "dropped", "arrived", "started", "lost", "back", "concluded", "settled"]
Role = Literal["applicant", "lead", "assist", "expert", "system"]

TRANSITIONS: Mapping[tuple[Phase, Cue], Phase] = {
    ("invited", "refused"): "declined",
    ("invited", "dropped"): "closed",
    ("invited", "arrived"): "waiting",
    ("waiting", "refused"): "declined",
    ("waiting", "dropped"): "closed",
    ("waiting", "started"): "live",
    ("live", "lost"): "interrupted",
    ("live", "concluded"): "closing",
    ("interrupted", "back"): "live",
    ("interrupted", "concluded"): "closing",
    ("closing", "settled"): "closed",
}
"""The whole table; a cue that is not in it leaves the phase as it is. docs/protocol.md draws its diagram from this."""

BEFORE: frozenset[Phase] = frozenset({"invited", "waiting"})
IN_CALL: frozenset[Phase] = frozenset({"live", "interrupted"})
RUNNING: frozenset[Phase] = frozenset({"invited", "waiting", "live", "interrupted", "closing"})
"""Everything but the two ends."""

APPLICANT: frozenset[Role] = frozenset({"applicant"})
LEAD: frozenset[Role] = frozenset({"lead"})
OFFICERS: frozenset[Role] = frozenset({"lead", "assist"})
ANYONE: frozenset[Role] = frozenset({"applicant", "lead", "assist", "expert"})


class Party(Struct, frozen=True, kw_only=True):
    """Who acts: `id` is a staff id, an invitation id or `system`; `kind` as in foundation.access.Actor."""

    id: str
    name: str
    role: Role
    kind: Literal["staff", "guest", "system"]

    @property
    def source(self) -> str:
        """First word of this party's event tags."""
        return "officer" if self.role in OFFICERS else self.role


SYSTEM = Party(id="system", name="", role="system", kind="system")


class Rule(Struct, frozen=True):
    """Who may give a command, in which phases."""

    roles: frozenset[Role]
    phases: frozenset[Phase]


SHARED_RULES: Mapping[type[Command], Rule] = {
    ConsentGive: Rule(APPLICANT, BEFORE),
    ConsentRefuse: Rule(APPLICANT, BEFORE),
    DeviceReport: Rule(APPLICANT, RUNNING),
    WaitEnter: Rule(APPLICANT, RUNNING),
    WaitMessage: Rule(OFFICERS, BEFORE),
    CallStart: Rule(LEAD, frozenset({"waiting"})),
    CallLeave: Rule(ANYONE, RUNNING),
    CallEnd: Rule(LEAD, frozenset({"closing"})),
    InterruptionReport: Rule(APPLICANT, IN_CALL | {"closing"}),
    Say: Rule(ANYONE, RUNNING),
    Ask: Rule(OFFICERS, IN_CALL),
    AskReply: Rule(APPLICANT, IN_CALL | {"closing"}),
    PlaceReport: Rule(APPLICANT, RUNNING),
    MuteReport: Rule(ANYONE, RUNNING),
    MaskSet: Rule(OFFICERS, IN_CALL | {"closing"}),
}


_NOBODY = Rule(frozenset(), frozenset())


class Refused(Struct, frozen=True):
    """A command that changed nothing, and why: `code` is in the catalogue, `params` fill its sentence.

    They travel to the client as they are: strings, numbers, booleans and nothing else (docs/protocol.md, refused).
    """

    code: str
    params: dict[str, Any] = {}


# --- effects: what the world has to do once the events are stored ----------------------------------------------------


class OpenCall(Struct, frozen=True, tag="call.open"):
    """Media may flow: `call` is the media session's id."""

    call: str


class CloseCall(Struct, frozen=True, tag="call.close"):
    call: str


class Gate(Struct, frozen=True, tag="gate"):
    """Forward this leg's picture or sound, or stop forwarding it."""

    leg: str
    kind: Literal["audio", "camera"]
    open: bool


class BuildReport(Struct, frozen=True, tag="report.build"):
    """The record was concluded: build the sheet up to this cut."""


class MakeSeal(Struct, frozen=True, tag="seal.make"):
    """The last person has signed or refused: the office's seal may come."""


class ToOnSite(Struct, frozen=True, tag="case.on_site"):
    """The case goes to an inspection on the spot; somebody calls the applicant."""

    reason: Literal["consent_refused", "result"]


class Notify(Struct, frozen=True, tag="notify"):
    """Send the applicant a notice of this kind (office.notices)."""

    notice: str
    params: dict[str, Any] = {}


Effect = OpenCall | CloseCall | Gate | BuildReport | MakeSeal | ToOnSite | Notify


class Outcome(Struct, frozen=True):
    """What an accepted command comes to. No events: it was true already."""

    events: tuple[NewEvent, ...] = ()
    effects: tuple[Effect, ...] = ()


NOTHING = Outcome()

S = TypeVar("S")
F = TypeVar("F")


@dataclass(frozen=True, kw_only=True)
class SessionKind(Generic[S, F]):
    """One kind of live session as a room knows it: data and functions, registered in assembly. `F`: facts, `S`: state.

    commands    union a client's command is decoded to
    load        read the facts (case, matter version, office) that a fold starts from
    initial     the state before the first event
    apply       decide;  evolve: fold one stored event;  shared: the part of the state that every kind has
    view        what this party may see now (queue: office.queue.Queue of a waiting applicant, else None)
    permissions command word → permission of foundation.access
    """

    name: str
    commands: Any
    load: Callable[[Any, str], Awaitable[F]]
    initial: Callable[[F], S]
    apply: Callable[[S, Command, Party, datetime], Outcome | Refused]
    evolve: Callable[[S, Event], S]
    shared: Callable[[S], Any]
    view: Callable[[S, Party, datetime, Any], Struct]
    permissions: Mapping[str, str]


def word_of(command: Command | type[Command]) -> str:
    """The protocol's word of a command, `answer.set`."""
    return str(command.__struct_config__.tag)


def refuse_by_rule(rules: Mapping[type[Command], Rule], command: Command, phase: Phase, actor: Party) -> Refused | None:
    """Role first, then phase: somebody who may never do a thing is not told to wait for it."""
    rule = rules.get(type(command), _NOBODY)
    if actor.role not in rule.roles:
        return Refused("I06", {"command": word_of(command)})
    if phase not in rule.phases:
        over = phase in ("closed", "declined") or (phase == "closing" and not rule.phases & {"closing"})
        return Refused("I03" if over else "I05", {"phase": phase})
    return None


__all__ = [
    "NOTHING",
    "SHARED_RULES",
    "SYSTEM",
    "TRANSITIONS",
    "BuildReport",
    "CloseCall",
    "Command",
    "Cue",
    "Effect",
    "Gate",
    "MakeSeal",
    "Notify",
    "OpenCall",
    "Outcome",
    "Party",
    "Phase",
    "Refused",
    "Role",
    "Rule",
    "SessionKind",
    "SharedCommand",
    "SystemCommand",
    "ToOnSite",
    "refuse_by_rule",
    "word_of",
]
