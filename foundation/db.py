"""The one door to SQLite and PostgreSQL: SQLAlchemy Core, aware UTC times, one write transaction at a time on SQLite.

`begin()` is a write transaction, `read()` a consistent read-only snapshot, `carry_out()` and `look()` the same for work
that waits for nothing but its statements, `ask()` for a single one: all of it is one errand of a thread, so that
nobody's turn to write lasts longer while the event loop is busy. Nothing else opens a connection. On SQLite every write
starts with BEGIN IMMEDIATE behind a lock in this process (other processes wait their turn, sqlite.py), so a transaction
never has to be repeated because it began as a reader. PostgreSQL writes at READ COMMITTED: whoever needs more takes a
row lock, an advisory lock or a unique constraint.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    String,
    Table,
    Text,
    TextClause,
    bindparam,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator, TypeEngine

from foundation import log, sqlite
from foundation.checkpoints import Checkpoints
from foundation.errands import SUBJECTS, Errands, T, Work, take_subjects

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""All tables of the product, once the store modules that declare them are imported."""

# One thread each in aiosqlite; readers never wait for the writer under WAL.
_SQLITE_READERS = 8
_POSTGRES_CONNECTIONS = 8
_RESTED_S = 2.0
"""A connection that was not used for so long is asked whether it still stands: to ask each time takes as long as to
read a row. A database that restarts within this time fails whoever asks next, as it fails those who were asking.
"""

_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
# Threads for whole transactions: they run Python most of their time, and one at a time does; those that write to
# PostgreSQL wait for its disk as well, and for each other's rows.
_READERS = 2
_WRITERS = {"sqlite": 1, "postgresql": 6}


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime to the microsecond on both engines; text that sorts as time on SQLite.

    Raises ValueError for a naive datetime: guessing its zone would falsify a record.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True, precision=6))
        return dialect.type_descriptor(String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time must carry its zone")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromisoformat(value)


class Json(TypeDecorator[Any]):
    """Plain data as JSON text, the same bytes on both engines (so it may be hashed); never searched into."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


Make = Callable[[Connection], None]
_BESIDE: list[tuple[Table, Make]] = []


def keep_beside(table: Table, make: Make) -> None:
    """Have the engine keep something beside a table that SQLAlchemy knows nothing of: triggers, an index of its kind.

    `make` runs when the table is created and again after each migration, for rebuilding a table on SQLite drops its
    triggers: it must change nothing where all is there.
    """

    def on_create(_table: Table, connection: Connection, **_more: Any) -> None:
        make(connection)

    event.listen(table, "after_create", on_create)
    _BESIDE.append((table, make))


def make_beside(connection: Connection) -> None:
    """All of that, for the tables that exist."""
    tables = set(inspect(connection).get_table_names())
    for table, make in _BESIDE:
        if table.name in tables:
            make(connection)


Dialects = Literal["sqlite", "postgresql"]
Committed = Callable[[frozenset[str]], Awaitable[None]]
_logger = log.get("db")


def say_after_commit(conn: AsyncConnection, subject: str) -> None:
    """Ask that listeners of `Database.committed` hear this subject once the transaction stands, and only then."""
    conn.info.setdefault(SUBJECTS, set()).add(subject)


def each(rows: list[dict[str, Any]]) -> list[dict[str, Any]] | dict[str, Any]:
    """These rows as parameters of one statement: for a single one drivers have a shorter way than for many."""
    return rows[0] if len(rows) == 1 else rows


_FEW = 8
"""Rows that are worth a statement of their own: for more the driver's way is the shorter one."""


async def insert_all(conn: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Add these rows, of which all name the same columns: a few take hardly longer than one."""
    if 1 < len(rows) <= _FEW:
        values = {f"{name}_{number}": value for number, row in enumerate(rows) for name, value in row.items()}
        await conn.execute(_insert_few(table, tuple(rows[0]), len(rows)), values)
    elif rows:
        await conn.execute(insert(table), each(rows))


@lru_cache(maxsize=64)
def _insert_few(table: Table, names: tuple[str, ...], count: int) -> TextClause:
    # An insert of several rows made by SQLAlchemy is compiled each time; text is kept.
    rows = ", ".join("(" + ", ".join(f":{name}_{number}" for name in names) + ")" for number in range(count))
    typed = [bindparam(f"{name}_{number}", type_=table.c[name].type) for number in range(count) for name in names]
    columns = ", ".join(f'"{name}"' for name in names)
    return text(f'INSERT INTO "{table.name}" ({columns}) VALUES {rows}').bindparams(*typed)


class Database:
    """Connections to one database, for one event loop."""

    def __init__(self, url: URL) -> None:
        """`url` as `async_url` makes it."""
        self.dialect: Dialects = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql"
        self.committed: list[Committed] = []
        self._write, self._read = _waiting(url, self.dialect)
        self._writing, self._reading, self._asking = _errands(url, self.dialect)
        # Who waits for SQLite's one writer's turn does so here, and not at the file.
        self._turn = asyncio.Lock() if self.dialect == "sqlite" else None
        self._checkpoints = Checkpoints(url.database, self._turn) if self._turn and url.database else None
        self._carried_out: set[asyncio.Task[Any]] = set()

    @classmethod
    async def open(cls, url: str) -> "Database":
        """Connect. `url` is sqlite:///path or postgresql://user@host/name, with or without a driver.

        Raises ValueError for another kind of URL, and the driver's error when the database is not there.
        """
        database = cls(async_url(url))
        try:
            async with database.begin() as conn:
                await conn.execute(select(1))
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        await asyncio.gather(*self._carried_out, return_exceptions=True)
        if self._checkpoints is not None:
            await self._checkpoints.close()
        for errands in (self._writing, self._reading, self._asking):
            await asyncio.to_thread(errands.close)
        await self._write.dispose()
        await self._read.dispose()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One write transaction: committed on the way out, rolled back by any exception.

        On SQLite it holds the process's writer lock: do no network I/O inside.
        """
        async with self._turn or nullcontext(), self._write.connect() as conn:
            take_subjects(conn)
            async with conn.begin():
                yield conn
                subjects = take_subjects(conn)
        await self._tell(subjects)

    async def carry_out(self, work: Work[T]) -> T:
        """What `work` gives, in one write transaction. It may await nothing but statements.

        Whoever is cancelled meanwhile does not hear how it ended; it ends all the same.
        """
        task = asyncio.create_task(self._carry_out(work))
        self._carried_out.add(task)
        task.add_done_callback(self._carried_out.discard)
        return await asyncio.shield(task)

    async def _carry_out(self, work: Work[T]) -> T:
        async with self._turn or nullcontext():
            found, subjects = await self._writing.run(work)
        await self._tell(subjects)
        return found

    async def look(self, work: Work[T]) -> T:
        """What `work` gives, from one snapshot. It may await nothing but statements."""
        return (await self._reading.run(work))[0]

    async def ask(self, work: Work[T]) -> T:
        """What `work` gives, which asks one thing: a single SELECT needs no transaction around it, and on PostgreSQL
        that is one trip instead of three.
        """
        return (await self._asking.run(work))[0]

    async def _tell(self, subjects: frozenset[str]) -> None:
        """After a commit."""
        if self._checkpoints is not None:
            self._checkpoints.committed()
        if subjects:
            for listener in self.committed:
                try:
                    await listener(subjects)
                except Exception:
                    # The rows stand: whoever wrote them must not be told that they do not.
                    _logger.exception("a listener failed after a commit", subjects=sorted(subjects))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent snapshot that cannot write, on both engines."""
        async with self._read.connect() as conn, conn.begin():
            yield conn

    async def create_all(self) -> None:
        """Make every table of `metadata` without migrations: for tests and throw-away databases."""
        async with self.begin() as conn:
            await conn.run_sync(metadata.create_all)


def async_url(url: str) -> URL:
    """The URL with our asynchronous driver. Raises ValueError for a database we do not speak to."""
    return _with_driver(url, sqlite.DRIVER)


def sync_url(url: str) -> URL:
    """The URL with the synchronous driver that migrations use."""
    return _with_driver(url, "sqlite")


def _with_driver(url: str, driver: str) -> URL:
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise ValueError("SQLite needs a file: several connections share it")
            return parsed.set(drivername=driver)
        case "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise ValueError(f"neither SQLite nor PostgreSQL: {other}")


def _waiting(url: URL, dialect: Dialects) -> tuple[AsyncEngine, AsyncEngine]:
    """To write and to read, for whoever waits for other things between two statements."""
    if dialect == "postgresql":
        engine = create_async_engine(url, pool_size=_POSTGRES_CONNECTIONS, max_overflow=0)
        _ask_the_rested(engine.sync_engine)
        return engine, engine.execution_options(**_SNAPSHOT)
    write, read = (create_async_engine(url, pool_size=size, max_overflow=0) for size in (1, _SQLITE_READERS))
    sqlite.set_up(write.sync_engine, writes=True)
    sqlite.set_up(read.sync_engine, writes=False)
    return write, read


def _errands(url: URL, dialect: Dialects) -> tuple[Errands, Errands, Errands]:
    """To write, to read and to ask one thing, for whoever waits for nothing else."""
    writers = _WRITERS[dialect]
    if dialect == "postgresql":
        # The one that was used last again: its server process has plans and pages at hand.
        write = create_engine(url, pool_size=writers + 2 * _READERS, max_overflow=0, pool_use_lifo=True)
        _ask_the_rested(write)
        read: Engine = write.execution_options(**_SNAPSHOT)
        ask: Engine = write.execution_options(isolation_level="AUTOCOMMIT")
    else:
        file = url.set(drivername="sqlite")
        write, read, ask = (
            create_engine(file, pool_size=size, max_overflow=0) for size in (writers, _READERS, _READERS)
        )
        sqlite.set_up(write, writes=True)
        for engine in (read, ask):
            sqlite.set_up(engine, writes=False)
    return (
        Errands(write, writers, "db-write"),
        Errands(read, _READERS, "db-read"),
        Errands(ask, _READERS, "db-ask", once=True),
    )


def _ask_the_rested(engine: Engine) -> None:
    def on_checkin(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    def on_checkout(connection: Any, record: Any, _proxy: Any) -> None:
        used = record.info.get("used")
        if used is not None and time.monotonic() - used > _RESTED_S:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise DisconnectionError from error  # the pool gives another one

    event.listen(engine, "checkin", on_checkin)
    event.listen(engine, "checkout", on_checkout)
