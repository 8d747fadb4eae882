"""An application on a real socket, and a client that behaves as a browser's page of that origin does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web


class Served:
    """A running application: `url`, and requests by a client with cookies and the right Origin."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = self.client()

    def client(self) -> aiohttp.ClientSession:
        """Another browser: its own cookies. Close it."""
        jar = aiohttp.CookieJar(unsafe=True)  # "unsafe" is what aiohttp calls cookies of an IP address
        return aiohttp.ClientSession(self.url, cookie_jar=jar, headers={"Origin": self.url})

    async def json(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Send plain data or a struct, expect this status, give the answer's JSON (None for an empty one)."""
        extra: dict[str, Any] = {}
        if body is not None:
            extra = {"data": msgspec.json.encode(body), "headers": {"Content-Type": "application/json"}}
        async with self.session.request(method, path, **extra) as response:
            text = await response.read()
            assert response.status == status, f"{method} {path}: {response.status} {text.decode(errors='replace')}"
            return msgspec.json.decode(text) if text else None

    async def get(self, path: str, *, status: int = 200) -> Any:
        return await self.json("GET", path, status=status)

    async def post(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        return await self.json("POST", path, {} if body is None else body, status=status)


Serve = Callable[[web.Application], Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """`served = await serve(app)`; stopped after the test."""
    running: list[tuple[web.AppRunner, Served]] = []

    async def start(app: web.Application) -> Served:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        running.append((runner, Served(f"http://{host}:{port}")))
        return running[-1][1]

    yield start
    for runner, served in running:
        await served.session.close()
        await runner.cleanup()
