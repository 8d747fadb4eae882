"""Reading what a browser sends: limited, typed, refused whole."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from aiohttp import web

from foundation.errors import Problem

_PIECE = 64 * 1024
# A phone in a lift pauses for seconds; whoever sends nothing for longer only holds a connection.
_IDLE_S = 30.0
# An escaped NUL, not an escaped backslash before "u0000": PostgreSQL's text takes none, and nobody types one.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_PATH = re.compile(r"`\$(\S*)`")


class Reader:
    """The body of one request, up to `limit` bytes."""

    def __init__(self, request: web.Request, limit: int) -> None:
        self._request = request
        self._limit = limit

    async def read(self) -> bytes:
        pieces = [piece async for piece in self.stream()]
        return b"".join(pieces)

    async def stream(self) -> AsyncIterator[bytes]:
        """Pieces as they arrive. Raises S413 as soon as the limit is passed, S415 for a compressed body, S408
        when nothing came for half a minute."""
        # aiohttp would inflate it, and a kilobyte can become a gigabyte; no browser compresses a request.
        if self._request.headers.get("Content-Encoding", "identity") != "identity":
            raise Problem("S415")
        if (self._request.content_length or 0) > self._limit:
            raise Problem("S413", limit=shown_size(self._limit))
        size = 0
        while piece := await self._piece():
            size += len(piece)
            if size > self._limit:
                raise Problem("S413", limit=shown_size(self._limit))
            yield piece

    async def _piece(self) -> bytes:
        try:
            async with asyncio.timeout(_IDLE_S):
                return await self._request.content.read(_PIECE)
        except TimeoutError:
            raise Problem("S408") from None


def decode(body: bytes, content_type: str, into: Any) -> Any:
    """The body as `into`. Unknown fields are ignored, so that an older server takes a newer page's form.

    Raises S415 for another content type (a form of another site cannot send JSON unasked), S422 with a JSON pointer
    (RFC 6901) to what is wrong.
    """
    if content_type != "application/json":
        raise Problem("S415")
    if _NUL.search(body):
        raise Problem("S422", pointer="/")
    try:
        return msgspec.json.decode(body, type=into)
    except msgspec.ValidationError as error:
        raise Problem("S422", pointer=pointer(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem("S422", pointer="/") from None


def pointer(message: str) -> str:
    """msgspec's ``… - at `$.items[0].name` `` as ``/items/0/name``: the place only, never the library's words."""
    found = _PATH.search(message)
    if not found:
        return "/"
    return "/" + found[1].replace("[...]", ".*").replace("[", ".").replace("]", "").strip(".").replace(".", "/")


def shown_size(size: int) -> str:
    """64 KB, 30 MB: as people read limits."""
    return f"{size // (1024 * 1024)} MB" if size >= 1024 * 1024 else f"{size // 1024} KB"
