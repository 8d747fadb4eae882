"""Tickets and ratings in the database. `move` is the only way a ticket changes, and writes down that it did.

Whoever changes several things locks them in this order: a window, a line, a ticket.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Integer, Row, Text, Update, bindparam, func, insert, select, text, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.db import UtcTime, each, insert_all, say_after_commit
from helpdesk.queue import AT_WINDOW, OVER, State, Ticket, place
from helpdesk.tables import counters, moves, ratings, tickets

CHANGED = "hall.line"
"""Subject of what is said after a commit: `hall.line.` and the line whose order or windows changed."""


def label(letter: str, number: int) -> str:
    """`A023`."""
    return f"{letter}{number:03d}"


class Slip(Struct, frozen=True, kw_only=True):
    """One row of `tickets`: the number as the rules see it, and what they do not ask about."""

    ticket: Ticket
    letter: str
    guide: str
    name: str
    phone: str | None
    lang: str
    holder_hash: str
    token_hash: str
    taken_at: datetime
    told_near_at: datetime | None = None
    ended_at: datetime | None = None
    moves: int = 0
    video: bool = False
    record: str | None = None

    @property
    def label(self) -> str:
        return label(self.letter, self.ticket.number)


class Standing(Struct, frozen=True):
    """How a line stands for one number: people before it, usual minutes of their matters in all."""

    ahead: int
    minutes: float


class Seen(Struct, frozen=True):
    """A number as everybody who looks at its line needs it."""

    id: str
    state: State
    letter: str
    number: int
    minutes: float
    came: datetime
    calls: int
    called_at: datetime | None
    missed_at: datetime | None
    away_until: datetime | None
    window: str | None
    handed_to: str | None
    video: bool

    @property
    def label(self) -> str:
        return label(self.letter, self.number)


class Rating(Struct, frozen=True, kw_only=True):
    ticket: str
    at: datetime
    level: int
    reasons: list[str]
    words: str
    call_back: bool


_TICKET = Ticket.__struct_fields__
_REST = tuple(name for name in Slip.__struct_fields__ if name != "ticket")
_COLUMNS = [tickets.c[name] for name in (*_TICKET, *_REST)]
_SEEN = [tickets.c[name] for name in Seen.__struct_fields__]
_IN_THE_HALL: tuple[State, ...] = ("queued", "called", "serving", "parked", "transferred", "missed")
_PLACE = (tickets.c.band, tickets.c.rank, tickets.c.came, tickets.c.id)


# Statements are made once: to make one of thirty columns takes longer than to carry it out.
_ANY = select(*_COLUMNS)
_BY_ID = _ANY.where(tickets.c.id == bindparam("ticket"))
_OFFICE_OF = select(tickets.c.office).where(tickets.c.id == bindparam("ticket"))
_BY_ID_LOCKED = _BY_ID.with_for_update()
_BY_IDS = _ANY.where(tickets.c.id.in_(bindparam("ids", expanding=True)))
_BY_TOKEN = _ANY.where(tickets.c.token_hash == bindparam("token"))
_ACTIVE = tickets.c.ended_at.is_(None)
"""As the indexes have it: they hold nobody else."""
_WAITING = _ACTIVE & tickets.c.queue.in_(bindparam("queues", expanding=True)) & (tickets.c.state == "queued")
_NTH = func.row_number().over(partition_by=tickets.c.queue, order_by=_PLACE).label("nth")
_FIRST = select(tickets.c.id, _NTH).where(_WAITING).subquery()
_AT = _ACTIVE & tickets.c.window.in_(bindparam("windows", expanding=True)) & tickets.c.state.in_(AT_WINDOW)
_FRONTS = (
    _ANY.where(
        tickets.c.id.in_(
            select(_FIRST.c.id)
            .where(_FIRST.c.nth <= bindparam("most", type_=Integer))
            .union_all(select(tickets.c.id).where(_AT))
        )
    )
    .order_by(*_PLACE)
    .with_for_update()
)
_FIRST_IN_LINE = (
    _ANY.where(_ACTIVE, tickets.c.queue == bindparam("queue"), tickets.c.state == "queued")
    .order_by(*_PLACE)
    .limit(bindparam("most", type_=Integer))
)
_HERE = tickets.c.away_until.is_(None) | (tickets.c.away_until <= bindparam("now", type_=UtcTime()))
_CALLABLE = _FIRST_IN_LINE.where(_HERE).with_for_update()
_ALL = select(func.count(), func.coalesce(func.sum(tickets.c.minutes), 0.0)).where(
    _ACTIVE, tickets.c.queue == bindparam("line"), tickets.c.state == "queued"
)
_BEFORE = _ALL.where(
    tuple_(*_PLACE) < tuple_(*(bindparam(f"my_{column.name}", type_=column.type) for column in _PLACE))
)
_MINE = tickets.c.holder_hash == bindparam("holder")
_TELEPHONE = tickets.c.phone == bindparam("telephone", type_=Text())
# Each by its own index: SQLite reads the whole table for an OR of two that hold only a part of it.
_HELD = select(*(select(func.count()).where(_ACTIVE, whose).scalar_subquery() for whose in (_MINE, _TELEPHONE)))
_TOLD_NEAR = (
    update(tickets)
    .where(tickets.c.id.in_(bindparam("ids", expanding=True)))
    .values(told_near_at=bindparam("now", type_=UtcTime()))
)
_AT_WINDOWS = _ANY.where(_AT)
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(CAST(:names AS text[])) AS name")
_SEEN_IN_LINE = (
    select(*_SEEN)
    .where(_ACTIVE, tickets.c.queue == bindparam("queue"), tickets.c.state.in_(_IN_THE_HALL))
    .order_by(*_PLACE)
)
_NUMBERS = {
    dialect: upsert(counters)
    .values(line=bindparam("line"), day=bindparam("day"), last=1)
    .on_conflict_do_update(index_elements=["line", "day"], set_={"last": counters.c.last + 1})
    .returning(counters.c.last)
    for dialect, upsert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_MOVED = frozenset(_TICKET) - {"id"} | {"letter", "moves", "ended_at"}


def _slip(row: Row[Any]) -> Slip:
    values = dict(row._mapping)
    return Slip(ticket=Ticket(**{name: values[name] for name in _TICKET}), **{name: values[name] for name in _REST})


def changed(conn: AsyncConnection, *queues: str) -> None:
    """Say after the commit that these lines look different now."""
    for queue in queues:
        say_after_commit(conn, f"{CHANGED}.{queue}")


# --- writing ---------------------------------------------------------------------------------------------------------


async def next_number(conn: AsyncConnection, queue: str, day: str) -> int:
    """The line's next number of that day; whoever asks at the same time waits and gets the one after."""
    return int((await conn.execute(_NUMBERS[conn.dialect.name], {"line": queue, "day": day})).scalar_one())


async def insert_slip(conn: AsyncConnection, slip: Slip, act: str, actor: str, at: datetime) -> Slip:
    """A new number, with its first move."""
    first = msgspec.structs.replace(slip, moves=1)
    await conn.execute(insert(tickets), _values(first))
    await conn.execute(insert(moves), _noted(first, actor, act, at))
    changed(conn, first.ticket.queue)
    return first


async def set_record(conn: AsyncConnection, ticket: Ticket, record: str) -> None:
    """This number's help service, from now on and over all hand-overs."""
    await conn.execute(update(tickets).where(tickets.c.id == ticket.id).values(record=record))
    changed(conn, ticket.queue)


async def slip_of_record(conn: AsyncConnection, record: str) -> Slip | None:
    row = (await conn.execute(_ANY.where(tickets.c.record == record))).first()
    return _slip(row) if row else None


async def move(
    conn: AsyncConnection, slip: Slip, after: Ticket, act: str, actor: str, at: datetime, *, letter: str | None = None
) -> Slip:
    """Write down what `queue.step` made of a locked ticket. `letter`: where it gets a new number as well."""
    renamed = msgspec.structs.replace(slip, letter=letter) if letter is not None else slip
    return (await move_all(conn, [(renamed, after, actor)], act, at))[0]


async def move_all(
    conn: AsyncConnection, changes: Sequence[tuple[Slip, Ticket, str]], act: str, at: datetime
) -> list[Slip]:
    """The same act on several locked tickets: as each was, what it became, who did it."""
    moved = [
        msgspec.structs.replace(
            slip, ticket=after, moves=slip.moves + 1, ended_at=at if after.state in OVER else slip.ended_at
        )
        for slip, after, _ in changes
    ]
    if moved:
        before, after = [_values(slip) for slip, _, _ in changes], [_values(slip) for slip in moved]
        # An act changes a few of thirty columns, and SQLite writes every index of a column that is set.
        pairs = list(zip(before, after, strict=True))
        names = frozenset(name for name in _MOVED if any(a[name] != b[name] for a, b in pairs))
        rows = [{"ticket": row["id"]} | {f"new_{name}": row[name] for name in names} for row in after]
        await conn.execute(_move(names), each(rows))
        actors = [actor for _, _, actor in changes]
        await insert_all(conn, moves, [_noted(*one, act, at) for one in zip(moved, actors, strict=True)])
        changed(conn, *{ticket.queue for slip, after, _ in changes for ticket in (slip.ticket, after)})
    return moved


def _values(slip: Slip) -> dict[str, Any]:
    return msgspec.structs.asdict(slip.ticket) | {name: getattr(slip, name) for name in _REST}


@lru_cache(maxsize=64)
def _move(names: frozenset[str]) -> Update:
    new = {name: bindparam(f"new_{name}", type_=tickets.c[name].type) for name in sorted(names)}
    return update(tickets).where(tickets.c.id == bindparam("ticket")).values(new)


def _noted(slip: Slip, actor: str, act: str, at: datetime) -> dict[str, Any]:
    ticket = slip.ticket
    return {
        "ticket": ticket.id,
        "seq": slip.moves,
        "at": at,
        "act": act,
        "state": ticket.state,
        "actor": actor,
        "window": ticket.window,
        "queue": ticket.queue,
    }


async def told_near(conn: AsyncConnection, ids: Sequence[str], now: datetime) -> None:
    await conn.execute(_TOLD_NEAR, {"ids": list(ids), "now": now})


async def insert_rating(conn: AsyncConnection, rating: Rating) -> None:
    """Raises IntegrityError if the service was rated already."""
    await conn.execute(insert(ratings).values(msgspec.structs.asdict(rating)))


# --- reading ---------------------------------------------------------------------------------------------------------


async def get_slip(conn: AsyncConnection, ticket: str, *, lock: bool = False) -> Slip | None:
    """`lock`: held until the transaction ends, as it stands once whoever held it before is done."""
    row = (await conn.execute(_BY_ID_LOCKED if lock else _BY_ID, {"ticket": ticket})).first()
    return _slip(row) if row else None


async def office_of(conn: AsyncConnection, ticket: str) -> str | None:
    return (await conn.execute(_OFFICE_OF, {"ticket": ticket})).scalar()


async def get_slips(conn: AsyncConnection, ids: Sequence[str]) -> dict[str, Slip]:
    return {slip.ticket.id: slip for slip in map(_slip, await conn.execute(_BY_IDS, {"ids": list(ids)}))}


async def slip_of_token(conn: AsyncConnection, token_hash: str) -> Slip | None:
    row = (await conn.execute(_BY_TOKEN, {"token": token_hash})).first()
    return _slip(row) if row else None


async def held_by(conn: AsyncConnection, holder_hash: str, phone: str | None) -> int:
    """How many numbers that are not over this browser or this telephone has."""
    row = (await conn.execute(_HELD, {"holder": holder_hash, "telephone": phone})).one()
    return max(int(held) for held in row)


async def one_at_a_time(conn: AsyncConnection, *names: str) -> None:
    """Transactions with a name in common run one after another (SQLite has one writer anyway)."""
    if conn.dialect.name == "postgresql":
        await conn.execute(_ALONE, {"names": sorted(names)})


async def line_of(conn: AsyncConnection, queue: str, most: int) -> list[Slip]:
    """The first `most` who wait, in order."""
    return [_slip(row) for row in await conn.execute(_FIRST_IN_LINE, {"queue": queue, "most": most})]


class Front(Struct, frozen=True):
    """What a call has to know. `busy`: of each window that has its hands full, with whom; `lines`: of each line the
    first who wait, in order.
    """

    busy: dict[str, Slip]
    lines: dict[str, list[Slip]]


async def front(conn: AsyncConnection, windows: Sequence[str], queues: Sequence[str], most: int) -> Front:
    """Of windows and lines that are locked; the numbers are locked too. `most` of each line."""
    found = Front({}, {})
    asked = {"windows": list(windows), "queues": list(queues), "most": most}
    for slip in map(_slip, await conn.execute(_FRONTS, asked)):
        if slip.ticket.state == "queued":
            found.lines.setdefault(slip.ticket.queue, []).append(slip)
        elif slip.ticket.state in AT_WINDOW and slip.ticket.window is not None:  # not done while it was waited for
            found.busy[slip.ticket.window] = slip
    return found


async def first_callable(conn: AsyncConnection, queue: str, most: int, now: datetime) -> list[Slip]:
    """The first `most` of a locked line whom `queue.next_in_line` gives, in order, however many stepped away."""
    return [_slip(row) for row in await conn.execute(_CALLABLE, {"queue": queue, "most": most, "now": now})]


async def standing(conn: AsyncConnection, ticket: Ticket) -> Standing:
    """How many wait before this number; everybody in its line for one that does not wait."""
    asked = {"line": ticket.queue}
    if ticket.state == "queued":
        mine = {f"my_{column.name}": value for value, column in zip(place(ticket), _PLACE, strict=True)}
        row = (await conn.execute(_BEFORE, asked | mine)).one()
    else:
        row = (await conn.execute(_ALL, asked)).one()
    return Standing(int(row[0]), float(row[1]))


async def seen(conn: AsyncConnection, queue: str) -> list[Seen]:
    """Everybody of a line who is in the hall: who waits, in order, and who was called, is served, parked or missed."""
    return [Seen(*row) for row in await conn.execute(_SEEN_IN_LINE, {"queue": queue})]


async def at_window(conn: AsyncConnection, window: str) -> Slip | None:
    """Whom this window has its hands full with."""
    row = (await conn.execute(_AT_WINDOWS, {"windows": [window]})).first()
    return _slip(row) if row else None


async def kept_by(conn: AsyncConnection, window: str) -> list[Slip]:
    """All that hangs on a window: called, served, offered by or to it, parked."""
    mine = (tickets.c.window == window) & tickets.c.state.in_((*AT_WINDOW, "parked"))
    offered = (tickets.c.handed_to == window) & (tickets.c.state == "transferred")
    # One after the other: each by its index.
    found = [_slip(row) for whose in (mine, offered) for row in await conn.execute(_ANY.where(_ACTIVE, whose))]
    return sorted({slip.ticket.id: slip for slip in found}.values(), key=lambda slip: slip.ticket.id)


async def left_over(conn: AsyncConnection, today: str) -> list[str]:
    """Ids of numbers of earlier days that midnight has to look at, in their order: all but what is being served."""
    left = (tickets.c.day < today) & (tickets.c.state != "serving")
    found = select(tickets.c.id).where(_ACTIVE, left).order_by(tickets.c.queue, *_PLACE)
    return [row.id for row in await conn.execute(found)]


async def get_rating(conn: AsyncConnection, ticket: str) -> Rating | None:
    row = (await conn.execute(select(ratings).where(ratings.c.ticket == ticket))).first()
    return Rating(**row._mapping) if row else None


async def rated_since(conn: AsyncConnection, offices: Sequence[str], since: datetime) -> list[tuple[Slip, Rating]]:
    """What people said of the services of these offices."""
    found = select(ratings).join(tickets).where(ratings.c.at >= since, tickets.c.office.in_(offices))
    given = [Rating(**row._mapping) for row in await conn.execute(found)]
    slips = await get_slips(conn, [rating.ticket for rating in given])
    return [(slips[rating.ticket], rating) for rating in given]
