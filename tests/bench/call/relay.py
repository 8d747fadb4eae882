"""The other Python way: aiortc's peer connections, MediaRelay for viewers and MediaRecorder for the file.

It runs in a process of its own (`python -m tests.bench.call.relay FOLDER`), spoken to in lines of JSON. It decodes what
comes, encodes it for each viewer and once more for the recording.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from media.datagrams import own_addresses
from tests.bench.call import side
from tests.rehearsal.installation import ROOT


class Room:
    """The one room there is."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def _ask(self, **request: Any) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        return str(json.loads(await self._process.stdout.readline()))

    async def publish(self, person: int, offer: str) -> str:
        return await self._ask(do="publish", person=person, sdp=offer)

    async def published(self, person: int) -> None:
        await self._ask(do="published", person=person)

    async def subscribe(self, person: int, sources: Sequence[int]) -> str:
        return await self._ask(do="subscribe", person=person, sources=sources)

    async def subscribed(self, person: int, answer: str) -> None:
        await self._ask(do="subscribed", person=person, sdp=answer)

    async def close(self) -> None:
        await self._ask(do="close")


class Relay:
    """The running process."""

    name = "aiortc"
    encodes = True

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process = process
        self.host = own_addresses("0.0.0.0")[0]
        self._folder = folder

    async def room(self, people: int) -> Room:
        return Room(self.process)

    def processor_s(self) -> float:
        return side.processor_s(self.process.pid)

    def memory_bytes(self) -> dict[str, int]:
        return {"aiortc": side.memory_bytes(self.process.pid)}

    async def recordings(self) -> side.Frames:
        return side.Frames()

    async def count(self, frames: side.Frames, folder: Path) -> None:
        for path in self._folder.glob("*.webm"):
            await asyncio.to_thread(frames.count, path)


@asynccontextmanager
async def relay(folder: Path) -> AsyncIterator[Relay]:
    """Start with its files in ``folder``."""
    with (folder / "relay.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.call.relay", str(folder)),
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
    try:
        yield Relay(process, folder)
    finally:
        await side.ended(process)


async def _serve(folder: Path) -> None:
    from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
    from aiortc.contrib.media import MediaRecorder, MediaRelay

    sources: dict[int, list[Any]] = {}
    connections: dict[tuple[str, int], RTCPeerConnection] = {}
    recorders: list[MediaRecorder] = []
    fan_out = MediaRelay()
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def publish(person: int, sdp: str) -> str:
        connection = connections["publish", person] = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        recorder = MediaRecorder(str(folder / f"{person}.webm"), format="webm")
        recorders.append(recorder)
        sources[person] = []

        @connection.on("track")
        def on_track(track: Any) -> None:
            sources[person].append(track)
            recorder.addTrack(fan_out.subscribe(track))

        await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        await recorder.start()
        return str(connection.localDescription.sdp)

    async def subscribe(person: int, wanted: list[int]) -> str:
        connection = connections["view", person] = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for source in wanted:
            for track in sources.get(source, []):
                connection.addTrack(fan_out.subscribe(track))
        await connection.setLocalDescription(await connection.createOffer())
        return str(connection.localDescription.sdp)

    async def up(connection: RTCPeerConnection) -> str:
        while connection.connectionState != "connected":
            await asyncio.sleep(0.02)
        return ""

    while line := await reader.readline():
        request = json.loads(line)
        person = request.get("person", 0)
        match request["do"]:
            case "publish":
                answer = await publish(person, request["sdp"])
            case "published":
                answer = await up(connections["publish", person])
            case "subscribe":
                answer = await subscribe(person, request["sources"])
            case "subscribed":
                described = RTCSessionDescription(request["sdp"], "answer")
                await connections["view", person].setRemoteDescription(described)
                answer = ""
            case _:
                for connection in connections.values():
                    await connection.close()
                for recorder in recorders:
                    await recorder.stop()
                answer = ""
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
