"""Photographs of a record: taken in, kept sealed, given out. The phone's hash decides what counts as arrived."""

import asyncio
import hashlib
import sys
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from foundation.ids import new_id
from foundation.objects import ObjectStore
from inspection.picture import recognise
from office.notices import RecordKey
from office.tables import photos

MOST_MB = 30
MOST_BYTES = MOST_MB * 1024 * 1024
"""A 108-megapixel JPEG of a phone is about 25 MB."""

_THUMBNAIL_S = 60.0
"""Against a process that hangs: what it may really use is limited there, and a busy machine must not cost a picture."""
_AT_ONCE = 2
"""Thumbnails made at the same time by one process: each may take a core and a gigabyte."""


class StoredPhoto(Struct, frozen=True, kw_only=True):
    id: str
    record: str
    object: str
    thumbnail: str | None
    sha256: str
    bytes: int
    mime: str
    width: int
    height: int
    at: datetime
    request: str


class Photos:
    """The photographs of this node's database and object store."""

    def __init__(self, db: Database, clock: Clock, objects: ObjectStore, record_key: RecordKey) -> None:
        self._db = db
        self._clock = clock
        self._objects = objects
        self._record_key = record_key
        self._makers = asyncio.Semaphore(_AT_ONCE)

    async def take_in(self, record: str, data: bytes, sha256: str, request: str = "") -> tuple[StoredPhoto, bool]:
        """Check, seal and register one picture. Raises F01 too large, F02 no photograph, F03 changed on the way.

        The same picture sent again for the same request gives the same photograph, and False for "not fresh": the phone
        may not have heard our first answer.
        """
        if len(data) > MOST_BYTES:
            raise Problem("F01", mb=MOST_MB)
        picture = recognise(data)
        if picture is None:
            raise Problem("F02")
        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        if digest != sha256.lower():
            raise Problem("F03")
        async with self._db.begin() as conn:
            known = await self._known(conn, record, digest, request)
            key = await self._record_key(conn, record)
        if known is not None:
            return known, False
        photo = new_id("pho")
        name = f"records/{record}/photos/{photo}"
        await self._objects.put(name, data, key)
        row = StoredPhoto(
            id=photo,
            record=record,
            object=name,
            thumbnail=None,
            sha256=digest,
            bytes=len(data),
            mime=picture.mime,
            width=picture.width,
            height=picture.height,
            at=self._clock.now(),
            request=request,
        )
        async with self._db.begin() as conn:
            known = await self._known(conn, record, digest, request)
            if known is None:
                values = {field: getattr(row, field) for field in StoredPhoto.__struct_fields__}
                await conn.execute(insert(photos).values(values))
        if known is not None:
            await self._objects.delete(name)
            return known, False
        return row, True

    async def forget(self, photo: StoredPhoto) -> None:
        """Undo `take_in` for a picture that the procedure did not accept."""
        async with self._db.begin() as conn:
            await conn.execute(delete(photos).where(photos.c.id == photo.id))
        await self._objects.delete(photo.object)

    async def get(self, photo: str) -> StoredPhoto | None:
        async with self._db.read() as conn:
            row = (await conn.execute(select(photos).where(photos.c.id == photo))).first()
        return StoredPhoto(**row._mapping) if row else None

    async def original(self, photo: StoredPhoto) -> bytes:
        """The bytes as the phone sent them. Raises O02, O03 of the object store."""
        return await self._objects.get(photo.object, await self._key(photo.record))

    async def thumbnail(self, photo: StoredPhoto) -> bytes | None:
        """A small upright JPEG, made when it is first asked for; None for a format or file that cannot be decoded."""
        key = await self._key(photo.record)
        if photo.thumbnail is not None:
            return await self._objects.get(photo.thumbnail, key)
        if photo.mime == "image/heic":
            return None
        async with self._makers:
            made = await make_thumbnail(await self._objects.get(photo.object, key))
        if made is None:
            return None
        name = f"{photo.object}.thumbnail"
        try:
            await self._objects.put(name, made, key)
        except Problem as problem:
            # Two officers looked at once; either one's picture does.
            if problem.code != "O01":
                raise
        async with self._db.begin() as conn:
            await conn.execute(update(photos).where(photos.c.id == photo.id).values(thumbnail=name))
        return made

    async def _key(self, record: str) -> bytes:
        async with self._db.begin() as conn:
            return await self._record_key(conn, record)

    async def _known(self, conn: AsyncConnection, record: str, digest: str, request: str) -> StoredPhoto | None:
        same = (photos.c.record == record) & (photos.c.sha256 == digest) & (photos.c.request == request)
        found = select(photos).where(same)
        row = (await conn.execute(found)).first()
        return StoredPhoto(**row._mapping) if row else None


async def make_thumbnail(data: bytes) -> bytes | None:
    """Decode in a process of its own (inspection.thumbnail); None if that fails or takes too long."""
    program = str(Path(__file__).with_name("thumbnail.py"))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", program, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, env={}
    )
    try:
        made, _ = await asyncio.wait_for(process.communicate(data), _THUMBNAIL_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    return made if process.returncode == 0 and made else None
