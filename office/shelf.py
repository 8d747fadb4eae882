"""What people send with a record, kept whole: hashed, sealed in the object store, a row of its own table.

The sender's hash decides what counts as arrived. Photographs of an inspection and files of a help call stand on
shelves of their own; what may come in is their owners' to judge.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct
from sqlalchemy import Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from foundation.ids import new_id
from foundation.objects import ObjectStore
from office.notices import RecordKey


class Kept(Struct, frozen=True, kw_only=True):
    """One thing on a shelf; its table has these columns and its owner's."""

    id: str
    record: str
    object: str
    sha256: str
    bytes: int
    mime: str
    at: datetime


K = TypeVar("K", bound=Kept)


class Shelf(Generic[K]):
    """The rows of `table`, each a `row`. `once`: the column that, with record and hash, tells a thing sent again from a
    second one."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        objects: ObjectStore,
        record_key: RecordKey,
        *,
        table: Table,
        row: type[K],
        prefix: str,
        once: str,
    ) -> None:
        self.db = db
        self._clock = clock
        self.objects = objects
        self._record_key = record_key
        self._table = table
        self._row = row
        self._prefix = prefix
        self._once = once

    async def keep(self, record: str, data: bytes, sha256: str, mime: str, **own: Any) -> tuple[K, bool]:
        """Seal and register one thing; `own` are the owner's columns. Raises F03 changed on the way.

        The same thing sent again gives what is there, and False for "not fresh": the sender may not have heard our
        first answer.
        """
        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        if digest != sha256.lower():
            raise Problem("F03")
        async with self.db.begin() as conn:
            known = await self._known(conn, record, digest, own[self._once])
            key = await self._record_key(conn, record)
        if known is not None:
            return known, False
        thing = new_id(self._prefix)
        name = f"records/{record}/{self._table.name}/{thing}"
        await self.objects.put(name, data, key)
        row = self._row(
            id=thing,
            record=record,
            object=name,
            sha256=digest,
            bytes=len(data),
            mime=mime,
            at=self._clock.now(),
            **own,
        )
        async with self.db.begin() as conn:
            known = await self._known(conn, record, digest, own[self._once])
            if known is None:
                values = {field: getattr(row, field) for field in self._row.__struct_fields__}
                await conn.execute(insert(self._table).values(values))
        if known is not None:
            await self.objects.delete(name)
            return known, False
        return row, True

    @asynccontextmanager
    async def on_record(self, thing: K, *, fresh: bool) -> AsyncIterator[None]:
        """Meanwhile the session is told of it; what it refuses is kept no longer."""
        try:
            yield
        except Problem:
            # What was on record before stays, whatever this repetition was refused for.
            if fresh:
                await self._forget(thing)
            raise

    async def _forget(self, thing: K) -> None:
        async with self.db.begin() as conn:
            await conn.execute(delete(self._table).where(self._table.c.id == thing.id))
        await self.objects.delete(thing.object)

    async def get(self, thing: str) -> K | None:
        async with self.db.read() as conn:
            row = (await conn.execute(select(self._table).where(self._table.c.id == thing))).first()
        return self._row(**row._mapping) if row else None

    async def original(self, thing: K) -> bytes:
        """The bytes as they were sent. Raises O02, O03 of the object store."""
        return await self.objects.get(thing.object, await self.key(thing.record))

    async def key(self, record: str) -> bytes:
        async with self.db.begin() as conn:
            return await self._record_key(conn, record)

    async def _known(self, conn: AsyncConnection, record: str, digest: str, once: str) -> K | None:
        columns = self._table.c
        same = (columns.record == record) & (columns.sha256 == digest) & (columns[self._once] == once)
        row = (await conn.execute(select(self._table).where(same))).first()
        return self._row(**row._mapping) if row else None
