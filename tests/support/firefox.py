"""Firefox ESR from Debian, driven over WebDriver BiDi (W3C) with nothing in between.

Its cameras are fake, its permissions are given, and it is allowed to connect to loopback: all by preferences, since a
headless browser has nobody to ask.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.rehearsal.installation import free_port

PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.autoplay.default": 0,
    "media.gmp-manager.updateEnabled": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "remote.active-protocols": 1,
}


class FirefoxPage:
    """One tab. ``evaluate`` runs an expression, awaits what it gives, and returns it by way of JSON."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        self._firefox = firefox
        self._context = context

    async def goto(self, url: str) -> None:
        await self._firefox.ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def evaluate(self, expression: str, argument: object = None) -> Any:
        """``expression`` is a value, or a function that is given ``argument``. Raises AssertionError if it threw."""
        call = f"({expression})({json.dumps(argument)})" if argument is not None else f"({expression})"
        answer = await self._firefox.ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await {call} ?? null))()",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])


class Firefox:
    """The browser and its one connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0

    async def ask(self, method: str, **params: object) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json(timeout=60)
            if message.get("id") == self._number:
                assert message["type"] == "success", message
                result: dict[str, Any] = message["result"]
                return result

    async def page(self) -> FirefoxPage:
        created = await self.ask("browsingContext.create", type="tab")
        return FirefoxPage(self, created["context"])


@asynccontextmanager
async def firefox(folder: Path) -> AsyncIterator[Firefox]:
    """A fresh profile in ``folder``."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    assert program is not None, "no Firefox on PATH; ./run check installs it as root on Debian"
    profile = folder / "firefox"
    profile.mkdir()
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(program, "--headless", "--no-remote", "--profile", str(profile), f"--remote-debugging-port={port}"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=(folder / "firefox.log").open("wb"),
    )
    try:
        async with aiohttp.ClientSession() as http:
            socket = await _connect(http, port, folder / "firefox.log")
            found = Firefox(socket)
            await found.ask("session.new", capabilities={})
            yield found
    finally:
        process.terminate()
        await process.wait()


async def _connect(http: aiohttp.ClientSession, port: int, log: Path) -> aiohttp.ClientWebSocketResponse:
    for _ in range(600):
        try:
            return await http.ws_connect(f"http://127.0.0.1:{port}/session", max_msg_size=0)
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
    raise AssertionError(f"Firefox does not answer:\n{log.read_text(errors='replace')[-2000:]}")
