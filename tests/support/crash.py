"""One media host of real processes that can be killed, a sender whose every picture has a number, and what of it was
published."""

import asyncio
import functools
import os
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from foundation.bus import Bus, BusUnavailable
from foundation.clock import SystemClock
from foundation.db import Database
from foundation.keyring import load_keyring
from foundation.nats_child import NatsChild
from foundation.objects import open_store
from foundation.settings import Settings
from media import contract
from media.rtp import build
from recordings import store
from recordings.replay import epoch_bytes
from tests.rehearsal import codes, measure
from tests.support.media_worker import Node
from tests.support.rtp_client import AUDIO_SSRC, VIDEO_SSRC, RtpClient
from tests.support.rtp_source import FPS, sounds
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parent.parent.parent
RECORD = "rec_1"
TRACKS = [contract.TrackSpec("0", "audio"), contract.TrackSpec("1", "camera")]


@functools.cache
def film(seconds: int, width: int = 320, height: int = 180) -> tuple[bytes, ...]:
    """VP8 frames that show their own number, a keyframe every second."""
    context = av.CodecContext.create("libvpx", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS, 1)
    context.bit_rate, context.gop_size = 500_000, FPS
    context.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"}
    out: list[bytes] = []
    for number in range(seconds * FPS):
        picture = np.full((height, width, 3), 96, np.uint8)
        codes.draw(picture, number, flash=False)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts, frame.time_base = number, context.time_base
        out += [bytes(packet) for packet in context.encode(frame)]
    return tuple(out)


class Sender:
    """Sends picture n at n/25 s and sound every 20 ms; knows when each went out (monotonic seconds)."""

    def __init__(self, client: RtpClient, frames: tuple[bytes, ...]) -> None:
        self.client = client
        self.pictures: list[float] = []
        self.sounds: list[float] = []
        self._frames = frames
        self._task = asyncio.create_task(self._speak())

    async def _speak(self) -> None:
        loop, tones, packets = asyncio.get_running_loop(), sounds(4), 0
        began = loop.time()
        for tick in range(2 * len(self._frames)):
            tone = tones[tick % len(tones)]
            self.client.send(build(111, tick & 0xFFFF, tick * 960 & 0xFFFFFFFF, AUDIO_SSRC, tone))
            self.sounds.append(loop.time())
            if tick % 2 == 0:
                number = tick // 2
                data, stamp = self._frames[number], number * 90_000 // FPS
                pieces = [data[at : at + 1100] for at in range(0, len(data), 1100)]
                for index, piece in enumerate(pieces):
                    head = struct.pack(">BBH", 0x90 if index == 0 else 0x80, 0x80, 0x8000 | number)
                    last = index == len(pieces) - 1
                    self.client.send(build(96, packets & 0xFFFF, stamp, VIDEO_SSRC, head + piece, marker=last))
                    packets += 1
                self.pictures.append(loop.time())
            if tick % 200 == 199:
                self.client.renew()
            await asyncio.sleep(max(0.0, began + (tick + 1) * 0.02 - loop.time()))

    def until(self, moment: float) -> tuple[int, int]:
        """Pictures and sounds that had gone out by then."""
        return sum(at <= moment for at in self.pictures), sum(at <= moment for at in self.sounds)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.client.close()


@dataclass(frozen=True)
class Published:
    """What a stranger's player finds: numbers of the pictures, and how many packets of sound."""

    numbers: list[int | None]
    sounds: int
    reasons: list[str]

    def missing_s(self, pictures: int, sounds: int) -> float:
        """Seconds of media of so many sent that are not there; pictures by their numbers, so a hole counts too."""
        lost = len(set(range(pictures)) - set(self.numbers))
        return max(lost / FPS, (sounds - self.sounds) / 50, 0.0)


class Host:
    """A data folder, and the roles running on it."""

    def __init__(self, settings: Settings, bus: Bus) -> None:
        self.settings = settings
        self.bus = bus
        self.worker_id = f"{socket.gethostname()}-{settings.media_port}"
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, *roles: str) -> None:
        """Start roles as the product does; returns when they serve."""
        for role in roles:
            told = {f"YUANKAN_{name.upper()}": str(getattr(self.settings, name)) for name in _TOLD}
            assert self.settings.nats_token is not None
            told["YUANKAN_NATS_TOKEN"] = self.settings.nats_token.get_secret_value()
            environment = {**os.environ, **told, "PYTHONPATH": str(ROOT)}
            self._running[role] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "server.cli", role),
                env=environment,
                cwd=ROOT,
                stdout=asyncio.subprocess.PIPE,
            )
        for role in roles:
            out = self._running[role].stdout
            assert out is not None
            async with asyncio.timeout(60):
                said = await out.readline()
            assert said == b"ready\n", (role, said)

    async def kill(self, *roles: str) -> float:
        """SIGKILL; the moment (monotonic seconds) just before the first signal."""
        moment = asyncio.get_running_loop().time()
        for role in roles:
            self._running[role].send_signal(signal.SIGKILL)
        for role in roles:
            await self._running.pop(role).wait()
        return moment

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[None]:
        """All roles stopped (SIGSTOP), with what they had asked of the system done."""
        for process in self._running.values():
            process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.05)
        try:
            yield
        finally:
            for process in self._running.values():
                process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        await self.kill(*self._running)

    async def call(self, session: str, frames: tuple[bytes, ...]) -> tuple[Node, Sender]:
        """A call with one who sends."""
        node = Node(self.bus, self.worker_id, session)
        await node.listen()

        async def why_not() -> str | None:
            try:
                await node.open_leg("leg_a")
            except (BusUnavailable, AssertionError) as error:
                return repr(error)
            return None

        await until(why_not, 30)
        client = RtpClient()
        await client.connect(await node.publish("leg_a", client.offer(), TRACKS))
        return node, Sender(client, frames)

    async def published(self, session: str, within_s: float = 60) -> Published:
        """The call's files, once all are closed, read by a foreign player."""
        db = await Database.open(self.settings.database)
        objects = await asyncio.to_thread(open_store, self.settings.objects, self.settings)
        keyring = await asyncio.to_thread(load_keyring, self.settings.office_key)
        keys = store.RecordKeys(db, keyring, SystemClock())

        async def mine() -> list[store.Epoch]:
            async with db.read() as conn:
                return [row for row in await store.epochs_of(conn, RECORD) if row.session == session]

        async def why_not() -> str | None:
            left = await asyncio.to_thread(self._journals, session)
            rows = await mine()
            return None if rows and not left and all(row.closed for row in rows) else f"{left} are not packaged"

        try:
            await until(why_not, within_s)
            numbers: list[int | None] = []
            heard = 0
            for row in await mine():
                data = b"".join([piece async for piece in epoch_bytes(db, objects, keys, row.epoch)])
                found = await asyncio.to_thread(_read, data)
                numbers += found[0]
                heard += found[1]
            return Published(numbers, heard, [row.facts["closed_reason"] for row in await mine()])
        finally:
            await db.close()

    def _journals(self, session: str) -> list[str]:
        below = [path for spool in self.settings.spools for path in spool.glob(f"*/{session}/*/*")]
        return [path.name for path in below if path.suffix in (".journal", ".taken")]


_TOLD = ("data_dir", "nats_url", "media_port")


def _read(data: bytes) -> tuple[list[int | None], int]:
    with tempfile.TemporaryDirectory(prefix="yuankan-published-") as folder:
        path = Path(folder) / "recording.webm"
        path.write_bytes(data)
        with av.open(str(path)) as file:
            heard = sum(bool(packet.size) for packet in file.demux(audio=0))
        return measure.read(path).numbers, heard


def host_settings(data: Path, nats: NatsChild, port: int) -> Settings:
    return Settings(data_dir=data, nats_url=nats.url, nats_token=nats.token, media_port=port)  # type: ignore[arg-type]


@asynccontextmanager
async def open_host(data: Path, nats: NatsChild, port: int) -> AsyncIterator[Host]:
    """An empty installation in `data`; nothing runs yet."""
    from server.schema import migrate_database

    await asyncio.to_thread(data.mkdir, parents=True, exist_ok=True)
    settings = host_settings(data, nats, port)
    await migrate_database(settings)
    bus = await Bus.connect(nats.url, nats.token, name="the test")
    host = Host(settings, bus)
    try:
        yield host
    finally:
        await host.stop()
        await bus.close()
