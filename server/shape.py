"""Whether the SQLite file of this machine has this version's tables already: asked of the file itself.

A second start need not load the migration tool and every table to learn that there is nothing to do; that is half of
its time. Any doubt (another engine, no file, an unknown answer) is left to the tool.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

VERSIONS = Path(__file__).resolve().parent.parent / "foundation" / "migrations" / "versions"
REVISION = re.compile(r"^(revision|down_revision) = (?:'(\w+)'|\"(\w+)\"|None)", re.MULTILINE)


def newest_revision() -> str | None:
    """The revision that no other one builds on; None when that is not exactly one."""
    made: set[str] = set()
    built_on: set[str] = set()
    for path in VERSIONS.glob("*.py"):
        for name, single, double in REVISION.findall(path.read_text("utf-8")):
            (made if name == "revision" else built_on).add(single or double)
    heads = made - built_on
    return heads.pop() if len(heads) == 1 else None


def is_current(database_url: str) -> bool:
    parts = urlsplit(database_url)
    path = Path(parts.path[1:])
    if parts.scheme != "sqlite" or not path.is_file():
        return False
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        finally:
            connection.close()
    except sqlite3.Error:
        return False
    return len(row) == 1 and row[0][0] == newest_revision()
