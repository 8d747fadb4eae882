"""From any older shape of the database to this version's, by alembic, on both engines, inside or outside an event loop.

Several processes may start at once: the first takes the lock, the others find nothing left to do. Everything is one
transaction on both engines, so a failed upgrade leaves the old shape.

A new revision is written from the difference between the revisions so far and the tables in code:

    python -m foundation.migrations "Say what changes" office.store recordings.store …

with every module that declares tables. Read what it wrote before you commit it.
"""

import asyncio
import io
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, create_engine, event, text

from foundation import db, sqlite

VERSIONS = Path(__file__).with_name("versions")
# Any fixed number, another than the audit log's. "schema" in ASCII.
_LOCK = 0x736368656D61
# Alembic keeps the running migration in module globals: one at a time in this process.
_one_at_a_time = threading.Lock()


class NewerDatabase(Exception):
    """The database was shaped by a later version of this program; going back needs a backup, not a guess."""


async def migrate(url: str, metadata: MetaData = db.metadata, *, versions: Path = VERSIONS) -> None:
    """Bring the database to the newest revision. Raises NewerDatabase, or the driver's error."""
    await asyncio.to_thread(migrate_now, url, metadata, versions=versions)


def migrate_now(url: str, metadata: MetaData = db.metadata, *, versions: Path = VERSIONS) -> None:
    """`migrate` for callers without an event loop; blocks."""
    from alembic import command
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError

    with _locked(url) as connection:
        config = _config(connection, metadata, versions)
        try:
            if ScriptDirectory.from_config(config).get_heads():
                command.upgrade(config, "head")
            db.make_beside(connection)
        except CommandError as error:
            if "Can't locate revision" in str(error):
                raise NewerDatabase(str(error)) from None
            raise


async def differences(url: str, metadata: MetaData = db.metadata) -> list[str]:
    """What still separates the database from the tables in code, one line each; empty when they agree."""
    return await asyncio.to_thread(_differences, url, metadata)


def ours(_thing: Any, name: str | None, _kind: str, reflected: bool, counterpart: Any) -> bool:
    """Whether alembic is to look at a thing: not at the indexes that engines keep beside tables (`db.keep_beside`)."""
    return not (reflected and counterpart is None and "_search" in (name or ""))


def _differences(url: str, metadata: MetaData) -> list[str]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with _locked(url) as connection:
        opts = {"compare_type": True, "target_metadata": metadata, "include_object": ours}
        context = MigrationContext.configure(connection, opts=opts)
        return [repr(difference) for difference in compare_metadata(context, metadata)]


def write_revision(url: str, metadata: MetaData, message: str, *, versions: Path = VERSIONS) -> Path | None:
    """Write the revision that takes the newest revision to `metadata`; None when nothing differs.

    `url` is an empty scratch database: it is migrated first, then compared.
    """
    from alembic import command
    from alembic.script import ScriptDirectory

    versions.mkdir(parents=True, exist_ok=True)
    migrate_now(url, metadata, versions=versions)
    if not _differences(url, metadata):
        return None
    with _locked(url) as connection:
        config = _config(connection, metadata, versions)
        number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
        script: Any = command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")
    path = Path(script.path)
    # Alembic's reminders to the author are no part of the file that is kept.
    path.write_text(re.sub(r"(?m)^ *# ### .*\n\n?", "", path.read_text()))
    return path


def write_revision_for(modules: list[str], message: str) -> Path | None:
    """`write_revision` for the tables these modules declare, against a scratch SQLite file."""
    import importlib

    for module in modules:
        importlib.import_module(module)
    with tempfile.TemporaryDirectory() as folder:
        return write_revision(f"sqlite:///{folder}/scratch.db", db.metadata, message)


def _config(connection: Connection, metadata: MetaData, versions: Path) -> Any:
    from alembic.config import Config

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("version_locations", str(versions).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    return config


@contextmanager
def _locked(url: str) -> Iterator[Connection]:
    engine = create_engine(db.sync_url(url))
    if engine.dialect.name == "sqlite":
        sqlite.set_up(engine, writes=True)
        # Rebuilding a table drops the old one, and must not take the rows that refer to it along.
        event.listen(engine, "connect", lambda conn, _record: conn.execute("PRAGMA foreign_keys = OFF"))
    try:
        with _one_at_a_time, engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection
            if engine.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise RuntimeError("a migration would leave rows that refer to nothing")
    finally:
        engine.dispose()
