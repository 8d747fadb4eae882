"""SQLAlchemy's aiosqlite dialect with no more trips to the connection's thread than statements; and quick turns.

aiosqlite runs every call (begin, make a cursor, execute, fetch, close, commit) in the thread of its connection, and
each of these trips takes longer than most statements. Rows are fetched whole in any case, so a statement is one errand
here; a transaction begins on the errand of its first statement; and to end one that only read takes none.

Processes that write take turns. SQLite's own way to wait sleeps for up to 100 ms between two looks, while most turns
are over in five: whoever asks to write looks every millisecond here.
"""

import time
from collections import deque
from collections.abc import Callable
from sqlite3 import SQLITE_BUSY, Connection, Cursor, OperationalError
from typing import Any, Literal

from sqlalchemy import Engine, event
from sqlalchemy.connectors.asyncio import AsyncAdapt_dbapi_connection
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite import aiosqlite as adapted
from sqlalchemy.util import EMPTY_DICT

Begin = Literal["BEGIN", "BEGIN IMMEDIATE"]
"""A snapshot to read from, as of the first statement; the one writer's turn."""

BUSY_MS = 10_000
"""A writer of another process may hold the file for a whole transaction; this is far beyond the longest of ours."""

_LOOK_S = 0.001
PAGE_BYTES = 2048
LOG_PAGES = 10_000
"""A commit that finds the log so long carries it over itself: nobody else did (checkpoints.py)."""

DRIVER = "sqlite+one_trip"
registry.register("sqlite.one_trip", __name__, "OneTripDialect")


_Errand = Callable[[Connection], tuple[Cursor, list[Any]]]


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
            cursor = connection.execute(operation, parameters or ())
            return cursor, cursor.fetchall() if cursor.description else []

        return await self._carry_out(errand)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        return await self._carry_out(lambda connection: (connection.executemany(operation, seq_of_parameters), []))

    async def _carry_out(self, errand: _Errand) -> Any:
        connection: Any = self._adapt_connection
        async with connection._execute_mutex:
            self._cursor, rows = await connection.errand(errand)
        self._rows = deque(rows)
        return self._cursor

    async def _async_soft_close(self) -> None:
        """All rows are here: the cursor holds nothing any more."""

    def close(self) -> None:
        self._rows.clear()


class OneTripConnection(adapted.AsyncAdapt_aiosqlite_connection):
    """A connection that begins with its first statement and knows when there is nothing to end."""

    __slots__ = ("_asked", "_begin", "_done", "_reads")
    _cursor_cls = _Cursor

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self._begin: Begin | None = None
        self._reads = False
        # Two counters with one writer each: an errand goes on when whoever asked for it was cancelled.
        self._asked = self._done = 0

    def begin_with_next(self, begin: Begin) -> None:
        """Start a transaction on the errand of the next statement."""
        self._begin, self._reads = begin, begin == "BEGIN"

    async def errand(self, work: _Errand) -> Any:
        begin, self._begin = self._begin, None
        self._asked += 1

        def errand() -> tuple[Cursor, list[Any]]:
            connection = self._connection._conn
            try:
                if begin is not None:
                    _begin(connection, begin)
                return work(connection)
            finally:
                self._done += 1

        return await self._connection._execute(errand)

    def commit(self) -> None:
        if not self._ended():
            super().commit()

    def rollback(self) -> None:
        if not self._ended():
            super().rollback()

    def _ended(self) -> bool:
        """Whether the transaction is over without a trip: nothing was said in it, or there is nothing to write."""
        self._begin = None
        connection = self._connection._connection
        if connection is None or self._asked != self._done:
            return False
        if connection.in_transaction and self._reads:
            connection.rollback()  # waits for nothing: a snapshot is let go
        return not connection.in_transaction


def set_up(engine: Engine, *, writes: bool) -> None:
    """Have each connection of this engine as it must be, and each transaction begin as it must: on a snapshot for
    readers, alone for writers.
    """
    begin: Begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves; the driver's own guess is off
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        # A commit writes whole pages, a few rows in each: half the size is half of what the disk has to take. Only a
        # file that is made now takes it.
        cursor.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        # FULL: a commit that was acknowledged outlives a power cut, which NORMAL does not promise under WAL.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        if not writes:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    def on_begin(connection: Any) -> None:
        driver = connection.connection.dbapi_connection
        if isinstance(driver, OneTripConnection):
            driver.begin_with_next(begin)
        else:
            _begin(driver, begin)

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


def _begin(connection: Connection, begin: Begin) -> None:
    if begin == "BEGIN IMMEDIATE":
        _begin_to_write(connection)
    else:
        connection.execute(begin)


def _begin_to_write(connection: Connection) -> None:
    """Raises OperationalError if it is not our turn within BUSY_MS."""
    deadline = time.monotonic() + BUSY_MS / 1000
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except OperationalError as error:
                if error.sqlite_errorcode & 0xFF != SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
            time.sleep(_LOOK_S)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")


class _Driver(adapted.AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *args: Any, **options: Any) -> OneTripConnection:
        # One thread at a time, not always the same: the end of a transaction that only read is no trip.
        return OneTripConnection(self, super().connect(*args, **options | {"check_same_thread": False})._connection)


class OneTripDialect(adapted.SQLiteDialect_aiosqlite):
    """`sqlite+one_trip:///path`."""

    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> _Driver:
        import sqlite3

        import aiosqlite

        return _Driver(aiosqlite, sqlite3)
