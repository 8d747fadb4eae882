"""Floods (ASVS 5 V17.2.5, V17.2.7): by a stranger and by a participant gone wild; nobody else may notice.

The other call sends fifty packets a second, each with its number; at least 95 % must reach its viewer and its journal.
"""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

from foundation.bus import Bus
from foundation.clock import SystemClock
from foundation.nats_child import NatsChild
from media import contract
from media.rtp import build
from recordings import journal
from tests.node.media.conftest import Call
from tests.node.media.test_process import WORKER, started
from tests.support.media_worker import Node
from tests.support.rtp_client import AUDIO_SSRC, RtpClient

SECONDS = 5
STRANGER = """
import os, socket, sys, time
port, rate, seconds = map(int, sys.argv[1:])
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
kinds = [bytes([first]) + os.urandom(size) for first in (0x00, 0x16, 0x80, 0x90, 0xff) for size in (20, 200, 1100)]
began, sent = time.monotonic(), 0
while (elapsed := time.monotonic() - began) < seconds:
    while sent < elapsed * rate:
        try:
            sender.sendto(kinds[sent % len(kinds)], ("127.0.0.1", port))
        except OSError:
            pass
        sent += 1
print(sent)
"""


@asynccontextmanager
async def process(bus: Bus, nats_server: NatsChild, spool: Path) -> AsyncIterator[list[Call]]:
    """A worker as the product starts it, with two calls of two people each."""
    worker = await started(bus, nats_server, spool)
    calls = []
    for session in ("call_1", "call_2"):
        node = Node(bus, WORKER, session)
        await node.listen()
        for leg in ("leg_a", "leg_b"):
            await node.open_leg(leg)
        calls.append(Call(SimpleNamespace(worker_id=WORKER), node, SystemClock(), spool))  # type: ignore[arg-type]
    try:
        yield calls
    finally:
        for call in calls:
            for client in call.clients:
                client.close()
        worker.terminate()
        assert await worker.wait() == 0


async def talk(call: Call, publisher: RtpClient, viewer: RtpClient) -> tuple[int, int, int]:
    """Numbers of packets sent, seen and kept."""
    sent, began = 0, time.monotonic()
    while (elapsed := time.monotonic() - began) < SECONDS:
        sent += 1
        publisher.sound(sent, timestamp=int(elapsed * 48_000))
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)
    seen = len({packet.payload for packet in viewer.packets})
    assert not call.node.heard(contract.LegDown)
    kept = 0
    for epoch in await call.node.close():
        kept += sum(isinstance(record, journal.Packet) for record in await call.journal(epoch))
    return sent, seen, kept


async def test_fifty_thousand_packets_a_second_from_a_stranger(
    bus: Bus, nats_server: NatsChild, tmp_path: Path
) -> None:
    async with process(bus, nats_server, tmp_path) as (call, _):
        publisher, viewer = await call.publisher(), await call.viewer()
        port = publisher._address[1]
        stranger = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", STRANGER, str(port), "50000", str(SECONDS + 2)), stdout=subprocess.PIPE
        )
        sent, seen, kept = await talk(call, publisher, viewer)
        flood = int((await stranger.communicate())[0])
        print(f"{flood / (SECONDS + 2):.0f} packets/s from a stranger: {seen} and {kept} of {sent}")
        assert seen >= 0.95 * sent and kept >= 0.95 * sent


async def test_ten_thousand_packets_a_second_from_a_participant(
    bus: Bus, nats_server: NatsChild, tmp_path: Path
) -> None:
    async with process(bus, nats_server, tmp_path) as (call, other):
        wild = await other.publisher()
        assert wild._sending is not None and wild._udp is not None
        packets = [
            wild._sending.rtp(build(111, number & 0xFFFF, number * 960, AUDIO_SSRC, b"wild %d" % number))
            for number in range(10_000 * SECONDS)
        ]
        line = socket.socket(fileno=os.dup(wild._udp.get_extra_info("socket").fileno()))

        def flood() -> None:
            began = time.monotonic()
            for number, packet in enumerate(packets):
                while number > (time.monotonic() - began) * 10_000:
                    time.sleep(0.001)
                with contextlib.suppress(OSError):
                    line.send(packet)

        publisher, viewer = await call.publisher(), await call.viewer()
        thread = threading.Thread(target=flood)
        thread.start()
        sent, seen, kept = await talk(call, publisher, viewer)
        await asyncio.to_thread(thread.join)
        line.close()
        print(f"10,000 packets/s from a participant: {seen} and {kept} of {sent}")
        assert seen >= 0.95 * sent and kept >= 0.95 * sent
        for epoch in await other.node.close():
            own = await other.journal(epoch)
            assert isinstance(own[-1], journal.Closed), "the flooder's own recording is whole too"
