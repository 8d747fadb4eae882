"""The whole product in one process: nodes, media workers, packager and job runner, each with parts of its own."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec

from foundation.access import Actor
from foundation.bus import Bus
from foundation.clock import SystemClock
from foundation.job_runner import JobRunner
from foundation.settings import Settings
from media import rtcp
from media.rtp import build
from media.worker import MediaWorker
from recordings.packager import Packager
from server.assembly import Parts, open_parts
from server.demo import Demonstration, ensure_demonstration
from server.node import Node, build_node, start_node
from server.schema import migrate_database
from server.work import job_handlers
from signaling import messages as m
from tests.support.media_worker import running_worker
from tests.support.rtp_client import AUDIO_SSRC, VIDEO_SSRC, RtpClient
from tests.support.rtp_source import FPS, pictures, sounds
from tests.support.signaling import Client, _nothing

TRACKS = [m.TrackOffer("0", "audio"), m.TrackOffer("1", "camera")]


class PatientClock(SystemClock):
    """A real clock whose monotonic time the test may move on, for whoever waits long before giving something up."""

    def __init__(self) -> None:
        self._ahead_ns = 0

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() + self._ahead_ns

    def skip(self, seconds: float) -> None:
        self._ahead_ns += round(seconds * 1e9)


class Dwelling:
    """One running node."""

    def __init__(self, parts: Parts, node: Node, url: str, stack: AsyncExitStack) -> None:
        self.parts = parts
        self.node = node
        self.url = url
        self._stack = stack
        self._clients: list[Client] = []

    @classmethod
    async def open(cls, settings: Settings, name: str) -> Self:
        stack = AsyncExitStack()
        parts = await stack.enter_async_context(open_parts(settings, name))
        node = await build_node(parts, dist=None)
        port = await start_node(node, parts, stack)
        return cls(parts, node, f"http://127.0.0.1:{port}", stack)

    async def join(self, person: "Person", record: str, *, resume: str | None = None) -> Client:
        """The person's page opens its live connection here and is welcomed."""
        ws = await person.session.ws_connect(
            f"{self.url}/api/ws?record={record}", headers={"Origin": self.url}, max_msg_size=0
        )
        client = Client(ws, record, Actor("guest", id=person.name, name=person.name))
        self._clients.append(client)
        await client.hello(resume=resume)
        return client

    async def kill(self) -> None:
        """As by kill -9: sockets are torn, nobody is told, no row changes."""
        await self.node.signaling.abandon()
        self.node.signaling._attendance.lose = _nothing  # type: ignore[method-assign, assignment]
        for client in self._clients:
            client.tear()

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        await self._stack.aclose()


class Person:
    """A browser: cookies that every node knows, and requests as pages send them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def ask(self, method: str, at: Dwelling, path: str, body: Any = None, *, status: int = 200) -> Any:
        """JSON or bytes there, JSON (or bytes, where it is none) back."""
        headers = {"Origin": at.url}
        data = body
        if not isinstance(body, bytes) and method == "POST":
            headers["Content-Type"] = "application/json"
            data = msgspec.json.encode(body if body is not None else {})
        async with self.session.request(method, at.url + path, data=data, headers=headers) as response:
            got = await response.read()
            shown = got[:500].decode(errors="replace")
            assert response.status == status, f"{self.name}: {method} {path}: {response.status} {shown}"
            return msgspec.json.decode(got) if "json" in response.content_type and got else got

    async def get(self, at: Dwelling, path: str) -> Any:
        return await self.ask("GET", at, path)

    async def post(self, at: Dwelling, path: str, body: Any = None, *, status: int = 200) -> Any:
        return await self.ask("POST", at, path, body, status=status)


class Line:
    """One person's media: what the page's two peer connections do. Pictures and tones are real VP8 and Opus."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.sending = RtpClient()
        self.receiving = RtpClient()
        self._ids = count(1)
        self._speaking: asyncio.Task[None] | None = None

    async def publish(self) -> None:
        """Offer, connect and send from now on; in place of what was sent before."""
        await self.hush()
        self.sending.close()
        self.sending = RtpClient()
        answer = await self.client.ask(m.Publish(f"p{id(self)}-{next(self._ids)}", self.sending.offer(), TRACKS))
        assert isinstance(answer, m.Published), answer
        await self.sending.connect(answer.answer)
        self._speaking = asyncio.create_task(self._speak(self.sending))

    async def subscribe(self) -> None:
        self.receiving.close()
        self.receiving = RtpClient()
        offered = await self.client.ask(m.Subscribe(f"s{id(self)}-{next(self._ids)}"))
        assert isinstance(offered, m.Offered), offered
        answer = m.SubscribeAnswer(f"a{id(self)}-{next(self._ids)}", self.receiving.answer(offered.offer))
        assert isinstance(await self.client.ask(answer), m.Done)
        await self.receiving.connect(offered.offer)

    async def hears(self, more: int = 20) -> None:
        """This many packets arrive from now on."""
        before = len(self.receiving.packets)
        if self._speaking is not None and self._speaking.done():
            self._speaking.result()
        await self.client.wait(
            lambda: [1] if len(self.receiving.packets) >= before + more else [], f"{more} packets after {before}"
        )

    async def _speak(self, to: RtpClient) -> None:
        frames, tones = pictures(4, 160, 120), sounds(4)
        loop = asyncio.get_running_loop()
        began, video_seq, heard, place = loop.time(), 0, 0, 0
        for tick in count():
            said, heard = to.reports[heard:], len(to.reports)
            if any(isinstance(report, rtcp.Pli) for report in said):
                place = 0  # a keyframe, as browsers answer
            to.send(build(111, tick & 0xFFFF, tick * 960 & 0xFFFFFFFF, AUDIO_SSRC, tones[tick % len(tones)]))
            if tick % 2 == 0:
                number = tick // 2
                data = frames[place % len(frames)][0]
                place += 1
                stamp = number * 90_000 // FPS & 0xFFFFFFFF
                pieces = [data[at : at + 1100] for at in range(0, len(data), 1100)]
                for index, piece in enumerate(pieces):
                    head = struct.pack(">BBH", 0x90 if index == 0 else 0x80, 0x80, 0x8000 | number & 0x7FFF)
                    last = index == len(pieces) - 1
                    to.send(build(96, video_seq & 0xFFFF, stamp, VIDEO_SSRC, head + piece, marker=last))
                    video_seq += 1
            if tick % 50 == 0:
                wall = time.time_ns() + 2_208_988_800 * 1_000_000_000
                ntp = (wall << 32) // 1_000_000_000
                for ssrc, stamp in ((AUDIO_SSRC, tick * 960), (VIDEO_SSRC, tick // 2 * 90_000 // FPS)):
                    report = rtcp.SenderReport(ssrc, ntp & 0xFFFFFFFFFFFFFFFF, stamp & 0xFFFFFFFF, tick, tick)
                    to.send_rtcp(rtcp.sender_report(report) + rtcp.description(ssrc, "someone"))
            if tick % 250 == 249:
                # Consent, as browsers renew it (RFC 7675).
                for connection in (self.sending, self.receiving):
                    connection.renew()
            await asyncio.sleep(max(0.0, began + (tick + 1) * 0.02 - loop.time()))

    async def hush(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)
            self._speaking = None

    async def close(self) -> None:
        await self.hush()
        self.sending.close()
        self.receiving.close()


class House:
    """Two nodes, two media workers, a packager, a job runner, and the demonstration's office."""

    def __init__(self, settings: Settings, demonstration: Demonstration) -> None:
        self.settings = settings
        self.passwords = {shown.account: shown.password for shown in demonstration.passwords}
        self.packager_clock = PatientClock()
        self.workers: dict[str, MediaWorker] = {}
        self.people: list[Person] = []
        self.a: Dwelling
        self.b: Dwelling

    async def person(self, name: str, account: str | None = None, at: Dwelling | None = None) -> Person:
        """A browser, logged in where an account is given."""
        person = Person(name)
        self.people.append(person)
        if account is not None:
            login = {"account": account, "password": self.passwords[account]}
            await person.post(at or self.b, "/api/login", login)
        return person

    def worker_of(self, call: str) -> MediaWorker:
        return next(worker for worker in self.workers.values() if call in worker._sessions)


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[House]:
    """Start everything; `settings` name the engines, and one folder stands for the machine."""
    await migrate_database(settings)
    demonstration = await ensure_demonstration(settings)
    assert demonstration is not None
    house = House(settings, demonstration)
    token = settings.nats_token.get_secret_value() if settings.nats_token else None
    async with AsyncExitStack() as stack:
        for name in ("w1", "w2"):
            bus = await Bus.connect(settings.nats_url or "", token, name=name)
            stack.push_async_callback(bus.close)
            house.workers[name] = await stack.enter_async_context(running_worker(bus, settings.spool, worker_id=name))
        parts = await stack.enter_async_context(open_parts(settings, "packager", house.packager_clock))
        packager = Packager(
            parts.db, parts.objects, parts.keyring, parts.clock, settings.spool, parts.bus, parts.metrics
        )
        await stack.enter_async_context(_running(packager.run()))
        parts = await stack.enter_async_context(open_parts(settings, "jobs"))
        runner = JobRunner(parts.db, parts.clock, await job_handlers(parts), parts.bus, at_once=2)
        await stack.enter_async_context(_running(runner.run()))
        for name in ("a", "b"):
            dwelling = await Dwelling.open(settings, f"node-{name}")
            stack.push_async_callback(dwelling.close)
            setattr(house, name, dwelling)
        try:
            yield house
        finally:
            for person in house.people:
                await person.session.close()


@asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    yield
    assert not task.done(), task.exception()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def house_settings(folder: Path, database_url: str, nats_url: str, nats_token: str, objects: Settings) -> Settings:
    """What every process of the house is told."""
    update = {
        "data_dir": folder,
        "database_url": database_url,
        "nats_url": nats_url,
        "nats_token": nats_token,
        "port": 0,
        "media_port": 0,
    }
    known = {name: getattr(objects, name) for name in objects.model_fields_set}
    return Settings(**{**known, **update})
