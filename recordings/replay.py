"""Playing what is stored: init segments, clusters, whole files; and who looked at what, for what purpose."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import audit
from foundation.access import Actor
from foundation.db import Database
from foundation.errors import Problem
from foundation.ids import new_id
from foundation.objects import ObjectStore
from recordings import store
from recordings.store import replay_views

KeyOf = Callable[[str], Awaitable[bytes]]
"""A record's key."""
Purpose = Literal["sample", "complaint", "review", "other"]


async def init_segment(db: Database, objects: ObjectStore, keys: KeyOf, epoch: str) -> bytes:
    """What a player needs before the first cluster: the final head of a closed epoch, else the growing one. S404."""
    row = await _epoch(db, epoch)
    return await objects.get(row.final_object or row.init_object, await keys(row.record))


async def cluster_bytes(db: Database, objects: ObjectStore, keys: KeyOf, epoch: str, n: int) -> bytes:
    """One cluster, as it was written. S404."""
    async with db.read() as conn:
        found = await store.cluster_row(conn, epoch, n)
        row = await store.epoch_row(conn, epoch)
    if found is None or row is None:
        raise Problem("S404")
    cluster, part = found
    return await objects.read(part.object, await keys(row.record), cluster.part_offset, cluster.size)


async def epoch_bytes(db: Database, objects: ObjectStore, keys: KeyOf, epoch: str) -> AsyncIterator[bytes]:
    """The whole file: head, clusters and, once closed, cues. S404."""
    row = await _epoch(db, epoch)
    key = await keys(row.record)
    yield await objects.get(row.final_object or row.init_object, key)
    async with db.read() as conn:
        parts = await store.parts_of(conn, epoch)
    for part in parts:
        yield await objects.get(part.object, key)
    if row.cues_object is not None:
        yield await objects.get(row.cues_object, key)


async def _epoch(db: Database, epoch: str) -> store.Epoch:
    async with db.read() as conn:
        row = await store.epoch_row(conn, epoch)
    if row is None:
        raise Problem("S404")
    return row


class View(msgspec.Struct, frozen=True):
    """One declared look at a record: who, when, what for."""

    view: str
    record: str
    actor: str
    name: str
    purpose: Purpose
    note: str
    at: datetime


async def begin_view(
    conn: AsyncConnection, actor: Actor, record: str, purpose: Purpose, note: str, *, now: datetime
) -> View:
    """Write down that `actor` is about to look, before a byte is shown."""
    view = View(new_id("view"), record, actor.id, actor.name, purpose, note, now)
    await conn.execute(insert(replay_views).values(msgspec.structs.asdict(view)))
    detail = {"view": view.view, "purpose": purpose, "note": note}
    await audit.append(
        conn,
        at=now,
        actor=actor.id,
        action="record.viewed",
        resource=f"record:{record}",
        outcome="done",
        detail=detail,
    )
    return view


async def views_of(conn: AsyncConnection, record: str) -> list[View]:
    """Who looked at a record, oldest first."""
    rows = await conn.execute(select(replay_views).where(replay_views.c.record == record).order_by(replay_views.c.at))
    return [View(**row._mapping) for row in rows]


async def has_view(conn: AsyncConnection, actor: str, record: str, since: datetime) -> bool:
    """Whether `actor` said what for they look at this record, at `since` or later."""
    query = select(replay_views.c.view).where(
        replay_views.c.actor == actor, replay_views.c.record == record, replay_views.c.at >= since
    )
    return (await conn.execute(query.limit(1))).first() is not None
