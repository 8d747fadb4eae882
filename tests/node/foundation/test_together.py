"""Many in one transaction: an answer for each, and nobody suffers for another's fault."""

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import sqlite
from foundation.db import Database
from foundation.together import Together


async def test_what_breaks_one_is_told_to_it_alone_and_the_others_stand(database: Database) -> None:
    async with database.begin() as conn:
        await conn.execute(text("CREATE TABLE asked (number INTEGER PRIMARY KEY)"))
    sizes = []

    async def work(conn: AsyncConnection, numbers: Sequence[int]) -> list[int]:
        sizes.append(len(numbers))
        for number in numbers:
            await conn.execute(text("INSERT INTO asked VALUES (:number)"), {"number": number})
            if number == 3:
                raise ValueError(number)
        return [number * 10 for number in numbers]

    together = Together(database, work)
    answers = await asyncio.gather(*(together.ask(number) for number in range(6)), return_exceptions=True)
    assert [answer if isinstance(answer, int) else type(answer) for answer in answers] == [
        0,
        10,
        20,
        ValueError,
        40,
        50,
    ]
    assert sizes == [6, 1, 1, 1, 1, 1, 1]
    assert await asyncio.gather(together.ask(7), together.ask(8)) == [70, 80]
    assert sizes[-1] == 2
    async with database.read() as conn:
        found = await conn.execute(text("SELECT number FROM asked ORDER BY number"))
        assert [row.number for row in found] == [0, 1, 2, 4, 5, 7, 8]


async def test_where_the_turn_does_not_come_all_are_told_at_once(
    sqlite_database: Database, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_MS", 50)
    turns = 0
    carry_out = sqlite_database.carry_out

    async def counted(work: Any) -> Any:
        nonlocal turns
        turns += 1
        return await carry_out(work)

    monkeypatch.setattr(sqlite_database, "carry_out", counted)

    async def work(_conn: AsyncConnection, numbers: Sequence[int]) -> Sequence[int]:
        return numbers

    together = Together(sqlite_database, work)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answers = await asyncio.gather(*(together.ask(number) for number in range(20)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [sqlite3.OperationalError] * 20 and turns == 1
    other.close()
    assert await together.ask(1) == 1
