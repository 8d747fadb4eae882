"""A worker as a process of its own."""

import asyncio
import signal
import sys
from pathlib import Path

from foundation.bus import Bus
from foundation.nats_child import NatsChild
from media import contract
from recordings import journal
from tests.node.media.conftest import TRACKS
from tests.support.media_worker import Node
from tests.support.rtp_client import RtpClient
from tests.support.waiting import until

PROGRAM = """
import sys
from pathlib import Path
from foundation.settings import Settings
from media.process import run_worker
settings = Settings(media_port=0, spool_dir=Path(sys.argv[1]))
run_worker(settings, worker_id="w1", nats_url=sys.argv[2], nats_token=sys.argv[3])
"""


async def test_a_terminated_worker_closes_its_journals_first(bus: Bus, nats_server: NatsChild, tmp_path: Path) -> None:
    alive = asyncio.Event()

    async def beat(_: object) -> None:
        alive.set()

    await bus.subscribe("media.heartbeat", beat)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(tmp_path), nats_server.url, nats_server.token)
    )
    async with asyncio.timeout(20):
        await alive.wait()
    node = Node(bus, "w1", "call_1")
    await node.listen()
    await node.open_leg("leg_a")
    client = RtpClient()
    await client.connect(await node.publish("leg_a", client.offer(), TRACKS))
    client.sound(1)
    opened = await node.hears(contract.EpochOpened)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    path = journal.journal_path(tmp_path, "w1", "call_1", "leg_a", opened.epoch)
    records = [entry.record for entry in journal.read(path.read_bytes())]
    assert isinstance(records[-1], journal.Closed)
    assert next(r.rtp for r in records if isinstance(r, journal.Packet)).endswith(b"sound 1")
    client.close()


async def test_a_killed_worker_loses_no_more_than_the_last_tenth_of_a_second(
    bus: Bus, nats_server: NatsChild, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(tmp_path), nats_server.url, nats_server.token)
    )
    node = Node(bus, "w1", "call_1")
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
    path = journal.journal_path(tmp_path, "w1", "call_1", "leg_a", opened.epoch)

    def kept() -> int:
        data = path.read_bytes() if path.exists() else b""
        return sum(isinstance(entry.record, journal.Packet) for entry in journal.read(data))

    await until(lambda: None if kept() == 20 else f"{kept()} of 20 packets on disk")
    process.kill()
    await process.wait()
    assert kept() == 20
    client.close()
