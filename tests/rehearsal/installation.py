"""A fresh installation in a folder of its own: the same command that users run, on free ports, until it serves."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

BELOW_CLIENTS = 32768  # where Linux begins to number its clients' ports (ip_local_port_range)
ROOT = Path(__file__).resolve().parent.parent.parent
# Two cores that also run browsers and tests: a first start makes keys, tables and demonstration data.
START_SECONDS = 180.0


@dataclass(frozen=True)
class Account:
    account: str
    password: str


@dataclass(frozen=True)
class Installation:
    """A running server: where it is, who may log in, where its files and logs are."""

    url: str
    folder: Path
    accounts: Mapping[str, Account]
    process: asyncio.subprocess.Process

    def log(self, role: str, lines: int = 40) -> str:
        """The end of a role's log, for a failing test to show."""
        path = self.folder / "data" / "logs" / f"{role}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else "(no log)"


def free_port() -> int:
    """A port that nobody has, neither for TCP nor for UDP, and that the system gives to no client in the meantime."""
    while True:
        port = BELOW_CLIENTS - 1 - secrets.randbelow(12_000)
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@asynccontextmanager
async def installation(folder: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[Installation]:
    """Start in ``folder``; stopped as Ctrl-C does. Raises RuntimeError with what the command said if it fails."""
    port, passwords = free_port(), folder / "accounts.json"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("YUANKAN_")},
        "PYTHONPATH": str(ROOT),
        "YUANKAN_DATA_DIR": str(folder / "data"),
        "YUANKAN_PORT": str(port),
        "YUANKAN_MEDIA_PORT": str(free_port()),
        **(settings or {}),
    }
    with (folder / "serve.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server.cli", "serve", "--accounts-file", str(passwords)),
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await _serving(url, process, folder / "serve.log")
        held = json.loads(passwords.read_text())["accounts"] if passwords.exists() else []
        accounts = {one["account"]: Account(one["account"], one["password"]) for one in held}
        yield Installation(url, folder, accounts, process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(process.wait(), 30)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _serving(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    async with aiohttp.ClientSession() as http:
        while True:
            if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise RuntimeError(f"the server does not serve:\n{log.read_text(errors='replace')[-3000:]}")
            try:
                async with http.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
