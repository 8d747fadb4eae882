"""A slot under real SRTP: whatever its sources do, no number has two contents, and the viewer opens what it gets."""

import itertools
import random
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from media import rtcp
from media.bottleneck import Bottleneck
from media.contract import SLOT_MIDS, Kind
from media.dtls import SrtpKeys
from media.nack import JUMP, Signal
from media.rtp import PACKET_MAX, Packet, build, read
from media.slot import Slot
from media.source import Source
from media.srtp import SrtpError, SrtpReceiver, SrtpSender
from media.thinning import FULL
from recordings.journal import Codec

KEYS = SrtpKeys(profile="SRTP_AES128_CM_SHA1_80", local=bytes(range(30)), remote=bytes(30))
THEIRS = SrtpKeys(profile="SRTP_AES128_CM_SHA1_80", local=bytes(30), remote=bytes(range(30)))
PACKET_NS = 10_000_000


class Peer:
    """The viewer's end too: what was sealed, and what it opened of it."""

    lane = None

    def __init__(self) -> None:
        self.sealed: dict[int, set[bytes]] = {}
        self.opened: list[Packet] = []
        self.refused = 0
        self.lost = False  # what is sent now
        self._sender, self._receiver = SrtpSender(KEYS), SrtpReceiver(THEIRS)

    def send_rtp(self, data: bytes) -> bool:
        if len(data) > PACKET_MAX:
            return False
        sealed = self._sender.rtp(data)
        number = int.from_bytes(data[2:4], "big")
        new = sealed not in self.sealed.setdefault(number, set())
        self.sealed[number].add(sealed)
        if new and not self.lost:
            try:
                self.opened.append(read(self._receiver.rtp(sealed)))
            except SrtpError:
                self.refused += 1
        return True

    def send_rtcp(self, data: bytes) -> bool:
        return True


class Line:
    """A viewer with one slot, and a clock that goes on with each packet."""

    ready = waits = True
    rtt_ns = None
    codecs = frozenset({"VP8", "H264", "opus"})

    def __init__(self) -> None:
        self.ns = PACKET_NS
        self.peer, self.bottleneck = Peer(), Bottleneck()
        self.pacer = SimpleNamespace(busy=False, post=lambda size, send: send())
        self.slot = Slot(self, SLOT_MIDS[-1], 7)  # type: ignore[arg-type]
        self.slot.open()

    def now_ns(self) -> int:
        return self.ns

    def reported(self, middle: int) -> None:
        pass

    def feed(self, source: Source, packet: Packet) -> bool:
        self.ns += PACKET_NS
        return source.take(packet, self.ns)


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    assert line.peer.refused == 0, "the viewer opened all that it got"
    assert {len(each) for each in line.peer.sealed.values()} <= {1}, "one number, one content"


def source(kind: Kind = "camera", codec: Codec = "VP8", *, recorded: bool = False) -> Source:
    return Source("leg_a", kind, 0, 7, 96, 90_000, 0, recorded, codec, Signal())


def vp8(seq: int, *, key: bool = False, layer: int = 0, time: int | None = None, size: int = 20) -> Packet:
    """A picture of one packet; of none (size 0) padding."""
    picture = seq if time is None else time
    head = bytes([0x90, 0xE0, 0x80 | picture >> 8 & 0x7F, picture & 0xFF, 0, layer << 6, not key])
    payload = head + bytes(size) if size else b""
    raw = build(96, seq & 0xFFFF, picture * 3000 & 0xFFFFFFFF, 7, payload, marker=True, padding=0 if size else 9)
    return read(raw)


def test_a_stream_begins_in_the_lower_half_of_all_numbers(line: Line) -> None:
    """So a viewer that loses the first packets of one that wraps soon counts its wraps as we do."""
    playing = source()
    line.slot.play(playing)
    for seq in range(65_533, 65_533 + 60_000):
        line.peer.lost = seq < 65_540
        line.feed(playing, vp8(seq, key=seq == 65_533))
    assert len(line.peer.opened) == 60_000 - 7
    assert min(line.peer.sealed) < 1 << 15


@pytest.mark.parametrize("leap", [JUMP + 1, 20_000, 32_000])
@pytest.mark.parametrize("level", range(FULL + 1))
def test_a_leap_of_the_source_is_none_of_the_viewers(line: Line, level: int, leap: int) -> None:
    playing, seq = source(), 100
    line.bottleneck.level = level
    line.slot.play(playing)
    for step in range(400):
        seq += leap if step % 9 == 8 else 1
        line.feed(playing, vp8(seq, key=step % 50 == 0, layer=(0, 2, 1, 2)[step % 4]))
    numbers = [packet.seq for packet in line.peer.opened]
    assert len(numbers) > 5
    assert {b - a & 0xFFFF for a, b in itertools.pairwise(numbers)} == {1}
    assert line.slot.report_of(rtcp.ReportBlock(7, 0, 0, numbers[-1], 0, 0, 0)) == (0, 0)
    assert line.slot.report_of(rtcp.ReportBlock(7, 0, 3, numbers[-1], 0, 0, 0)) == (0, 3)


def test_what_is_too_long_for_the_viewer_takes_no_number_for_ever(line: Line) -> None:
    playing = source()
    line.slot.play(playing)
    for seq in range(100_000):
        line.feed(playing, vp8(seq, key=not seq, size=20 if seq % 33_000 < 9 else PACKET_MAX - 25))
    assert len(line.peer.opened) == 4 * 9


@pytest.mark.parametrize("seed", range(6))
def test_whatever_comes_in_whatever_order_no_number_has_two_contents(line: Line, seed: int) -> None:
    dice = random.Random(seed)
    sources = [source(), source()]
    newest, held = [65_000, 20_000], [list[Packet](), list[Packet]()]
    line.slot.play(sources[0])
    for _ in range(6000):
        roll = dice.random()
        if roll < 0.01:
            line.slot.play(dice.choice(sources))
        elif roll < 0.03:
            line.bottleneck.level = dice.randrange(FULL + 1)
            line.slot.thin(line.bottleneck.level)
        elif roll < 0.08 and line.peer.opened:
            line.slot.repair(line.peer.opened[-1].seq - dice.randrange(-3, 60) & 0xFFFF)
        elif roll < 0.09:
            line.slot.wait(dice.choice([0, 100, 200]))
        line.peer.lost = dice.random() < 0.1
        for number, each in enumerate(sources):
            newest[number] += dice.choice([1] * 200 + [2, 40, JUMP, JUMP + 1, 9_000, 30_000])
            size = dice.choice([20] * 30 + [0, 0, PACKET_MAX - 25, PACKET_MAX - 19])
            packet = vp8(newest[number], key=dice.random() < 0.05, layer=dice.randrange(3), size=size)
            if dice.random() < 0.1:
                held[number].append(packet)
            else:
                line.feed(each, packet)
            if held[number] and dice.random() < 0.2:
                line.feed(each, held[number].pop(dice.randrange(len(held[number]))))
    assert len(line.peer.opened) > 1000


def test_padding_that_comes_late_is_the_same_when_it_is_sent_again(line: Line) -> None:
    playing = source()
    line.slot.play(playing)
    for seq in (100, 101, 103, 104):
        line.feed(playing, vp8(seq, key=seq == 100))
    line.slot.thin(1)
    line.feed(playing, vp8(105, layer=2))
    line.feed(playing, vp8(102, size=0))
    newest = max(line.peer.opened, key=lambda packet: packet.seq).seq
    for number in range(newest - 5, newest + 5):
        line.slot.repair(number & 0xFFFF)
    assert [packet.payload_bytes for packet in line.peer.opened][-1] == 0


def test_what_the_source_lost_before_a_stretch_is_not_the_viewers_loss_when_it_is_found(line: Line) -> None:
    playing = source()
    line.feed(playing, vp8(100))
    line.slot.play(playing)
    line.feed(playing, vp8(121, key=True))
    for seq in [*range(122, 150), *range(151, 200)]:  # one is lost on the publisher's line
        line.feed(playing, vp8(seq))
    first = line.peer.opened[0].seq
    assert line.slot.report_of(rtcp.ReportBlock(7, 0, 0, first, 0, 0, 0)) == (0, 0)
    for seq in range(101, 121):
        assert line.feed(playing, vp8(seq))
    for seq in range(200, 220):
        line.feed(playing, vp8(seq))
    assert line.slot.report_of(rtcp.ReportBlock(7, 0, 1, first + 98, 0, 0, 0)) == (98, 0)
    assert line.slot.report_of(rtcp.ReportBlock(7, 0, 4, first + 98, 0, 0, 0)) == (0, 3)


def test_lost_padding_that_was_filled_in_does_not_hide_the_viewers_own_loss(line: Line) -> None:
    playing = source()
    line.slot.play(playing)
    for seq in (100, 101, 103):
        line.feed(playing, vp8(seq, key=seq == 100))
    playing.fill(playing.index_of(102), line.ns)
    first = line.peer.opened[0].seq
    assert [packet.seq - first for packet in line.peer.opened] == [0, 1, 3, 2]
    assert line.slot.report_of(rtcp.ReportBlock(7, 0, 0, first, 0, 0, 0)) == (0, 0)
    assert line.slot.report_of(rtcp.ReportBlock(7, 0, 1, first + 3, 0, 0, 0)) == (3, 1)


def test_a_new_source_brings_its_own_wait_before_anything_of_it_is_sent(line: Line) -> None:
    losing, calm = source(), source()
    line.slot.play(losing)
    line.feed(losing, vp8(1, key=True))
    line.slot.wait(200)
    line.feed(losing, vp8(2))
    line.slot.play(calm)
    line.feed(calm, vp8(1, key=True))
    line.feed(calm, vp8(2))
    waits = [packet.raw[12 : packet.body_at] for packet in line.peer.opened]
    assert waits[0] != waits[1]
    assert waits[2] == waits[3] != waits[1]


def test_a_slot_that_was_empty_for_half_a_day_goes_on_later_not_earlier(line: Line) -> None:
    playing = source()
    line.slot.play(playing)
    line.feed(playing, vp8(1, key=True))
    line.slot.play(None)
    line.ns += 12 * 3600 * 1_000_000_000
    line.slot.play(playing)
    line.feed(playing, vp8(2, key=True))
    before, after = (packet.timestamp for packet in line.peer.opened)
    assert 0 < (after - before & 0xFFFFFFFF) < 1 << 31


def test_what_came_before_a_slot_plays_is_never_seen_in_it(line: Line) -> None:
    """A gate may have been closed until then; a keyframe of that time that comes late begins nothing."""
    playing = source()
    for seq in (1, 3, 4):
        line.feed(playing, vp8(seq))
    line.slot.play(playing)
    line.feed(playing, vp8(2, key=True))
    line.feed(playing, vp8(5))
    assert not line.peer.opened
    line.feed(playing, vp8(6, key=True))
    [first] = line.peer.opened
    for back in range(1, 6):
        line.slot.repair(first.seq - back & 0xFFFF)
    assert len(line.peer.opened) == 1


SPS, IDR, SLICE = b"\x67\x42\xe0\x1f", b"\x65\x88\x84", b"\x41\x9a\x00"


def h264(seq: int, payload: bytes, *, time: int) -> Packet:
    return read(build(96, seq, time * 3000, 7, payload, marker=payload != SPS))


def test_a_picture_whose_parameter_sets_may_have_been_lost_begins_nothing(line: Line) -> None:
    playing = source(codec="H264")
    line.feed(playing, h264(1, SLICE, time=1))
    line.slot.play(playing)
    line.feed(playing, h264(3, IDR, time=2))
    line.feed(playing, h264(4, SLICE, time=3))
    assert not line.peer.opened
    line.feed(playing, h264(2, SPS, time=2))
    line.feed(playing, h264(5, SLICE, time=4))
    assert [packet.payload for packet in line.peer.opened] == [SPS, SLICE]
    first = line.peer.opened[0].seq
    for number in (first + 1, first + 2):  # as the viewer asks
        line.slot.repair(number)
    assert [packet.payload for packet in line.peer.opened] == [SPS, SLICE, IDR, SLICE]


def test_a_picture_that_came_without_parameter_sets_begins_a_stretch(line: Line) -> None:
    playing = source(codec="H264")
    for seq in (1, 2):
        line.feed(playing, h264(seq, SLICE, time=seq))
    line.slot.play(playing)
    line.feed(playing, h264(3, IDR, time=3))
    assert [packet.payload for packet in line.peer.opened] == [IDR]


def test_a_keyframe_that_comes_late_says_nothing_of_the_pictures_behind_it(line: Line) -> None:
    """Upper layers had their first pictures meanwhile: to mark others would have them decoded without those."""
    playing = source()
    line.slot.play(playing)
    line.feed(playing, vp8(1, key=True))
    line.feed(playing, vp8(2, layer=1))
    line.feed(playing, vp8(4, layer=1))
    line.feed(playing, vp8(3, key=True))
    line.feed(playing, vp8(5, layer=1))
    marked = [packet.body[5] & 0x20 > 0 for packet in line.peer.opened]
    assert marked == [False, True, False, False, False]


def test_more_pictures_are_asked_for_until_a_keyframe_brings_them(line: Line) -> None:
    playing = source()
    line.bottleneck.level = 1
    line.slot.play(playing)
    line.feed(playing, vp8(1, key=True))
    assert not line.slot.waits_for_keyframe(line.ns)
    line.slot.thin(2)
    assert line.slot.waits_for_keyframe(line.ns)
    assert line.slot.waits_for_keyframe(line.ns), "as long as none came"
    line.feed(playing, vp8(2, key=True))
    assert not line.slot.waits_for_keyframe(line.ns)


def test_of_a_line_that_can_hardly_carry_one_a_keyframe_is_asked_for_when_it_can(line: Line) -> None:
    playing = source()
    line.bottleneck.level = 0
    line.bottleneck.spend(200_000)
    line.bottleneck.afford(line.ns)
    line.slot.play(playing)
    line.feed(playing, vp8(1, key=True))
    assert not line.peer.opened
    assert not line.slot.waits_for_keyframe(line.ns)
    for seq in range(2, 2000):
        line.feed(playing, vp8(seq))
    assert line.slot.waits_for_keyframe(line.ns)
    line.feed(playing, vp8(2000, key=True))
    assert len(line.peer.opened) == 1
    assert not line.slot.waits_for_keyframe(line.ns)
