"""A number's way through the hall: its states as a table, the order of calling, missed numbers, waits, midnight. Pure.

Theory of operation. A ticket is a value; an act makes a new one of it or is refused, and changes nothing else:

    step(ticket, act, now, …) ──► Ticket | Refused(code)

    reserved ──confirm──► confirmed ──arrive──► queued ──call──► called ──serve──► serving ──finish──► finished
                                       take ──────┘ ▲              │ └─recall─┐      │ ▲
                                                    │            miss ◄───────┘      │ └─resume──── parked ◄──park
                                                    ├─come_back─ missed              │ └─accept, decline, expire ┐
                                                    └─release, forward ──────────────┘      hand_over ──► transferred

`TRANSITIONS` is the whole of it; everybody who waits may also give their number back (abandon).

The line has one order, `place`: who is in front (called before, and not at fault for having to wait again), then by
rank, then by when they came into this line. A rank is a time. An ordinary number ranks by when it was taken; whoever
has priority, as if they had come a quarter of an hour earlier; whoever has an appointment, half an hour before it. So a
rank does not change while somebody waits, everybody can be told why somebody else was called before them, and nobody is
overtaken by people who came more than that after them. States and names: it-at-m/eappointment, bcgov/queue-management.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from office.queue import Queue, estimate
from office.session import Refused

State = Literal[
    "reserved",
    "confirmed",
    "queued",
    "called",
    "serving",
    "parked",
    "transferred",
    "missed",
    "finished",
    "abandoned",
]
Act = Literal[
    "confirm",
    "arrive",
    "step_away",
    "come_back",
    "abandon",
    "call",
    "recall",
    "serve",
    "miss",
    "park",
    "resume",
    "release",
    "forward",
    "hand_over",
    "accept",
    "decline",
    "expire",
    "finish",
]
Priority = Literal["ordinary", "priority", "booked"]

TRANSITIONS: Mapping[tuple[State, Act], State] = {
    ("reserved", "confirm"): "confirmed",
    ("reserved", "expire"): "abandoned",
    ("reserved", "abandon"): "abandoned",
    ("confirmed", "arrive"): "queued",
    ("confirmed", "expire"): "abandoned",
    ("confirmed", "abandon"): "abandoned",
    ("queued", "step_away"): "queued",
    ("queued", "come_back"): "queued",
    ("queued", "call"): "called",
    ("queued", "abandon"): "abandoned",
    ("called", "recall"): "called",
    ("called", "serve"): "serving",
    ("called", "miss"): "missed",
    ("called", "release"): "queued",
    ("called", "abandon"): "abandoned",
    ("missed", "come_back"): "queued",
    ("missed", "call"): "called",
    ("missed", "expire"): "abandoned",
    ("missed", "abandon"): "abandoned",
    ("serving", "finish"): "finished",
    ("serving", "park"): "parked",
    ("serving", "hand_over"): "transferred",
    ("serving", "forward"): "queued",
    ("serving", "release"): "queued",
    ("parked", "resume"): "serving",
    ("parked", "release"): "queued",
    ("parked", "abandon"): "abandoned",
    ("transferred", "accept"): "serving",
    ("transferred", "decline"): "serving",
    ("transferred", "expire"): "serving",
}
"""The whole table: what is not in it is refused."""

OVER: frozenset[State] = frozenset({"finished", "abandoned"})
AT_WINDOW: frozenset[State] = frozenset({"called", "serving", "transferred"})
"""The window has its hands full: it calls nobody else meanwhile."""

FRONT, BEHIND = 0, 1
PRIORITY_CREDIT = timedelta(minutes=15)
BOOKED_CREDIT = timedelta(minutes=30)
LATE = timedelta(minutes=30)
"""An appointment is kept half an hour (Powhatan County's grace); whoever comes later ranks by when they came."""

HOLD = timedelta(minutes=10)
"""A reserved slot waits this long to be confirmed."""

STEP_AWAY = timedelta(minutes=10)
CALLS = 3
"""A number is missed after three calls at the earliest (callCount of ZMS), none within RECALL_PAUSE of the last."""

RECALL_PAUSE = timedelta(seconds=20)
BACK_IN_TIME = timedelta(minutes=5)
"""Whoever is back this soon after missing goes next; later, three people go before them (ux.md H4)."""

AHEAD_OF_THE_LATE = 3
HAND_OVER = timedelta(seconds=60)
NEAR = 3
"""With so many before them somebody is told to come near."""

MOST_NUMBERS = 2
"""Numbers one phone may hold at once (Q01)."""


class Place(NamedTuple):
    """Where somebody stands: tuples sort as people are called."""

    band: int
    rank: datetime
    came: datetime
    id: str


class Ticket(Struct, frozen=True, kw_only=True):
    """A number and how it stands. `minutes`: how long its matter usually takes; `day`: Beijing's, as 2025-11-24.

    rank, came   the order in the line; `band`: FRONT before all ranks, else BEHIND
    slot         the appointment's time
    calls        how often it was called since it last waited;  called_at: the last time;  missed_at: when it was missed
    window       who called, serves or parked it;  handed_to: whom it is offered to
    held_until   how long a reserved slot, or an offer to another window, stands
    """

    id: str
    office: str
    queue: str
    day: str
    number: int
    minutes: float
    state: State
    priority: Priority
    band: int = BEHIND
    rank: datetime
    came: datetime
    slot: datetime | None = None
    away_until: datetime | None = None
    calls: int = 0
    called_at: datetime | None = None
    missed_at: datetime | None = None
    window: str | None = None
    handed_to: str | None = None
    held_until: datetime | None = None


def place(ticket: Ticket) -> Place:
    return Place(ticket.band, ticket.rank, ticket.came, ticket.id)


def first_rank(priority: Priority, taken: datetime, slot: datetime | None = None) -> datetime:
    """Where a new number stands. `slot` is given for an appointment, and only then."""
    if priority == "booked" and slot is not None:
        return slot - BOOKED_CREDIT
    return taken - PRIORITY_CREDIT if priority == "priority" else taken


def line_of(tickets: Iterable[Ticket], queue: str) -> list[Ticket]:
    """Who waits in this line, next one first; those who stepped away keep their places."""
    return sorted((one for one in tickets if one.queue == queue and one.state == "queued"), key=place)


def callable_now(ticket: Ticket, now: datetime) -> bool:
    """Whether a waiting number may be called: not while its holder has stepped away."""
    return ticket.state == "queued" and (ticket.away_until is None or ticket.away_until <= now)


def next_in_line(tickets: Iterable[Ticket], queues: Iterable[str], now: datetime) -> Ticket | None:
    """Whom a window that serves these lines calls: the first of all of them."""
    served = frozenset(queues)
    return min((one for one in tickets if one.queue in served and callable_now(one, now)), key=place, default=None)


def step(
    ticket: Ticket,
    act: Act,
    now: datetime,
    *,
    window: str | None = None,
    queue: str | None = None,
    line: Sequence[Ticket] = (),
) -> Ticket | Refused:
    """One act. `window`: who calls or resumes, or is offered it; `queue`: where it is forwarded to, or the line of
    the window that accepts it; `line`: who waits there, in order (needed where a missed number comes back).

    Refused: Q04 it is not in a state for that, Q05 called too few times or too recently.
    """
    after = TRANSITIONS.get((ticket.state, act))
    if after is None:
        return Refused("Q04", {"state": ticket.state})
    moved = replace(ticket, state=after)
    match act:
        case "arrive" if ticket.slot is not None and now > ticket.slot + LATE:
            return replace(moved, rank=now, came=now, band=BEHIND)
        case "confirm":
            return replace(moved, held_until=None)
        case "step_away":
            return replace(moved, away_until=now + STEP_AWAY)
        case "come_back":
            return _after_missing(ticket, moved, now, line) if ticket.state == "missed" else _here(moved)
        case "call":
            return replace(_here(moved), window=window, calls=1, called_at=now)
        case "recall" | "miss":
            return _again(ticket, moved, act, now)
        case "release":
            return replace(_waiting_again(moved), band=FRONT)
        case "forward":
            return replace(_waiting_again(moved), queue=queue or ticket.queue, came=now, band=BEHIND)
        case "resume":
            return replace(moved, window=window or ticket.window)
        case "hand_over":
            return replace(moved, handed_to=window, held_until=now + HAND_OVER)
        case "accept":
            here = queue or ticket.queue
            return replace(moved, window=ticket.handed_to, queue=here, handed_to=None, held_until=None)
        case "decline" | "expire":
            return replace(moved, handed_to=None, held_until=None)
    return moved


def _here(moved: Ticket) -> Ticket:
    return replace(moved, away_until=None, missed_at=None)


def _waiting_again(moved: Ticket) -> Ticket:
    return replace(moved, window=None, calls=0, called_at=None, handed_to=None, held_until=None)


def _again(ticket: Ticket, moved: Ticket, act: Act, now: datetime) -> Ticket | Refused:
    recent = ticket.called_at is not None and now < ticket.called_at + RECALL_PAUSE
    if recent or (act == "miss") != (ticket.calls >= CALLS):
        return Refused("Q05", {"calls": ticket.calls, "most": CALLS, "seconds": int(RECALL_PAUSE.total_seconds())})
    if act == "miss":
        return replace(_waiting_again(moved), missed_at=now)
    return replace(moved, calls=ticket.calls + 1, called_at=now)


def _after_missing(ticket: Ticket, moved: Ticket, now: datetime, line: Sequence[Ticket]) -> Ticket:
    back = replace(_here(moved), came=now)
    if ticket.missed_at is not None and now <= ticket.missed_at + BACK_IN_TIME:
        return replace(back, band=FRONT)
    ahead = line[:AHEAD_OF_THE_LATE]
    if not ahead:
        return replace(back, band=BEHIND, rank=now)
    # Of the same rank as the last of those, and come later: after everybody who came back late before.
    return replace(back, band=ahead[-1].band, rank=ahead[-1].rank)


# --- the wait --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def wait(ahead: int, minutes: float, windows: int, free: int) -> Queue:
    """The honest range for somebody with so many people before them, whose matters usually take `minutes` in all.

    `windows` serve the line now, `free` of them have nobody. Remembered, as the same is asked when a line changed and
    again for the page.
    """
    mean = minutes / ahead if ahead else _UNKNOWN_MINUTES
    # Of n windows that are busy to some random degree, the first is free after one part of n + 1.
    return estimate(ahead, mean, windows, 0.0 if free else mean / (windows + 1))


_UNKNOWN_MINUTES = 15.0
"""What those at the windows take is not asked; most matters of the demonstration take a quarter of an hour."""


# --- the end of the day ----------------------------------------------------------------------------------------------


def at_midnight(ticket: Ticket, now: datetime, day: str, opening: datetime) -> Ticket:
    """What midnight makes of a ticket of an earlier day: `day` begins, the office opens next at `opening`.

    Whoever still waited has an appointment at the opening and stands there in the order of today, before whoever comes
    on that day. Who is being served is served to the end. Missed numbers and appointments that nobody came for lapse.
    """
    match ticket.state:
        case "queued" | "called" | "parked":
            return replace(
                _waiting_again(ticket),
                state="confirmed",
                priority="booked",
                day=day,
                slot=opening,
                away_until=None,
                # They had been called: nobody who had not comes before them.
                band=ticket.band if ticket.state == "queued" else FRONT,
            )
        case "transferred":
            back = step(ticket, "expire", now)
            return back if isinstance(back, Ticket) else ticket
        case "confirmed" if ticket.slot is not None and ticket.slot > now:
            return ticket
        case "reserved" | "confirmed" | "missed":
            lapsed = step(ticket, "expire", now)
            return lapsed if isinstance(lapsed, Ticket) else ticket
    return ticket
