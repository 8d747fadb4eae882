"""Frames come out in the sender's order, whole or said to be lost, whatever the network did."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from recordings.depacketize import (
    LATE_LIMIT_NS,
    Frame,
    Hole,
    LostFrame,
    OpusFrames,
    Ordered,
    Reorder,
    Vp8Frames,
    parse_rtp,
    unwrap,
    vp8_payload,
)
from recordings.journal import Packet
from tests.support import rtp_source

KEYFRAME = bytes((0x10, 0, 0)) + b"\x9d\x01\x2a" + (64).to_bytes(2, "little") + (48).to_bytes(2, "little")


def synthetic(count: int, sequence: int = 65_000, parts: int = 3) -> list[Packet]:
    """Pictures of `parts` packets; the first is a keyframe."""
    frames = [
        ((KEYFRAME if n == 0 else bytes((0x11, 0, 0))) + bytes((n % 256,)) * (parts * 20), n == 0) for n in range(count)
    ]
    return rtp_source.video_packets(frames, sequence=sequence, mtu=25)


def run(packets: list[Packet]) -> tuple[list[Frame], list[LostFrame], Reorder, int]:
    reorder, frames = Reorder(), Vp8Frames()
    out: list[Frame | LostFrame] = []
    holes = 0
    items: list[Ordered | Hole] = []
    for packet in packets:
        rtp = parse_rtp(packet.rtp)
        assert rtp is not None
        items += reorder.push(rtp, packet.mono_ns)
    items += reorder.flush(packets[-1].mono_ns if packets else 0)
    for item in items:
        holes += item.packets if isinstance(item, Hole) else 0
        out += frames.push(item)
    out += frames.flush()
    return [f for f in out if isinstance(f, Frame)], [f for f in out if isinstance(f, LostFrame)], reorder, holes


@given(value=st.integers(0, 2**40), step=st.integers(-30_000, 30_000))
def test_unwrapping_finds_the_nearest_number(value: int, step: int) -> None:
    near = max(0, value + step)
    assert unwrap(value % 2**16, 16, near) == value


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), sequence=st.integers(0, 65_535))
def test_reordering_and_doubling_within_the_late_limit_change_nothing(seed: int, sequence: int) -> None:
    dice = random.Random(seed)
    packets = synthetic(30, sequence)
    moved = [packets[0]]
    for packet in packets[1:]:
        at = packet.mono_ns + dice.randrange(LATE_LIMIT_NS // 2)
        moved += [Packet(packet.track, at, packet.rtp)] * (1 + (dice.random() < 0.1))
    frames, lost, _, holes = run([packets[0], *sorted(moved[1:], key=lambda packet: packet.mono_ns)])
    assert (len(frames), lost, holes) == (30, [], 0)
    assert [frame.timestamp for frame in frames] == sorted({frame.timestamp for frame in frames})
    assert all(frame.intact for frame in frames)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), loss=st.floats(0, 0.3))
def test_lost_packets_cost_their_own_pictures_and_are_counted(seed: int, loss: float) -> None:
    dice = random.Random(seed)
    packets = synthetic(40)
    kept = [packet for n, packet in enumerate(packets) if n < 4 or dice.random() >= loss]
    frames, _, _, holes = run(kept)
    assert holes <= len(packets) - len(kept)
    per_frame = len(packets) // 40
    whole = {n for n in range(40) if all(packet in kept for packet in packets[n * per_frame : (n + 1) * per_frame])}
    sent = {len(f.data) and f.data[-1] for f in frames[1:]}
    assert sent <= whole and {n for n in whole if n > 0} - sent <= {39}
    first_loss = next((n for n in range(40) if n not in whole), 40)
    assert all(frame.intact == (index < first_loss) for index, frame in enumerate(frames[:first_loss]))


def test_a_packet_later_than_the_limit_is_given_up_and_its_coming_changes_nothing() -> None:
    packets = synthetic(60)
    late = Packet(packets[5].track, packets[5].mono_ns + 2 * LATE_LIMIT_NS, packets[5].rtp)
    frames, lost, reorder, holes = run(sorted([*packets[:5], *packets[6:], late], key=lambda packet: packet.mono_ns))
    assert (holes, len(lost), len(frames), reorder.duplicates) == (1, 1, 59, 1)


def test_pictures_before_the_first_keyframe_are_reported_lost() -> None:
    packets = synthetic(5)
    frames, lost, _, _ = run(packets[len(packets) // 5 :])
    assert frames == [] and {each.reason for each in lost} == {"before the first keyframe"}


def test_a_sender_that_begins_anew_elsewhere_is_followed_but_a_stray_packet_is_not() -> None:
    first, second = synthetic(5, sequence=40_000), synthetic(5, sequence=20_000)
    later = [Packet(packet.track, packet.mono_ns + 10**9, packet.rtp) for packet in second]
    frames, _, _, _ = run([*first, *later])
    assert len(frames) >= 9  # the packet that announced the change is spent on being sure
    stray = run([*first[:8], later[3], *first[8:]])
    assert len(stray[0]) == 5


@given(data=st.binary(max_size=80))
def test_hostile_bytes_are_refused_or_read_and_never_raise(data: bytes) -> None:
    packet = parse_rtp(data)
    assert packet is None or len(packet.payload) <= len(data)
    vp8_payload(data)
    frames = Vp8Frames()
    frames.push(Ordered(1, 2, True, data, 3))
    OpusFrames().push(Ordered(1, 2, True, data, 3))


def test_extension_csrc_and_padding_are_taken_off() -> None:
    plain = rtp_source.rtp(7, 9, True, b"payload", 96)
    dressed = bytes((plain[0] | 0x31, *plain[1:12])) + b"CSRC" + b"\xbe\xde\x00\x01abcd" + b"payload" + b"\0\0\x03"
    parsed = parse_rtp(dressed)
    assert parsed is not None and (parsed.sequence, parsed.timestamp, parsed.payload) == (7, 9, b"payload")


def test_a_picture_whose_sender_dropped_the_rest_is_lost_although_no_number_is_missing() -> None:
    """A full queue is emptied for a keyframe before its packets are numbered: only the marker tells."""
    key, inter = b"\x10\x10\x02\x00\x9d\x01\x2a\x00\x05\xd0\x02" + bytes(20), b"\x10\x11\x02\x00" + bytes(20)
    frames = Vp8Frames()
    out = []
    for sequence, (time, marker, payload) in enumerate(
        [(0, True, key), (3000, False, inter), (6000, True, key), (9000, True, inter)]
    ):
        out += frames.push(Ordered(sequence, time, marker, payload))
    assert [(type(one), one.timestamp) for one in out] == [
        (Frame, 0),
        (LostFrame, 3000),
        (Frame, 6000),
        (Frame, 9000),
    ]
    assert frames.dropped == 1


def test_pictures_that_the_sender_never_sent_are_counted_by_their_numbers() -> None:
    """Numbers passed over where no packet is missing; where one is, nobody can tell whose fault it was."""

    def picture(number: int, *, key: bool = False) -> bytes:
        descriptor = b"\x90\x80" + (0x8000 | number % 0x8000).to_bytes(2, "big")
        return descriptor + (b"\x10\x02\x00\x9d\x01\x2a\x00\x05\xd0\x02" if key else b"\x11\x02\x00") + bytes(20)

    frames = Vp8Frames()
    numbers = [0x7FFE, 0x7FFF, 0x8000, 0x8003, 0x8004]  # two are passed over, and the count wraps
    for sequence, number in enumerate(numbers):
        frames.push(Ordered(sequence, 3000 * number, True, picture(number, key=sequence == 0)))
    assert frames.dropped == 2
    frames.push(Hole(5, 1, 0))
    frames.push(Ordered(6, 3000 * 0x8009, True, picture(0x8009, key=True)))
    frames.push(Ordered(7, 3000 * 0x900A, True, picture(0x900A)))  # a sender that counts anew
    assert frames.dropped == 2
