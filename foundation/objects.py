"""The store of recordings, photos and reports: written once, sealed under the record's key, opened in part or whole.

Hashes and sizes are of the plain bytes. What is stored is sealed in frames (`frames`), lies in a folder or on S3
(`blobs`), and its key comes from the `Keyring`. Refusals: O01 the name is taken, O02 not there, O03 not what was
stored.
"""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from foundation import frames
from foundation.blobs import Blobs, Bucket, Folder, Upload
from foundation.errors import Problem
from foundation.keyring import Keyring, WrongOfficeKey, load_keyring

if TYPE_CHECKING:
    from foundation.settings import Settings

__all__ = ["Keyring", "ObjectStore", "Stored", "WrongOfficeKey", "load_keyring", "open_store"]

# Ours alone make names, so the rule is narrow: nothing that a file system, S3 or a shell reads in its own way.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}){0,7}")
# Plain bytes sealed or opened at a time while streaming: a millisecond of AES, sixteen frames.
_STRIDE_FRAMES = 16
_STRIDE = _STRIDE_FRAMES * frames.PLAIN
# Headers kept: an object never changes, so its header and size never do.
_HEADERS = 4096


@dataclass(frozen=True)
class Stored:
    """What was stored: its name, SHA-256 (hex) and size of the plain bytes."""

    name: str
    sha256: str
    size: int


class ObjectStore:
    """Sealed objects by name, such as ``records/rec_…/photos/pho_…``."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._headers: OrderedDict[str, tuple[bytes, int]] = OrderedDict()

    async def put(self, name: str, data: bytes | AsyncIterator[bytes], key: bytes) -> Stored:
        """Seal and store, whole or not at all; durable on return. Raises O01 for a name that is taken."""
        upload = await asyncio.to_thread(self._blobs.begin, _checked(name))
        writer = _Writer(upload, key, name)
        try:
            async for piece in _strides(data):
                await asyncio.to_thread(writer.write, piece)
            return await asyncio.to_thread(writer.commit)
        except FileExistsError:
            raise Problem("O01") from None
        except BaseException:
            await asyncio.to_thread(upload.abort)
            raise

    def keep(self, name: str, data: bytes, key: bytes) -> None:
        """Store `data`, then read back what lies under the name and compare. Blocks: for a thread that keeps many small
        objects. A name that is taken is left as it is; raises O03 if what lies there is anything but `data`.
        """
        upload = self._blobs.begin(_checked(name))
        try:
            for piece in frames.seal(key, name, data):
                upload.write(piece)
            upload.commit()
        except FileExistsError:
            pass
        except BaseException:
            upload.abort()
            raise
        _, most = frames.frame_span(0, frames.frame_count(len(data)))
        sealed, stored = self._blobs.read(name, 0, frames.HEADER + most)
        try:
            opener, at = frames.Opener(key, name, sealed[: frames.HEADER], stored), 0
            if opener.size != len(data):
                raise Problem("O03")
            for plain in opener.each(0, memoryview(sealed)[frames.HEADER :]):
                if not data.startswith(plain, at):
                    raise Problem("O03")
                at += len(plain)
        except frames.Tampered:
            raise Problem("O03") from None
        if at != len(data):
            raise Problem("O03")

    def intact(self, name: str, key: bytes) -> int:
        """Plain size of an object, all of which was read just now. Blocks. A frame opens only if it is the one that was
        sealed under this name in this place, so nothing need be hashed again. Raises O02, O03.
        """
        size = place = 0
        try:
            sealed, stored = self._blobs.read(_checked(name), 0, frames.HEADER + _STRIDE_FRAMES * frames.FRAME)
            opener = frames.Opener(key, name, sealed[: frames.HEADER], stored)
            rest = memoryview(sealed)[frames.HEADER :]
            while rest:
                size += sum(map(len, opener.each(place, rest)))
                place += _STRIDE_FRAMES
                span = frames.frame_span(place, place + _STRIDE_FRAMES - 1)
                rest = memoryview(self._blobs.read(name, *span)[0] if size < opener.size else b"")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise Problem("O02") from None
        except frames.Tampered:
            raise Problem("O03") from None
        if size != opener.size:
            raise Problem("O03")
        return size

    async def get(self, name: str, key: bytes) -> bytes:
        """The whole plain object. Raises O02, O03."""
        opener = await self._opener(name, key)
        return await self._open(name, opener, 0, opener.size)

    async def read(self, name: str, key: bytes, start: int, length: int) -> bytes:
        """Up to `length` plain bytes from `start`; only their frames are fetched and opened. Raises O02, O03."""
        opener = await self._opener(name, key)
        return await self._open(name, opener, start, min(start + length, opener.size))

    async def stream(self, name: str, key: bytes, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Plain bytes from `start` up to, not including, `end`, a megabyte at a time. Raises O02, O03."""
        opener = await self._opener(name, key)
        end = opener.size if end is None else min(end, opener.size)
        while start < end:
            # Strides end at frame edges, so that no frame is fetched twice.
            stop = min((start // _STRIDE + 1) * _STRIDE, end)
            yield await self._open(name, opener, start, stop)
            start = stop

    async def size(self, name: str, key: bytes) -> int:
        """Plain size in bytes. Raises O02, O03."""
        return (await self._opener(name, key)).size

    async def exists(self, name: str) -> bool:
        return await asyncio.to_thread(self._blobs.exists, _checked(name))

    async def delete(self, name: str) -> None:
        """Remove for good; nothing happens if it is not there. Only retention calls this."""
        self._headers.pop(name, None)
        await asyncio.to_thread(self._blobs.delete, _checked(name))

    async def list(self, prefix: str) -> list[str]:
        """Names that begin with `prefix`, sorted."""
        return await asyncio.to_thread(self._blobs.list, prefix)

    async def _opener(self, name: str, key: bytes) -> frames.Opener:
        header, stored = self._headers.get(name) or await self._fetch(_checked(name), 0, frames.HEADER)
        self._headers[name] = header, stored
        self._headers.move_to_end(name)
        if len(self._headers) > _HEADERS:
            self._headers.popitem(last=False)
        try:
            return frames.Opener(key, name, header, stored)
        except frames.Tampered:
            raise Problem("O03") from None

    async def _open(self, name: str, opener: frames.Opener, start: int, end: int) -> bytes:
        if start < 0:
            raise ValueError("a range begins at 0 or later")
        if start >= end and opener.size:
            return b""
        first, last = start // frames.PLAIN, max(start, end - 1) // frames.PLAIN
        sealed, _ = await self._fetch(name, *frames.frame_span(first, last))
        try:
            plain = await asyncio.to_thread(opener.open, first, sealed)
        except frames.Tampered:
            raise Problem("O03") from None
        begin = start - first * frames.PLAIN
        wanted = plain[begin : begin + end - start]
        if len(wanted) != max(0, end - start):
            raise Problem("O03")
        return wanted

    async def _fetch(self, name: str, start: int, length: int) -> tuple[bytes, int]:
        try:
            return await asyncio.to_thread(self._blobs.read, name, start, length)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise Problem("O02") from None


class _Writer:
    """Seals, hashes and writes one object; runs in threads."""

    def __init__(self, upload: Upload, key: bytes, name: str) -> None:
        self._upload = upload
        self._sealer = frames.Sealer(key, name)
        self._hash = hashlib.sha256()
        self._size = 0
        self._name = name

    def write(self, piece: bytes) -> None:
        self._hash.update(piece)
        self._size += len(piece)
        self._upload.write(self._sealer.update(piece))

    def commit(self) -> Stored:
        self._upload.write(self._sealer.finish())
        self._upload.commit()
        return Stored(self._name, self._hash.hexdigest(), self._size)


async def _strides(data: bytes | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data in pieces worth a thread's while."""
    if isinstance(data, bytes | bytearray | memoryview):
        for start in range(0, len(data), 8 * _STRIDE):
            yield bytes(data[start : start + 8 * _STRIDE])
        return
    held = bytearray()
    async for piece in data:
        held += piece
        if len(held) >= _STRIDE:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not an object's name: {name!r}")
    return name


def open_store(url: str, settings: "Settings | None" = None) -> ObjectStore:
    """The store at ``file:///folder`` or ``s3://bucket/prefix``. Raises ValueError for another kind of URL."""
    return ObjectStore(open_blobs(url, settings))


def open_blobs(url: str, settings: "Settings | None" = None) -> Blobs:
    """The sealed bytes behind that store, as they lie there: for backups, which need no key."""
    parts = urlsplit(url)
    match parts.scheme:
        case "file":
            return Folder(Path(unquote(parts.path)))
        case "s3":
            access, secret = (settings.s3_access_key, settings.s3_secret_key) if settings else (None, None)
            return Bucket.open(
                url,
                endpoint=settings.s3_endpoint if settings else None,
                region=settings.s3_region if settings else "us-east-1",
                access_key=access.get_secret_value() if access else None,
                secret_key=secret.get_secret_value() if secret else None,
            )
        case other:
            raise ValueError(f"neither a folder nor S3: {other}")
