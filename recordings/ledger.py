"""The rows of stored parts, written for many epochs at once: a transaction costs as much for one part as for twenty."""

import asyncio

from foundation.db import Database
from recordings import store
from recordings.tail import Part

_Waiting = tuple[Part, asyncio.Future[None]]


class Ledger:
    """Whoever comes while a transaction runs waits, and all who wait share the next one."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[_Waiting] = []
        self._turn = asyncio.Lock()

    async def put(self, part: Part) -> None:
        """Return once the rows of this part are committed; raises what the database raised for the whole group."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((part, mine))
        async with self._turn:
            if not mine.done():
                await self._write(mine)
        await mine

    async def _write(self, mine: asyncio.Future[None]) -> None:
        group, self._waiting = self._waiting, []
        try:
            async with self._db.begin() as conn:
                await store.put_parts(conn, [(part.epoch, part.row, part.clusters) for part, _ in group])
        except BaseException as error:
            for _, waiting in group:
                if waiting is not mine and not waiting.done():
                    waiting.set_exception(error)
            raise
        for _, waiting in group:
            if not waiting.done():
                waiting.set_result(None)
