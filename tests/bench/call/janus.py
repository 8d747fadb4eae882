"""The peer: Janus from Debian, video rooms with recording, and janus-pp-rec for what can be played.

Its configuration lies in tests/bench/janus/. Its own event loops are left as Debian has them.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from media.datagrams import own_addresses
from tests.bench.call import side
from tests.rehearsal.installation import free_port

CONFIGURATION = Path(__file__).resolve().parent.parent / "janus"
PACKAGES = ("janus", "janus-tools")
_ANSWER_S = 10.0


class JanusMissing(RuntimeError):
    """Janus is not installed and cannot be."""


def install() -> None:
    """Install Debian's packages, as root. Raises JanusMissing otherwise."""
    if shutil.which("janus") and shutil.which("janus-pp-rec"):
        return
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise JanusMissing(f"please run: sudo {' '.join(command)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment, stdout=subprocess.DEVNULL)
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


class _Control:
    """Janus' JSON over WebSocket: one session, many handles."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._awaited: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._session = 0
        self.up: set[int] = set()  # handles whose connection is up

    async def read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if told.get("janus") == "webrtcup":
                self.up.add(told["sender"])
            awaited = self._awaited.get(told.get("transaction", ""))
            if awaited is not None and told["janus"] != "ack" and not awaited.done():
                awaited.set_result(told)

    async def keep_alive(self) -> None:
        while True:
            await asyncio.sleep(20)
            await self._ask({"janus": "keepalive"}, answered=False)

    async def open(self) -> None:
        self._session = (await self._ask({"janus": "create"}))["data"]["id"]

    async def attach(self) -> int:
        return int((await self._ask({"janus": "attach", "plugin": "janus.plugin.videoroom"}))["data"]["id"])

    async def detach(self, handle: int) -> None:
        await self._ask({"janus": "detach", "handle_id": handle})

    async def message(self, handle: int, body: dict[str, Any], jsep: dict[str, str] | None = None) -> dict[str, Any]:
        request: dict[str, Any] = {"janus": "message", "handle_id": handle, "body": body}
        told = await self._ask(request | ({"jsep": jsep} if jsep else {}))
        assert "error" not in told and "error" not in told.get("plugindata", {}).get("data", {}), told
        return told

    async def _ask(self, request: dict[str, Any], *, answered: bool = True) -> dict[str, Any]:
        transaction = secrets.token_hex(8)
        request["transaction"] = transaction
        if self._session:
            request["session_id"] = self._session
        future = self._awaited[transaction] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(json.dumps(request))
        try:
            return await asyncio.wait_for(future, _ANSWER_S) if answered else {}
        finally:
            del self._awaited[transaction]


class Room:
    """A video room."""

    def __init__(self, control: _Control, owner: int, number: int) -> None:
        self._control = control
        self._owner = owner
        self._number = number
        self._feeds: dict[int, tuple[int, int]] = {}  # person → handle, feed
        self._views: dict[int, int] = {}

    async def publish(self, person: int, offer: str) -> str:
        handle = await self._control.attach()
        body = {"request": "join", "ptype": "publisher", "room": self._number, "display": str(person)}
        told = await self._control.message(handle, body)
        self._feeds[person] = handle, told["plugindata"]["data"]["id"]
        body = {"request": "configure", "audio": True, "video": True}
        told = await self._control.message(handle, body, {"type": "offer", "sdp": offer})
        return str(told["jsep"]["sdp"])

    async def published(self, person: int) -> None:
        while self._feeds[person][0] not in self._control.up:
            await asyncio.sleep(0.02)

    async def subscribe(self, person: int, sources: Sequence[int]) -> str:
        handle = self._views[person] = await self._control.attach()
        streams = [{"feed": self._feeds[source][1]} for source in sources]
        body = {"request": "join", "ptype": "subscriber", "room": self._number, "streams": streams}
        return str((await self._control.message(handle, body))["jsep"]["sdp"])

    async def subscribed(self, person: int, answer: str) -> None:
        body = {"request": "start", "room": self._number}
        await self._control.message(self._views[person], body, {"type": "answer", "sdp": answer})

    async def close(self) -> None:
        for handle in (*self._views.values(), *(handle for handle, _ in self._feeds.values())):
            await self._control.detach(handle)
        await self._control.message(self._owner, {"request": "destroy", "room": self._number})


class Janus:
    """The running process."""

    name = "janus"
    encodes = False

    def __init__(self, process: asyncio.subprocess.Process, control: _Control, folder: Path, host: str) -> None:
        self.process = process
        self.host = host
        self._control = control
        self._folder = folder
        self._files = folder / "recorded"
        self._post_s = 0.0

    async def room(self, people: int) -> Room:
        owner = await self._control.attach()
        number = secrets.randbelow(1 << 30) + 1
        body = {
            "request": "create", "room": number, "publishers": 20, "bitrate": 3_000_000, "videocodec": "vp8",
            "audiocodec": "opus", "record": True, "rec_dir": str(self._files), "fir_freq": 0, "notify_joining": False,
        }  # fmt: skip
        await self._control.message(owner, body)
        return Room(self._control, owner, number)

    def processor_s(self) -> float:
        return side.processor_s(self.process.pid) + self._post_s

    def memory_bytes(self) -> dict[str, int]:
        return {"janus": side.memory_bytes(self.process.pid)}

    async def recordings(self) -> side.Frames:
        """Each file of packets is made one that plays; the processor time of that is counted."""
        await asyncio.sleep(0.5)  # the files are closed a moment after their handles
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        await asyncio.to_thread(self._convert)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._post_s += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return side.Frames()

    def _convert(self) -> None:
        for source in sorted(self._files.glob("*.mjr")):
            target = source.with_suffix(".webm" if "-video-" in source.name else ".opus")
            done = subprocess.run(["janus-pp-rec", "-d", "2", str(source), str(target)], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
            source.unlink()

    async def count(self, frames: side.Frames, folder: Path) -> None:
        for path in (*self._files.glob("*.webm"), *self._files.glob("*.opus")):
            await asyncio.to_thread(frames.count, path)
            path.unlink()


@asynccontextmanager
async def janus(folder: Path) -> AsyncIterator[Janus]:
    """Start with its files in ``folder``."""
    install()
    port, host = free_port(), own_addresses("0.0.0.0")[0]
    for template in CONFIGURATION.glob("*.jcfg"):
        text = template.read_text()
        for name, value in (("FOLDER", str(folder)), ("HOST", host), ("PORT", str(port))):
            text = text.replace(f"BENCH_{name}", value)
        (folder / template.name).write_text(text)
    (folder / "recorded").mkdir()
    with (folder / "output.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec("janus", "-F", str(folder), stdout=log, stderr=log)
    try:
        async with aiohttp.ClientSession() as session:
            socket = await _connected(session, f"ws://127.0.0.1:{port}")
            control = _Control(socket)
            tasks = [asyncio.create_task(work) for work in (control.read(), control.keep_alive())]
            await control.open()
            try:
                yield Janus(process, control, folder, host)
            finally:
                for task in tasks:
                    task.cancel()
                await socket.close()
    finally:
        await side.ended(process)


async def _connected(session: aiohttp.ClientSession, url: str) -> aiohttp.ClientWebSocketResponse:
    for _ in range(100):
        try:
            return await session.ws_connect(url, protocols=("janus-protocol",), max_msg_size=0)
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
    raise JanusMissing("it does not answer on its WebSocket")
