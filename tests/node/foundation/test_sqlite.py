"""SQLite with one trip a statement: the same answers as the driver's own, and turns among processes."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiosqlite
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
        async with kept.begin() as conn:
            await conn.execute(text("SELECT 1"))
    other.execute("ROLLBACK")
    async with kept.begin() as conn:
        await conn.execute(text("INSERT INTO notes (word) VALUES ('later')"))


async def test_a_transaction_takes_a_trip_for_each_statement_and_to_write_one_more(
    kept: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips: list[object] = []
    travel = aiosqlite.Connection._execute

    async def counted(connection: aiosqlite.Connection, errand: Callable[[], object]) -> object:
        trips.append(errand)
        return await travel(connection, errand)

    async with kept.read() as conn:
        await conn.execute(text("SELECT 1"))  # the connection is made
    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    for _ in range(2):
        async with kept.read() as conn:
            await conn.execute(text("SELECT 1"))
            await conn.execute(text("SELECT 2"))
        assert len(trips) == 2
        trips.clear()
    async with kept.begin():
        pass
    assert not trips
    async with kept.begin() as conn:
        await conn.execute(text("INSERT INTO notes (word) VALUES ('a')"))
    assert len(trips) == 2


async def test_a_reading_is_one_snapshot_and_ends_with_its_transaction(kept: Database) -> None:
    count = text("SELECT count(*) FROM notes")
    for before in range(3):
        async with kept.read() as conn:
            assert (await conn.execute(count)).scalar_one() == before
            async with kept.begin() as writer:
                await writer.execute(text("INSERT INTO notes (word) VALUES (:word)"), {"word": str(before)})
            assert (await conn.execute(count)).scalar_one() == before


async def test_who_is_cancelled_waiting_to_write_leaves_nothing(kept: Database, other: sqlite3.Connection) -> None:
    """The errand goes on in its thread and gets its turn; the transaction ends after it."""
    other.execute("BEGIN IMMEDIATE")

    async def write() -> None:
        async with kept.begin() as conn:
            await conn.execute(text("INSERT INTO notes (word) VALUES ('cut off')"))

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.02)
    writing.cancel()
    await asyncio.sleep(0.02)
    other.execute("ROLLBACK")
    with pytest.raises(asyncio.CancelledError):
        await writing
    async with kept.begin() as conn:
        await conn.execute(text("INSERT INTO notes (word) VALUES ('next')"))
    async with kept.read() as conn:
        assert (await conn.execute(text("SELECT word FROM notes"))).scalars().all() == ["next"]


async def test_who_is_cancelled_reading_leaves_a_connection_that_reads(kept: Database) -> None:
    long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT max(i) FROM n"

    async def read(words: str) -> int:
        async with kept.read() as conn:
            return int((await conn.execute(text(words))).scalar_one())

    for _ in range(3):
        reading = asyncio.create_task(read(long))
        await asyncio.sleep(0.005)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await read("SELECT 7") == 7


async def test_a_new_files_pages_are_small_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.db") as old:
        old.execute("PRAGMA page_size = 8192")
        old.execute("CREATE TABLE notes (word TEXT)")
    for name, size in (("new.db", sqlite.PAGE_BYTES), ("old.db", 8192)):
        database = await Database.open(f"sqlite:///{tmp_path / name}")
        async with database.begin() as conn:
            await conn.execute(text("CREATE TABLE more (id INTEGER)"))
        async with database.read() as conn:
            assert (await conn.execute(text("PRAGMA page_size"))).scalar_one() == size
        await database.close()
