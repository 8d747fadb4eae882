"""A phone in a network of its own: another address family, a link that goes down, an address that changes, a line that
loses and delays whatever passes, the kernel's own questions for addresses too. Needs root.
"""

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from foundation.bus import Bus
from media import contract
from recordings import journal
from tests.node.media.conftest import TRACKS
from tests.support.media_worker import Node, running_worker
from tests.support.waiting import until
from tests.support.wire import Wire

ROOT = Path(__file__).resolve().parent.parent.parent.parent
_NUMBERS = itertools.count()
DESK, PHONE, MOVED = "10.213.77.1", "10.213.77.2", "10.213.77.3"
DESK6, PHONE6 = "fd21:3077::1", "fd21:3077::2"
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="networks are made by root"),
    pytest.mark.may_block("a journal is read here"),
]


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said = (await process.communicate())[0].decode()
    if process.returncode:
        raise OSError(f"{' '.join(command)}: {said.strip()}")
    return said


@dataclass(frozen=True)
class Cable:
    """Two networks and what joins them: the phone's, by name, and its end."""

    space: str
    there: str
    wire: Wire

    async def inside(self, *command: str) -> str:
        """Run in the phone's network; its end of the cable is called {there}."""
        return await run("ip", "netns", "exec", self.space, *(word.format(there=self.there) for word in command))


@pytest.fixture
async def cable() -> AsyncIterator[Cable]:
    name = f"yk{os.getpid()}{next(_NUMBERS)}"  # a network that was deleted lingers for a while
    here = f"{name}a"
    try:
        await run("ip", "netns", "add", name)
        made = Cable(name, f"{name}b", Wire(here, f"{name}b"))
    except OSError as error:
        pytest.skip(f"this kernel makes no networks: {error}")
    try:
        await run("ip", "link", "set", made.there, "netns", made.space)
        await run("ip", "address", "add", f"{DESK}/24", "dev", here)
        await run("ip", "-6", "address", "add", f"{DESK6}/64", "dev", here, "nodad")
        await run("ip", "link", "set", here, "up")
        await made.inside("ip", "address", "add", f"{PHONE}/24", "dev", "{there}")
        await made.inside("ip", "-6", "address", "add", f"{PHONE6}/64", "dev", "{there}", "nodad")
        await made.inside("ip", "link", "set", "{there}", "up")
        yield made
    finally:
        made.wire.close()
        await run("ip", "netns", "delete", made.space)


@dataclass
class Phone:
    """The phone's process and what the worker has of it."""

    node: Node
    spool: Path
    process: asyncio.subprocess.Process

    async def received(self) -> int:
        reply = await self.node.ask(contract.Probe("call_1"))
        assert isinstance(reply, contract.SessionStats)
        return reply.legs[0].packets

    async def more(self, count: int = 50) -> None:
        """Wait for so many more packets."""
        goal = await self.received() + count

        async def why_not() -> str | None:
            now = await self.received()
            return None if now >= goal else f"{now} of {goal} packets"

        await until(why_not, 20)

    async def order(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        await self.process.stdin.drain()

    async def end(self) -> tuple[int, list[int]]:
        """How many it sent, and the numbers that the one journal holds."""
        await self.order(b"end\n")
        assert self.process.stdout is not None
        sent = int(await asyncio.wait_for(self.process.stdout.readline(), 10))
        [epoch] = await self.node.close()
        path = journal.journal_path(self.spool, "w1", "call_1", "leg_a", epoch)
        await until(lambda: None if path.exists() else "no journal")
        records = [entry.record for entry in journal.read(path.read_bytes())]
        return sent, sorted(int(r.rtp[12:]) for r in records if isinstance(r, journal.Packet))


@asynccontextmanager
async def calling(cable: Cable, bus: Bus, spool: Path, at: str) -> AsyncIterator[Phone]:
    async with running_worker(bus, spool, host="::", public_addresses=(DESK, DESK6)) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        await node.open_leg("leg_a")
        process = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", cable.space, sys.executable, "-m", "tests.support.lone_phone"),
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        phone = Phone(node, spool, process)
        try:
            assert process.stdout is not None
            offer = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
            answer = await node.publish("leg_a", offer, TRACKS)
            await phone.order(json.dumps({"answer": answer, "at": at}).encode() + b"\n")
            await node.hears(contract.MediaFlowing, leg="leg_a", kind="audio")
            yield phone
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def test_over_ipv6_everything_arrives(cable: Cable, bus: Bus, tmp_path: Path) -> None:
    async with calling(cable, bus, tmp_path, DESK6) as phone:
        await phone.more(100)
        sent, kept = await phone.end()
    assert kept == list(range(1, sent + 1))


async def test_a_link_that_goes_down_for_three_seconds_ends_neither_connection_nor_recording(
    cable: Cable, bus: Bus, tmp_path: Path
) -> None:
    async with calling(cable, bus, tmp_path, DESK) as phone:
        await phone.more()
        await cable.inside("ip", "link", "set", "{there}", "down")
        await phone.node.hears(contract.MediaStalled, leg="leg_a", kind="audio")
        await asyncio.sleep(1)
        await cable.inside("ip", "link", "set", "{there}", "up")
        await phone.more()
        assert not phone.node.heard(contract.LegDown)
        sent, kept = await phone.end()
    assert kept[0] == 1 and kept[-1] == sent and len(set(kept)) == len(kept)
    assert sent - len(kept) <= 400, "what was said without a link may be missing, and only that"


async def test_another_address_carries_the_same_recording_on(cable: Cable, bus: Bus, tmp_path: Path) -> None:
    async with calling(cable, bus, tmp_path, DESK) as phone:
        await phone.more()
        await cable.inside("ip", "address", "add", f"{MOVED}/24", "dev", "{there}")
        await cable.inside("ip", "address", "delete", f"{PHONE}/24", "dev", "{there}")
        await cable.inside("ip", "address", "replace", f"{MOVED}/24", "dev", "{there}")
        await phone.order(b"move\n")
        await phone.more()
        assert not phone.node.heard(contract.LegDown)
        sent, kept = await phone.end()
    assert kept[0] == 1 and kept[-1] == sent


async def test_what_a_line_loses_and_delays_is_sent_again(cable: Cable, bus: Bus, tmp_path: Path) -> None:
    for line in (cable.wire.to_here, cable.wire.to_there):
        line.loss, line.delay_s = 0.05, 0.03
    async with calling(cable, bus, tmp_path, DESK) as phone:
        await phone.more(500)
        sent, kept = await phone.end()
    assert cable.wire.to_here.dropped >= 10
    assert len(kept) >= 0.999 * sent
