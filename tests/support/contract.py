"""Asks a running node everything its OpenAPI description allows and forbids (schemathesis) and hears whether the
answers are those it describes: no 5xx, every status and content type documented, every body of the stated shape."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.rehearsal.installation import Installation

# Behaviour that a description cannot state (which right, which state of a record) is tested where it belongs.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@dataclass(frozen=True)
class Asking:
    """Somebody logged in: the headers they ask with, and parts of paths that exist for them."""

    headers: Mapping[str, str]
    known: Mapping[str, str]


async def logged_in(installed: Installation, account: str) -> Asking:
    """With a case and its record where they see any."""
    head = {"Origin": installed.url}
    login = {"account": account, "password": installed.accounts[account].password}
    async with aiohttp.ClientSession(installed.url, headers=head, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post("/api/login", json=login) as answer:
            assert answer.status == 200, await answer.text()
            cookie = answer.cookies["yk_session"].value
        async with session.get("/api/cases") as answer:
            rows = (await answer.json())["cases"] if answer.status == 200 else []
    known = {"case": rows[0]["case"], "record": rows[0]["record"]} if rows else {}
    return Asking({**head, "Cookie": f"yk_session={cookie}"}, known)


def ask_everything(
    url: str,
    folder: Path,
    *,
    headers: Mapping[str, str],
    examples: int,
    phases: Sequence[str] = ("examples", "coverage", "fuzzing"),
    known: Mapping[str, str] | None = None,
    except_paths: Sequence[str] = (),
) -> str:
    """Returns what the tool said. Raises AssertionError with it when an answer was not as described.

    ``known`` are parts of paths that exist (`case`, `record`); without them nearly every answer would be "not found".

    Headers (a cookie may be among them) go by a file of mode 0600, not by the command line. The seed is fixed: what
    fails today fails tomorrow.
    """
    config = folder / "schemathesis.toml"
    lines = ["[headers]", *(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in headers.items())]
    lines += ["[parameters]", *(f'"path.{name}" = {json.dumps(value)}' for name, value in (known or {}).items())]
    with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write("\n".join(lines) + "\n")
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config)),
        *("run", f"{url}/api/openapi.json", "--url", url, "--no-color", "--seed", "1"),
        *("--max-examples", str(examples), "--phases", ",".join(phases), "--checks", ",".join(CHECKS)),
        *("--suppress-health-check", "all", "--generation-database", "none", "--continue-on-failure"),
    ]
    for path in except_paths:
        command += ["--exclude-path", path]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-20_000:]
    return done.stdout
