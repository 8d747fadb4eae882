"""The revisions in the tree make exactly the tables that the code declares."""

import importlib
from pathlib import Path

import pytest
from sqlalchemy import text

from foundation.db import Database, metadata
from foundation.migrations import differences, migrate

ROOT = Path(__file__).parents[3]
FOLDERS = ("foundation", "office", "inspection", "helpdesk", "signing", "recordings", "media", "signaling", "server")


@pytest.fixture(autouse=True, scope="module")
def every_table() -> None:
    """Import each module that declares tables; outside the event loop, for importing reads files."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            source = path.read_text("utf-8")
            if "migrations" not in path.parts and "metadata" in source and "Table(" in source:
                importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


async def test_a_new_database_has_the_tables_the_code_declares(database_url):
    assert metadata.tables
    await migrate(database_url)
    assert await differences(database_url) == []


async def test_a_migrated_audit_log_is_append_only(database_url):
    await migrate(database_url)
    database = await Database.open(database_url)
    triggers = "SELECT count(*) FROM " + (
        "sqlite_master WHERE type = 'trigger' AND name LIKE 'audit_log_no_%'"
        if database.dialect == "sqlite"
        else "pg_trigger WHERE tgname = 'audit_log_append_only'"
    )
    async with database.read() as conn:
        assert (await conn.execute(text(triggers))).scalar_one() == (2 if database.dialect == "sqlite" else 1)
    await database.close()
