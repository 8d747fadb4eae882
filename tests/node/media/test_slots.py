"""A slot is one stream whatever plays in it: numbers go on, times go on, and no number is sealed with two contents."""

import asyncio
import random
from itertools import pairwise

import pytest

from media import contract, rtcp
from media.rtp import Packet
from media.thinning import FULL
from tests.node.media.conftest import SLOTS, Call
from tests.support.rtp_client import AUDIO_SSRC, VIDEO_SSRC, RtpClient
from tests.support.waiting import until

HOUR = 3600 << 32


def seats(leg: str) -> contract.AssignSlots:
    slots = [contract.SlotSpec(slot.mid, leg, slot.kind) for slot in SLOTS]
    return contract.AssignSlots("call_1", "leg_b", slots)


async def settled(call: Call, viewer: RtpClient) -> None:
    """All that was sent so far has come to whom it comes."""
    for client in [*call.clients, viewer]:
        await client.check()


async def test_browsers_are_told_one_line_of_times_whatever_the_clocks_of_those_who_play(call: Call) -> None:
    """Two phones whose clocks are hours apart, and whose RTP times have nothing in common."""
    await call.node.open_leg("leg_c")
    first, second, viewer = await call.publisher(), await call.publisher("leg_c"), await call.viewer()
    for seconds, publisher, leg in ((0, first, "leg_a"), (2, second, "leg_c"), (4, first, "leg_a")):
        await call.node.done(seats(leg))
        ntp = (0xE000_0000 << 32) + (seconds << 32) + (5 * HOUR if publisher is second else 0)
        times = {AUDIO_SSRC: (960, 48_000), VIDEO_SSRC: (3000, 90_000)}
        if publisher is second:
            times = {AUDIO_SSRC: (0x7000_0000, 48_000), VIDEO_SSRC: (0xFFFF_0000, 90_000)}
        publisher.sound(1 + seconds, timestamp=times[AUDIO_SSRC][0] + seconds * 48_000)
        picture = bytearray(publisher.picture(1 + seconds, key=True))
        picture[4:8] = (times[VIDEO_SSRC][0] + seconds * 90_000 & 0xFFFFFFFF).to_bytes(4, "big")
        publisher.send(bytes(picture))
        await settled(call, viewer)
        for ssrc, (start, rate) in times.items():
            report = rtcp.SenderReport(ssrc, ntp, start + seconds * rate & 0xFFFFFFFF, 1, 1)
            publisher.send_rtcp(rtcp.sender_report(report))
        await settled(call, viewer)
        call.clock.advance(2.0)
        for client in call.clients:
            await client.check()
    for ssrc, rate in (
        (next(p.ssrc for p in viewer.packets if p.payload_type == kind), rate)
        for kind, rate in ((111, 48_000), (96, 90_000))
    ):
        points = sorted({(r.ntp, r.rtp_timestamp) for r in viewer.of(rtcp.SenderReport) if r.ssrc == ssrc})
        assert len(points) == 3
        for (ntp, time), (later_ntp, later_time) in pairwise(points):
            passed = (later_ntp - ntp) / (1 << 32)
            assert passed == pytest.approx(2.0, abs=0.001)
            assert (later_time - time & 0xFFFFFFFF) / rate == pytest.approx(passed, abs=0.001)


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_happens_in_a_slot_its_numbers_go_on_and_each_has_one_content(call: Call, seed: int) -> None:
    """Sources that take turns, gates, lines that grow narrow, packets that come late, repairs: in any order."""
    dice = random.Random(seed)
    await call.node.open_leg("leg_c")
    viewer = await call.viewer()
    publishers = {"leg_a": await call.publisher(), "leg_c": await call.publisher("leg_c")}
    found = call.worker._sessions["call_1"].legs["leg_b"].viewer
    assert found is not None
    playing, newest = "leg_a", {"leg_a": 65_500, "leg_c": 30_000}
    held: dict[str, list[bytes]] = {leg: [] for leg in publishers}
    for leg, publisher in publishers.items():
        publisher.send(publisher.picture(newest[leg], key=True))
    for step in range(250):
        roll = dice.random()
        if roll < 0.05:
            playing = dice.choice([*publishers])
            await call.node.done(seats(playing))
        elif roll < 0.08:
            for is_open in (False, True):
                await call.node.done(contract.Gate("call_1", playing, "camera", is_open))
        elif roll < 0.14:
            call.worker._socket.settle()
            found.bottleneck.level = dice.randrange(FULL + 1)
            for slot in found.slots.values():
                slot.thin(found.bottleneck.level)
        elif roll < 0.2 and viewer.packets:
            last: Packet = viewer.packets[-1]
            wanted = [last.seq - dice.randrange(40) & 0xFFFF for _ in range(5)]
            viewer.send_rtcp(rtcp.nack(1, last.ssrc, wanted))
        for leg, publisher in publishers.items():
            newest[leg] += 1
            packet = publisher.picture(newest[leg], key=dice.random() < 0.1, padding=dice.choice([0, 0, 0, 9]))
            if dice.random() < 0.1:
                held[leg].append(packet)
            else:
                publisher.send(packet)
            if held[leg] and dice.random() < 0.2:
                publisher.send(held[leg].pop(0))
        if step % 10 == 0:
            await settled(call, viewer)
            for _ in range(20):
                await asyncio.sleep(0)
            call.clock.advance(0.01)
    await settled(call, viewer)
    assert call.worker._socket.errors == 0
    assert {len(each) for each in viewer.sealed.values()} == {1}, "one number, one content"
    assert len({packet.ssrc for packet in viewer.packets}) == 1
    assert len(viewer.packets) > 60
    place, highest = 0, viewer.packets[0].seq
    for packet in viewer.packets:
        step = (packet.seq - highest + 0x8000 & 0xFFFF) - 0x8000
        assert -60 < step < 60, "no leap"
        place, highest = (place + step, packet.seq) if step > 0 else (place, highest)
    assert place < 520


async def test_sound_needs_no_keyframe_and_goes_on_behind_what_played_before(call: Call) -> None:
    await call.node.open_leg("leg_c")
    first, second, viewer = await call.publisher(), await call.publisher("leg_c"), await call.viewer()
    first.sound(500)
    await until(lambda: None if viewer.packets else "no sound")
    await call.node.done(seats("leg_c"))
    call.clock.advance(0.04)
    second.sound(9)
    second.sound(8)
    second.sound(10)
    await until(lambda: None if len(viewer.packets) == 3 else f"{len(viewer.packets)} of 3")
    assert [(packet.seq, packet.payload) for packet in viewer.packets] == [
        (500, b"sound 500"),
        (501, b"sound 9"),
        (502, b"sound 10"),
    ], "what belongs before the first would have the number of what played before"
    began, then, last = (packet.timestamp for packet in viewer.packets)
    assert (then - began, last - then) == (0.04 * 48_000, 960)


async def test_who_gets_no_keyframe_has_it_asked_for_as_long_as_pictures_come(call: Call) -> None:
    """The viewer cannot ask: it gets nothing that it could not decode. No recording wants keyframes either."""
    await call.node.open_leg("leg_c", recorded=False)
    publisher, viewer = await call.publisher("leg_c"), await call.viewer()
    await call.node.done(seats("leg_c"))

    def picture(second: int, *, key: bool = False) -> bytes:
        packet = bytearray(publisher.picture(1 + second, key=key))
        packet[4:8] = (second * 90_000).to_bytes(4, "big")
        return bytes(packet)

    publisher.send(picture(0))
    publisher.sound(1)
    await until(lambda: None if viewer.packets else "no sound")
    for second in range(1, 8):
        asked = len(publisher.of(rtcp.Pli))
        call.clock.advance(1.0)
        publisher.send(picture(second))
        await call.received(2 + second, "leg_c")
        await until(lambda asked=asked: None if len(publisher.of(rtcp.Pli)) > asked else "not asked again")  # type: ignore[misc]
    assert {packet.payload_type for packet in viewer.packets} == {111}
    publisher.send(picture(8, key=True))
    await until(lambda: None if len(viewer.packets) == 2 else "no picture")
