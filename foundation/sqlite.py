"""SQLAlchemy's aiosqlite dialect with one trip to the connection's thread for a statement, not four; and quick turns.

aiosqlite runs every call of a cursor (make, execute, fetch, close) in the thread of its connection, and each of these
trips takes longer than most statements. Rows are fetched whole in any case, so all of it is one errand here.

Processes that write take turns. SQLite's own way to wait sleeps for up to 100 ms between two looks, while most turns
are over in five: whoever asks to write looks every millisecond here.
"""

import time
from collections import deque
from collections.abc import Callable
from sqlite3 import SQLITE_BUSY, Connection, Cursor, OperationalError
from typing import Any

from sqlalchemy.connectors.asyncio import AsyncAdapt_dbapi_connection
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite import aiosqlite as adapted
from sqlalchemy.util import EMPTY_DICT

WRITE = "BEGIN IMMEDIATE"
BUSY_MS = 10_000
"""A writer of another process may hold the file for a whole transaction; this is far beyond the longest of ours."""

_LOOK_S = 0.001
DRIVER = "sqlite+one_trip"
registry.register("sqlite.one_trip", __name__, "OneTripDialect")


class _Unused:
    """What a cursor says before its first statement."""

    description = lastrowid = None
    rowcount = -1
    arraysize = 1


class _Cursor(adapted.AsyncAdapt_aiosqlite_cursor):
    __slots__ = ()

    def __init__(self, adapt_connection: AsyncAdapt_dbapi_connection) -> None:
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection
        self._cursor = _Unused()  # type: ignore[assignment]
        self._soft_closed_memoized = EMPTY_DICT
        self._rows = deque()

    async def _execute_async(self, operation: Any, parameters: Any) -> Any:
        def errand(connection: Connection) -> tuple[Cursor, list[Any]]:
            if operation == WRITE:
                return _begin_to_write(connection), []
            cursor = connection.execute(operation, parameters or ())
            return cursor, cursor.fetchall() if cursor.description else []

        return await self._carry_out(errand)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        return await self._carry_out(lambda connection: (connection.executemany(operation, seq_of_parameters), []))

    async def _carry_out(self, errand: Callable[[Connection], tuple[Cursor, list[Any]]]) -> Any:
        connection = self._connection
        async with self._adapt_connection._execute_mutex:
            self._cursor, rows = await connection._execute(lambda: errand(connection._conn))
        self._rows = deque(rows)
        return self._cursor

    async def _async_soft_close(self) -> None:
        """All rows are here: the cursor holds nothing any more."""

    def close(self) -> None:
        self._rows.clear()


def _begin_to_write(connection: Connection) -> Cursor:
    """Raises OperationalError if it is not our turn within BUSY_MS."""
    deadline = time.monotonic() + BUSY_MS / 1000
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                return connection.execute(WRITE)
            except OperationalError as error:
                if error.sqlite_errorcode & 0xFF != SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
            time.sleep(_LOOK_S)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")


class _Connection(adapted.AsyncAdapt_aiosqlite_connection):
    __slots__ = ()
    _cursor_cls = _Cursor


class _Driver(adapted.AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *args: Any, **options: Any) -> _Connection:
        return _Connection(self, super().connect(*args, **options)._connection)


class OneTripDialect(adapted.SQLiteDialect_aiosqlite):
    """`sqlite+one_trip:///path`."""

    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> _Driver:
        import sqlite3

        import aiosqlite

        return _Driver(aiosqlite, sqlite3)
