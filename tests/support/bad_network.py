"""A bad network between a browser and the server: lost, late and queued packets, no signal, another address.

A relay in the test's own process. Datagrams for the media port and connections for the web port pass through it, so
that whatever is measured on either side was really sent. Chance is seeded: the same packets of a run are lost again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self, cast

_CHUNK = 16 * 1024

REDIRECT = """(port => {
  const real = RTCPeerConnection.prototype.setRemoteDescription
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const lines = description.sdp.split('\\r\\n').filter(line => !/^a=candidate.* tcp /.test(line))
    const moved = lines.map(line => line.replace(/^(a=candidate.* udp \\d+ )\\S+ \\d+/, `$1127.0.0.1 ${port}`))
    return real.call(this, {type: description.type, sdp: moved.join('\\r\\n')})
  }
})"""
"""For a page: its peer connections go to the relay's port. Called with that port."""


@dataclass
class Line:
    """One direction. ``queued`` holds (time of arrival, seconds in the queue) of each datagram that had to share it."""

    chance: random.Random
    loss: float = 0.0
    delay_s: float = 0.0
    bits_per_s: float | None = None
    buffer_s: float = 4.0
    queued: list[tuple[float, float]] = field(default_factory=list)
    dropped: int = 0
    _free_at: float = 0.0

    def delivery(self, now: float, size: int) -> float | None:
        """When a datagram of ``size`` bytes comes out of the line, or None if it does not."""
        if self.loss and self.chance.random() < self.loss:
            self.dropped += 1
            return None
        if self.bits_per_s is None:
            return now + self.delay_s
        start = max(now, self._free_at)
        if start - now > self.buffer_s:
            self.dropped += 1
            return None
        self._free_at = start + size * 8 / self.bits_per_s
        self.queued.append((now, self._free_at - now))
        return self._free_at + self.delay_s


class _Flow(asyncio.DatagramProtocol):
    """One address of the browser as the server sees it, like the mapping of a NAT."""

    def __init__(self, network: BadNetwork, client: Any) -> None:
        self.network, self.client = network, client
        self.dead = False
        self.upstream: asyncio.DatagramTransport | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.upstream = cast(asyncio.DatagramTransport, transport)
        for data in self.early:
            self.upstream.sendto(data)

    def to_server(self, data: bytes) -> None:
        if self.upstream is None:
            self.early.append(data)
        elif not self.upstream.is_closing():
            self.upstream.sendto(data)

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.network.pass_on(self, self.network.down, data, lambda: self.network.to_client(data, self.client))


class BadNetwork(asyncio.DatagramProtocol):
    """The relay; ``up`` and ``down`` may be changed at any time."""

    def __init__(self, seed: int = 1) -> None:
        self.up, self.down = Line(random.Random(seed)), Line(random.Random(seed + 1))
        self.signal = True
        self.media_port = self.web_port = 0
        self._flows: dict[Any, _Flow] = {}
        self._media_target = self._web_target = 0
        self._host = "127.0.0.1"
        self._client_side: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._restored = asyncio.Event()
        self._restored.set()
        self._generation = 0  # of the browser's address: connections of an earlier one hear nothing any more

    # --- what happens to a phone --------------------------------------------------------------------------------------

    def lose_signal(self) -> None:
        """Nothing passes, and nobody is told."""
        self.signal = False
        self._restored.clear()

    def regain_signal(self) -> None:
        self.signal = True
        self._restored.set()

    def change_address(self) -> None:
        """All there was until now is cut off in silence; whatever begins anew passes."""
        self._generation += 1
        for flow in self._flows.values():
            flow.dead = True

    # --- datagrams ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client_side = cast(asyncio.DatagramTransport, transport)
        self.media_port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        flow = self._flows.get(addr)
        if flow is None:
            flow = self._flows[addr] = _Flow(self, addr)
            loop = asyncio.get_running_loop()
            opening = loop.create_datagram_endpoint(lambda: flow, remote_addr=(self._host, self._media_target))
            self._spawn(opening)
        self.pass_on(flow, self.up, data, lambda: flow.to_server(data))

    def pass_on(self, flow: _Flow, line: Line, data: bytes, deliver: Any) -> None:
        loop = asyncio.get_running_loop()
        if flow.dead or not self.signal:
            return
        at = line.delivery(loop.time(), len(data) + 28)  # IPv4 and UDP headers share the line
        if at is not None:
            loop.call_at(at, deliver)

    def to_client(self, data: bytes, client: Any) -> None:
        if self._client_side is not None and not self._client_side.is_closing():
            self._client_side.sendto(data, client)

    # --- connections --------------------------------------------------------------------------------------------------

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        generation = self._generation
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._web_target)
        with suppress(ConnectionError):
            await asyncio.gather(
                self._stream(reader, server_writer, self.up, generation),
                self._stream(server_reader, writer, self.down, generation),
            )

    async def _stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Line, generation: int
    ) -> None:
        while data := await reader.read(_CHUNK):
            await self._restored.wait()
            if generation != self._generation:
                await asyncio.Event().wait()  # as if the packets went nowhere
            await asyncio.sleep(line.delay_s)
            writer.write(data)
            await writer.drain()
        writer.close()

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @asynccontextmanager
    async def open(self, *, media: int, web: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Self]:
        """Relay ``media_port`` and ``web_port`` to these ports of this machine; media to this address of it."""
        self._host = host
        self._media_target, self._web_target = media, web
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        server = await asyncio.start_server(lambda r, w: self._spawn(self._connection(r, w)), "127.0.0.1", 0)
        self.web_port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            for flow in self._flows.values():
                if flow.upstream is not None:
                    flow.upstream.close()
            if self._client_side is not None:
                self._client_side.close()
