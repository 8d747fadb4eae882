"""Backup and restore: everything comes back, on either engine, or nothing is touched."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from foundation import jobs
from foundation.clock import SystemClock
from foundation.db import Database, metadata
from foundation.keyring import load_keyring
from foundation.objects import open_store
from foundation.settings import Settings
from recordings.store import RecordKeys
from server.backup import make_backup, restore_backup
from server.demo import ensure_demonstration
from server.schema import migrate_database
from server.supervise import CannotStart

pytestmark = pytest.mark.may_block("a command of its own: no loop serves anybody meanwhile")

PHOTO = bytes(range(256)) * 1000
Installed = Callable[..., Settings]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """`installed("name")`: from now on the environment names that folder, and that database where one is given."""

    def choose(name: str, database_url: str = "") -> Settings:
        monkeypatch.setenv("YUANKAN_DATA_DIR", str(tmp_path / name))
        monkeypatch.setenv("YUANKAN_DATABASE_URL", database_url)
        return Settings()

    return choose


async def rows(settings: Settings) -> dict[str, list[Any]]:
    """Every row of every table, as Python sees it."""
    db = await Database.open(settings.database)
    try:
        async with db.read() as conn:
            return {
                table.name: sorted((tuple(row) for row in await conn.execute(select(table))), key=repr)
                for table in metadata.sorted_tables
            }
    finally:
        await db.close()


def files(settings: Settings) -> dict[str, str]:
    """What lies in the object folder, by name."""
    root = settings.data_dir / "objects"
    found = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


async def fill(settings: Settings) -> str:
    """An office at work: the demonstration, a job, and an encrypted photograph. Gives the record it belongs to."""
    settings.data_dir.mkdir(parents=True)
    await migrate_database(settings)
    assert await ensure_demonstration(settings) is not None
    clock, db = SystemClock(), await Database.open(settings.database)
    keys = RecordKeys(db, load_keyring(settings.office_key), clock)
    async with db.begin() as conn:
        record = str((await conn.execute(select(metadata.tables["records"].c.id).limit(1))).scalar_one())
        await jobs.enqueue(conn, "notice.send", {"text": "中文"}, now=clock.now())
        key = await keys.within(conn, record)
    await open_store(settings.objects, settings).put(f"records/{record}/photos/pho_1", PHOTO, key)
    await db.close()
    return record


async def photo(settings: Settings, record: str) -> bytes:
    """The photograph, decrypted with what the restored installation has."""
    db = await Database.open(settings.database)
    try:
        key = await RecordKeys(db, load_keyring(settings.office_key), SystemClock())(record)
        return await open_store(settings.objects, settings).get(f"records/{record}/photos/pho_1", key)
    finally:
        await db.close()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_every_row_and_object_comes_back(
    installed: Installed, tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    before = installed("before")
    record = await fill(before)
    file = tmp_path / "backup.tar"
    await make_backup(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600, "the key is in it"
    saved, stored = await rows(before), files(before)
    assert sum(map(len, saved.values())) > 50 and stored
    after = installed("after", request.getfixturevalue("postgres_url") if engine == "postgresql" else "")
    await restore_backup(file)
    assert await rows(after) == saved
    assert files(after) == stored
    assert await photo(after, record) == PHOTO
    assert stat.S_IMODE(after.office_key.stat().st_mode) == 0o600


async def test_a_backup_never_writes_over_a_file(installed: Installed, tmp_path: Path) -> None:
    await fill(installed("before"))
    file = tmp_path / "backup.tar"
    file.write_bytes(b"precious")
    with pytest.raises(CannotStart, match="已经存在"):
        await make_backup(file)
    assert file.read_bytes() == b"precious"


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _without(data: bytes, name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            if not member.name.startswith(name):
                new.addfile(member, old.extractfile(member))
    return out.getvalue()


def _of_another_format(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            held = old.extractfile(member)
            assert held is not None
            body = held.read()
            if member.name == "contents.json":
                body = json.dumps({**json.loads(body), "format": "yuankan-backup/99"}).encode()
                member.size = len(body)
            new.addfile(member, io.BytesIO(body))
    return out.getvalue()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a changed byte in an object": lambda data: _flip(data, data.index(b"objects/") + 512 + 300),
    "a changed byte in a row": lambda data: _flip(data, data.index("青禾".encode("unicode_escape"))),
    "cut off": lambda data: data[: len(data) * 2 // 3],
    "a table missing": lambda data: _without(data, "rows/records.jsonl"),
    "the list missing": lambda data: _without(data, "contents.json"),
    "the key missing": lambda data: _without(data, "office.key"),
    "of a later format": _of_another_format,
    "no tar at all": lambda _data: b"\x00\x01 nothing of ours",
}


@pytest.fixture
async def backup(installed: Installed, tmp_path: Path) -> bytes:
    await fill(installed("before"))
    await make_backup(tmp_path / "whole.tar")
    return (tmp_path / "whole.tar").read_bytes()


async def test_a_damaged_backup_changes_nothing(installed: Installed, tmp_path: Path, backup: bytes) -> None:
    after = installed("after")
    for what, damage in DAMAGES.items():
        file = tmp_path / "damaged.tar"
        file.write_bytes(damage(backup))
        with pytest.raises(CannotStart, match="不是完整的备份"):
            await restore_backup(file)
        assert not after.data_dir.exists(), what
    with pytest.raises(CannotStart):
        await restore_backup(tmp_path / "absent.tar")
    assert not after.data_dir.exists()


async def test_a_filled_installation_is_left_as_it_is(
    installed: Installed, tmp_path: Path, backup: bytes, postgres_url: str
) -> None:
    filled = installed("filled")
    await fill(filled)
    saved, stored, key = await rows(filled), files(filled), filled.office_key.read_bytes()
    with pytest.raises(CannotStart, match="只能恢复到空的数据目录"):
        await restore_backup(tmp_path / "whole.tar")
    assert (await rows(filled), files(filled), filled.office_key.read_bytes()) == (saved, stored, key)
    # The database may be full where the folder is empty: another machine, the same PostgreSQL.
    first = installed("first", postgres_url)
    await fill(first)
    saved = await rows(first)
    second = installed("second", postgres_url)
    with pytest.raises(CannotStart, match="只能恢复到空的数据库"):
        await restore_backup(tmp_path / "whole.tar")
    assert await rows(second) == saved
    assert files(second) == {} and not second.office_key.exists()


async def test_a_restore_that_fails_half_way_can_be_repeated(
    installed: Installed, tmp_path: Path, backup: bytes
) -> None:
    stored = files(installed("before"))
    after = installed("after")
    in_the_way = after.data_dir / "objects" / list(stored)[-1]
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_bytes(b"somebody else's")
    with pytest.raises(CannotStart, match="只能恢复到空的对象库"):
        await restore_backup(tmp_path / "whole.tar")
    assert not after.office_key.exists()
    assert sum(map(len, (await rows(after)).values())) == 0
    assert in_the_way.read_bytes() == b"somebody else's" and len(files(after)) == 1
    in_the_way.unlink()
    await restore_backup(tmp_path / "whole.tar")
    assert files(after) == stored
