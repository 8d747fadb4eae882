"""The rows of stored parts, written for many epochs at once: a transaction costs as much for one part as for twenty."""

import asyncio
from collections.abc import Sequence

from foundation.db import Database
from recordings import store
from recordings.store import Rows

GATHER_S = 0.05  # those whose look began at the same moment come within this; nobody who views a running call feels it
_Waiting = tuple[Sequence[Rows], asyncio.Future[None]]


class Ledger:
    """Whoever comes soon after another, or while a transaction runs, shares the next one."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[_Waiting] = []
        self._turn = asyncio.Lock()

    async def put(self, rows: Sequence[Rows]) -> None:
        """Return once these rows are committed; raises what the database raised for the whole group."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, mine))
        async with self._turn:
            if not mine.done():
                await asyncio.sleep(GATHER_S)
                await self._write(mine)
        await mine

    async def _write(self, mine: asyncio.Future[None]) -> None:
        group, self._waiting = self._waiting, []
        try:
            async with self._db.begin() as conn:
                await store.put_rows(conn, [each for rows, _ in group for each in rows])
        except BaseException as error:
            for _, waiting in group:
                if waiting is not mine and not waiting.done():
                    waiting.set_exception(error)
            raise
        for _, waiting in group:
            if not waiting.done():
                waiting.set_result(None)
