"""What must outlive a node: who sits where (legs), where a call's media run (placements), what was answered (answers).

Two nodes never talk to each other about these rows. Each change is one conditional statement in the transaction of the
events it causes, so whoever comes second changes nothing; then a wake-up on the bus makes every node read again. The
bus may lose the wake-up: nodes read again every few seconds anyway.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    Row,
    String,
    Table,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.db import Json, UtcTime, metadata
from signaling.messages import TrackKind

legs = Table(
    "legs",
    metadata,
    Column("leg", String(40), primary_key=True),
    Column("record", String(40), nullable=False),
    Column("person", String(80), nullable=False),
    Column("name", String(200), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("role", String(20), nullable=False),
    Column("position", Integer, nullable=True),
    Column("node", String(80), nullable=False),
    Column("connection", String(40), nullable=False),
    Column("resume_hash", String(64), nullable=False),
    Column("state", String(8), nullable=False),
    Column("cause", String(20), nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("tracks", Json, nullable=False),
    Column("publishing", Boolean, nullable=False),
    Column("subscribed", Boolean, nullable=False),
    Column("stalled", Boolean, nullable=False),
    Column("media_since", UtcTime, nullable=True),
    UniqueConstraint("record", "person"),
    UniqueConstraint("record", "position"),
    # The sweep asks for legs that are not down.
    Index("ix_legs_state", "state"),
)

placements = Table(
    "placements",
    metadata,
    Column("call", String(40), primary_key=True),
    Column("record", String(40), nullable=False),
    Column("worker", String(80), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("placed_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime, nullable=True),
    Index("ix_placements_record", "record"),
)

answers = Table(
    "command_answers",
    metadata,
    Column("record", String(40), primary_key=True),
    Column("person", String(80), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("result", Json, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("ix_command_answers_at", "at"),
)

TOLD_FOR = timedelta(seconds=30)

LegState = Literal["up", "lost", "down"]
Result = dict[str, str | int | float | bool | None]

ANSWERS_KEPT = timedelta(days=1)
"""A client repeats a command within seconds; a phone that was in a tunnel for an hour may still do so."""


class Leg(Struct, frozen=True):
    """One person in one record. `up`: a socket stands; `lost`: gone, within the grace; `down`: gone, and written.

    `tracks`: what it has been answered to send, at `media_since`; `publishing`: and it has keys; `subscribed`: it has
    the slots; `stalled`: nothing of it arrives, and that is written. `position`: its place in the slots.
    """

    leg: str
    record: str
    person: str
    name: str
    kind: Literal["staff", "guest"]
    role: str
    position: int | None
    node: str
    connection: str
    resume_hash: str
    state: LegState
    cause: str
    since: datetime
    tracks: frozenset[TrackKind] = frozenset()
    publishing: bool = False
    subscribed: bool = False
    stalled: bool = False
    media_since: datetime | None = None


class Placement(Struct, frozen=True):
    """Which worker carries a call. Each move adds one to `generation`."""

    call: str
    record: str
    worker: str
    generation: int
    ended_at: datetime | None


class Answer(Struct, frozen=True):
    """What a command with this id came to. `digest` tells a repetition from another command under the same id."""

    digest: str
    result: Result


def _leg(row: Row[Any]) -> Leg:
    return Leg(
        leg=row.leg,
        record=row.record,
        person=row.person,
        name=row.name,
        kind=row.kind,
        role=row.role,
        position=row.position,
        node=row.node,
        connection=row.connection,
        resume_hash=row.resume_hash,
        state=row.state,
        cause=row.cause,
        since=row.since,
        tracks=frozenset(row.tracks),
        publishing=row.publishing,
        subscribed=row.subscribed,
        stalled=row.stalled,
        media_since=row.media_since,
    )


async def legs_of(conn: AsyncConnection, record: str) -> tuple[Leg, ...]:
    """Everybody who was ever in this record, by position, then by leg."""
    rows = await conn.execute(select(legs).where(legs.c.record == record))
    found = [_leg(row) for row in rows]
    return tuple(sorted(found, key=lambda leg: (leg.position is None, leg.position or 0, leg.leg)))


async def leg_for_update(conn: AsyncConnection, record: str, person: str) -> Leg | None:
    """This person's leg, locked until the transaction ends (on SQLite the transaction is the lock)."""
    statement = select(legs).where(legs.c.record == record, legs.c.person == person).with_for_update()
    row = (await conn.execute(statement)).first()
    return _leg(row) if row else None


async def legs_present(conn: AsyncConnection, records: Iterable[str] | None = None) -> tuple[Leg, ...]:
    """All legs that are not down; only of these records if given."""
    statement = select(legs).where(legs.c.state != "down")
    if records is not None:
        statement = statement.where(legs.c.record.in_(list(records)))
    return tuple(_leg(row) for row in await conn.execute(statement))


async def insert_leg(conn: AsyncConnection, leg: Leg) -> None:
    values = {name: getattr(leg, name) for name in leg.__struct_fields__}
    await conn.execute(insert(legs).values(**values | {"tracks": sorted(leg.tracks)}))


async def change_leg(
    conn: AsyncConnection, leg: str, /, *, only_if: dict[str, Any] | None = None, **values: Any
) -> bool:
    """Set columns of one leg where `only_if` still holds. False: it does not, somebody else was first."""
    if "tracks" in values:
        values["tracks"] = sorted(values["tracks"])
    statement = update(legs).where(legs.c.leg == leg).values(**values)
    for column, expected in (only_if or {}).items():
        statement = statement.where(legs.c[column] == expected)
    return (await conn.execute(statement)).rowcount == 1


async def forget_media(conn: AsyncConnection, record: str) -> None:
    """No leg of this record sends or receives any more: its call ended or moved. Who is gone gives up the position."""
    of_record = legs.c.record == record
    await conn.execute(update(legs).where(of_record).values(tracks=[], publishing=False, subscribed=False))
    await conn.execute(update(legs).where(of_record, legs.c.state == "down").values(position=None))


def _placement(row: Row[Any]) -> Placement:
    return Placement(row.call, row.record, row.worker, row.generation, row.ended_at)


async def placement_of(conn: AsyncConnection, record: str) -> Placement | None:
    """The placement of the record's call that has not ended."""
    statement = (
        select(placements)
        .where(placements.c.record == record, placements.c.ended_at.is_(None))
        .order_by(placements.c.placed_at.desc())
        .limit(1)
    )
    row = (await conn.execute(statement)).first()
    return _placement(row) if row else None


async def open_placements(conn: AsyncConnection) -> tuple[Placement, ...]:
    rows = await conn.execute(select(placements).where(placements.c.ended_at.is_(None)))
    return tuple(_placement(row) for row in rows)


async def insert_placement(conn: AsyncConnection, call: str, record: str, worker: str, now: datetime) -> Placement:
    await conn.execute(
        insert(placements).values(call=call, record=record, worker=worker, generation=1, placed_at=now, ended_at=None)
    )
    return Placement(call, record, worker, 1, None)


async def move_placement(conn: AsyncConnection, old: Placement, worker: str, now: datetime) -> Placement | None:
    """Give the call to another worker. None: somebody else moved or ended it first."""
    statement = (
        update(placements)
        .where(
            placements.c.call == old.call,
            placements.c.generation == old.generation,
            placements.c.ended_at.is_(None),
        )
        .values(worker=worker, generation=old.generation + 1, placed_at=now)
    )
    if (await conn.execute(statement)).rowcount != 1:
        return None
    return Placement(old.call, old.record, worker, old.generation + 1, None)


async def end_placement(conn: AsyncConnection, call: str, now: datetime) -> bool:
    """True for the one who ended it."""
    statement = (
        update(placements).where(placements.c.call == call, placements.c.ended_at.is_(None)).values(ended_at=now)
    )
    return (await conn.execute(statement)).rowcount == 1


async def find_answer(conn: AsyncConnection, record: str, person: str, command_id: str) -> Answer | None:
    statement = select(answers.c.digest, answers.c.result).where(
        answers.c.record == record, answers.c.person == person, answers.c.id == command_id
    )
    row = (await conn.execute(statement)).first()
    return Answer(row.digest, row.result) if row else None


async def keep_answer(
    conn: AsyncConnection, record: str, person: str, command_id: str, answer: Answer, now: datetime
) -> None:
    """Raises sqlalchemy.exc.IntegrityError if the same command was carried out meanwhile: the transaction is void."""
    await conn.execute(
        insert(answers).values(
            record=record, person=person, id=command_id, digest=answer.digest, result=answer.result, at=now
        )
    )


async def just_ended(conn: AsyncConnection, now: datetime) -> tuple[Placement, ...]:
    """Placements that ended a moment ago: the worker is told more than once, in case the teller died."""
    statement = select(placements).where(placements.c.ended_at > now - TOLD_FOR)
    return tuple(_placement(row) for row in await conn.execute(statement))


async def drop_old_answers(conn: AsyncConnection, now: datetime) -> int:
    return (await conn.execute(delete(answers).where(answers.c.at < now - ANSWERS_KEPT))).rowcount
