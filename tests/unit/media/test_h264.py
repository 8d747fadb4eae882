"""Where keyframes of H.264 start, told from single packets."""

from hypothesis import given
from hypothesis import strategies as st

from media import h264
from recordings.h264 import pieces
from tests.support import h264_source


def test_of_a_real_stream_the_first_packet_of_each_keyframe_is_found() -> None:
    for mtu in (80, 1100, 60_000):
        for number, picture in enumerate(h264_source.pictures(6)):
            cut = h264_source.payloads(picture, mtu)
            assert h264.starts_keyframe(cut[0]) == (number % 50 == 0)
            assert number % 50 == 0 or not any(map(h264.starts_keyframe, cut))


def test_the_middle_of_a_keyframe_does_not_start_one() -> None:
    first, *rest = h264_source.payloads([b"\x65\x88" + bytes(300)], 90)
    assert h264.starts_keyframe(first) and not any(map(h264.starts_keyframe, rest))


@given(st.binary(max_size=60))
def test_any_bytes_are_judged_and_what_begins_a_keyframe_is_never_missed(data: bytes) -> None:
    for payload in (data, b"\x78" + data, b"\x7c" + data):
        said = h264.starts_keyframe(payload)
        found = pieces(payload)
        if found is not None and len(payload) > 1:
            assert said == any(piece.begins and piece.kind in (5, 7) for piece in found)
        assert not h264.nothing_between(payload, data)
