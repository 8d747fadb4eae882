"""Photographs of a record: taken in, kept sealed, given out. The phone's hash decides what counts as arrived."""

import asyncio
import sys
from pathlib import Path

from sqlalchemy import update

from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from foundation.objects import ObjectStore
from office.notices import RecordKey
from office.picture import recognise
from office.shelf import Kept, Shelf
from office.tables import photos

MOST_MB = 30
MOST_BYTES = MOST_MB * 1024 * 1024
"""A 108-megapixel JPEG of a phone is about 25 MB."""

_THUMBNAIL_S = 60.0
"""Against a process that hangs: what it may really use is limited there, and a busy machine must not cost a picture."""
_AT_ONCE = 2
"""Thumbnails made at the same time by one process: each may take a core and a gigabyte."""


class StoredPhoto(Kept, frozen=True, kw_only=True):
    thumbnail: str | None
    width: int
    height: int
    request: str


class Photos(Shelf[StoredPhoto]):
    """The photographs of this node's database and object store."""

    def __init__(self, db: Database, clock: Clock, objects: ObjectStore, record_key: RecordKey) -> None:
        super().__init__(db, clock, objects, record_key, table=photos, row=StoredPhoto, prefix="pho", once="request")
        self._makers = asyncio.Semaphore(_AT_ONCE)

    async def take_in(self, record: str, data: bytes, sha256: str, request: str = "") -> tuple[StoredPhoto, bool]:
        """Check, seal and register one picture, once for each request.

        Raises F01 too large, F02 no photograph, F03 changed on the way.
        """
        if len(data) > MOST_BYTES:
            raise Problem("F01", mb=MOST_MB)
        picture = recognise(data)
        if picture is None:
            raise Problem("F02")
        return await self.keep(
            record,
            data,
            sha256,
            picture.mime,
            thumbnail=None,
            width=picture.width,
            height=picture.height,
            request=request,
        )

    async def thumbnail(self, photo: StoredPhoto) -> bytes | None:
        """A small upright JPEG, made when it is first asked for; None for a format or file that cannot be decoded."""
        key = await self.key(photo.record)
        if photo.thumbnail is not None:
            return await self.objects.get(photo.thumbnail, key)
        if photo.mime == "image/heic":
            return None
        async with self._makers:
            made = await make_thumbnail(await self.objects.get(photo.object, key))
        if made is None:
            return None
        name = f"{photo.object}.thumbnail"
        try:
            await self.objects.put(name, made, key)
        except Problem as problem:
            # Two officers looked at once; either one's picture does.
            if problem.code != "O01":
                raise
        async with self.db.begin() as conn:
            await conn.execute(update(photos).where(photos.c.id == photo.id).values(thumbnail=name))
        return made


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
