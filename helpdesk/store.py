"""Tickets and ratings in the database. `move` is the only way a ticket changes, and writes down that it did.

Whoever changes several things locks them in this order: a window, a line, a ticket.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Row, func, insert, literal, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.db import say_after_commit
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

    @property
    def label(self) -> str:
        return label(self.letter, self.ticket.number)


class Standing(Struct, frozen=True):
    """How a line stands for one number: people before it, usual minutes of their matters in all."""

    ahead: int
    minutes: float


class Seen(Struct, frozen=True, kw_only=True):
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
    if conn.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as upsert
    else:
        from sqlalchemy.dialects.sqlite import insert as upsert  # type: ignore[assignment]
    counted = (
        upsert(counters)
        .values(line=queue, day=day, last=1)
        .on_conflict_do_update(index_elements=["line", "day"], set_={"last": counters.c.last + 1})
        .returning(counters.c.last)
    )
    return int((await conn.execute(counted)).scalar_one())


async def insert_slip(conn: AsyncConnection, slip: Slip, act: str, actor: str, at: datetime) -> Slip:
    """A new number, with its first move."""
    first = msgspec.structs.replace(slip, moves=1)
    rest = {name: getattr(first, name) for name in _REST}
    await conn.execute(insert(tickets).values({**msgspec.structs.asdict(first.ticket), **rest}))
    await _note(conn, first, act, actor, at)
    changed(conn, first.ticket.queue)
    return first


async def move(
    conn: AsyncConnection, slip: Slip, after: Ticket, act: str, actor: str, at: datetime, *, letter: str | None = None
) -> Slip:
    """Write down what `queue.step` made of a locked ticket. `letter`: where it gets a new number as well."""
    moved = msgspec.structs.replace(
        slip,
        ticket=after,
        letter=letter or slip.letter,
        moves=slip.moves + 1,
        ended_at=at if after.state in OVER else None,
    )
    values = msgspec.structs.asdict(after) | {"letter": moved.letter, "moves": moved.moves, "ended_at": moved.ended_at}
    await conn.execute(update(tickets).where(tickets.c.id == after.id).values(values))
    await _note(conn, moved, act, actor, at)
    changed(conn, slip.ticket.queue, *({after.queue} - {slip.ticket.queue}))
    return moved


async def _note(conn: AsyncConnection, slip: Slip, act: str, actor: str, at: datetime) -> None:
    ticket = slip.ticket
    values = {
        "ticket": ticket.id,
        "seq": slip.moves,
        "at": at,
        "act": act,
        "state": ticket.state,
        "actor": actor,
        "window": ticket.window,
        "queue": ticket.queue,
    }
    await conn.execute(insert(moves).values(values))


async def told_near(conn: AsyncConnection, ids: Sequence[str], now: datetime) -> None:
    await conn.execute(update(tickets).where(tickets.c.id.in_(ids)).values(told_near_at=now))


async def insert_rating(conn: AsyncConnection, rating: Rating) -> None:
    """Raises IntegrityError if the service was rated already."""
    await conn.execute(insert(ratings).values(msgspec.structs.asdict(rating)))


# --- reading ---------------------------------------------------------------------------------------------------------


async def get_slip(conn: AsyncConnection, ticket: str, *, lock: bool = False) -> Slip | None:
    """`lock`: held until the transaction ends, as it stands once whoever held it before is done."""
    found = select(*_COLUMNS).where(tickets.c.id == ticket)
    row = (await conn.execute(found.with_for_update() if lock else found)).first()
    return _slip(row) if row else None


async def get_slips(conn: AsyncConnection, ids: Sequence[str]) -> dict[str, Slip]:
    found = select(*_COLUMNS).where(tickets.c.id.in_(ids))
    return {slip.ticket.id: slip for slip in map(_slip, await conn.execute(found))}


async def slip_of_token(conn: AsyncConnection, token_hash: str) -> Slip | None:
    row = (await conn.execute(select(*_COLUMNS).where(tickets.c.token_hash == token_hash))).first()
    return _slip(row) if row else None


async def held_by(conn: AsyncConnection, holder_hash: str, phone: str | None) -> int:
    """How many numbers that are not over this browser or this telephone has."""
    active = tickets.c.state.not_in(OVER)
    browser = select(func.count()).select_from(tickets).where(tickets.c.holder_hash == holder_hash, active)
    held = int((await conn.execute(browser)).scalar_one())
    if phone is None:
        return held
    telephone = select(func.count()).select_from(tickets).where(tickets.c.phone == phone, active)
    return max(held, int((await conn.execute(telephone)).scalar_one()))


async def one_at_a_time(conn: AsyncConnection, *names: str) -> None:
    """Transactions with a name in common run one after another (SQLite has one writer anyway)."""
    if conn.dialect.name == "postgresql":
        for name in sorted(names):
            await conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


async def line_of(conn: AsyncConnection, queue: str, most: int | None = None) -> list[Slip]:
    """Who waits, in order, the first `most` of them."""
    found = select(*_COLUMNS).where(tickets.c.queue == queue, tickets.c.state == "queued").order_by(*_PLACE)
    return [_slip(row) for row in await conn.execute(found.limit(most) if most is not None else found)]


async def first_callable(conn: AsyncConnection, queue: str, now: datetime) -> Slip | None:
    """`queue.next_in_line` of one line, by the database. The line is locked."""
    here = tickets.c.away_until.is_(None) | (tickets.c.away_until <= now)
    found = select(*_COLUMNS).where(tickets.c.queue == queue, tickets.c.state == "queued", here)
    row = (await conn.execute(found.order_by(*_PLACE).limit(1).with_for_update())).first()
    return _slip(row) if row else None


async def standing(conn: AsyncConnection, ticket: Ticket) -> Standing:
    """How many wait before this number; everybody in its line for one that does not wait."""
    waiting: ColumnElement[bool] = (tickets.c.queue == ticket.queue) & (tickets.c.state == "queued")
    if ticket.state == "queued":
        mine = [literal(value, column.type) for value, column in zip(place(ticket), _PLACE, strict=True)]
        waiting &= tuple_(*_PLACE) < tuple_(*mine)
    found = select(func.count(), func.coalesce(func.sum(tickets.c.minutes), 0.0)).where(waiting)
    row = (await conn.execute(found)).one()
    return Standing(int(row[0]), float(row[1]))


async def seen(conn: AsyncConnection, queue: str) -> list[Seen]:
    """Everybody of a line who is in the hall: who waits, in order, and who was called, is served, parked or missed."""
    found = select(*_SEEN).where(tickets.c.queue == queue, tickets.c.state.in_(_IN_THE_HALL)).order_by(*_PLACE)
    return [Seen(**row._mapping) for row in await conn.execute(found)]


async def at_window(conn: AsyncConnection, window: str) -> Slip | None:
    """Whom a window has its hands full with."""
    found = select(*_COLUMNS).where(tickets.c.window == window, tickets.c.state.in_(AT_WINDOW))
    row = (await conn.execute(found)).first()
    return _slip(row) if row else None


async def kept_by(conn: AsyncConnection, window: str) -> list[Slip]:
    """All that hangs on a window: called, served, offered by or to it, parked."""
    mine = (tickets.c.window == window) & tickets.c.state.in_((*AT_WINDOW, "parked"))
    offered = (tickets.c.handed_to == window) & (tickets.c.state == "transferred")
    found = select(*_COLUMNS).where(mine | offered).order_by(tickets.c.id)
    return [_slip(row) for row in await conn.execute(found)]


async def left_over(conn: AsyncConnection, today: str) -> list[str]:
    """Ids of numbers of earlier days that midnight has to look at, in their order: all but what is being served."""
    left = tickets.c.state.not_in((*OVER, "serving"))
    found = select(tickets.c.id).where(tickets.c.day < today, left).order_by(tickets.c.queue, *_PLACE)
    return [row.id for row in await conn.execute(found)]


async def get_rating(conn: AsyncConnection, ticket: str) -> Rating | None:
    row = (await conn.execute(select(ratings).where(ratings.c.ticket == ticket))).first()
    return Rating(**row._mapping) if row else None
