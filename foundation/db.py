"""The one door to SQLite and PostgreSQL: SQLAlchemy Core, aware UTC times, one write transaction at a time on SQLite.

`begin()` is a write transaction, `read()` a consistent read-only snapshot, `carry_out()` and `look()` the same for work
that waits for nothing but its statements: on SQLite all of it is one errand of a thread, so that nobody's turn to write
lasts longer while the event loop is busy. Nothing else opens a connection. On SQLite every write starts with BEGIN
IMMEDIATE behind a lock in this process (other processes wait their turn, sqlite.py), so a transaction never has to be
repeated because it began as a reader. PostgreSQL writes at READ COMMITTED: whoever needs more takes a row lock, an
advisory lock or a unique constraint.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, DateTime, Dialect, MetaData, String, Table, Text, event, inspect, make_url, select
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator, TypeEngine

from foundation import log, sqlite
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
_POSTGRES_CONNECTIONS = 16


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


Committed = Callable[[frozenset[str]], Awaitable[None]]
_logger = log.get("db")


def say_after_commit(conn: AsyncConnection, subject: str) -> None:
    """Ask that listeners of `Database.committed` hear this subject once the transaction stands, and only then."""
    conn.info.setdefault(SUBJECTS, set()).add(subject)


class Database:
    """Connections to one database, for one event loop."""

    def __init__(self, write: AsyncEngine, read: AsyncEngine, dialect: Literal["sqlite", "postgresql"]) -> None:
        self.dialect = dialect
        self.committed: list[Committed] = []
        self._write = write
        self._read = read
        self._writer = asyncio.Lock() if dialect == "sqlite" else None
        self._errands: Errands | None = None
        self._carried_out: set[asyncio.Task[Any]] = set()

    @classmethod
    async def open(cls, url: str) -> "Database":
        """Connect. `url` is sqlite:///path or postgresql://user@host/name, with or without a driver.

        Raises ValueError for another kind of URL, and the driver's error when the database is not there.
        """
        parsed = async_url(url)
        if parsed.get_backend_name() == "sqlite":
            database = cls(_sqlite(parsed, writes=True), _sqlite(parsed, writes=False), "sqlite")
            database._errands = Errands(parsed)
        else:
            engine = create_async_engine(parsed, pool_size=_POSTGRES_CONNECTIONS, max_overflow=0, pool_pre_ping=True)
            database = cls(engine, engine, "postgresql")
        try:
            async with database.begin() as conn:
                await conn.execute(select(1))
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        await asyncio.gather(*self._carried_out, return_exceptions=True)
        if self._errands is not None:
            await asyncio.to_thread(self._errands.close)
        await self._write.dispose()
        await self._read.dispose()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One write transaction: committed on the way out, rolled back by any exception.

        On SQLite it holds the process's writer lock: do no network I/O inside.
        """
        if self._writer is None:
            subjects = frozenset[str]()
            async with self._transaction() as conn:
                yield conn
                subjects = take_subjects(conn)
        else:
            async with self._writer, self._transaction() as conn:
                yield conn
                subjects = take_subjects(conn)
        await self._tell(subjects)

    async def carry_out(self, work: Work[T]) -> T:
        """What `work` gives, in one write transaction. It may await nothing but statements.

        Whoever is cancelled meanwhile does not hear how it ended; it ends all the same.
        """
        if self._errands is None or self._writer is None:
            async with self.begin() as conn:
                return await work(conn)
        task = asyncio.create_task(self._carry_out(self._errands, self._writer, work))
        self._carried_out.add(task)
        task.add_done_callback(self._carried_out.discard)
        return await asyncio.shield(task)

    async def _carry_out(self, errands: Errands, writer: asyncio.Lock, work: Work[T]) -> T:
        async with writer:
            found, subjects = await errands.write(work)
        await self._tell(subjects)
        return found

    async def look(self, work: Work[T]) -> T:
        """What `work` gives, from one snapshot. It may await nothing but statements."""
        if self._errands is None:
            async with self.read() as conn:
                return await work(conn)
        return await self._errands.look(work)

    async def _tell(self, subjects: frozenset[str]) -> None:
        if subjects:
            for listener in self.committed:
                try:
                    await listener(subjects)
                except Exception:
                    # The rows stand: whoever wrote them must not be told that they do not.
                    _logger.exception("a listener failed after a commit", subjects=sorted(subjects))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        async with self._write.connect() as conn:
            take_subjects(conn)
            async with conn.begin():
                yield conn

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent snapshot that cannot write, on both engines."""
        async with self._read.connect() as conn:
            if self.dialect == "postgresql":
                await conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with conn.begin():
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


def _sqlite(url: URL, *, writes: bool) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=1 if writes else _SQLITE_READERS, max_overflow=0)
    sqlite.set_up(engine.sync_engine, writes=writes)
    return engine
