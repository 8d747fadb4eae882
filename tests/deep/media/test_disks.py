"""Disks that fill up, hang, break or turn read-only under a call: told, recorded elsewhere or later, never silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from foundation.bus import Bus
from media import contract
from recordings import journal
from tests.support.disks import Disk, LoopDisk, loop_disk, small_disk, unable
from tests.support.media_worker import Node, running_worker
from tests.support.rtp_client import RtpClient
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(unable() is not None, reason=f"no disks can be made: {unable()}")
FAULTS = {"full": "disk_full", "read_only": "disk_read_only", "sync": "disk_failed", "slow": "disk_slow"}


class Speaker:
    """A call of one who sends numbered sound, 50 packets a second."""

    def __init__(self, node: Node, client: RtpClient) -> None:
        self.node = node
        self.client = client
        self.sent = 0
        self._task = asyncio.create_task(self._speak())

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            self.client.sound(self.sent)
            self.sent += 1
            if self.sent % 200 == 0:
                self.client.renew()
            await asyncio.sleep(max(0.0, began + self.sent * 0.02 - loop.time()))

    async def says(self, more: int) -> None:
        before = self.sent
        await until(lambda: None if self.sent >= before + more else "not yet said", 30)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def epochs(self) -> list[str]:
        return [event.epoch for event in self.node.heard(contract.EpochOpened)]


@asynccontextmanager
async def speaking(bus: Bus, spools: list[Path]) -> AsyncIterator[Speaker]:
    async with running_worker(bus, spools) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        await node.open_leg("leg_a")
        client = RtpClient()
        await client.connect(await node.publish("leg_a", client.offer(), [contract.TrackSpec("0", "audio")]))
        speaker = Speaker(node, client)
        await node.hears(contract.EpochOpened)
        await speaker.says(25)
        try:
            yield speaker
        finally:
            await speaker.stop()
            client.close()


@asynccontextmanager
async def disk(fault: str, folder: Path) -> AsyncIterator[Disk]:
    async with small_disk(folder) if fault == "full" else loop_disk(folder) as made:
        yield made


async def breaks(made: Disk, fault: str) -> None:
    if isinstance(made, LoopDisk):
        await {"read_only": made.turn_read_only, "sync": made.shrink, "slow": made.freeze}[fault]()
    else:
        await made.fill()


def kept(folder: Path, epoch: str) -> tuple[list[int], str | None]:
    """Numbers of the packets in an epoch's journal, and why it ended."""
    path = journal.journal_path(folder, "w1", "call_1", "leg_a", epoch)
    records = [entry.record for entry in journal.read(path)]
    ends = [record.reason for record in records if isinstance(record, journal.Closed)]
    numbers = [int(r.rtp.rpartition(b" ")[2]) for r in records if isinstance(r, journal.Packet)]
    return numbers, ends[0] if ends else None


@pytest.mark.parametrize("fault", FAULTS)
async def test_with_a_second_disk_the_recording_goes_on_there(bus: Bus, tmp_path: Path, fault: str) -> None:
    async with disk(fault, tmp_path / "first") as first:
        second = tmp_path / "second"
        async with speaking(bus, [first.folder, second]) as speaker:
            await breaks(first, fault)
            told = await speaker.node.hears(contract.RecordingFault)
            assert told.code == FAULTS[fault]
            await speaker.node.hears(contract.RecordingResumed)
            await speaker.says(15)
            if isinstance(first, LoopDisk):
                await first.thaw()
            await speaker.says(15)
            assert not speaker.node.heard(contract.LegDown), "the call goes on"
            before, after = speaker.epochs()
            await speaker.stop()
            await asyncio.sleep(0.3)
            assert await speaker.node.close() == [before, after]
            assert len(speaker.node.heard(contract.RecordingFault)) == 1
        early, reason = await asyncio.to_thread(kept, first.folder, before)
        late, closed = await asyncio.to_thread(kept, second, after)
        assert closed == "closed" and late[-1] == speaker.sent - 1
        assert early + late == list(range(speaker.sent)), "each once and in order"
        assert reason == (None if fault == "read_only" else FAULTS[fault])


@pytest.mark.parametrize("fault", ["full", "slow"])
async def test_a_disk_that_is_well_again_is_recorded_to_again(bus: Bus, tmp_path: Path, fault: str) -> None:
    async with disk(fault, tmp_path / "only") as only, speaking(bus, [only.folder]) as speaker:
        await breaks(only, fault)
        await speaker.node.hears(contract.RecordingFault)
        lost_at = speaker.sent
        await speaker.says(20)
        assert not speaker.node.heard(contract.RecordingResumed)
        if isinstance(only, LoopDisk):
            await (only.thaw() if fault == "slow" else only.mend())
        else:
            await only.make_room()
        await speaker.node.hears(contract.RecordingResumed)
        resumed_at = speaker.sent
        await speaker.says(30)
        assert not speaker.node.heard(contract.LegDown)
        await speaker.stop()
        await asyncio.sleep(0.3)
        epochs = await speaker.node.close()
        numbers = [number for epoch in epochs for number in (await asyncio.to_thread(kept, only.folder, epoch))[0]]
        missing = sorted(set(range(speaker.sent)) - set(numbers))
        if fault == "slow":
            assert (len(epochs), missing) == (1, []), "it waited in memory"
        else:
            assert len(epochs) == 2
            assert lost_at - 50 <= missing[0] and missing[-1] <= resumed_at
            assert missing == list(range(missing[0], missing[-1] + 1)), "one gap, no other loss"
