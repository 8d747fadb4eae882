"""What reaches the journal: every packet the publisher sent, once, whatever viewers are allowed to see."""

import asyncio
from pathlib import Path

from foundation.bus import Bus
from foundation.clock import ManualClock
from media import contract, rtcp
from media.rtp import build, read
from recordings import journal
from tests.node.media.conftest import Call
from tests.support.media_worker import Node, running_worker
from tests.support.rtp_client import RTX_SSRC, VIDEO_SSRC, RtpClient
from tests.support.waiting import until


def packets(records: list[journal.Record], track: int) -> list[bytes]:
    return [r.rtp for r in records if isinstance(r, journal.Packet) and r.track == track]


async def test_the_journal_holds_each_packet_once_and_as_it_was_sent(call: Call) -> None:
    publisher = await call.publisher()
    sounds = [publisher.sound(seq) for seq in range(65_530, 65_550)]
    pictures = [publisher.picture(seq, key=seq == 9) for seq in range(9, 30)]
    for packet in pictures:
        publisher.send(packet)
    publisher.send(publisher.picture(30, padding=200))  # a probe for bandwidth, no picture
    await call.received(42)
    [epoch] = await call.node.close()

    records = await call.journal(epoch)
    header = records[0]
    assert isinstance(header, journal.JournalHeader)
    assert (header.record, header.session, header.leg, header.worker) == ("rec_1", "call_1", "leg_a", "w1")
    assert [(t.track, t.kind, t.codec, t.payload_type, t.clock_rate) for t in header.tracks] == [
        (0, "audio", "opus", 111, 48_000),
        (1, "camera", "VP8", 96, 90_000),
    ]
    assert header.wall_ns == 1_763_965_800_000_000_000
    assert packets(records, 0) == sounds
    assert packets(records, 1)[:-1] == pictures
    bare = read(packets(records, 1)[-1])
    assert (bare.seq, bare.ssrc, bare.body) == (30, VIDEO_SSRC, b""), "of padding only the number is kept"
    assert isinstance(records[-1], journal.Closed) and records[-1].reason == "closed"


async def test_a_lost_packet_is_asked_for_again_and_recorded_when_it_comes(call: Call) -> None:
    publisher = await call.publisher()
    sent = [publisher.picture(seq, key=seq == 100) for seq in range(100, 110)]
    for packet in sent[:4] + sent[6:]:
        publisher.send(packet)
    await call.received(8)
    call.clock.advance(0.011)
    await until(lambda: None if publisher.of(rtcp.Nack) else "nothing was asked for")
    assert publisher.of(rtcp.Nack)[0].lost == (104, 105)
    publisher.send(sent[4])
    publisher.send(sent[5])
    await call.received(10)
    assert (await call.stats()).recovered == 2
    [epoch] = await call.node.close()
    kept = packets(await call.journal(epoch), 1)
    assert sorted(kept) == sorted(sent)


async def test_the_repair_stream_brings_what_was_lost_and_its_probes_change_nothing(call: Call) -> None:
    """RFC 4588: number and payload of the lost packet, under another SSRC and payload type."""
    publisher, viewer = await call.publisher(), await call.viewer()
    sent = [publisher.picture(seq, key=seq == 65530) for seq in range(65530, 65545)]
    for packet in sent[:4] + sent[6:]:
        publisher.send(packet)
    await call.received(13)
    repairs = [
        build(97, 7, 0, RTX_SSRC, b"", padding=200),  # a probe of mere padding
        again(sent[4], 8),
        again(sent[4], 9),  # a probe that repeats what has come
        again(sent[0], 10),
        again(publisher.picture(30_000), 11),  # nothing that was ever missing
        again(sent[5], 12),
    ]
    for packet in repairs:
        publisher.send(packet)
    await call.received(15)
    publisher.send(publisher.picture(65545))
    await call.received(16)
    await until(lambda: None if len(viewer.packets) == 16 else f"{len(viewer.packets)} of 16 packets")
    assert (await call.stats()).recovered == 0, "came by itself, before it was asked for"
    [epoch] = await call.node.close()
    kept = packets(await call.journal(epoch), 1)
    assert sorted(kept[:-1]) == sorted(sent)
    assert {packet.ssrc for packet in viewer.packets} == {viewer.packets[0].ssrc}


def again(packet: bytes, seq: int) -> bytes:
    """``packet`` as the repair stream brings it."""
    known = read(packet)
    payload = known.seq.to_bytes(2, "big") + known.payload
    return build(97, seq, known.timestamp, RTX_SSRC, payload, marker=known.marker)


async def test_lost_padding_is_not_asked_for_and_filled_for_viewers(call: Call) -> None:
    def numbered(seq: int, picture: int, *, first: bool = True, last: bool = True, key: bool = False) -> bytes:
        payload = bytes([0x90 if first else 0x80, 0x80, 0x80 | picture >> 8, picture & 0xFF, not key]) + b"picture"
        return build(96, seq, picture * 3000, VIDEO_SSRC, payload, marker=last)

    publisher, viewer = await call.publisher(), await call.viewer()
    publisher.send(numbered(1, 511, key=True))
    publisher.send(publisher.picture(2, padding=100))
    publisher.send(numbered(5, 512))  # 3 and 4 were padding: the pictures are consecutive
    publisher.send(numbered(7, 514))  # 6 was a picture
    publisher.send(numbered(8, 515, last=False))
    publisher.send(numbered(10, 515, first=False))  # 9 was in the middle of one
    await call.received(6)
    call.clock.advance(0.011)
    await until(lambda: None if publisher.of(rtcp.Nack) else "nothing was asked for")
    assert [nack.lost for nack in publisher.of(rtcp.Nack)] == [(6, 9)]
    await until(lambda: None if len(viewer.packets) == 8 else f"{len(viewer.packets)} of 8 packets")
    assert [packet.seq for packet in viewer.packets if not packet.payload_bytes] == [2, 3, 4], "filled for the viewer"
    publisher.send(publisher.picture(3, padding=100))
    await asyncio.sleep(0.1)
    assert len(viewer.packets) == 8 and viewer.repeated == 0, "one number never carries two contents"


async def test_requests_for_the_lost_end_in_one_for_a_keyframe(call: Call) -> None:
    publisher = await call.publisher()
    publisher.send(publisher.picture(1, key=True))
    publisher.send(publisher.picture(3))
    await call.received(2)
    for _ in range(30):
        call.clock.advance(0.05)
        await asyncio.sleep(0.02)
        if publisher.of(rtcp.Pli):
            break
    assert publisher.of(rtcp.Pli)[0].media == VIDEO_SSRC
    assert 3 <= len(publisher.of(rtcp.Nack)) <= 10


async def test_sender_reports_and_anchors_of_the_clocks_are_kept(call: Call) -> None:
    publisher = await call.publisher()
    publisher.send(publisher.picture(1, key=True))
    await call.received(1)
    report = rtcp.SenderReport(VIDEO_SSRC, 0x1234_5678_9ABC_DEF0, 90_000, 1, 10)
    publisher.send_rtcp(rtcp.sender_report(report) + rtcp.description(VIDEO_SSRC, "someone"))
    # The report to the publisher and the anchor belong to the same second.
    await until(lambda: None if publisher.of(rtcp.ReceiverReport) else "not a second old")
    [epoch] = await call.node.close()
    records = await call.journal(epoch)
    [kept] = [r for r in records if isinstance(r, journal.SenderReport)]
    assert (kept.track, kept.ntp, kept.rtp_timestamp) == (1, 0x1234_5678_9ABC_DEF0, 90_000)
    assert any(isinstance(r, journal.Anchor) for r in records)


async def test_a_closed_gate_hides_the_picture_and_does_not_stop_the_recording(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    publisher.send(publisher.picture(1, key=True))
    await until(lambda: None if len(viewer.packets) == 1 else "not forwarded")
    await call.node.done(contract.Gate("call_1", "leg_a", "camera", False))
    for seq in (2, 3, 4):
        publisher.send(publisher.picture(seq))
    await call.received(4)
    assert len(viewer.packets) == 1
    await call.node.done(contract.Gate("call_1", "leg_a", "camera", True))
    publisher.send(publisher.picture(5, key=True))
    await until(lambda: None if len(viewer.packets) == 2 else "not forwarded again")
    assert [packet.seq for packet in viewer.packets] == [1, 2], "nobody asks for what was hidden"
    [epoch] = await call.node.close()
    records = await call.journal(epoch)
    assert len(packets(records, 1)) == 5
    marks = [(r.kind, r.detail) for r in records if isinstance(r, journal.Mark)]
    assert marks == [("gate", {"kind": "camera", "open": False}), ("gate", {"kind": "camera", "open": True})]


async def test_a_gate_closed_before_the_first_packet_holds(call: Call) -> None:
    await call.node.done(contract.Gate("call_1", "leg_a", "camera", False))
    publisher, viewer = await call.publisher(), await call.viewer()
    publisher.send(publisher.picture(1, key=True))
    publisher.sound(1)
    await until(lambda: None if viewer.packets else "no sound")
    await call.received(2)
    assert {packet.payload_type for packet in viewer.packets} == {111}
    [epoch] = await call.node.close()
    records = await call.journal(epoch)
    assert [r.detail for r in records if isinstance(r, journal.Mark)] == [{"kind": "camera", "open": False}]


async def test_a_new_stream_on_the_same_line_is_a_new_epoch(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    publisher.send(publisher.picture(1, key=True))
    await call.received(1)
    call.clock.advance(3)
    other = publisher.picture(7, key=True, ssrc=903635514)
    publisher.send(other)
    closed = await call.node.hears(contract.EpochClosed)
    assert closed.reason == "new_source"
    await until(lambda: None if len(viewer.packets) == 2 else "the viewer does not see the new stream")
    assert [(packet.ssrc, packet.seq) for packet in viewer.packets] == [(viewer.packets[0].ssrc, seq) for seq in (1, 2)]
    assert viewer.packets[1].timestamp - viewer.packets[0].timestamp == 3 * 90_000
    epochs = await call.node.close()
    assert len(epochs) == 2 and epochs[0] == closed.epoch
    assert packets(await call.journal(epochs[1]), 1) == [other]


async def test_a_clock_that_stood_still_is_a_new_epoch(call: Call) -> None:
    publisher = await call.publisher()
    publisher.sound(1, timestamp=960)
    await call.received(1)
    call.clock.advance(20)  # a phone call: no time passed for the microphone
    for n in range(2, 104):
        await publisher.check()
        publisher.sound(n, timestamp=n * 960)
        await call.received(n)
        call.clock.advance(0.02)
        if call.node.heard(contract.EpochClosed):
            break
    closed = await call.node.hears(contract.EpochClosed)
    assert closed.reason == "clock_jump"
    publisher.sound(n + 1, timestamp=(n + 1) * 960)
    await call.received(n + 1)
    epochs = await call.node.close()
    first, second = [packets(await call.journal(epoch), 0) for epoch in epochs]
    assert (len(first), len(second)) == (n - 1, 2), "the packet that gave the jump away opens the new epoch"


async def test_publishing_again_ends_the_first_epoch_and_begins_another(call: Call) -> None:
    first = await call.publisher()
    first.sound(1)
    await call.received(1)
    second = await call.publisher()
    second.sound(1)
    await call.received(1)
    down = await call.node.hears(contract.LegDown, direction="publish")
    assert down.cause == "replaced"
    first.sound(2)
    epochs = await call.node.close()
    assert [e.reason for e in call.node.heard(contract.EpochClosed)][:1] == ["replaced"]
    assert [len(packets(await call.journal(epoch), 0)) for epoch in epochs] == [1, 1]


async def test_a_leg_that_is_not_recorded_has_no_epoch(call: Call) -> None:
    publisher = await call.publisher("leg_b")
    publisher.sound(1)
    await call.node.hears(contract.MediaFlowing, leg="leg_b")
    assert await call.node.close() == []
    assert not call.node.heard(contract.EpochOpened)


async def test_a_disk_that_fails_is_told_once_and_the_call_goes_on(
    bus: Bus, tmp_path: Path, clock: ManualClock
) -> None:
    spool = tmp_path / "spool"
    await asyncio.to_thread(spool.write_text, "a file where a folder should be")
    async with running_worker(bus, spool, clock=clock) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        await node.open_leg("leg_a")
        client = RtpClient()
        await client.connect(await node.publish("leg_a", client.offer(), [contract.TrackSpec("0", "audio")]))
        client.sound(1)
        fault = await node.hears(contract.RecordingFault)
        assert (fault.leg, fault.code) == ("leg_a", "disk_failed")
        client.sound(2)
        await asyncio.sleep(0.3)
        assert len(node.heard(contract.RecordingFault)) == 1
        assert not node.heard(contract.LegDown)
        client.close()


async def test_a_payload_type_nobody_agreed_on_is_neither_recorded_nor_forwarded(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    publisher.sound(1)
    publisher.send(build(97, 5, 5, 903635514, b"a repair stream that was not negotiated"))
    publisher.send(build(9, 2, 5, 2079753891, b"another codec on a known stream"))
    publisher.sound(3)
    await call.received(2)
    await until(lambda: None if len(viewer.packets) == 2 else "sound is missing")
    [epoch] = await call.node.close()
    assert len([r for r in await call.journal(epoch) if isinstance(r, journal.Packet)]) == 2
