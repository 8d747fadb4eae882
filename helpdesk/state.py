"""What is true of one help service: the fold of its record over the facts of its number. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from helpdesk.commands import Spot
from helpdesk.guide import Guide
from office import fold
from office.events import Event, StoredEvent
from office.state import OfficeFacts, SessionState


class ServiceFacts(Struct, frozen=True, kw_only=True):
    """What was known before the call; `business_name`: the citizen, as whoever looks for the record knows them."""

    record: str
    case: str
    case_number: str
    office: OfficeFacts
    guide: Guide
    label: str
    business_name: str
    scheduled_at: datetime


class Passage(Struct, frozen=True, kw_only=True):
    """The way of the service to another window: offered, and what became of it. `by`: who offered it."""

    window: str
    by: str
    note: str
    papers: tuple[str, ...]
    at: datetime
    state: Literal["offered", "taken", "returned"] = "offered"
    ended_at: datetime | None = None
    taken_by: str = ""


class Card(Struct, frozen=True, kw_only=True):
    """A list of steps; `done`: the numbers of those that the citizen ticked."""

    id: str
    title: str
    steps: tuple[str, ...]
    by: str
    at: datetime
    done: frozenset[int] = frozenset()


class File(Struct, frozen=True, kw_only=True):
    """A file that somebody of the call sent; `sender`, their name `by` and `role` are theirs."""

    id: str
    name: str
    sha256: str
    bytes: int
    mime: str
    sender: str
    by: str
    role: str
    at: datetime


MOST_MARKS = 12
"""Drawn at once; the oldest goes for the next. Each travels with every view."""


class ServiceState(Struct, frozen=True, kw_only=True):
    """`parked`: the agent has put it aside and will be back; `screen`: the citizen shares one now; `marks`: the lines
    that the agent drew on it."""

    facts: ServiceFacts
    session: SessionState
    window: str = ""
    passages: tuple[Passage, ...] = ()
    cards: tuple[Card, ...] = ()
    parked: bool = False
    screen: bool = False
    marks: tuple[tuple[Spot, ...], ...] = ()
    files: tuple[File, ...] = ()
    result_note: str = ""

    @property
    def offer(self) -> Passage | None:
        """The offer that stands now."""
        return self.passages[-1] if self.passages and self.passages[-1].state == "offered" else None

    def card(self, card: str) -> Card | None:
        return next((one for one in self.cards if one.id == card), None)


def initial(facts: ServiceFacts) -> ServiceState:
    return ServiceState(facts=facts, session=SessionState(record=facts.record))


def evolve(state: ServiceState, event: Event) -> ServiceState:
    """The state after one more event of the record."""
    after = replace(state, session=fold.evolve(state.session, event))
    change = _CHANGES.get(event.tag)
    erased = isinstance(event, StoredEvent) and event.body_text is None
    return change(after, event) if change is not None and not erased else after


def _offered(state: ServiceState, event: Event) -> ServiceState:
    body = event.body
    passage = Passage(
        window=body["window"],
        by=body.get("name", ""),
        note=body.get("note", ""),
        papers=tuple(body.get("papers", ())),
        at=event.at,
    )
    return replace(state, passages=(*state.passages, passage))


def _taken(state: ServiceState, event: Event) -> ServiceState:
    after = replace(state, window=event.body["window"], parked=False)
    return _ended(after, event, "taken", event.body.get("name", ""))


def _ended(state: ServiceState, event: Event, how: Literal["taken", "returned"], taken_by: str = "") -> ServiceState:
    if state.offer is None:
        return state
    over = replace(state.passages[-1], state=how, ended_at=event.at, taken_by=taken_by)
    return replace(state, passages=(*state.passages[:-1], over))


def _pushed(state: ServiceState, event: Event) -> ServiceState:
    body = event.body
    card = Card(id=body["card"], title=body["title"], steps=tuple(body["steps"]), by=body.get("name", ""), at=event.at)
    return replace(state, cards=(*state.cards, card))


def _ticked(state: ServiceState, event: Event) -> ServiceState:
    body = event.body

    def ticked(card: Card) -> Card:
        step = {int(body["step"])}
        return replace(card, done=card.done | step if body.get("done", True) else card.done - step)

    return replace(state, cards=tuple(ticked(one) if one.id == body["card"] else one for one in state.cards))


def _screen(state: ServiceState, on: bool) -> ServiceState:
    return replace(state, screen=on, marks=())


def _marked(state: ServiceState, event: Event) -> ServiceState:
    line = tuple(Spot(x=spot["x"], y=spot["y"]) for spot in event.body["line"])
    return replace(state, marks=(*state.marks, line)[-MOST_MARKS:])


def _sent(state: ServiceState, event: Event) -> ServiceState:
    body = event.body
    file = File(
        id=body["file"],
        name=body["title"],
        sha256=body["sha256"],
        bytes=int(body["bytes"]),
        mime=body["mime"],
        sender=event.actor,
        by=body.get("name", ""),
        role=body.get("role", ""),
        at=event.at,
    )
    return replace(state, files=(*state.files, file))


_CHANGES: Mapping[str, Callable[[ServiceState, Event], ServiceState]] = {
    "officer:service:offered": _offered,
    "officer:service:taken": _taken,
    "officer:service:parked": lambda state, event: replace(state, parked=True),
    "system:service:returned": lambda state, event: _ended(state, event, "returned"),
    "officer:card:pushed": _pushed,
    "applicant:card:ticked": _ticked,
    "applicant:screen:shared": lambda state, event: _screen(state, True),
    "applicant:screen:ended": lambda state, event: _screen(state, False),
    "applicant:call:left": lambda state, event: _screen(state, False),
    "applicant:person:left": lambda state, event: _screen(state, False),
    "officer:screen:marked": _marked,
    "officer:screen:cleared": lambda state, event: replace(state, marks=()),
    "applicant:file:sent": _sent,
    "officer:file:sent": _sent,
    "officer:record:closed": lambda state, event: replace(state, result_note=event.body.get("note", "")),
}
