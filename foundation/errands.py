"""Whole transactions as errands of a thread: from BEGIN to COMMIT without a turn of the event loop.

What is awaited between two statements elsewhere is the database, and then the loop's next turn: while a thousand pages
are written, a transaction of ten statements would hold its locks as long as a dozen of theirs. Here the same functions
run where their statements do. They are coroutines for those who call them between other things they wait for; here
nothing in them ever waits.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncConnection

SUBJECTS = "yuankan.subjects"
"""Where a transaction keeps what is said once it stands."""

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


class _Once(_Here):
    """The same for one question."""

    _asked = False

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        if self._asked or not statement.is_select:
            raise RuntimeError("this work is more than one question")
        self._asked = True
        return await super().execute(statement, parameters)


class Errands:
    """Connections of their own to one database, each with a thread that carries out one transaction after another."""

    def __init__(self, engine: Engine, threads: int, name: str, *, once: bool = False) -> None:
        """`engine`: its pool has room for as many connections; `once`: each transaction is one question."""
        self._engine = engine
        self._threads = ThreadPoolExecutor(threads, name)
        self._kind = _Once if once else _Here

    async def run(self, work: Work[T]) -> tuple[T, frozenset[str]]:
        """What `work` gives and the subjects to be told, committed; nothing at all if it raises."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, self._transact, work)

    def _transact(self, work: Work[T]) -> tuple[T, frozenset[str]]:
        with self._engine.connect() as connection:
            take_subjects(connection)
            with connection.begin():
                found = _finish(cast(Coroutine[Any, Any, T], work(cast(AsyncConnection, self._kind(connection)))))
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
