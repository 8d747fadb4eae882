"""A worker as a process of its own."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from foundation import telemetry
from foundation.bus import Bus, Msg
from foundation.nats_child import NatsChild
from media import contract
from recordings import journal
from tests.node.media.conftest import TRACKS
from tests.support.media_worker import Node
from tests.support.rtp_client import RtpClient
from tests.support.waiting import until

WORKER = f"{socket.gethostname()}-0"
PROGRAM = """
import asyncio
from foundation.settings import Settings
from server.roles import run_media
asyncio.run(run_media(Settings()))
"""


async def start(nats_server: NatsChild, spool: Path) -> asyncio.subprocess.Process:
    """The role as the product starts it, told everything by its environment."""
    told = {
        "YUANKAN_NATS_URL": nats_server.url,
        "YUANKAN_NATS_TOKEN": nats_server.token,
        "YUANKAN_SPOOL_DIR": str(spool),
        "YUANKAN_MEDIA_PORT": "0",
    }
    return await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, env={**os.environ, **told})


async def started(bus: Bus, nats_server: NatsChild, spool: Path) -> asyncio.subprocess.Process:
    """The same, once it is heard."""
    alive = asyncio.Event()

    async def beat(_: object) -> None:
        alive.set()

    await bus.subscribe("media.heartbeat", beat)
    process = await start(nats_server, spool)
    async with asyncio.timeout(20):
        await alive.wait()
    return process


async def test_a_terminated_worker_closes_its_journals_first(bus: Bus, nats_server: NatsChild, tmp_path: Path) -> None:
    counted: list[bytes] = []

    async def heard(message: Msg) -> None:
        counted.append(message.data)

    await bus.subscribe(telemetry.SUBJECT, heard)
    process = await started(bus, nats_server, tmp_path)
    node = Node(bus, WORKER, "call_1")
    await node.listen()
    await until(lambda: None if counted else "its figures are not told")
    assert WORKER.encode() in counted[0] and b"yuankan_media_sessions" in counted[0]
    await node.open_leg("leg_a")
    client = RtpClient()
    await client.connect(await node.publish("leg_a", client.offer(), TRACKS))
    client.sound(1)
    opened = await node.hears(contract.EpochOpened)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    path = journal.journal_path(tmp_path, WORKER, "call_1", "leg_a", opened.epoch)
    records = [entry.record for entry in journal.read(path.read_bytes())]
    assert isinstance(records[-1], journal.Closed)
    assert next(r.rtp for r in records if isinstance(r, journal.Packet)).endswith(b"sound 1")
    client.close()


async def test_a_killed_worker_loses_no_more_than_the_last_tenth_of_a_second(
    bus: Bus, nats_server: NatsChild, tmp_path: Path
) -> None:
    process = await start(nats_server, tmp_path)
    node = Node(bus, WORKER, "call_1")
    await node.listen()

    async def why_not() -> str | None:
        try:
            await node.open_leg("leg_a")
        except Exception as error:
            return repr(error)
        return None

    await until(why_not, 20)
    client = RtpClient()
    await client.connect(await node.publish("leg_a", client.offer(), TRACKS))
    for seq in range(20):
        client.sound(seq)
    opened = await node.hears(contract.EpochOpened)
    path = journal.journal_path(tmp_path, WORKER, "call_1", "leg_a", opened.epoch)

    def kept() -> int:
        data = path.read_bytes() if path.exists() else b""
        return sum(isinstance(entry.record, journal.Packet) for entry in journal.read(data))

    await until(lambda: None if kept() == 20 else f"{kept()} of 20 packets on disk")
    process.kill()
    await process.wait()
    assert kept() == 20
    client.close()
