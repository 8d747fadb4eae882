"""What the pages of the hall show: a phone its number, the wall its calls, a window its people, a supervisor the lines.

Names are masked wherever somebody else may read along, and the wall has none.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from helpdesk.directory import Window
from helpdesk.guide import Guide, Paper
from helpdesk.line import ALARM, LineNow
from helpdesk.queue import BACK_IN_TIME, TRANSITIONS, Act, Priority, State
from helpdesk.rating import LOW, Level
from helpdesk.store import Rating, Slip
from office.person import mask_name, mask_phone
from office.queue import Queue
from office.register import Office
from office.routes import Named, OfficeCard

ON_THE_WALL = 6
"""Rows of calls that are read from ten metres (ux.md H3)."""

NEXT_ON_THE_WALL = 4

CALLABLE: frozenset[State] = frozenset({"queued", "called", "serving", "parked", "transferred"})
"""States of a number whose holder may open the page of its video call."""

CITIZENS: tuple[Act, ...] = ("arrive", "step_away", "come_back", "abandon")


class GuideCard(Named, frozen=True, kw_only=True):
    slug: str
    category: str
    documents: int
    minutes: float


class PlaceCard(OfficeCard, frozen=True, kw_only=True):
    """An office that does a matter. `distance_m` where the asker said where they are; `wait` for whoever comes now."""

    office: str
    address: str
    line: str
    line_gloss: str
    open: bool
    gives_numbers: bool
    opens: datetime | None
    distance_m: float | None
    wait: Queue


class GuidePage(GuideCard, frozen=True, kw_only=True):
    papers: list[Paper]
    steps: list[str]
    time_limit: str
    note: str
    elderly_friendly: bool
    places: list[PlaceCard]


class WindowCard(Named, frozen=True, kw_only=True):
    id: str
    number: str
    open: bool
    away: bool


class TicketPage(Struct, frozen=True, kw_only=True):
    """A number as its holder's phone shows it; `can`: what they may do now (`call`: open the page of its video call);
    `video`: they asked for help by video and do not come; `phone`: where messages go, masked."""

    label: str
    state: State
    day: str
    office: OfficeCard
    matter: Named
    line: Named
    phone: str
    wait: Queue | None
    window: WindowCard | None
    calls: int
    slot: datetime | None
    away_until: datetime | None
    next_until: datetime | None
    can: list[str]
    rated: bool
    video: bool


class WallCall(Struct, frozen=True, kw_only=True):
    label: str
    window: str
    called_at: datetime


class WallLine(Named, frozen=True, kw_only=True):
    letter: str
    next: list[str]
    wait: Queue


class Wall(Struct, frozen=True, kw_only=True):
    """`at`: when it was true; a wall whose data are old says so."""

    office: OfficeCard
    calls: list[WallCall]
    lines: list[WallLine]
    at: datetime


class SlipRow(Struct, frozen=True, kw_only=True):
    """A number as agents see it; the name is whole at the window that serves it. `record`: its help service."""

    ticket: str
    label: str
    state: State
    name: str
    phone: str
    matter: Named
    priority: Priority
    taken_at: datetime
    calls: int
    called_at: datetime | None
    away_until: datetime | None
    window: str
    held_until: datetime | None
    video: bool
    record: str | None


class HallLine(Named, frozen=True, kw_only=True):
    id: str


class AgentDesk(Struct, frozen=True, kw_only=True):
    """`window` None: not sitting anywhere; `windows`: all of the hall, to sit down at or to hand over to."""

    window: WindowCard | None
    windows: list[WindowCard]
    line: Named | None
    letter: str
    wait: Queue | None
    longest_since: datetime | None
    at: SlipRow | None
    waiting: list[SlipRow]
    parked: list[SlipRow]
    missed: list[SlipRow]
    offered: list[SlipRow]
    lines: list[HallLine]


class LineRow(Named, frozen=True, kw_only=True):
    """A line on the supervisor's page. `alarm`: somebody waits longer than `alarm_minutes`; `open_window`: the closed
    window that would help then.
    """

    id: str
    office: str
    letter: str
    waiting: int
    longest_since: datetime | None
    windows_open: int
    windows: int
    alarm: bool
    alarm_minutes: int
    open_window: WindowCard | None


class RatingRow(Struct, frozen=True, kw_only=True):
    """A low rating as a supervisor reads it; whose it is stays at the window. `reasons` in words."""

    ticket: str
    label: str
    office: str
    matter: Named
    at: datetime
    level: int
    reasons: list[Named]
    words: str
    call_back: bool


class LevelCount(Named, frozen=True, kw_only=True):
    level: int
    count: int


class RatingsPage(Struct, frozen=True, kw_only=True):
    """What people said of services since then: how many of each level, best first, and the low ones, newest first."""

    since: datetime
    levels: list[LevelCount]
    low: list[RatingRow]


def window_card(window: Window) -> WindowCard:
    return WindowCard(
        id=window.id,
        number=window.number,
        name=window.name,
        gloss=window.gloss,
        open=window.agent is not None,
        away=window.away,
    )


def guide_card(guide: Guide) -> GuideCard:
    return GuideCard(
        slug=guide.slug,
        name=guide.name,
        gloss=guide.gloss,
        category=guide.category,
        documents=len(guide.documents),
        minutes=guide.typical_minutes.window,
    )


def matter_of(guide: Guide | None, slug: str) -> Named:
    return Named(name=guide.name, gloss=guide.gloss) if guide else Named(name=slug, gloss=slug)


def office_card(now: LineNow) -> OfficeCard:
    return OfficeCard(name=now.office.name, gloss=now.office.gloss, phone=now.office.phone)


def ticket_page(slip: Slip, now: LineNow, guide: Guide | None, rated: bool) -> TicketPage:
    """The number as its line stands: what the reading of the line says counts, the row only for what it does not."""
    ticket = slip.ticket
    seen = now.by_id.get(ticket.id)
    state = seen.state if seen else ticket.state
    missed_at = seen.missed_at if seen else None
    window = now.window(seen.window if seen else ticket.window)
    return TicketPage(
        label=slip.label,
        state=state,
        day=ticket.day,
        office=office_card(now),
        matter=matter_of(guide, slip.guide),
        line=Named(name=now.line.name, gloss=now.line.gloss),
        phone=mask_phone(slip.phone) if slip.phone else "",
        wait=now.wait_of(ticket.id) if state == "queued" else None,
        window=window_card(window) if window and state in ("called", "serving", "transferred", "parked") else None,
        calls=seen.calls if seen else 0,
        slot=ticket.slot,
        away_until=seen.away_until if seen and state == "queued" else None,
        next_until=missed_at + BACK_IN_TIME if missed_at else None,
        can=[*(act for act in CITIZENS if (state, act) in TRANSITIONS), *(["call"] if state in CALLABLE else [])],
        rated=rated,
        video=slip.video,
    )


def wall(lines: Sequence[LineNow], at: datetime) -> Wall:
    """One office's lines, read together. The newest call comes first. Who is helped by video is not in the hall, and
    nobody there is to look for them.
    """
    calls = [
        WallCall(label=one.label, window=window.number, called_at=one.called_at)
        for now in lines
        for one in now.present
        if one.state == "called"
        and not one.video
        and one.called_at is not None
        and (window := now.window(one.window)) is not None
    ]
    return Wall(
        office=office_card(lines[0]),
        calls=sorted(calls, key=lambda call: (call.called_at, call.label), reverse=True)[:ON_THE_WALL],
        lines=[
            WallLine(
                name=now.line.name,
                gloss=now.line.gloss,
                letter=now.line.letter,
                next=[one.label for one in now.waiting if not one.video][:NEXT_ON_THE_WALL],
                wait=now.wait_of(),
            )
            for now in lines
        ],
        at=at,
    )


def slip_row(slip: Slip, guides: Mapping[str, Guide], windows: Mapping[str, Window], *, whole: bool = False) -> SlipRow:
    ticket = slip.ticket
    window = windows.get(ticket.window or "")
    return SlipRow(
        ticket=ticket.id,
        label=slip.label,
        state=ticket.state,
        name=slip.name if whole else mask_name(slip.name),
        phone=mask_phone(slip.phone) if slip.phone else "",
        matter=matter_of(guides.get(slip.guide), slip.guide),
        priority=ticket.priority,
        taken_at=slip.taken_at,
        calls=ticket.calls,
        called_at=ticket.called_at,
        away_until=ticket.away_until,
        window=window.number if window else "",
        held_until=ticket.held_until,
        video=slip.video,
        record=slip.record,
    )


def line_row(now: LineNow, at: datetime) -> LineRow:
    since = now.longest_since()
    alarm = since is not None and at - since > ALARM
    own = [window for window in now.windows.values() if window.line == now.line.id]
    closed = next((window for window in own if window.agent is None), None)
    return LineRow(
        id=now.line.id,
        office=now.office.short,
        name=now.line.name,
        gloss=now.line.gloss,
        letter=now.line.letter,
        waiting=len(now.waiting),
        longest_since=since,
        windows_open=now.windows_open,
        windows=len(own),
        alarm=alarm,
        alarm_minutes=int(ALARM.total_seconds() // 60),
        open_window=window_card(closed) if alarm and closed else None,
    )


def ratings_page(
    rated: Sequence[tuple[Slip, Rating]],
    levels: Sequence[Level],
    offices: Mapping[str, Office],
    guides: Mapping[str, Guide],
    since: datetime,
) -> RatingsPage:
    words = {each.code: Named(name=each.label, gloss=each.gloss) for level in levels for each in level.reasons}
    low = sorted((one for one in rated if one[1].level <= LOW), key=lambda one: one[1].at, reverse=True)
    return RatingsPage(
        since=since,
        levels=[
            LevelCount(
                level=each.level,
                name=each.label,
                gloss=each.gloss,
                count=sum(rating.level == each.level for _, rating in rated),
            )
            for each in levels
        ],
        low=[
            RatingRow(
                ticket=slip.ticket.id,
                label=slip.label,
                office=offices[slip.ticket.office].short,
                matter=matter_of(guides.get(slip.guide), slip.guide),
                at=rating.at,
                level=rating.level,
                reasons=[words.get(code, Named(name=code, gloss=code)) for code in rating.reasons],
                words=rating.words,
                call_back=rating.call_back,
            )
            for slip, rating in low
        ],
    )
