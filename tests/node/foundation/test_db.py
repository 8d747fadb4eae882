import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from foundation import db
from foundation.db import Database, Json, UtcTime, insert_all, say_after_commit

# Tables of this file alone, away from the product's.
_tables = MetaData()
notes = Table("notes", _tables, Column("id", Integer, primary_key=True), Column("at", UtcTime), Column("body", Json))


@pytest.fixture
async def kept(database):
    async with database.begin() as conn:
        await conn.run_sync(_tables.create_all)
    return database


async def count(database) -> int:
    async with database.read() as conn:
        return (await conn.execute(select(func.count()).select_from(notes))).scalar_one()


async def add(conn, **values):
    await conn.execute(insert(notes).values(values))


async def test_times_come_back_in_utc_to_the_microsecond(kept):
    beijing = datetime(2025, 11, 24, 14, 30, 5, 123456, tzinfo=timezone(timedelta(hours=8)))
    async with kept.begin() as conn:
        await add(conn, at=beijing)
    async with kept.read() as conn:
        found = (await conn.execute(select(notes.c.at))).scalar_one()
    assert found == beijing
    assert found.tzinfo is UTC


async def test_times_are_compared_as_times(kept):
    moments = [datetime(2025, 11, 24, 6, 30, 5, micro, tzinfo=UTC) for micro in (0, 5, 400_000)]
    async with kept.begin() as conn:
        for moment in reversed(moments):
            await add(conn, at=moment)
    async with kept.read() as conn:
        query = select(notes.c.at).where(notes.c.at > moments[0]).order_by(notes.c.at)
        assert list((await conn.execute(query)).scalars()) == moments[1:]


async def test_a_time_without_a_zone_is_refused(kept):
    with pytest.raises(StatementError, match="zone"):
        async with kept.begin() as conn:
            await add(conn, at=datetime(2025, 11, 24))


@pytest.mark.parametrize("body", [None, {}, {"名": ["张伟", 1, 2.5, True, None]}, [], "text with \u0000 inside", 0])
async def test_plain_data_comes_back_as_it_was(kept, body):
    async with kept.begin() as conn:
        await add(conn, body=body)
    async with kept.read() as conn:
        assert (await conn.execute(select(notes.c.body))).scalar_one() == body


@pytest.mark.parametrize("many", [0, 1, 2, 3, 8, 9, 40])
async def test_rows_that_are_added_together_come_back_as_they_were(kept, many):
    moment = datetime(2026, 3, 1, 9, 0, 0, 5, tzinfo=UTC)
    rows = [
        {
            "id": number,
            "at": moment + timedelta(microseconds=number),
            "body": [None, {"名": f"张:{number}"}][number % 2],
        }
        for number in range(many)
    ]
    for _ in range(2):  # text that was kept is as good as text that is new
        async with kept.begin() as conn:
            await conn.execute(notes.delete())
            await insert_all(conn, notes, rows)
        async with kept.read() as conn:
            found = await conn.execute(select(notes.c.id, notes.c.at, notes.c.body).order_by(notes.c.id))
            assert [dict(row._mapping) for row in found] == rows


async def test_of_rows_that_are_added_together_none_is_without_the_others(kept):
    with pytest.raises(IntegrityError):
        async with kept.begin() as conn:
            await insert_all(conn, notes, [{"id": number} for number in (1, 2, 1)])
    assert await count(kept) == 0


async def test_an_exception_leaves_nothing_behind(kept):
    with pytest.raises(RuntimeError):
        async with kept.begin() as conn:
            await add(conn)
            raise RuntimeError
    assert await count(kept) == 0


async def test_a_cancelled_transaction_leaves_nothing_and_blocks_nobody(kept):
    inside = asyncio.Event()

    async def hang():
        async with kept.begin() as conn:
            await add(conn)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with kept.begin() as conn:
        await add(conn)
    assert await count(kept) == 1


async def test_a_reader_cannot_write(kept):
    with pytest.raises(DBAPIError, match=r"(?i)read-?only"):
        async with kept.read() as conn:
            await add(conn)
    # and the connection it used is whole again
    async with kept.begin() as conn:
        await add(conn)
    assert await count(kept) == 1


async def test_a_reader_sees_one_moment_while_others_write(kept):
    async with kept.read() as reader:
        before = (await reader.execute(select(func.count()).select_from(notes))).scalar_one()
        async with kept.begin() as conn:
            await add(conn)
        after = (await reader.execute(select(func.count()).select_from(notes))).scalar_one()
    assert (before, after) == (0, 0)
    assert await count(kept) == 1


async def test_fifty_writers_at_once_all_get_their_turn(kept):
    async def one():
        async with kept.begin() as conn:
            await add(conn)

    await asyncio.gather(*(one() for _ in range(50)))
    assert await count(kept) == 50


async def test_two_connections_to_one_sqlite_file_wait_for_each_other(sqlite_database, sqlite_url):
    other = await Database.open(sqlite_url)
    async with sqlite_database.begin() as conn:
        await conn.run_sync(_tables.create_all)

    async def many(database):
        for _ in range(25):
            async with database.begin() as conn:
                await add(conn)

    await asyncio.gather(many(sqlite_database), many(other))
    assert await count(other) == 50
    await other.close()


async def test_sqlite_keeps_what_it_acknowledged_through_a_power_cut(sqlite_database):
    async with sqlite_database.begin() as conn:
        assert (await conn.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
        assert (await conn.execute(text("PRAGMA synchronous"))).scalar() == 2
        assert (await conn.execute(text("PRAGMA foreign_keys"))).scalar() == 1


async def test_listeners_hear_a_subject_once_after_the_commit_and_never_of_a_rollback(kept):
    heard = []

    async def listen(subjects):
        heard.append((subjects, await count(kept)))

    kept.committed.append(listen)
    async with kept.begin() as conn:
        await add(conn)
        say_after_commit(conn, "jobs.wake")
        say_after_commit(conn, "jobs.wake")
        assert heard == []
    with pytest.raises(RuntimeError):
        async with kept.begin() as conn:
            say_after_commit(conn, "jobs.wake")
            raise RuntimeError
    async with kept.begin() as conn:
        await add(conn)
    assert heard == [(frozenset({"jobs.wake"}), 1)]


async def test_work_carried_out_whole_is_committed_and_told_or_nothing_of_it_stands(kept):
    heard = []

    async def listener(subjects):
        heard.append((subjects, await count(kept)))

    kept.committed.append(listener)

    async def work(conn):
        await add(conn, body=[1])
        say_after_commit(conn, "notes")
        return (await conn.execute(select(func.count()).select_from(notes))).scalar_one()

    async def fails(conn):
        await work(conn)
        raise LookupError("after it wrote")

    assert await kept.carry_out(work) == 1
    with pytest.raises(LookupError):
        await kept.carry_out(fails)
    assert await kept.carry_out(work) == 2
    assert heard == [(frozenset({"notes"}), 1), (frozenset({"notes"}), 2)]


async def test_work_and_transactions_take_turns(kept):
    async def read_and_write(conn):
        found = (await conn.execute(select(func.count()).select_from(notes))).scalar_one()
        await add(conn, id=found)

    async def by_hand():
        async with kept.begin() as conn:
            if kept.dialect == "postgresql":
                await conn.execute(text("LOCK TABLE notes"))
            await read_and_write(conn)

    async def locked(conn):
        if kept.dialect == "postgresql":
            await conn.execute(text("LOCK TABLE notes"))
        await read_and_write(conn)

    await asyncio.gather(*(kept.carry_out(locked) if number % 2 else by_hand() for number in range(20)))
    assert await count(kept) == 20


async def test_whoever_is_cancelled_meanwhile_leaves_work_that_ends_by_itself(sqlite_database):
    async with sqlite_database.begin() as conn:
        await conn.run_sync(_tables.create_all)
    told = asyncio.Event()

    async def listener(_subjects):
        told.set()

    async def work(conn):
        await add(conn, body=[1])
        say_after_commit(conn, "notes")

    sqlite_database.committed.append(listener)
    asked = asyncio.create_task(sqlite_database.carry_out(work))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await asyncio.wait_for(told.wait(), 5)
    assert await count(sqlite_database) == 1


async def test_work_that_waits_for_something_else_is_a_fault_and_writes_nothing(sqlite_database):
    async with sqlite_database.begin() as conn:
        await conn.run_sync(_tables.create_all)

    async def work(conn):
        await add(conn, body=[1])
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="no statement"):
        await sqlite_database.carry_out(work)
    assert await count(sqlite_database) == 0


async def test_a_look_is_one_moment_and_cannot_write(kept):
    async def look(conn):
        return (await conn.execute(select(func.count()).select_from(notes))).scalar_one()

    assert await kept.look(look) == 0
    with pytest.raises(DBAPIError):
        await kept.look(lambda conn: add(conn, body=[1]))
    assert await kept.look(look) == 0


async def test_one_question_is_asked_and_nothing_more(kept):
    async def ask(conn):
        return (await conn.execute(select(func.count()).select_from(notes))).scalar_one()

    async def twice(conn):
        return await ask(conn) + await ask(conn)

    assert await kept.ask(ask) == 0
    for more in (twice, lambda conn: add(conn, body=[1])):
        with pytest.raises(RuntimeError, match="more than one question"):
            await kept.ask(more)
    await kept.carry_out(lambda conn: add(conn, body=[1]))
    assert await kept.ask(ask) == 1, "what was written a moment ago is seen"


async def test_a_connection_that_rested_and_broke_is_replaced(postgres_database, monkeypatch):
    monkeypatch.setattr(db, "_RESTED_S", 0.0)
    opened = await Database.open(postgres_database)

    async def ask(conn):
        return (await conn.execute(select(func.pg_backend_pid()))).scalar_one()

    async def end(conn):
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid() AND datname = "
        await conn.execute(text(others + "current_database()"))

    await asyncio.gather(*(opened.ask(ask) for _ in range(4)), opened.look(ask))
    await opened.carry_out(end)
    await asyncio.sleep(0.1)
    for _ in range(4):
        assert await opened.ask(ask) and await opened.look(ask)
    async with opened.read() as conn:
        assert await ask(conn)
    await opened.close()


async def test_a_listener_that_fails_does_not_deny_a_commit(kept):
    async def fail(subjects):
        raise ConnectionError("no bus")

    kept.committed.append(fail)
    async with kept.begin() as conn:
        await add(conn)
        say_after_commit(conn, "jobs.wake")
    assert await count(kept) == 1


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "sqlite:///:memory:"])
async def test_a_database_we_do_not_speak_to_is_refused(url):
    with pytest.raises(ValueError, match="SQLite"):
        await Database.open(url)


async def test_a_database_that_is_not_there_is_an_error_at_once(tmp_path):
    with pytest.raises(DBAPIError):
        await Database.open(f"sqlite:///{tmp_path}/no/such/folder/x.db")
