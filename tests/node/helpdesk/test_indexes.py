"""No act of the hall reads a whole table: what is over is not looked at, however many years of it there are."""

import re
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from foundation.job_runner import JobRunner
from helpdesk import calling, store
from helpdesk.hours import day_of
from helpdesk.jobs import handlers
from tests.support.hall import SOCIAL, Hall, no_record

W1, W2 = "990101-S01", "990101-S02"
GROWING = ("tickets", "ticket_moves", "jobs", "notices")


@pytest.fixture
async def asked(hall: Hall) -> dict[str, Any]:
    """Every statement of a growing table from now on, with its parameters."""
    found: dict[str, Any] = {}

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if not many and statement.startswith(("SELECT", "UPDATE")) and any(name in statement for name in GROWING):
            found[statement] = parameters

    event.listen(Engine, "before_cursor_execute", note)
    yield found  # type: ignore[misc]
    event.remove(Engine, "before_cursor_execute", note)


async def test_every_act_finds_its_rows_by_an_index(hall: Hall, asked: dict[str, Any]) -> None:
    for window in (W1, W2):
        await hall.sit(window, f"agent of {window}")
    first = await hall.take(phone="13900000001", holder="one phone")
    for number in range(4):
        hall.clock.advance(1)
        await hall.take(phone=f"1390000001{number}")
    slip = await hall.called(W1)
    assert slip.ticket.id == first.ticket.id
    await hall.do(slip, "serve", window=W1)
    await hall.do(slip, "hand_over", window=W1, to=W2)
    await hall.do(slip, "accept", window=W2)
    await hall.do(slip, "finish", window=W2)
    away = await hall.take()
    await hall.do(away, "step_away", "come_back", "abandon")
    await hall.called(W2)
    async with hall.db.begin() as conn:
        await calling.leave_window(conn, W2, "agent", hall.clock.now())
        await store.seen(conn, SOCIAL)
        await store.standing(conn, away.ticket)
        await store.first_callable(conn, SOCIAL, 1, hall.clock.now())
        await store.left_over(conn, day_of(hall.clock.now()))
    runner = JobRunner(hall.db, hall.clock, handlers(hall.db, hall.clock, no_record))
    await runner.run_until_idle()
    assert len(asked) >= 20

    async with hall.db.begin() as conn:
        if hall.db.dialect == "postgresql":
            # So small a table is read whole for quickness: only where there is no other way now.
            await conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, parameters in asked.items():
            plan = await conn.run_sync(_plan, statement, parameters)
            for table in GROWING:
                # An index that holds only what is not over may be read whole.
                assert not re.search(f"SCAN {table}$|Seq Scan on {table}", plan, re.MULTILINE), (statement, plan)


def _plan(connection: Connection, statement: str, parameters: Any) -> str:
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    rows = connection.exec_driver_sql(f"{explain} {statement}", parameters)
    return "\n".join(str(row[-1]) for row in rows)
