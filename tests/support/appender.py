"""``python -m tests.support.appender URL NAME COUNT``: append rows to the audit log as another process does."""

import asyncio
import sys

from foundation import audit
from foundation.clock import SystemClock
from foundation.db import Database


async def append(url: str, name: str, count: int) -> None:
    database = await Database.open(url)
    clock = SystemClock()
    for number in range(count):
        async with database.begin() as conn:
            await audit.append(
                conn,
                at=clock.now(),
                actor=name,
                action="record.viewed",
                resource="record:rec_1",
                outcome="done",
                detail={"number": number},
            )
    await database.close()


async def append_in_two_processes(url: str, each: int) -> None:
    """Two processes append `each` rows to the same log at the same time."""
    running = [
        await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.support.appender", url, name, str(each))
        for name in ("one", "two")
    ]
    codes = await asyncio.gather(*(process.wait() for process in running))
    assert codes == [0, 0], f"the appending processes ended with {codes}"


if __name__ == "__main__":
    asyncio.run(append(sys.argv[1], sys.argv[2], int(sys.argv[3])))
