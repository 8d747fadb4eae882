"""With and without the compiled fast path a call is the same call."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from foundation.bus import Bus
from foundation.clock import ManualClock
from media import contract
from media.compiled import Library
from media.rtp import build, read
from recordings import journal
from tests.node.media.conftest import Call
from tests.support.media_worker import LIBRARY, Node, running_worker
from tests.support.rtp_client import AUDIO_SSRC, RtpClient


def traffic(seed: int) -> list[bytes]:
    """A bad network's packets of one sender: lost, late, leaping, of wrong types, of mere padding."""
    dice = random.Random(seed)
    video, audio = dice.randrange(0x10000), dice.randrange(0x10000)
    packets, held = [RtpClient.picture(video, key=True)], list[bytes]()
    for _ in range(400):
        roll = dice.random()
        if roll < 0.1:
            audio += 1
            payload = dice.randbytes(dice.randrange(1, 900))
            packets.append(
                build(dice.choice([111, 111, 96]), audio & 0xFFFF, audio * 960 & 0xFFFFFFFF, AUDIO_SSRC, payload)
            )
            continue
        if roll > 0.98:
            video += dice.choice([501, 700, 20_000, -40])
            held.clear()  # older than that not even SRTP takes
        video += 1
        packet = RtpClient.picture(video, key=roll < 0.15, padding=dice.choice([0, 0, 0, 0, 20]))
        if roll > 0.9:
            held.append(packet)
        else:
            packets.append(packet)
        if held and roll < 0.3:
            packets.append(held.pop(dice.randrange(len(held))))
    return packets


async def played(bus: Bus, folder: Path, clock: ManualClock, library: Library | None, seed: int) -> tuple[Any, ...]:
    """What the viewer got, and what the journal holds."""
    async with running_worker(bus, folder, clock=clock, library=library) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        await node.open_leg("leg_a")
        await node.open_leg("leg_b", recorded=False)
        call = Call(worker, node, clock, folder)
        publisher, viewer = await call.publisher(), await call.viewer()
        for number, packet in enumerate(traffic(seed)):
            if number == 200:  # from the next keyframe on numbers and times are shifted
                await publisher.check()
                for is_open in (False, True):
                    await node.done(contract.Gate("call_1", "leg_a", "camera", is_open))
            wire = publisher.send(packet)
            if number % 7 == 0:
                publisher.raw(wire)  # once more, as an attacker would
            if number % 20 == 0:  # no burst that the system's buffers drop
                await publisher.check()
                for _ in range(60):  # a client reads one packet in each turn of the loop
                    await asyncio.sleep(0)
        await publisher.check()
        await viewer.check()  # behind all that was forwarded
        assert worker._socket.errors == 0
        epochs = await node.close()
        records = [record for epoch in epochs for record in await call.journal(epoch)]
        viewer.close()
        publisher.close()
        seen = sorted((p.payload_type, p.seq, p.timestamp, p.marker, p.payload) for p in viewer.packets)
        by_stream = [(p.ssrc, p.seq) for p in viewer.packets]
        assert len(set(by_stream)) == len(by_stream)
        assert viewer.repeated == 0
        return seen, [(r.track, r.rtp) for r in records if isinstance(r, journal.Packet)], len(epochs)


@pytest.mark.parametrize("seed", range(6))
async def test_a_bad_network_comes_to_the_same(bus: Bus, tmp_path: Path, clock: ManualClock, seed: int) -> None:
    assert LIBRARY is not None
    fast = await played(bus, tmp_path / "fast", clock, LIBRARY, seed)
    slow = await played(bus, tmp_path / "slow", clock, None, seed)
    assert fast == slow
    assert len(fast[0]) > 150


async def test_what_came_before_a_request_is_recorded_before_it_is_carried_out(
    bus: Bus, tmp_path: Path, clock: ManualClock
) -> None:
    async with running_worker(bus, tmp_path, clock=clock) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        await node.open_leg("leg_a")
        call = Call(worker, node, clock, tmp_path)
        publisher = await call.publisher()
        publisher.sound(1)
        await call.received(1)
        seq, waiting, fast = 1, 0, worker._socket.fast
        assert fast is not None
        while not (waiting := fast.waiting):
            seq += 1
            publisher.sound(seq)
            await asyncio.sleep(0)
        before = seq - waiting
        closed = worker.handle(contract.CloseSession("call_1"))
        assert isinstance(closed, contract.SessionClosed)
        packets = [r for r in await call.journal(closed.epochs[0]) if isinstance(r, journal.Packet)]
        assert [read(packet.rtp).seq for packet in packets][-waiting:] == [*range(before + 1, seq + 1)][:waiting]
        publisher.close()
