"""SQLite's log is carried over beside those who write."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.checkpoints import AFTER
from foundation.db import Database
from foundation.sqlite import LOG_PAGES, PAGE_BYTES

SLOW_ENOUGH_S = 0.001
"""Between two commits: a test that never waits would leave no turn to anybody."""


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path / 'notes.db'}")
    async with database.begin() as conn:
        await conn.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY, word TEXT)"))
    yield database
    await database.close()


async def write(conn: AsyncConnection) -> None:
    await conn.execute(text("INSERT INTO notes (word) VALUES (hex(randomblob(1000)))"))


async def test_the_log_stays_short_however_long_somebody_writes(kept: Database, tmp_path: Path) -> None:
    """A commit is three pages here, so that no commit ever carries the log over itself."""
    commits = 6 * AFTER
    assert 3 * commits < LOG_PAGES
    log = tmp_path / "notes.db-wal"
    longest = 0
    for _ in range(commits):
        await kept.carry_out(write)
        await asyncio.sleep(SLOW_ENOUGH_S)
        longest = max(longest, log.stat().st_size)
    assert longest < 3 * PAGE_BYTES * commits / 2
    async with kept.read() as conn:
        assert (await conn.execute(text("SELECT count(*) FROM notes"))).scalar_one() == commits


async def test_a_reader_that_stays_costs_room_and_nothing_else(kept: Database, tmp_path: Path) -> None:
    reader = sqlite3.connect(tmp_path / "notes.db", isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM notes").fetchone() == (0,)
    for _ in range(2 * AFTER):
        await kept.carry_out(write)
    assert reader.execute("SELECT count(*) FROM notes").fetchone() == (0,)
    reader.execute("ROLLBACK")
    assert reader.execute("SELECT count(*) FROM notes").fetchone() == (2 * AFTER,)
    reader.close()


async def test_a_disk_that_fails_then_fails_nobody_who_writes(kept: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def fail(*_arguments: object, **_options: object) -> sqlite3.Connection:
        loop.call_soon_threadsafe(failed.set)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("foundation.checkpoints.sqlite3.connect", fail)
    for _ in range(AFTER):
        await kept.carry_out(write)
    await asyncio.wait_for(failed.wait(), 5)
    monkeypatch.undo()
    for _ in range(AFTER):
        await kept.carry_out(write)
    async with kept.read() as conn:
        assert (await conn.execute(text("SELECT count(*) FROM notes"))).scalar_one() == 2 * AFTER
