"""Many in one transaction: an answer for each, and nobody suffers for another's fault."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

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
