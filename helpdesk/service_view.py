"""What one party sees of a help service now. The shape is the protocol's. Pure."""

from datetime import datetime

from msgspec import Struct

from helpdesk.state import Card, File, Passage, ServiceState
from office.person import mask_name
from office.queue import Queue
from office.session import Party
from office.view import NamedView, SessionView
from office.viewing import is_own, session_view


class PaperView(NamedView, frozen=True, kw_only=True):
    required: bool


class PassageView(Struct, frozen=True, kw_only=True):
    """A hand-over; `note` and `papers` are for agents."""

    window: str
    by: str
    note: str
    papers: tuple[str, ...]
    at: datetime
    state: str
    taken_by: str


class CardView(Struct, frozen=True, kw_only=True):
    id: str
    title: str
    steps: tuple[str, ...]
    done: tuple[int, ...]
    by: str
    at: datetime


class SpotView(Struct, frozen=True, kw_only=True):
    x: float
    y: float


class MarkView(Struct, frozen=True, kw_only=True):
    """A line on the shared screen; places are shares of its picture."""

    line: tuple[SpotView, ...]


class FileView(Struct, frozen=True, kw_only=True):
    """A file of the call; its bytes are at /api/files/{id}. `mine`: whoever reads this sent it."""

    id: str
    mine: bool
    name: str
    bytes: int
    mime: str
    by: str
    role: str
    at: datetime


class ServiceView(SessionView, frozen=True, kw_only=True):
    """`label`: the number; `window`: where it is now; `passages`: its hand-overs, in order; `parked`: the agent
    has put it aside and will be back; `screen`: the citizen shares one now, with these `marks` on it."""

    label: str
    window: str
    papers: tuple[PaperView, ...]
    passages: tuple[PassageView, ...]
    cards: tuple[CardView, ...]
    parked: bool
    screen: bool
    marks: tuple[MarkView, ...]
    files: tuple[FileView, ...]
    result_note: str


def view(state: ServiceState, party: Party, now: datetime, queue: Queue | None = None) -> ServiceView:
    """The whole view of one party. `queue` is given for a citizen who waits."""
    staff, facts = party.kind == "staff", state.facts
    shared = dict(session_view("help", state.session, facts, facts.guide, party, now, queue))
    if not staff and party.role != "applicant":
        shared["business_name"] = mask_name(facts.business_name)
    return ServiceView(
        **shared,
        label=facts.label,
        window=state.window,
        papers=tuple(
            PaperView(name=paper.name, gloss=paper.gloss, required=paper.required) for paper in facts.guide.documents
        ),
        passages=tuple(_passage(one, staff) for one in state.passages),
        cards=tuple(_card(one) for one in state.cards),
        parked=state.parked,
        screen=state.screen,
        marks=tuple(MarkView(line=tuple(SpotView(x=spot.x, y=spot.y) for spot in line)) for line in state.marks),
        files=tuple(_file(one, party) for one in state.files),
        result_note=state.result_note,
    )


def _passage(passage: Passage, staff: bool) -> PassageView:
    return PassageView(
        window=passage.window,
        by=passage.by,
        note=passage.note if staff else "",
        papers=passage.papers if staff else (),
        at=passage.at,
        state=passage.state,
        taken_by=passage.taken_by,
    )


def _card(card: Card) -> CardView:
    return CardView(
        id=card.id, title=card.title, steps=card.steps, done=tuple(sorted(card.done)), by=card.by, at=card.at
    )


def _file(file: File, party: Party) -> FileView:
    return FileView(
        id=file.id,
        mine=is_own(party, file.sender, file.role),
        name=file.name,
        bytes=file.bytes,
        mime=file.mime,
        by=file.by,
        role=file.role,
        at=file.at,
    )
