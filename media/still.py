"""The newest keyframe of a source, put together from the packets that it keeps for a second anyway."""

from typing import NamedTuple

from media import cache
from media.rtp import Packet
from media.source import Source
from recordings.depacketize import vp8_keyframe, vp8_payload
from recordings.h264 import SPS, parse_sps, pieces
from recordings.journal import Codec

_START = b"\0\0\0\1"  # before each unit of a byte stream (ITU-T H.264 annex B); within one it cannot occur
_BEFORE_MAX = 16  # packets of parameter sets before an IDR picture's first


class Still(NamedTuple):
    """A whole keyframe: of VP8 as it was encoded, of H.264 a byte stream with its parameter sets."""

    codec: Codec
    data: bytes

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels as it says; None for what is no keyframe that can be read."""
        if self.codec == "VP8":
            return vp8_keyframe(self.data)
        sets = (unit for unit in self.data.split(_START) if unit and unit[0] & 31 == SPS)
        found = next((parse_sps(unit) for unit in sets), None)
        return (found.width, found.height) if found is not None else None


def keyframe_of(source: Source) -> Still | None:
    """The newest keyframe, whole; None while any of its packets is missing or on its way."""
    first = source.keyframe_index
    start = source.at(first) if first is not None else None
    if first is None or start is None:
        return None
    if source.codec == "H264":
        first = _with_sets(source, first, start)
    parts = []
    for index in range(first, first + cache.PACKETS):
        packet = source.at(index)
        if packet is None or (packet.payload_bytes and packet.timestamp != start.timestamp):
            return None
        part = _part(source.codec, packet)
        if part is None:
            return None
        parts.append(part)
        if packet.marker and packet.payload_bytes:
            data = b"".join(parts)
            return Still(source.codec, data) if data else None
    return None


def _with_sets(source: Source, first: int, start: Packet) -> int:
    """Parameter sets may have come in packets of their own: the index of the first of them."""
    for index in range(first - 1, first - _BEFORE_MAX, -1):
        packet = source.at(index)
        if packet is None or not packet.payload_bytes or packet.timestamp != start.timestamp:
            return index + 1
    return first


def _part(codec: Codec, packet: Packet) -> bytes | None:
    """What a packet has of the picture; nothing if it is mere padding, None if it is broken."""
    if not packet.payload_bytes:
        return b""
    if codec == "VP8":
        parsed = vp8_payload(packet.payload)
        return parsed.data if parsed is not None else b""
    found = pieces(packet.payload)
    if found is None:
        return None
    return b"".join((_START if piece.begins else b"") + piece.data for piece in found)
