"""What a viewer gets: the packets of whoever sits in its slots, repaired on request, in step, and nothing else."""

import asyncio

import pytest

from media import contract, rtcp
from media.rtp import build
from media.sdp import MID_IDENTIFIER, PLAYOUT_DELAY_IDENTIFIER
from recordings import journal
from tests.node.media.conftest import Call
from tests.support.media_worker import quiet
from tests.support.rtp_client import AUDIO_SSRC, VIDEO_SSRC
from tests.support.waiting import until


async def forwarded(client: object, count: int) -> None:
    packets = client.packets  # type: ignore[attr-defined]
    await until(lambda: None if len(packets) >= count else f"{len(packets)} of {count} packets")


async def test_packets_arrive_under_the_slots_name_with_the_offers_payload_type(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    publisher.sound(7)
    publisher.send(publisher.picture(8, key=True))
    await forwarded(viewer, 2)
    by_slot = {(packet.extension(MID_IDENTIFIER) or b"").decode(): packet for packet in viewer.packets}
    assert set(by_slot) == {"a0", "v0"}
    assert (by_slot["a0"].payload, by_slot["a0"].payload_type, by_slot["a0"].seq) == (b"sound 7", 111, 7)
    assert by_slot["v0"].payload.endswith(b"picture 8") and by_slot["v0"].payload_type == 96
    assert {AUDIO_SSRC, VIDEO_SSRC}.isdisjoint(packet.ssrc for packet in viewer.packets)


async def test_a_viewer_that_lost_a_packet_gets_the_same_packet_again(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    for seq in range(65_500, 65_600):
        publisher.send(publisher.picture(seq, key=seq == 65_500))
    await forwarded(viewer, 100)
    ssrc = viewer.packets[0].ssrc
    viewer.send_rtcp(rtcp.nack(1, ssrc, [65_535, 0, 5]))
    await until(lambda: None if viewer.repeated == 3 else f"{viewer.repeated} of 3 repeated")
    viewer.send_rtcp(rtcp.nack(1, ssrc, [200, 300]) + rtcp.nack(1, 12345, [1]))
    await asyncio.sleep(0.1)
    assert viewer.repeated == 3, "what was never sent, or to somebody else, cannot be repeated"


async def test_viewers_of_a_line_that_loses_are_told_to_wait_and_no_number_is_sealed_with_two_contents(
    call: Call,
) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    pictures = [publisher.picture(seq, key=not seq) for seq in range(300)]
    missing = range(5, 100, 10)
    for seq in range(100):
        if seq not in missing:
            publisher.send(pictures[seq])
    await call.received(90)
    call.clock.advance(0.2)
    for seq in missing[1:]:
        publisher.send(pictures[seq])
    await forwarded(viewer, 99)

    async def not_told() -> str | None:
        await asyncio.sleep(0.05)
        publisher.send(pictures[sent := len(viewer.packets) + 1])
        await forwarded(viewer, sent)
        delay = viewer.packets[-1].extension(PLAYOUT_DELAY_IDENTIFIER)
        # At once: what came before is still kept then.
        return None if delay is not None else "no delay"

    await until(not_told)
    assert (viewer.packets[-1].extension(MID_IDENTIFIER) or b"") == b"v0"
    assert viewer.packets[0].extension(PLAYOUT_DELAY_IDENTIFIER) is None
    told = len(viewer.packets)
    publisher.send(pictures[5])
    await forwarded(viewer, told + 1)
    assert viewer.packets[-1].extension(PLAYOUT_DELAY_IDENTIFIER) is None, "its number is before the change"
    viewer.send_rtcp(rtcp.nack(1, viewer.packets[0].ssrc, [0, 5, 15, 99, told]))
    await until(lambda: None if viewer.repeated == 5 else f"{viewer.repeated} of 5 repeated")
    assert len(viewer.sealed) == told + 1 and {len(each) for each in viewer.sealed.values()} == {1}


async def test_behind_a_keyframe_viewers_are_told_which_pictures_wait_for_no_other(call: Call) -> None:
    """The encoder left out the marked picture of layer 1; what is recorded is what it said."""

    def picture(seq: int, layer: int, *, key: bool = False) -> bytes:
        descriptor = bytes([0x90, 0xE0, 0x80, seq, seq // 4, layer << 6, not key])
        return build(96, seq, seq * 3000, VIDEO_SSRC, descriptor + b"picture", marker=True)

    publisher, viewer = await call.publisher(), await call.viewer()
    layers = [0, 2, 2, 0, 2, 1, 2, 0, 2, 0]
    sent = [picture(seq, layer, key=not seq) for seq, layer in enumerate(layers)]
    for packet in sent[:4] + sent[5:]:
        publisher.send(packet)
        await publisher.check()
    publisher.send(sent[4])  # late, and no layer is bare any more
    await forwarded(viewer, 10)
    viewer.send_rtcp(rtcp.nack(1, viewer.packets[0].ssrc, range(10)))
    await until(lambda: None if viewer.repeated == 10 else f"{viewer.repeated} of 10 repeated")
    assert {len(each) for each in viewer.sealed.values()} == {1}
    assert [p.seq for p in viewer.packets if p.payload[5] & 0x20] == [1, 2, 5]
    [epoch] = await call.node.close()
    records = [r.rtp for r in await call.journal(epoch) if isinstance(r, journal.Packet)]
    assert sorted(records, key=lambda rtp: rtp[3]) == sent


async def test_one_viewer_cannot_ask_for_more_repeats_than_a_loss_can_need(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    for seq in range(100):
        publisher.send(publisher.picture(seq, key=not seq))
    await forwarded(viewer, 100)
    for _ in range(50):
        viewer.send_rtcp(rtcp.nack(1, viewer.packets[0].ssrc, range(100)))
    await asyncio.sleep(0.5)
    assert viewer.repeated <= 500


async def test_the_publishers_pair_of_times_reaches_the_viewer(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    publisher.send(publisher.picture(1, key=True))
    await forwarded(viewer, 1)
    report = rtcp.SenderReport(VIDEO_SSRC, 0xE000_0000_8000_0000, 4711, 99, 99)
    publisher.send_rtcp(rtcp.sender_report(report))
    await until(lambda: None if viewer.of(rtcp.SenderReport) else "no sender report")
    [sent] = viewer.of(rtcp.SenderReport)
    assert (sent.rtp_timestamp, sent.ssrc) == (4711, viewer.packets[0].ssrc)
    assert sent.ntp >> 32 == call.clock.now().timestamp() + 2_208_988_800, "our clock, from 1900 on"
    assert sent.packets == 1, "the counters are of what this viewer was sent"


async def test_the_round_trip_and_loss_a_viewer_reports_are_told(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    for seq in range(10):
        publisher.send(publisher.picture(seq, key=not seq))
    await forwarded(viewer, 10)
    publisher.send_rtcp(rtcp.sender_report(rtcp.SenderReport(VIDEO_SSRC, 0xE000_0001_8000_0000, 1, 1, 1)))
    await until(lambda: None if viewer.of(rtcp.SenderReport) else "no sender report")
    ssrc = viewer.packets[0].ssrc
    call.clock.advance(0.5)
    [sent] = viewer.of(rtcp.SenderReport)
    first = rtcp.ReportBlock(ssrc, 0, 0, 0x10000 + 9, 0, sent.ntp >> 16 & 0xFFFFFFFF, 65536 // 4)
    second = rtcp.ReportBlock(ssrc, 128, 5, 0x10000 + 19, 0, 0, 0)
    for block in (first, second):
        viewer.send_rtcp(rtcp.receiver_report(rtcp.ReceiverReport(1, (block,))))
    await until(lambda: None if call.node.heard(contract.Quality, direction="subscribe") else "no word on quality")
    quality = await call.node.hears(contract.Quality, leg="leg_b", direction="subscribe", loss=0.5)
    assert quality.rtt_ms == pytest.approx(250, abs=1)


async def test_wishes_for_a_keyframe_reach_the_publisher_as_one(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    publisher.send(publisher.picture(1, key=True))
    await forwarded(viewer, 1)
    call.clock.advance(0.6)
    before = len(publisher.of(rtcp.Pli))
    for _ in range(10):
        viewer.send_rtcp(rtcp.pli(1, viewer.packets[0].ssrc))
    await until(lambda: None if len(publisher.of(rtcp.Pli)) > before else "no wish arrived")
    await asyncio.sleep(0.2)
    assert len(publisher.of(rtcp.Pli)) == before + 1


async def test_after_a_line_without_signal_a_keyframe_is_asked_for_and_nothing_that_it_swallowed(call: Call) -> None:
    publisher = await call.publisher()
    publisher.sound(1)
    publisher.send(publisher.picture(1, key=True))
    await call.received(2)
    call.clock.advance(2.1)
    await until(lambda: None if publisher.of(rtcp.Pli) else "not asked")
    asked = len(publisher.of(rtcp.Pli))
    call.clock.advance(0.9)  # so far it has not been asked again
    publisher.sound(150)
    publisher.send(publisher.picture(300))
    publisher.send(publisher.picture(302))
    await until(lambda: None if len(publisher.of(rtcp.Pli)) > asked else "not asked again")
    call.clock.advance(0.05)
    await until(lambda: None if publisher.of(rtcp.Nack) else "the packet that was lost afterwards is not asked for")
    assert {seq for nack in publisher.of(rtcp.Nack) for seq in nack.lost} == {301}
    call.clock.advance(0.05)
    publisher.send(publisher.picture(299))
    await call.received(6)


async def test_a_recorded_camera_is_asked_for_a_keyframe_every_two_seconds(call: Call) -> None:
    publisher = await call.publisher()
    publisher.send(publisher.picture(1, key=True))
    await call.received(1)
    await quiet(0.3, lambda: "asked too early" if publisher.of(rtcp.Pli) else None)
    call.clock.advance(2.1)
    await until(lambda: None if publisher.of(rtcp.Pli) else "not asked")


async def test_another_source_in_the_slot_goes_on_in_its_stream_and_its_keyframe_is_asked_for(call: Call) -> None:
    await call.node.open_leg("leg_c")
    first, second, viewer = await call.publisher(), await call.publisher("leg_c"), await call.viewer()
    for client in (first, second):
        client.send(client.picture(1, key=True))
    await forwarded(viewer, 1)
    call.clock.advance(0.6)
    before = len(second.of(rtcp.Pli))
    await call.node.done(contract.AssignSlots("call_1", "leg_b", [contract.SlotSpec("v0", "leg_c", "camera")]))
    await until(lambda: None if len(second.of(rtcp.Pli)) > before else "no keyframe asked for")
    first.send(first.picture(2))
    second.send(second.picture(49))
    second.send(second.picture(50, key=True))
    second.send(second.picture(51))
    await forwarded(viewer, 3)
    assert [packet.payload[2:] for packet in viewer.packets] == [b"picture 1", b"picture 50", b"picture 51"]
    assert [packet.seq for packet in viewer.packets] == [1, 2, 3]
    assert len({packet.ssrc for packet in viewer.packets}) == 1
    began, then, last = (packet.timestamp for packet in viewer.packets)
    assert then - began == 0.6 * 90_000 and last - then == 3000
    viewer.send_rtcp(rtcp.nack(1, viewer.packets[0].ssrc, [0, 1, 2]))
    await until(lambda: None if viewer.repeated else "not repeated")
    await asyncio.sleep(0.05)
    assert viewer.repeated == 1 and {len(each) for each in viewer.sealed.values()} == {1}, "what was before is over"


async def test_the_same_assignment_again_disturbs_nothing_and_an_empty_one_silences(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    publisher.sound(1)
    await forwarded(viewer, 1)
    await call.node.done(contract.AssignSlots("call_1", "leg_b", [contract.SlotSpec("a0", "leg_a", "audio")]))
    publisher.sound(2)
    await forwarded(viewer, 2)
    assert len({packet.ssrc for packet in viewer.packets}) == 1
    await call.node.done(contract.AssignSlots("call_1", "leg_b", [contract.SlotSpec("a0", "", "audio")]))
    publisher.sound(3)
    await call.received(3)
    assert len(viewer.packets) == 2


async def test_a_viewer_that_connects_anew_plays_what_it_played(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    publisher.sound(1)
    await forwarded(viewer, 1)
    again = call._client()
    offer = await call.node.subscribe("leg_b")
    await call.node.done(contract.SubscribeAnswer("call_1", "leg_b", again.answer(offer)))
    await again.connect(offer)
    publisher.sound(2)
    await forwarded(again, 1)
    assert len(viewer.packets) == 1


async def test_a_browser_faster_than_its_answer_is_not_made_to_wait(call: Call) -> None:
    publisher, viewer = await call.publisher(), call._client()
    offer = await call.node.subscribe("leg_b")
    await viewer.connect(offer, dtls=False)
    connecting = asyncio.create_task(viewer.handshake())
    await asyncio.sleep(0.02)
    await call.node.done(contract.SubscribeAnswer("call_1", "leg_b", viewer.answer(offer)))
    await connecting
    await call.node.hears(contract.LegUp, direction="subscribe")
    assert publisher.dtls is not None


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (contract.Subscribe("call_9", "leg_a"), "unknown_session"),
        (contract.Subscribe("call_1", "leg_9"), "unknown_leg"),
        (contract.AssignSlots("call_1", "leg_a", []), "not_viewing"),
        (contract.Publish("call_1", "leg_a", "nonsense", []), "bad_sdp"),
        (contract.RestartIce("call_1", "leg_a", "publish", "v=0"), "not_publishing"),
        (contract.OpenLeg("call_2", "rec_1", "../etc", True), "bad_request"),
    ],
)
async def test_what_cannot_be_done_is_refused_by_name(call: Call, request_: contract.Request, code: str) -> None:
    reply = await call.node.ask(request_)
    assert isinstance(reply, contract.MediaRefused) and reply.code == code


async def test_slots_that_do_not_fit_are_refused_whole(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    good = contract.SlotSpec("a1", "leg_a", "audio")
    for bad, code in ((("a0", "leg_a", "camera"), "wrong_kind"), (("v99", "leg_a", "camera"), "unknown_slot")):
        reply = await call.node.ask(contract.AssignSlots("call_1", "leg_b", [good, contract.SlotSpec(*bad)]))  # type: ignore[arg-type]
        assert isinstance(reply, contract.MediaRefused) and reply.code == code
    publisher.sound(1)
    await forwarded(viewer, 1)
    await asyncio.sleep(0.05)
    assert len(viewer.packets) == 1, "nothing of a refused request may be carried out"


async def test_silence_and_sound_after_it_are_told(call: Call) -> None:
    publisher = await call.publisher()
    publisher.sound(1)
    await call.node.hears(contract.MediaFlowing, kind="audio")
    call.clock.advance(2.1)
    await publisher.check()
    stalled = await call.node.hears(contract.MediaStalled, kind="audio")
    assert stalled.since_ns == 1_763_965_800_000_000_000
    silent = await call.node.hears(contract.MediaStalled, kind="camera")
    assert silent.leg == "leg_a", "a camera that never sent is told too"
    publisher.sound(2)
    await until(lambda: None if len(call.node.heard(contract.MediaFlowing, kind="audio")) == 2 else "no word")


async def test_the_heartbeat_counts_sessions_and_legs(call: Call) -> None:
    beats: list[contract.WorkerAlive] = []

    async def beat(message: object) -> None:
        beats.append(contract.decode_heartbeat(message.data))  # type: ignore[attr-defined]

    await call.node.bus.subscribe("media.heartbeat", beat)
    await until(lambda: None if beats else "no heartbeat")
    assert (beats[0].worker, beats[0].sessions, beats[0].legs, beats[0].draining) == ("w1", 1, 2, False)
    call.worker.drain()
    reply = await call.node.ask(contract.OpenLeg("call_2", "rec_2", "leg_a", True))
    assert isinstance(reply, contract.MediaRefused) and reply.code == "draining"
