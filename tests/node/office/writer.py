"""A process of its own that appends to one record: `python writer.py URL RECORD NAME COUNT`. For tests of the chain."""

import asyncio
import sys
from datetime import UTC, datetime

from foundation.db import Database
from office import store
from office.events import NewEvent


async def write(url: str, record: str, name: str, count: int) -> None:
    database = await Database.open(url)
    written, seq = 0, 0
    while written < count:
        new = NewEvent(tag="officer:message:said", actor=name, body={"text": f"{name}-{written}"})
        try:
            async with database.begin() as conn:
                stored = await store.append(conn, record, seq, [new], at=datetime.now(UTC))
            seq, written = stored[-1].seq, written + 1
        except store.Conflict:
            async with database.read() as conn:
                new_events = await store.events(conn, record, after=seq)
            seq = new_events[-1].seq if new_events else seq
    await database.close()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
