"""Signaling nodes on real sockets, and clients that speak the protocol."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import WSMsgType, web
from msgspec import Struct

from foundation.access import Actor
from foundation.bus import Bus
from foundation.clock import Clock, SystemClock
from foundation.db import Database
from foundation.http import build_app
from foundation.metrics import Metrics
from foundation.nats_child import NatsChild
from inspection.kind import INSPECTION
from office.commands import OfficerAssign
from office.session import Effect
from signaling import messages as m
from signaling.node import SignalingNode, Timing
from tests.support.small_office import LI, MATTER, WANG, Opened, open_office, open_record

QUICK = Timing(heartbeat_s=0.1, dead_after_s=0.6, grace_s=0.4, reply_within_s=2.0)
"""Seconds of a node that notices everything at once."""


class Station:
    """One node with its own database connection, bus and HTTP socket: what one process would have."""

    def __init__(self, node: SignalingNode, db: Database, bus: Bus, runner: web.AppRunner, url: str) -> None:
        self.node = node
        self.db = db
        self.bus = bus
        self.url = url
        self.effects: list[Effect] = []
        self._runner = runner
        self._actors: dict[str, Actor] = {}
        self._clients: list[Client] = []
        self._session = aiohttp.ClientSession(headers={"Origin": url})

    @classmethod
    async def start(
        cls,
        name: str,
        database_url: str,
        nats: NatsChild,
        *,
        clock: Clock | None = None,
        timing: Timing = QUICK,
        read_queue: Any = None,
    ) -> Self:
        clock = clock or SystemClock()
        db = await Database.open(database_url)
        bus = await Bus.connect(nats.url, nats.token, name=name)
        actors: dict[str, Actor] = {}
        effects: list[Effect] = []

        async def who(request: web.Request) -> Actor:
            return actors.get(request.query.get("as", ""), Actor("anonymous"))

        async def on_effect(_conn: Any, _record: str, effect: Effect) -> None:
            effects.append(effect)

        node = SignalingNode(
            name,
            db,
            bus,
            clock,
            {"inspection": INSPECTION},
            metrics=Metrics(),
            on_effect=on_effect,
            actors=who,
            timing=timing,
            read_queue=read_queue,
        )
        await node.start()
        runner = web.AppRunner(build_app(node.routes(), actors=who), access_log=None, shutdown_timeout=10)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        station = cls(node, db, bus, runner, f"http://{host}:{port}")
        station._actors, station.effects = actors, effects
        return station

    def forget(self, actor: Actor) -> None:
        """Log this person out."""
        self._actors.pop(actor.id, None)

    async def connect(self, record: str, actor: Actor, **options: Any) -> "Client":
        """Open the WebSocket as this person, without saying hello."""
        self._actors[actor.id] = actor
        url = f"{self.url}/api/ws?record={record}&as={actor.id}"
        ws = await self._session.ws_connect(url, max_msg_size=0, **options)
        client = Client(ws, record, actor)
        self._clients.append(client)
        return client

    async def join(self, record: str, actor: Actor, *, resume: str | None = None, view_only: bool = False) -> "Client":
        """Connect and be welcomed."""
        client = await self.connect(record, actor)
        await client.hello(resume=resume, view_only=view_only)
        return client

    async def post(self, path: str, actor: Actor) -> tuple[int, Any]:
        self._actors[actor.id] = actor
        async with self._session.post(f"{self.url}{path}?as={actor.id}", json={}) as response:
            return response.status, msgspec.json.decode(await response.read())

    async def stop(self) -> None:
        """An orderly end."""
        await self.node.stop()
        await self._close()

    async def kill(self) -> None:
        """An end as by kill -9: sockets are torn, nobody is told, no row changes."""
        await self.node.abandon()
        # What a dead process cannot do, this one must not do either.
        self.node._attendance.lose = _nothing  # type: ignore[method-assign]
        for client in self._clients:
            client.tear()
        await self._close()

    async def _close(self) -> None:
        for client in self._clients:
            await client.close()
        await self._session.close()
        await self._runner.cleanup()
        await self.bus.close()
        await self.db.close()


async def _nothing(*_args: Any) -> None:
    return None


class Client:
    """One page's connection. Everything that arrives is kept; `view` is the newest."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, record: str, actor: Actor) -> None:
        self.ws = ws
        self.record = record
        self.actor = actor
        self.welcome: m.Welcome | None = None
        self.received: list[Struct] = []
        self.view: dict[str, Any] = {}
        self._ids = count(1)
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.ws:
            if message.type is not WSMsgType.TEXT:
                continue
            decoded = m.decode_server(message.data)
            if isinstance(decoded, m.Welcome | m.View):
                self.view = msgspec.json.decode(decoded.view)
            self.received.append(decoded)
            news, self._news = self._news, asyncio.Event()
            news.set()

    @property
    def leg(self) -> str:
        assert self.welcome is not None and self.welcome.you.leg is not None
        return self.welcome.you.leg

    @property
    def closed_with(self) -> int | None:
        return self.ws.close_code

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.received if isinstance(message, kind)]

    async def send(self, message: Struct | str | bytes) -> None:
        text = message if isinstance(message, str) else None
        if isinstance(message, Struct):
            text = m.encode(message).decode()
        if text is not None:
            await self.ws.send_str(text)
        else:
            await self.ws.send_bytes(message)  # type: ignore[arg-type]

    async def hello(self, *, resume: str | None = None, view_only: bool = False) -> m.Welcome:
        await self.send(m.Hello(m.PROTOCOL_VERSION, resume, view_only))
        self.welcome = await self.wait(lambda: self.of(m.Welcome), "a welcome")
        return self.welcome

    async def wait(self, find: Callable[[], list[Any]], what: str, within_s: float = 20.0) -> Any:
        """The first of what `find` finds, as soon as it finds any."""
        deadline = asyncio.get_running_loop().time() + within_s
        while not (found := find()):
            if self._reader.done() and not self._reader.cancelled():
                self._reader.result()  # what came was nothing that the protocol knows
            seen = [type(message).__name__ for message in self.received[-8:]]
            assert asyncio.get_running_loop().time() < deadline, (
                f"{self.actor.name} waits for {what}; last came {seen}, close code {self.closed_with}, "
                f"phase {self.view.get('phase')}, refused {self.of(m.Refused)[-1:]}"
            )
            # Something may also have happened elsewhere than on this connection.
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._news.wait()
        return found[0]

    async def ask(self, message: Any) -> Any:
        """Send a request and give its answer, whichever it is."""
        before = len(self.received)
        await self.send(message)
        return await self.wait(
            lambda: [got for got in self.received[before:] if getattr(got, "id", None) == message.id],
            f"answer {message.id}",
        )

    async def try_(self, do: str, *, id: str | None = None, **fields: Any) -> m.Done | m.Refused:
        """A command and its answer, done or refused."""
        body = msgspec.Raw(msgspec.json.encode({"do": do, **fields}))
        answer = await self.ask(m.Command(id or f"{self.actor.id}-{next(self._ids)}-{id_suffix()}", body))
        assert isinstance(answer, m.Done | m.Refused)
        return answer

    async def do(self, do: str, **fields: Any) -> m.Done:
        """A command that must succeed."""
        answer = await self.try_(do, **fields)
        assert isinstance(answer, m.Done), f"{do}: {answer}"
        return answer

    async def sees(self, test: Callable[[Mapping[str, Any]], Any], what: str, within_s: float = 10.0) -> None:
        """Wait until the newest view satisfies `test`."""
        await self.wait(lambda: [True] if self.view and test(self.view) else [], what, within_s)

    async def gone(self, within_s: float = 10.0) -> int | None:
        """Wait until the connection has ended; its close code."""
        await self.wait(lambda: [True] if self._reader.done() else [], "the end", within_s)
        return self.closed_with

    def tear(self) -> None:
        """Cut the wire without a word."""
        transport = self.ws._response.connection and self.ws._response.connection.transport
        if transport is not None:
            transport.abort()

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        if not self.ws.closed:
            try:
                async with asyncio.timeout(1):
                    await self.ws.close()
            except (TimeoutError, ConnectionError):
                pass


_suffixes = count(1)


def id_suffix() -> str:
    return str(next(_suffixes))


async def assign(station: Station, record: str, lead: Actor, assist: Actor | None = None) -> None:
    """Book officers with a record."""
    system = Actor("system", id="system")
    for role, member in (("lead", lead), ("assist", assist)):
        if member is not None:
            command = OfficerAssign(role=role, staff=member.id, name=member.name)  # type: ignore[arg-type]
            acted = await station.node.dispatch(record, system, command)
            assert acted.refused is None, acted.refused


async def wait_in_line(client: Client) -> None:
    """The applicant's way to the waiting room."""
    await client.do("consent.give", version="1")
    await client.do("device.report", camera=True, microphone=True, browser="test")
    await client.do("wait.enter")


__all__ = [
    "LI",
    "MATTER",
    "QUICK",
    "WANG",
    "Client",
    "Opened",
    "Station",
    "assign",
    "open_office",
    "open_record",
    "wait_in_line",
]
