"""SQLite with one trip a statement: the same answers as the driver's own, and turns among processes."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from foundation import sqlite
from foundation.db import Database


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path / 'turns.db'}")
    async with database.begin() as conn:
        await conn.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY, word TEXT UNIQUE)"))
    yield database
    await database.close()


@pytest.fixture
def other(tmp_path: Path, kept: Database) -> sqlite3.Connection:
    """A connection as another process has it."""
    return sqlite3.connect(tmp_path / "turns.db", isolation_level=None)


async def test_counts_rows_and_faults_are_the_drivers_own(kept: Database) -> None:
    async with kept.begin() as conn:
        rows = [{"word": word} for word in "abc"]
        assert (await conn.execute(text("INSERT INTO notes (word) VALUES (:word)"), rows)).rowcount == 3
        assert (await conn.execute(text("UPDATE notes SET word = word || '!' WHERE id > 1"))).rowcount == 2
        found = await conn.execute(text("SELECT id, word FROM notes ORDER BY id"))
        assert list(found.keys()) == ["id", "word"]
        assert found.fetchone() == (1, "a") and found.fetchmany(1) == [(2, "b!")] and found.fetchall() == [(3, "c!")]
        assert (await conn.execute(text("SELECT 1 WHERE 0"))).first() is None
    with pytest.raises(IntegrityError):
        async with kept.begin() as conn:
            await conn.execute(text("INSERT INTO notes (word) VALUES ('z')"))
            await conn.execute(text("INSERT INTO notes (word) VALUES ('a')"))
    async with kept.read() as conn:
        assert (await conn.execute(text("SELECT count(*) FROM notes"))).scalar_one() == 3


async def test_a_writer_waits_for_another_processs_turn(kept: Database, other: sqlite3.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO notes (word) VALUES ('theirs')")

    async def write() -> int:
        async with kept.begin() as conn:
            await conn.execute(text("INSERT INTO notes (word) VALUES ('ours')"))
            return int((await conn.execute(text("SELECT count(*) FROM notes"))).scalar_one())

    ours = asyncio.create_task(write())
    await asyncio.sleep(0.05)
    assert not ours.done()
    other.execute("COMMIT")
    assert await ours == 2


async def test_a_turn_that_never_comes_is_an_error_and_the_next_one_is_taken(
    kept: Database, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_MS", 30)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        async with kept.begin():
            pass
    other.execute("ROLLBACK")
    async with kept.begin() as conn:
        await conn.execute(text("INSERT INTO notes (word) VALUES ('later')"))
