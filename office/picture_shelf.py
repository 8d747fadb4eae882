"""A shelf whose pictures have small copies: made when first asked for, sealed beside the original."""

import asyncio
import sys
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import update

from foundation.errors import Problem
from office.shelf import Kept, Shelf

_THUMBNAIL_S = 60.0
"""Against a process that hangs: what it may really use is limited there, and a busy machine must not cost a picture."""
_AT_ONCE = 2
"""Thumbnails made at the same time from one shelf: each may take a core and a gigabyte."""
_DECODED = ("image/jpeg", "image/png")
"""What office.thumbnail reads."""


class KeptPicture(Kept, frozen=True, kw_only=True):
    """`thumbnail`: the object of its small copy, once there is one."""

    thumbnail: str | None


P = TypeVar("P", bound=KeptPicture)


class PictureShelf(Shelf[P]):
    def __init__(self, *parts: Any, **table: Any) -> None:
        super().__init__(*parts, **table)
        self._makers = asyncio.Semaphore(_AT_ONCE)

    async def thumbnail(self, kept: P) -> bytes | None:
        """A small upright JPEG; None for what is no picture, or one that cannot be decoded."""
        key = await self.key(kept.record)
        if kept.thumbnail is not None:
            return await self.objects.get(kept.thumbnail, key)
        if kept.mime not in _DECODED:
            return None
        async with self._makers:
            made = await make_thumbnail(await self.objects.get(kept.object, key))
        if made is None:
            return None
        name = f"{kept.object}.thumbnail"
        try:
            await self.objects.put(name, made, key)
        except Problem as problem:
            # Two people looked at once; either one's picture does.
            if problem.code != "O01":
                raise
        async with self.db.begin() as conn:
            await conn.execute(update(self._table).where(self._table.c.id == kept.id).values(thumbnail=name))
        return made


async def make_thumbnail(data: bytes) -> bytes | None:
    """Decode in a process of its own (office.thumbnail); None if that fails or takes too long."""
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
