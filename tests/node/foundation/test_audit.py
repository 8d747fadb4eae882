import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from foundation import audit
from foundation.audit import Verdict, append, audit_log, entries, head, verify_chain
from tests.support.appender import append_in_two_processes


async def write(database, clock, count, *, actor="staff:stf_wang"):
    for number in range(count):
        async with database.begin() as conn:
            await append(
                conn,
                at=clock.now(),
                actor=actor,
                action="record.viewed",
                resource=f"record:rec_{number % 2}",
                outcome="done",
                detail={"purpose": "sample", "number": number},
            )
        clock.advance(0.5)


async def verdict(database) -> Verdict:
    async with database.read() as conn:
        return await verify_chain(conn)


async def unprotect(conn):
    """What only an owner of the database can do, who has no need to change rows through us."""
    if conn.dialect.name == "postgresql":
        await conn.execute(text("DROP TRIGGER audit_log_append_only ON audit_log"))
    else:
        for name in ("audit_log_no_update", "audit_log_no_delete"):
            await conn.execute(text(f"DROP TRIGGER {name}"))


async def test_an_untouched_log_verifies(database, clock):
    assert await verdict(database) == Verdict(True, 0, "ok")
    await write(database, clock, 7)
    assert await verdict(database) == Verdict(True, 7, "ok")


async def test_the_chain_is_one_under_two_processes(database, database_url):
    await append_in_two_processes(database_url, 250)
    assert await verdict(database) == Verdict(True, 500, "ok")


async def test_a_row_of_a_transaction_that_failed_is_not_in_the_chain(database, clock):
    await write(database, clock, 1)
    with pytest.raises(RuntimeError):
        async with database.begin() as conn:
            await append(conn, at=clock.now(), actor="a", action="b", resource="c", outcome="done", detail={})
            raise RuntimeError
    await write(database, clock, 1)
    assert await verdict(database) == Verdict(True, 2, "ok")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "staff:stf_li"),
        ("action", "record.read"),
        ("resource", "record:rec_9"),
        ("outcome", "refused"),
        ("detail", '{"number":2,"purpose":"complaint"}'),
        ("hash", "f" * 64),
    ],
)
async def test_a_changed_row_is_found(sqlite_database, clock, column, value):
    await write(sqlite_database, clock, 5)
    async with sqlite_database.begin() as conn:
        await unprotect(conn)
        await conn.execute(update(audit_log).where(audit_log.c.seq == 3).values({column: value}))
    assert await verdict(sqlite_database) == Verdict(False, 2, "changed", 3)


async def test_a_changed_time_is_found(database, clock):
    await write(database, clock, 3)
    async with database.begin() as conn:
        await unprotect(conn)
        await conn.execute(update(audit_log).where(audit_log.c.seq == 2).values(at=clock.now()))
    assert await verdict(database) == Verdict(False, 1, "changed", 2)


async def test_a_row_taken_out_is_found(database, clock):
    await write(database, clock, 5)
    async with database.begin() as conn:
        await unprotect(conn)
        await conn.execute(delete(audit_log).where(audit_log.c.seq == 3))
    assert await verdict(database) == Verdict(False, 2, "gap", 3)


async def test_a_row_resealed_after_a_change_breaks_the_next_link(sqlite_database, clock):
    await write(sqlite_database, clock, 4)
    async with sqlite_database.begin() as conn:
        await unprotect(conn)
        row = (await conn.execute(select(audit_log).where(audit_log.c.seq == 2))).one()
        values = {**row._mapping, "actor": "staff:stf_li"}
        values["hash"] = audit.entry_hash(**{name: value for name, value in values.items() if name != "hash"})
        await conn.execute(delete(audit_log).where(audit_log.c.seq == 2))
        await conn.execute(insert(audit_log).values(values))
    assert await verdict(sqlite_database) == Verdict(False, 2, "broken_link", 3)


async def test_a_tail_cut_off_shows_against_a_head_written_down_before(sqlite_database, clock):
    await write(sqlite_database, clock, 4)
    async with sqlite_database.read() as conn:
        before = await head(conn)
    async with sqlite_database.begin() as conn:
        await unprotect(conn)
        await conn.execute(delete(audit_log).where(audit_log.c.seq == 4))
    async with sqlite_database.read() as conn:
        assert await head(conn) != before


@pytest.mark.parametrize("change", [update(audit_log).values(actor="staff:stf_li"), delete(audit_log)])
async def test_a_program_of_ours_cannot_change_or_remove_a_row(database, clock, change):
    await write(database, clock, 2)
    with pytest.raises(DBAPIError, match="only appended to"):
        async with database.begin() as conn:
            await conn.execute(change)
    assert await verdict(database) == Verdict(True, 2, "ok")


async def test_the_rows_of_one_thing_are_read_in_order(database, clock):
    await write(database, clock, 6)
    async with database.read() as conn:
        found = [entry.seq async for entry in entries(conn, resource="record:rec_1")]
        rest = [entry.seq async for entry in entries(conn, after=4)]
    assert found == [2, 4, 6]
    assert rest == [5, 6]
