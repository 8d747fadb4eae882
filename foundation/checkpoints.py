"""What was committed goes from SQLite's log into its file beside those who write, not at the end of their commits.

SQLite carries its log over when a commit finds it long: that commit then writes hundreds of pages and waits twice for
the disk, and all who write wait with it. Here a thread of its own does it, in two passes. The first takes most of it
while others write; what they add would leave the log unfinished, and it would grow as long as somebody writes. So the
second takes the rest, which is little, in the writer's turn; whoever writes next begins the log anew.
"""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor

from foundation import log

AFTER = 200
"""Commits of one process; a commit of the busiest kind is five pages of 2 KiB."""

_logger = log.get("db")


class Checkpoints:
    """Of one process that writes; others have their own, and one that finds another at it leaves it to that one."""

    def __init__(self, path: str, turn: asyncio.Lock) -> None:
        """`turn`: who holds it writes alone in this process."""
        self._path = path
        self._turn = turn
        self._commits = 0
        self._thread = ThreadPoolExecutor(1, "db-checkpoint")
        self._task: asyncio.Task[None] | None = None

    def committed(self) -> None:
        """One more."""
        self._commits += 1
        if self._commits >= AFTER and self._task is None:
            self._commits = 0
            self._task = asyncio.create_task(self._carry_over())

    async def _carry_over(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._pass)
            async with self._turn:
                await loop.run_in_executor(self._thread, self._pass)
        except sqlite3.Error:
            # The disk is full or away. Nothing is lost: the log holds it, and is carried over another time.
            _logger.exception("the log could not be carried over")
        finally:
            self._task = None

    def _pass(self) -> None:
        # A connection for each: it is rare, and one that is kept would have to be closed in its own thread.
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            connection.close()

    async def close(self) -> None:
        """Wait for the pass that runs."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown)
