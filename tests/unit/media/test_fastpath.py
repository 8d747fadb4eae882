"""The compiled code reads what Python reads, whatever it is given."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from media.fastpath import ENTRY
from media.rtp import Packet, RtpError, build, mid_extension, read
from tests.support.media_worker import LIBRARY

packets = st.builds(
    build,
    st.integers(0, 127),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=1200),
    marker=st.booleans(),
    extensions=st.sampled_from([b"", mid_extension(4, "v11"), mid_extension(1, "0")]),
    padding=st.integers(0, 255),
)


def compiled(raw: bytes) -> Packet | None:
    assert LIBRARY is not None
    entry = LIBRARY.ffi.new("struct fp_entry *")
    if LIBRARY.lib.fp_header(raw, len(raw), entry):
        return None
    _, _, timestamp, ssrc, size, *header, _ = ENTRY.unpack(LIBRARY.ffi.buffer(entry))
    return Packet(raw[:size], timestamp, ssrc, *header)


def python(raw: bytes) -> Packet | None:
    try:
        return read(raw)
    except RtpError:
        return None


@given(packets)
def test_a_packet_is_read_alike(raw: bytes) -> None:
    assert compiled(raw) == python(raw) is not None


@given(st.binary(max_size=1500))
def test_anything_is_read_alike_or_refused_alike(raw: bytes) -> None:
    assert compiled(raw) == python(raw)


@given(packets, st.integers(0, 8 * 1500), st.integers(0, 1500))
def test_a_damaged_packet_is_read_alike_or_refused_alike(raw: bytes, flipped: int, cut: int) -> None:
    damaged = bytearray(raw)
    damaged[flipped // 8 % len(raw)] ^= 1 << flipped % 8
    assert compiled(bytes(damaged[:cut])) == python(bytes(damaged[:cut]))


@given(packets, st.integers(1, 14), st.binary(max_size=40), st.sampled_from([0xBEDE, 0x1000, 0x1007, 0x1234]))
def test_a_transport_wide_number_is_found_alike(raw: bytes, wanted: int, values: bytes, profile: int) -> None:
    assert LIBRARY is not None
    values += bytes(-len(values) & 3)
    extended = bytes([raw[0] | 0x10]) + raw[1:12] + struct.pack("!HH", profile, len(values) // 4) + values + raw[12:]
    packet = python(extended)
    number = packet.extension(wanted) if packet is not None else None
    expected = int.from_bytes(number, "big") if number is not None and len(number) == 2 else -1
    entry = LIBRARY.ffi.new("struct fp_entry *")
    readable = LIBRARY.lib.fp_header(extended, len(extended), entry) == 0
    assert readable == (packet is not None)
    assert not readable or LIBRARY.lib.fp_transport_number(extended, entry, wanted) == expected
