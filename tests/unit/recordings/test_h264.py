"""Pictures of H.264 come out in the sender's order, whole or said to be lost, each keyframe a place to start at."""

import random
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings.depacketize import LATE_LIMIT_NS, Frame, Hole, LostFrame, Ordered, Reorder, parse_rtp
from recordings.h264 import PICTURE_MAX, H264Frames, Sps, parameter_sets, parse_sps, pieces, units_of
from recordings.journal import Packet
from tests.support import h264_source, rtp_source

SECONDS = 2
SPS_UNIT, PPS_UNIT = h264_source.pictures(SECONDS)[0][:2]
# The smallest pictures there can be: slices whose first macroblock is the first, and what a decoder needs before them.
IDR_UNIT, SLICE_UNIT = b"\x65\x88\x84", b"\x41\x9a\x01"


def synthetic(count: int, sequence: int = 65_000) -> list[Packet]:
    """Pictures of a packet or several; every tenth is a keyframe."""
    pictures = [
        (SPS_UNIT, PPS_UNIT, IDR_UNIT + bytes((n,)) * 90)
        if n % 10 == 0
        else (SLICE_UNIT + bytes((n,)) * (30 * (n % 4)),)
        for n in range(count)
    ]
    return h264_source.packets(pictures, sequence=sequence, mtu=40)


def run(packets: list[Packet]) -> tuple[list[Frame], list[LostFrame], H264Frames, int]:
    reorder, frames = Reorder(), H264Frames()
    items: list[Ordered | Hole] = []
    for packet in packets:
        rtp = parse_rtp(packet.rtp)
        assert rtp is not None
        items += reorder.push(rtp, packet.mono_ns)
    items += reorder.flush(packets[-1].mono_ns if packets else 0)
    out = [each for item in items for each in frames.push(item)] + frames.flush()
    holes = sum(item.packets for item in items if isinstance(item, Hole))
    return [f for f in out if isinstance(f, Frame)], [f for f in out if isinstance(f, LostFrame)], frames, holes


def payloads(*given: tuple[int, bytes], marker: bool = True) -> list[Packet]:
    """Packets with these time stamps; the last of each time stamp ends its picture."""
    out: list[Packet] = []
    for n, (at, payload) in enumerate(given):
        last = marker and (n + 1 == len(given) or given[n + 1][0] != at)
        out.append(Packet(1, n * 1_000_000, rtp_source.rtp(n, at, last, payload, 102)))
    return out


@pytest.mark.parametrize(("mtu", "travels"), [(80, {24, 28}), (1100, {1, 24, 28}), (60_000, {1, 24})])
def test_pictures_are_stored_as_they_were_encoded_whatever_they_travelled_in(mtu: int, travels: set[int]) -> None:
    sent = h264_source.pictures(SECONDS)
    packets = h264_source.packets(sent, mtu=mtu)
    assert {packet.rtp[12] & 31 for packet in packets} == travels
    frames, lost, _, holes = run(packets)
    assert ([frame.data for frame in frames], lost, holes) == ([h264_source.stored(each) for each in sent], [], 0)
    assert [n for n, frame in enumerate(frames) if frame.keyframe] == [0]
    assert (frames[0].width, frames[0].height) == (640, 360)
    assert [list(units_of(frame.data)) for frame in frames] == [list(each) for each in sent]
    sets = parameter_sets(frames[0].data)
    assert sets is not None and (sets.sps, sets.pps) == ((SPS_UNIT,), (PPS_UNIT,))


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
    assert [frame.data for frame in frames] == [frame.data for frame in run(packets)[0]]
    assert all(frame.intact for frame in frames)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), loss=st.floats(0, 0.4))
def test_lost_packets_cost_pictures_and_never_make_one_up(seed: int, loss: float) -> None:
    dice = random.Random(seed)
    packets = synthetic(40)
    gone = {n for n in range(len(packets)) if dice.random() < loss}
    frames, _, _, holes = run([packet for n, packet in enumerate(packets) if n not in gone])
    by_time = {frame.timestamp & 0xFFFFFFFF: frame.data for frame in run(packets)[0]}
    for frame in frames:
        assert frame.data == by_time[frame.timestamp & 0xFFFFFFFF]
    assert not frames or frames[0].keyframe
    assert holes <= len(gone)
    broken = {int.from_bytes(packets[n].rtp[4:8], "big") for n in gone}
    assert not broken & {frame.timestamp & 0xFFFFFFFF for frame in frames}, "a picture with a packet missing is whole"


def test_a_packet_later_than_the_limit_is_given_up_and_its_coming_changes_nothing() -> None:
    packets = synthetic(60)
    late = packets.pop(12)
    at = late.mono_ns + LATE_LIMIT_NS + 100_000_000
    packets.append(Packet(1, at, late.rtp))
    frames, lost, _, holes = run(sorted(packets, key=lambda packet: packet.mono_ns))
    assert (len(frames), len(lost), holes) == (59, 1, 1)


def test_a_picture_after_a_hole_is_whole_only_where_it_begins_for_certain() -> None:
    key = (SPS_UNIT, PPS_UNIT, IDR_UNIT + bytes(90))
    packets = h264_source.packets([key, (SLICE_UNIT,), (SLICE_UNIT,), key, (SLICE_UNIT,), (SLICE_UNIT,)], mtu=90)
    sizes = [len(h264_source.payloads(each, 90)) for each in (key, (SLICE_UNIT,))]
    assert sizes == [3, 1]
    slice_lost = run(packets[:3] + packets[4:])
    assert [frame.intact for frame in slice_lost[0]] == [True, False, True, True, True]
    sets_lost = run(packets[:5] + packets[6:])
    assert [frame.keyframe for frame in sets_lost[0]] == [True, False, False, False, False]
    assert [each.reason for each in sets_lost[1]] == ["incomplete"], "a keyframe may have lost its parameter sets"
    middle_lost = run(packets[:6] + packets[7:])
    assert [frame.intact for frame in middle_lost[0]] == [True, True, True, False, False]


def test_pictures_before_the_first_keyframe_are_reported_lost() -> None:
    frames, lost, _, _ = run(synthetic(15)[4:])
    assert frames[0].keyframe and len(frames) == 5
    assert {each.reason for each in lost} <= {"before the first keyframe", "incomplete"}


def test_a_keyframe_without_its_parameter_sets_gets_those_sent_before() -> None:
    frames, lost, _, _ = run(
        payloads((1, SPS_UNIT), (1, PPS_UNIT), (1, IDR_UNIT), (2, SLICE_UNIT), (3, b"\x09\x10"), (3, IDR_UNIT))
    )
    assert [list(units_of(frame.data)) for frame in frames] == [
        [SPS_UNIT, PPS_UNIT, IDR_UNIT],
        [SLICE_UNIT],
        [b"\x09\x10", SPS_UNIT, PPS_UNIT, IDR_UNIT],
    ]
    assert lost == [] and (frames[2].keyframe, frames[2].width) == (True, 640)
    frames, lost, _, _ = run(payloads((1, b"\x09\x10"), (1, IDR_UNIT), (2, SLICE_UNIT)))
    assert frames == [] and [each.reason for each in lost] == ["without parameter sets", "before the first keyframe"]


def test_parameter_sets_may_travel_by_themselves_and_even_have_a_marker() -> None:
    marked = payloads((1, SPS_UNIT)) + payloads((2, PPS_UNIT))
    rest = payloads((3, IDR_UNIT), (4, SLICE_UNIT))
    packets = [
        Packet(1, n, each.rtp[:2] + n.to_bytes(2, "big") + each.rtp[4:]) for n, each in enumerate([*marked, *rest])
    ]
    frames, lost, _, _ = run(packets)
    assert [frame.keyframe for frame in frames] == [True, False] and lost == []


def test_a_sender_that_never_marks_the_end_of_a_picture_is_understood() -> None:
    packets = payloads((1, SPS_UNIT), (1, PPS_UNIT), (1, IDR_UNIT), (2, SLICE_UNIT), (3, SLICE_UNIT), marker=False)
    frames, lost, joined, _ = run(packets)
    assert (len(frames), len(lost), joined.dropped) == (2, 1, 0), "of the newest nobody knows whether it is whole"


def test_a_picture_whose_sender_dropped_the_rest_is_lost_although_no_number_is_missing() -> None:
    long = SLICE_UNIT + bytes(100)
    start, *_ = h264_source.payloads([long], 60)
    packets = payloads((1, SPS_UNIT), (1, PPS_UNIT), (1, IDR_UNIT), (2, start), (3, SLICE_UNIT))
    cut = packets[3].rtp
    packets[3] = Packet(1, packets[3].mono_ns, cut[:1] + bytes((cut[1] & 0x7F,)) + cut[2:])
    frames, lost, joined, _ = run(packets)
    assert (len(frames), len(lost), joined.dropped) == (2, 1, 1)
    assert [frame.intact for frame in frames] == [True, False]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xe5\x88",  # forbidden bit
        b"\x40\x01",  # no type at all
        b"\x5a\x00\x01\x02",  # MTAP of the interleaved mode
        b"\x5d\x81\x00\x01\x02",  # FU-B
        b"\x78\x00",  # STAP-A without a unit
        b"\x78\x00\x05\x41\x9a",  # longer than the packet
        b"\x78\x00\x00",
        b"\x78\x00\x02\x41\x9a\x00",
        b"\x78\x00\x02\x78\x00",  # a STAP-A in a STAP-A
        b"\x5c\x81",  # FU-A without a byte of its unit
        b"\x5c\x98\x00",  # FU-A of a STAP-A
    ],
)
def test_what_contradicts_the_rules_spoils_its_picture_alone(payload: bytes) -> None:
    assert pieces(payload) is None
    if payload:
        good = ((1, SPS_UNIT), (1, PPS_UNIT), (1, IDR_UNIT))
        frames, lost, _, _ = run(payloads(*good, (2, SLICE_UNIT), (2, payload), (3, SLICE_UNIT)))
        assert ([frame.intact for frame in frames], len(lost)) == ([True, False], 1)


@pytest.mark.parametrize("order", [(1, 2), (0, 0, 1, 2), (0, 1), (2,), (0, 1, 2, 2)])
def test_fragments_that_do_not_fit_together_spoil_their_picture(order: tuple[int, ...]) -> None:
    fragments = h264_source.payloads([SLICE_UNIT + bytes(100)], 40)
    assert len(fragments) == 3
    good = ((1, SPS_UNIT), (1, PPS_UNIT), (1, IDR_UNIT))
    frames, lost, _, _ = run(payloads(*good, *((2, fragments[n]) for n in order), (3, SLICE_UNIT)))
    assert ([frame.timestamp for frame in frames], [each.timestamp for each in lost]) == ([1, 3], [2])


def test_a_picture_that_never_ends_costs_no_more_than_its_limit() -> None:
    frames = H264Frames()
    start = parse_rtp(payloads((1, SPS_UNIT))[0].rtp)
    assert start is not None
    frames.push(start)
    unit = SLICE_UNIT + bytes(60_000)
    for n in range(PICTURE_MAX // len(unit) + 10):
        packet = parse_rtp(rtp_source.rtp(n + 1, 1, False, unit, 102))
        assert packet is not None
        packet.sequence = n + 1
        frames.push(packet)
    assert sum(map(len, frames._units)) == 0


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.booleans(),
            st.one_of(
                st.binary(max_size=40),
                st.sampled_from([SPS_UNIT, PPS_UNIT, IDR_UNIT, SLICE_UNIT]),
                st.builds(
                    bytes.__add__, st.sampled_from([b"\x7c\x85", b"\x7c\x45", b"\x78\x00"]), st.binary(max_size=9)
                ),
            ),
            st.integers(1, 3),
        ),
        max_size=30,
    )
)
def test_hostile_bytes_are_refused_or_read_and_never_raise(sent: list[tuple[int, bool, bytes, int]]) -> None:
    packets: list[Packet] = []
    sequence = at = 0
    for n, (later, marker, payload, step) in enumerate(sent):
        sequence, at = sequence + step, at + later * 3000
        packets.append(Packet(1, n * 300_000_000, rtp_source.rtp(sequence, at, marker, payload, 102)))
    frames, _, _, _ = run(packets)
    for frame in frames:
        found = list(units_of(frame.data))
        assert h264_source.stored(found) == frame.data
        if frame.keyframe:
            assert 0 < frame.width <= 8192 and parameter_sets(frame.data) is not None
    assert not frames or frames[0].keyframe


@given(st.binary(max_size=200))
def test_any_bytes_for_a_parameter_set_are_read_or_refused(data: bytes) -> None:
    for unit in (data, b"\x67" + data, SPS_UNIT[:5] + data):
        facts = parse_sps(unit)
        assert facts is None or (0 < facts.width <= 8192 and 0 < facts.height <= 8192)


@pytest.mark.parametrize("profile", ["baseline", "high"])
@pytest.mark.parametrize("size", [(640, 360), (360, 640), (1280, 720), (322, 182), (64, 48)])
def test_the_size_is_read_from_the_parameter_set(profile: str, size: tuple[int, int]) -> None:
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = *size, "yuv420p"
    context.time_base = Fraction(1, 25)
    context.options = {"preset": "ultrafast", "profile": profile, "x264-params": "repeat-headers=1:8x8dct=1:cqm=jvt"}
    frame = av.VideoFrame.from_ndarray(np.zeros((size[1], size[0], 3), np.uint8), format="rgb24")
    frame.pts = 0
    stream = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    sps = next(unit for unit in h264_source.units(stream) if unit[0] & 31 == 7)
    assert parse_sps(sps) == Sps(*size)
    assert all(parse_sps(sps[:length]) in (None, Sps(*size)) for length in range(len(sps)))
