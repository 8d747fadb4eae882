"""RTP packets (RFC 3550 §5.1, RFC 8285) read where they lie and given a new header for each viewer.

Payloads are never copied apart: a packet is cut once into the few facts forwarding needs, and each viewer's packet is a
fresh header in front of the same bytes. What Python does here is the rule; ``native/`` does the same, faster.
"""

import struct

import msgspec

HEADER_BYTES = 12
PACKET_MAX = 1500  # what SRTP can take in; longer datagrams are dropped before

FIRST_INDEX = 0x10000
"""What is added to a stream's first sequence number to give its index: those that come late are not negative."""
_HEADER = struct.Struct("!BBHLL")
_EXTENSION = struct.Struct("!HH")
_ONE_BYTE = 0xBEDE  # RFC 8285 §4.2
_TWO_BYTE = 0x1000  # RFC 8285 §4.3, the low four bits are free


class RtpError(ValueError):
    """The bytes are not an RTP packet."""


class Packet(msgspec.Struct, gc=False):
    """One packet from a publisher. ``raw`` is as sent (decrypted); the other numbers count its bytes.

    ``body`` is what follows CSRCs and extensions; it still holds the padding, if any, which ``payload_bytes`` does not
    count. The fields stand in the order of ``struct fp_entry``.
    """

    raw: bytes
    timestamp: int
    ssrc: int
    seq: int
    body_at: int
    payload_bytes: int
    profile: int
    """Kind of the header extension; 0: none."""
    extension_at: int
    extension_end: int
    first: int
    marker_type: int

    @property
    def body(self) -> bytes:
        return self.raw[self.body_at :]

    @property
    def payload_type(self) -> int:
        return self.marker_type & 0x7F

    @property
    def marker(self) -> bool:
        return self.marker_type >= 0x80

    @property
    def payload(self) -> bytes:
        """The media bytes without padding."""
        return self.raw[self.body_at : self.body_at + self.payload_bytes]

    def extension(self, wanted: int) -> bytes | None:
        """Value of the header extension with this id, or None; a malformed list ends the search, it never raises."""
        profile, at, end, raw = self.profile, self.extension_at, self.extension_end, self.raw
        if profile == _ONE_BYTE:
            if at + 2 < end and raw[at] == wanted << 4 | 1:  # alone or first, of two bytes: nearly always
                return raw[at + 1 : at + 3]
            while at < end:
                head = raw[at]
                if head == 0:  # padding between elements
                    at += 1
                    continue
                name, size = head >> 4, (head & 15) + 1
                if name == 15:  # reserved: processing stops here (RFC 8285 §4.2)
                    return None
                at += 1
                if name == wanted:
                    return raw[at : at + size] if at + size <= end else None
                at += size
        elif profile & 0xFFF0 == _TWO_BYTE:
            while at + 1 < end:
                name, size = raw[at], raw[at + 1]
                if name == 0:
                    at += 1
                    continue
                at += 2
                if name == wanted:
                    return raw[at : at + size] if at + size <= end else None
                at += size
        return None


def read(raw: bytes) -> Packet:
    """Cut a packet into the facts forwarding needs. Raises RtpError."""
    size = len(raw)
    if size < HEADER_BYTES:
        raise RtpError("shorter than a header")
    first, marker_type, seq, timestamp, ssrc = _HEADER.unpack_from(raw)
    if first >> 6 != 2:
        raise RtpError("not version 2")
    at = HEADER_BYTES + 4 * (first & 15)
    profile = start = end = 0
    if first & 0x10:
        if at + 4 > size:
            raise RtpError("extension header cut off")
        profile, words = _EXTENSION.unpack_from(raw, at)
        start = at + 4
        at = end = start + 4 * words
    padding = 0
    if first & 0x20:
        padding = raw[-1]
        if padding == 0:
            raise RtpError("padding of no length")
    if at + padding > size:
        raise RtpError("longer than the datagram")
    return Packet(raw, timestamp, ssrc, seq, at, size - at - padding, profile, start, end, first, marker_type)


class SequenceUnwrapper:
    """Gives 16-bit sequence numbers their place on an endless line (RFC 3550 A.1), reordering included."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: int | None = None

    def unwrap(self, seq: int) -> int:
        """Index of ``seq``: the value nearest to the newest index seen. Never negative for a first packet's reordering:
        the line starts at 65536 + seq.
        """
        last = self._last
        if last is None:
            self._last = index = FIRST_INDEX + seq
            return index
        index = last + ((seq - last + 0x8000) & 0xFFFF) - 0x8000
        if index > last:
            self._last = index
        return index


def mid_extension(identifier: int, mid: str, *others: tuple[int, bytes]) -> bytes:
    """The extension block that carries the MID (RFC 8843 §15.2) and these others, ready to follow a fixed header.

    Identifiers are 1..14 and ``mid`` 1..16 ASCII bytes, as the one-byte form wants.
    """
    value = mid.encode("ascii")
    if not (1 <= identifier <= 14 and 1 <= len(value) <= 16):
        raise RtpError("does not fit the one-byte form")
    block = b"".join(bytes([key << 4 | len(each) - 1]) + each for key, each in ((identifier, value), *others))
    block += bytes(-len(block) & 3)
    return struct.pack("!HH", _ONE_BYTE, len(block) // 4) + block


def playout_delay(least_ms: int) -> bytes:
    """Value of the playout delay extension (webrtc.org/experiments/rtp-hdrext/playout-delay): pictures are shown at
    least this long after they were taken in, and no more than ten seconds.
    """
    return (least_ms // 10 << 12 | 1000).to_bytes(3, "big")


def readdress(
    packet: Packet, ssrc: int, payload_type: int, extensions: bytes, shift: int = 0, time_shift: int = 0
) -> bytes:
    """The packet as a viewer gets it: same marker and payload, sequence number and time stamp so much later; SSRC,
    payload type and header extensions (``mid_extension``) are the viewer's. CSRCs and the publisher's extensions stay
    behind.
    """
    first, kind = 0x90 | packet.first & 0x20, packet.marker_type & 0x80 | payload_type
    seq, timestamp = packet.seq + shift & 0xFFFF, packet.timestamp + time_shift & 0xFFFFFFFF
    return _HEADER.pack(first, kind, seq, timestamp, ssrc) + extensions + packet.body


def repaired(packet: Packet, payload_type: int, ssrc: int) -> bytes | None:
    """The packet that an RTX packet brings again (RFC 4588 §4), as its sender first sent it but for extensions.

    None for mere padding, with which browsers probe the path.
    """
    payload = packet.payload
    if len(payload) <= 2:
        return None
    seq = payload[0] << 8 | payload[1]
    return build(payload_type, seq, packet.timestamp, ssrc, payload[2:], marker=packet.marker)


def build(
    payload_type: int,
    seq: int,
    timestamp: int,
    ssrc: int,
    payload: bytes,
    *,
    marker: bool = False,
    extensions: bytes = b"",
    padding: int = 0,
) -> bytes:
    """A packet from its parts; ``extensions`` is a whole block with its own header, ``padding`` its length in bytes."""
    first = 0x80 | (0x20 if padding else 0) | (0x10 if extensions else 0)
    head = _HEADER.pack(first, (0x80 if marker else 0) | payload_type, seq, timestamp, ssrc)
    return head + extensions + payload + (bytes(padding - 1) + bytes([padding]) if padding else b"")


def sender_of(data: bytes) -> int:
    """SSRC of an RTP or RTCP packet, readable before it is authenticated; 0 when too short."""
    rtcp = len(data) > 1 and 192 <= data[1] <= 223  # RFC 5761 §4
    at = 4 if rtcp else 8
    return int.from_bytes(data[at : at + 4], "big") if len(data) >= at + 4 else 0
