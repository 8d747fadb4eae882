"""RTP: headers are read where they lie and rewritten for each viewer; nonsense raises RtpError alone."""

import contextlib
import struct

import pytest
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from media.rtp import RtpError, SequenceUnwrapper, build, mid_extension, read, readdress, sender_of

ONE_BYTE = struct.pack("!HH", 0xBEDE, 3) + b"\x10A" + b"\0" + b"\x41\x12\x34" + b"\x32xyz" + b"\0\0"
TWO_BYTE = struct.pack("!HH", 0x1000, 3) + b"\x01\x01A" + b"\0" + b"\x04\x02\x12\x34" + b"\x03\x00" + b"\0\0"


@given(
    st.integers(0, 127),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=64),
    st.booleans(),
    st.integers(0, 255),
)
def test_what_is_built_is_read(
    payload_type: int, seq: int, timestamp: int, ssrc: int, payload: bytes, marker: bool, padding: int
) -> None:
    packet = read(build(payload_type, seq, timestamp, ssrc, payload, marker=marker, padding=padding))
    assert (packet.payload_type, packet.seq, packet.timestamp, packet.ssrc) == (payload_type, seq, timestamp, ssrc)
    assert packet.payload == payload and packet.marker == marker and packet.payload_bytes == len(payload)


@pytest.mark.parametrize("block", [ONE_BYTE, TWO_BYTE])
def test_extensions_of_both_forms_are_found_past_their_padding(block: bytes) -> None:
    packet = read(build(96, 1, 2, 3, b"payload", extensions=block))
    assert packet.extension(1) == b"A"
    assert packet.extension(4) == b"\x12\x34"
    assert packet.extension(9) is None
    assert packet.payload == b"payload"


def test_a_viewers_packet_differs_in_the_header_alone() -> None:
    source = read(build(120, 65_535, 7, 11, b"picture", marker=True, extensions=ONE_BYTE, padding=3))
    raw = readdress(source, 99, 96, mid_extension(4, "v11"))
    sent = read(raw)
    assert (sent.ssrc, sent.payload_type, sent.seq, sent.timestamp, sent.marker) == (99, 96, 65_535, 7, True)
    assert sent.extension(4) == b"v11" and sent.extension(1) is None
    assert sent.payload == b"picture" and sent.body == source.body
    foreign = RtpPacket.parse(raw)
    assert (foreign.payload, foreign.ssrc, foreign.marker) == (b"picture", 99, 1)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_our_own_error(data: bytes) -> None:
    sender_of(data)
    with contextlib.suppress(RtpError):
        packet = read(data)
        for identifier in range(16):
            packet.extension(identifier)


@given(st.binary(min_size=4, max_size=60), st.integers(1, 14))
def test_arbitrary_extension_blocks_end_the_search_quietly(block: bytes, identifier: int) -> None:
    words = len(block) // 4
    for profile in (0xBEDE, 0x1000, 0x1234):
        packet = read(build(96, 1, 1, 1, b"", extensions=struct.pack("!HH", profile, words) + block[: 4 * words]))
        value = packet.extension(identifier)
        assert value is None or len(value) <= len(block)


@given(st.integers(0, 0xFFFF), st.lists(st.integers(-3000, 3000), max_size=200))
def test_unwrapped_numbers_follow_the_true_ones_over_wraps(start: int, steps: list[int]) -> None:
    unwrapper = SequenceUnwrapper()
    true = 0x10000 + start
    newest = true
    assert unwrapper.unwrap(start) == true
    for step in steps:
        true = max(0, newest + step)
        assert unwrapper.unwrap(true & 0xFFFF) == true
        newest = max(newest, true)


def test_a_mid_that_does_not_fit_is_refused() -> None:
    for identifier, mid in ((0, "a0"), (15, "a0"), (4, ""), (4, "x" * 17)):
        with pytest.raises(RtpError):
            mid_extension(identifier, mid)
