"""The documents say what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from server import documents
from server.cli import app

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
HANDLED_BY_RUN = {"check", "rehearse", "bench"}


def test_the_table_of_settings_is_the_one_in_the_code() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert documents.operations(text) == text, "run: python -m server.documents"


def test_every_command_that_a_document_names_exists() -> None:
    for path in [ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")]:
        named = set(re.findall(r"(?:\./run|yuankan) ([a-z]+)", path.read_text("utf-8")))
        assert named <= COMMANDS | HANDLED_BY_RUN, f"{path.name} names {sorted(named - COMMANDS - HANDLED_BY_RUN)}"


def test_the_help_names_every_command() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "server.cli", "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout
    assert all(command in shown for command in COMMANDS)


def test_no_lock_file_names_the_host_of_a_registry() -> None:
    assert not [lock.name for lock in ROOT.glob("*.lock") if re.search(r"https?://", lock.read_text("utf-8"))]
    assert '"resolved"' not in (ROOT / "web_client" / "package-lock.json").read_text("utf-8")


def test_the_map_of_folders_in_the_readme_is_the_one_on_disk() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    named = set(re.findall(r"^\| `([a-z_]+)/`", readme, re.MULTILINE))
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"web_client", "docs"}
    assert named == folders


def test_every_test_that_a_document_names_exists() -> None:
    for path in (ROOT / "docs").glob("*.md"):
        for file, name in re.findall(r"(tests/[\w/]+\.py)::(\w+)", path.read_text("utf-8")):
            assert f"def {name}(" in (ROOT / file).read_text("utf-8"), f"{path.name}: {file}::{name}"
