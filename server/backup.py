"""Backup and restore: every row, every object as it lies there (encrypted), and the office key, in one tar file.

Rows are written as JSON lines by table, not as a copy of the engine's files: the same backup goes back into SQLite or
PostgreSQL, which is also the way from one machine to many. Order makes it consistent while the product runs: first one
snapshot of the rows, then the objects, which are written once and never changed, so whatever a row names is there.

The file opens every recording, because the key is in it: keep it as you keep the key.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Column, LargeBinary, Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.blobs import Blobs
from foundation.db import Database, UtcTime, metadata
from foundation.objects import open_blobs
from server import VERSION
from server.preflight import read_settings
from server.schema import migrate_database
from server.supervise import CannotStart

FORMAT = "yuankan-backup/1"
ROWS_AT_ONCE = 500
PIECE = 4 * 2**20


async def make_backup(file: Path) -> None:
    """Write ``file`` (mode 0600). Raises CannotStart when it exists already."""
    settings = read_settings()
    try:
        out = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError as error:
        raise CannotStart(
            f"{file} 已经存在，没有改动它。请换一个文件名。\n{file} exists and was left as it is. Choose another name."
        ) from error
    await migrate_database(settings)
    db = await Database.open(settings.database)
    try:
        with out, tarfile.open(fileobj=out, mode="w") as tar:
            hashes = await _write_rows(tar, db, file.parent)
            hashes |= await asyncio.to_thread(_write_objects, tar, open_blobs(settings.objects, settings))
            hashes["office.key"] = _add(tar, "office.key", settings.office_key.read_bytes())
            listing = {"format": FORMAT, "version": VERSION, "sha256": hashes}
            _add(tar, "contents.json", json.dumps(listing, indent=1).encode())
    except BaseException:
        await asyncio.to_thread(file.unlink, missing_ok=True)
        raise
    finally:
        await db.close()


async def restore_backup(file: Path) -> None:
    """Put ``file`` into an empty installation. Raises CannotStart when it is not empty or the file is not whole."""
    settings = read_settings()
    contents = await asyncio.to_thread(_checked, file)
    if settings.office_key.exists():
        raise CannotStart(
            f"{settings.office_key} 已经存在：只能恢复到空的数据目录。\n"
            f"{settings.office_key} exists: restore goes into an empty data folder only."
        )
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    await migrate_database(settings)
    db = await Database.open(settings.database)
    try:
        with tarfile.open(file) as tar:
            blobs = open_blobs(settings.objects, settings)
            # Whatever stops a restore half-way (a full disk, a store away) must leave room for the next attempt.
            async with db.begin() as conn:
                await _refuse_if_filled(conn)
                for table in metadata.sorted_tables:
                    if f"rows/{table.name}.jsonl" in contents:
                        await _read_rows(conn, table, tar)
                written: list[str] = []
                try:
                    await asyncio.to_thread(_read_objects, tar, blobs, contents, written)
                    await asyncio.to_thread(_write_key, settings.office_key, _member(tar, "office.key").read())
                except BaseException:
                    for name in written:
                        await asyncio.to_thread(blobs.delete, name)
                    raise
    finally:
        await db.close()


# -- rows


async def _write_rows(tar: tarfile.TarFile, db: Database, folder: Path) -> dict[str, str]:
    """Tables of any length: tar wants the size first, so a long one lies in a file of ``folder`` for a moment."""
    hashes = {}
    async with db.read() as conn:
        for table in metadata.sorted_tables:
            entry, digest = tarfile.TarInfo(f"rows/{table.name}.jsonl"), hashlib.sha256()
            with tempfile.SpooledTemporaryFile(max_size=PIECE, dir=str(folder)) as lines:
                async with conn.stream(select(table)) as rows:
                    async for row in rows.mappings():
                        line = json.dumps({name: _plain(value) for name, value in row.items()}).encode() + b"\n"
                        lines.write(line)
                        digest.update(line)
                entry.size = lines.tell()
                lines.seek(0)
                await asyncio.to_thread(tar.addfile, entry, lines)
            hashes[entry.name] = digest.hexdigest()
    return hashes


async def _read_rows(conn: AsyncConnection, table: Table, tar: tarfile.TarFile) -> None:
    lines = _member(tar, f"rows/{table.name}.jsonl")
    waiting: list[dict[str, Any]] = []
    for line in lines:
        row = json.loads(line)
        waiting.append({column.name: _typed(column, row.get(column.name)) for column in table.columns})
        if len(waiting) == ROWS_AT_ONCE:
            await conn.execute(insert(table), waiting)
            waiting = []
    if waiting:
        await conn.execute(insert(table), waiting)


async def _refuse_if_filled(conn: AsyncConnection) -> None:
    for table in metadata.sorted_tables:
        if (await conn.execute(select(table).limit(1))).first() is not None:
            raise CannotStart(
                f"数据库里已有数据（{table.name}）：只能恢复到空的数据库。\n"
                f"The database holds data already ({table.name}): restore goes into an empty one only."
            )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _typed(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, UtcTime):
        return datetime.fromisoformat(value)
    return base64.b64decode(value) if isinstance(column.type, LargeBinary) else value


# -- objects


def _write_objects(tar: tarfile.TarFile, blobs: Blobs) -> dict[str, str]:
    hashes = {}
    for name in blobs.list(""):
        _, size = blobs.read(name, 0, 0)
        entry = tarfile.TarInfo(f"objects/{name}")
        entry.size = size
        reader = _Hashing(_pieces(blobs, name, size))
        tar.addfile(entry, reader)  # type: ignore[arg-type]  # only read() is called
        hashes[entry.name] = reader.digest.hexdigest()
    return hashes


def _pieces(blobs: Blobs, name: str, size: int) -> Iterator[bytes]:
    for start in range(0, size, PIECE):
        yield blobs.read(name, start, min(PIECE, size - start))[0]


class _Hashing:
    """A file of pieces for tarfile, hashed as it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = bytearray()
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        while len(self._held) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._held += piece
        given = bytes(self._held[:size])
        del self._held[:size]
        self.digest.update(given)
        return given


def _read_objects(tar: tarfile.TarFile, blobs: Blobs, contents: dict[str, str], written: list[str]) -> None:
    """``written`` gets the names as they are there. Raises CannotStart for one that was there before."""
    # In the order of the file: thousands of names looked up one by one would take the square of that.
    for entry in tar.getmembers():
        if not entry.name.startswith("objects/") or entry.name not in contents:
            continue
        name, source = entry.name, _opened(tar, entry)
        upload = blobs.begin(name.removeprefix("objects/"))
        try:
            while piece := source.read(PIECE):
                upload.write(piece)
            upload.commit()
            written.append(name.removeprefix("objects/"))
        except FileExistsError as error:
            upload.abort()
            raise CannotStart(
                f"对象库里已经有{name.removeprefix('objects/')}：只能恢复到空的对象库，什么也没有改动。\n"
                f"The object store holds {name.removeprefix('objects/')} already: restore goes into an empty one only; "
                "nothing was changed."
            ) from error
        except BaseException:
            upload.abort()
            raise


def _write_key(path: Path, key: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(key)


# -- the file


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> str:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))
    return hashlib.sha256(data).hexdigest()


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    return _opened(tar, tar.getmember(name))


def _opened(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    found = tar.extractfile(entry)
    if found is None:
        raise KeyError(entry.name)
    return found


def _checked(file: Path) -> dict[str, str]:
    """The names and hashes of a whole, unaltered backup. Raises CannotStart otherwise, before anything is written."""
    try:
        with tarfile.open(file) as tar:
            listing = json.loads(_member(tar, "contents.json").read())
            if listing["format"] != FORMAT:
                raise KeyError(listing["format"])
            held = {entry.name: entry for entry in tar.getmembers()}
            for name, expected in listing["sha256"].items():
                digest = hashlib.sha256()
                source = _opened(tar, held[name])
                while piece := source.read(PIECE):
                    digest.update(piece)
                if digest.hexdigest() != expected:
                    raise ValueError(name)
            return dict(listing["sha256"])
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        raise CannotStart(
            f"{file} 不是完整的备份（{error}），什么也没有改动。\n"
            f"{file} is not a whole backup ({error}); nothing was changed."
        ) from error
