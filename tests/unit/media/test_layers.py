"""VP8 descriptors: a keyframe's first packet is known from every other."""

from hypothesis import given
from hypothesis import strategies as st

from media.layers import starts_keyframe


def test_keyframes_are_known_with_every_form_of_descriptor() -> None:
    key, other = b"\x10\x02\x00\x9d", b"\x11\x02\x00"
    for head in (
        b"\x10",
        b"\x90\x00",
        b"\x90\x80\x05",
        b"\x90\x80\x85\x01",
        b"\x90\xe0\x85\x01\x02\x20",
        b"\xb0\x20\x20",
    ):
        assert starts_keyframe(head + key), head.hex()
        assert not starts_keyframe(head + other), head.hex()


def test_later_packets_of_a_keyframe_do_not_start_one() -> None:
    assert not starts_keyframe(b"\x00\x10")
    assert not starts_keyframe(b"\x11\x10"), "another partition"


@given(st.binary(max_size=12))
def test_arbitrary_bytes_have_an_answer(data: bytes) -> None:
    assert starts_keyframe(data) in (True, False)
