"""Whole transactions of SQLite as errands of a thread: from BEGIN to COMMIT without a turn of the event loop.

What is awaited between two statements elsewhere is the thread of the connection, and then the loop's next turn: while
a thousand pages are written, the one writer's turn would last as long as a dozen of theirs. Here the same functions run
where their statements do. They are coroutines because on PostgreSQL they wait; here nothing in them ever does.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import sqlite

SUBJECTS = "yuankan.subjects"
"""Where a transaction keeps what is said once it stands."""

READERS = 2
"""Threads that read: they run Python most of their time, and one at a time does."""

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]


class _Here:
    """As much of an AsyncConnection as stores use, with each answer there at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect
        self.info = connection.info

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        return self._connection.execute(statement, parameters)


class Errands:
    """Connections of their own to one SQLite file: one writes, for whoever holds the process's turn, others read."""

    def __init__(self, url: URL) -> None:
        self._write = _Engine(url, threads=1, writes=True)
        self._read = _Engine(url, threads=READERS, writes=False)

    async def write(self, work: Work[T]) -> tuple[T, frozenset[str]]:
        """What `work` gives and the subjects to be told, committed; nothing at all if it raises."""
        return await self._write.run(work)

    async def look(self, work: Work[T]) -> T:
        return (await self._read.run(work))[0]

    def close(self) -> None:
        self._write.close()
        self._read.close()


class _Engine:
    def __init__(self, url: URL, *, threads: int, writes: bool) -> None:
        self._engine: Engine = create_engine(url.set(drivername="sqlite"), pool_size=threads, max_overflow=0)
        sqlite.set_up(self._engine, writes=writes)
        self._threads = ThreadPoolExecutor(threads, "sqlite-write" if writes else "sqlite-read")

    async def run(self, work: Work[T]) -> tuple[T, frozenset[str]]:
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, self._transact, work)

    def _transact(self, work: Work[T]) -> tuple[T, frozenset[str]]:
        with self._engine.connect() as connection:
            take_subjects(connection)
            with connection.begin():
                found = _finish(cast(Coroutine[Any, Any, T], work(cast(AsyncConnection, _Here(connection)))))
                return found, take_subjects(connection)

    def close(self) -> None:
        self._threads.shutdown()
        self._engine.dispose()


def _finish(work: Coroutine[Any, Any, T]) -> T:
    try:
        work.send(None)
    except StopIteration as done:
        return cast(T, done.value)
    work.close()
    raise RuntimeError("this work waits for something that is no statement")


def take_subjects(conn: Connection | AsyncConnection) -> frozenset[str]:
    # conn.info lives as long as the pooled connection, so what a rolled-back transaction left there is dropped here.
    return frozenset(conn.info.pop(SUBJECTS, ()))
