"""Every table of the product, by importing the modules that declare them, and the database brought up to them."""

from __future__ import annotations

import importlib

from sqlalchemy.exc import DBAPIError

from foundation import migrations
from foundation.settings import Settings
from server import preflight
from server.supervise import CannotStart

MODULES = (
    "foundation.audit",
    "foundation.jobs",
    "office.tables",
    "helpdesk.tables",
    "signing.store",
    "recordings.store",
    "signaling.store",
    "server.login.store",
)
"""Modules that declare tables; a test compares them with the code."""


def load_tables() -> None:
    for module in MODULES:
        importlib.import_module(module)


async def migrate_database(settings: Settings) -> None:
    """Bring the database to this version's tables. CannotStart for one that is absent or of a later version."""
    load_tables()
    try:
        await migrations.migrate(settings.database)
    except DBAPIError as error:
        raise CannotStart(preflight.database_sentence(settings, error)) from error
    except migrations.NewerDatabase as error:
        raise CannotStart(
            "数据库来自更新的版本，这个版本不能打开。请用新版本，或恢复旧备份。\n"
            "The database was made by a later version and this one cannot open it. "
            "Use the later version, or restore an older backup."
        ) from error
