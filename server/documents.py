"""Writes into the documents what the code knows best; a test fails when they differ.

python -m server.documents
"""

from __future__ import annotations

import re
from pathlib import Path

from foundation.settings import document

DOCS = Path(__file__).resolve().parent.parent / "docs"
SETTINGS = re.compile(r"(<!-- settings:[^\n]*-->\n).*?(<!-- end of settings -->)", re.DOTALL)


def operations(text: str) -> str:
    """docs/operations.md with the table of settings as the code has it."""
    return SETTINGS.sub(lambda found: f"{found[1]}{document()}{found[2]}", text)


def main() -> None:
    path = DOCS / "operations.md"
    path.write_text(operations(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
