"""A viewer whose line is too narrow gets fewer pictures; everybody else, the recording included, gets them all."""

import struct
from dataclasses import dataclass, field

from foundation.clock import ManualClock
from media import contract, layers, rtcp
from media.rtp import build
from media.thinning import FULL
from recordings import journal
from tests.node.media.conftest import Call
from tests.support.rtp_client import VIDEO_SSRC, RtpClient
from tests.support.waiting import until

PATTERN = (0, 2, 1, 2)


@dataclass
class Camera:
    """Pictures of three packets in three temporal layers, each payload another."""

    publisher: RtpClient
    clock: ManualClock
    seq: int = 65_000
    picture: int = 0
    sent: list[bytes] = field(default_factory=list)

    def take(self, *, key: bool = False) -> None:
        layer = 0 if key else PATTERN[self.picture % 4]
        numbers = struct.pack("!BHBB", 0xE0, 0x8000 | self.picture, self.picture // 4 & 0xFF, layer << 6)
        for piece in range(3):
            head = bytes([0x90 if piece == 0 else 0x80])
            body = b"\x10" if key else b"\x11"
            payload = head + numbers + (body if piece == 0 else b"") + b"picture %d.%d" % (self.picture, piece)
            time = self.clock.monotonic_ns() * 9 // 100_000
            packet = build(96, self.seq & 0xFFFF, time & 0xFFFFFFFF, VIDEO_SSRC, payload, marker=piece == 2)
            self.publisher.send(packet)
            self.sent.append(packet)
            self.seq += 1
        self.picture += 1
        self.clock.advance(0.001)  # faster than life: nothing may look late


async def got(viewer: RtpClient, count: int) -> None:
    await until(lambda: None if len(viewer.packets) >= count else f"{len(viewer.packets)} of {count} packets")


async def report(call: Call, viewer: RtpClient, highest: int, lost: int) -> None:
    """A receiver report, and the worker's look at it a second later."""
    session = call.worker._sessions["call_1"]
    found = session.legs["leg_b"].viewer
    assert found is not None
    ssrc = viewer.packets[-1].ssrc
    viewer.send_rtcp(rtcp.receiver_report(rtcp.ReceiverReport(1, (rtcp.ReportBlock(ssrc, 0, lost, highest, 0, 0, 0),))))
    await until(lambda: None if found.by_ssrc[ssrc].highest == highest else "the report has not come")
    for client in call.clients:
        await client.check()  # browsers do, all the time
    call.clock.advance(1.0)
    call.worker._socket.settle()
    session.second(call.clock.monotonic_ns())


async def test_a_weak_viewer_gets_every_fourth_picture_with_numbers_that_close_up_and_later_everything(
    call: Call,
) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    await call.node.open_leg("leg_c", recorded=False)
    strong = await call.viewer("leg_c")
    camera = Camera(publisher, call.clock)
    for _ in range(8):
        camera.take(key=not camera.picture)
    await got(viewer, 24)
    await report(call, viewer, 1000, 0)
    await report(call, viewer, 1100, 0)
    await report(call, viewer, 1200, 50)
    for _ in range(40):
        camera.take()
    await got(strong, 48 * 3)
    await got(viewer, 24 + 10 * 3)
    assert len({packet.ssrc for packet in viewer.packets}) == 1
    thin = viewer.packets[24:]
    assert {layers.temporal_layer(packet.payload) for packet in thin} == {0}
    assert [packet.seq for packet in viewer.packets] == [(65_000 + n) & 0xFFFF for n in range(54)]
    ids = [layers.picture_id(packet.payload) for packet in thin[::3]]
    assert ids == [(8 + n, 1 << 15) for n in range(10)]
    viewer.send_rtcp(rtcp.nack(1, thin[0].ssrc, [thin[4].seq, thin[9].seq]))
    await until(lambda: None if viewer.repeated == 2 else f"{viewer.repeated} of 2 repeated")
    assert {len(each) for each in viewer.sealed.values()} == {1}, "one number, one content"

    asked = len(publisher.of(rtcp.Pli))
    viewer.send_rtcp(rtcp.pli(1, thin[0].ssrc))
    for step in range(30):
        await report(call, viewer, 1300 + step * 30, 50)
    assert len(publisher.of(rtcp.Pli)) - asked <= 30 // 2 + 1, "a narrow line does not change what the camera sends"
    camera.take()
    camera.take(key=True)
    for _ in range(7):
        camera.take()
    await got(strong, 57 * 3)
    await got(viewer, 54 + 3 + 8 * 3)
    whole = viewer.packets[57:]
    assert {packet.ssrc for packet in whole} == {thin[0].ssrc}
    assert [packet.seq for packet in whole] == [(65_057 + n) & 0xFFFF for n in range(24)], "the numbers go on"
    assert [packet.timestamp for packet in whole] == [packet.timestamp for packet in strong.packets[-24:]]
    assert [packet.payload for packet in whole] == [packet.payload for packet in strong.packets[-24:]]
    [epoch] = await call.node.close()
    kept = [r.rtp for r in await call.journal(epoch) if isinstance(r, journal.Packet)]
    assert kept == camera.sent


async def test_what_the_senders_line_lost_is_not_laid_to_the_viewers(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    camera = Camera(publisher, call.clock)
    for _ in range(8):
        camera.take(key=not camera.picture)
    await got(viewer, 24)
    begun = camera.seq - 24
    await report(call, viewer, camera.seq - 1, 0)
    await report(call, viewer, camera.seq - 1, 0)
    swallowed = 400
    camera.seq += swallowed
    for _ in range(8):
        camera.take()
    await got(viewer, 48)
    found = call.worker._sessions["call_1"].legs["leg_b"].viewer
    assert found is not None
    await report(call, viewer, camera.seq - 1, swallowed)
    assert found.lost == 0 and found.expected == camera.seq - begun - 24 and found.bottleneck.level == FULL
    for _ in range(8):
        camera.take()
    await got(viewer, 72)
    await report(call, viewer, camera.seq - 1, swallowed + 12)
    assert found.lost == 12 and found.bottleneck.level < FULL, "its own is"


async def test_of_a_line_that_carries_hardly_anything_keyframes_and_sound_are_left(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    camera = Camera(publisher, call.clock)
    for _ in range(4):
        camera.take(key=not camera.picture)
    await got(viewer, 12)
    await report(call, viewer, 1000, 0)
    await report(call, viewer, 1100, 0)
    await report(call, viewer, 1200, 90)
    for n in range(12):
        camera.take(key=n == 8)
        publisher.sound(n)
    await got(viewer, 12 + 3 + 12)
    await call.received(16 * 3 + 12)
    pictures = [packet.payload for packet in viewer.packets[12:] if packet.payload_type == 96]
    assert [payload.partition(b"picture ")[2] for payload in pictures] == [b"12.0", b"12.1", b"12.2"]
    assert len(viewer.packets) == 27
    # Somebody new in the slot begins as thin: the line is the same.
    await call.node.done(contract.Gate("call_1", "leg_a", "camera", False))
    await call.node.done(contract.Gate("call_1", "leg_a", "camera", True))
    camera.take()
    publisher.sound(100)
    await got(viewer, 28)
    assert viewer.packets[-1].payload == b"sound 100"
