"""RTP packets in the order they arrived → frames in the order they were sent.

Three small steps, all functions of the journal alone, so that reading it again gives the same frames:

1. `Reorder` unwraps the sequence numbers (RFC 3550 A.1), drops duplicates (Chromium probes the path by sending packets
   again) and holds packets behind a hole until the hole is filled by a retransmission or `LATE_LIMIT_NS` of arrival
   time have passed.
2. `Vp8Frames` joins the payloads of one picture (RFC 7741), `OpusFrames` passes payloads on (RFC 7587).
3. What is missing is said as a `Hole`, never papered over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

LATE_LIMIT_NS = 1_200_000_000  # a NACK is retried for half a second; beyond a second nobody sends the packet again
MAX_HELD = 4096  # packets held behind one hole: 1.2 s at 3,400 packets/s, more than any camera sends
_DROPPED_MAX = 100  # pictures: a browser's queue holds two seconds; a larger step is a sender that counts anew
RESYNC = 3000  # a jump of more sequence numbers is a new start of the sender, not 3,000 lost packets (RFC 3550 A.1)

_RTP = struct.Struct(">BBHI")
_S = 0x10  # of a VP8 payload: a partition starts here


def unwrap(value: int, bits: int, near: int) -> int:
    """The integer congruent to `value` modulo 2^bits that lies nearest to `near`."""
    size = 1 << bits
    return near + ((value - near + (size >> 1)) % size) - (size >> 1)


class Rtp(msgspec.Struct, gc=False):
    """What the depacketizer needs of a packet (RFC 3550 5.1): no CSRC, no extension, no padding.

    `Reorder` gives it its place: sequence number and time stamp unwrapped, and the time it arrived.
    """

    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    mono_ns: int = 0


def parse_rtp(data: bytes) -> Rtp | None:
    """The packet, or None if its lengths contradict each other."""
    end = len(data)
    if end < 12:
        return None
    first, second, sequence, timestamp = _RTP.unpack_from(data)
    if first == 0x90 and end >= 16:  # as browsers send them: an extension, no CSRC, no padding
        start = 16 + 4 * (data[14] << 8 | data[15])
    elif first == 0x80:
        start = 12
    else:
        start, end = _bounds(data)
    if start > end:
        return None
    return Rtp(sequence, timestamp, second >= 0x80, data[start:end])


def _bounds(data: bytes) -> tuple[int, int]:
    """Where the payload begins and ends; it ends before it begins if lengths contradict each other."""
    end, first = len(data), data[0]
    start = 12 + 4 * (first & 15)
    if first >> 6 != 2:
        return 1, 0
    if first & 0x10:
        if end < start + 4:
            return 1, 0
        start += 4 + 4 * (data[start + 2] << 8 | data[start + 3])
    if first & 0x20:
        if data[-1] == 0:
            return 1, 0
        end -= data[-1]
    return start, end


class Hole(msgspec.Struct, frozen=True):
    """`packets` sequence numbers from `sequence` (unwrapped) on never came; noticed at `mono_ns`."""

    sequence: int
    packets: int
    mono_ns: int


Ordered = Rtp
"""A packet in its place."""


class Reorder:
    """Restores the sender's order. `push` takes arrivals, `advance` the clock; both return what became certain."""

    def __init__(self, late_limit_ns: int = LATE_LIMIT_NS) -> None:
        self._limit_ns = late_limit_ns
        self._held: dict[int, Ordered] = {}
        self._next: int | None = None
        self._highest = 0
        self._timestamp = 0
        self._restart: int | None = None
        self.duplicates = 0
        self.late = 0

    @property
    def waiting(self) -> bool:
        """Whether packets are held behind a hole that may still be filled."""
        return bool(self._held)

    def unwrapped(self, timestamp: int) -> int:
        """A time stamp of this stream, as a sender report gives it, unwrapped like those of its packets."""
        return unwrap(timestamp, 32, self._timestamp)

    def fill(self, sequence: int, mono_ns: int) -> list[Ordered | Hole]:
        """A number that never came and is known to have carried padding only: no hole."""
        return self.push(Rtp(sequence, self._timestamp & 0xFFFFFFFF, False, b""), mono_ns)

    def steps(self, sequence: int) -> bool:
        """Take the packet with this number, of the same time as the one before, if it is the next in order with none
        held behind a hole; if not, nothing was done.
        """
        if self._held or self._next is None or sequence != self._next & 0xFFFF:
            return False
        self._highest = self._next
        self._next += 1
        return True

    def follows(self, packet: Rtp, mono_ns: int) -> bool:
        """Whether this arrival is the next in order with none held behind a hole, as nearly all are. Then it has its
        place and nothing else became certain; if not, nothing was done: `push` it.
        """
        if self._held or self._next is None or packet.sequence != self._next & 0xFFFF:
            return False
        packet.sequence = self._highest = self._next
        self._next += 1
        if packet.timestamp == self._timestamp & 0xFFFFFFFF:  # of one picture
            packet.timestamp = self._timestamp
        else:
            self._timestamp = packet.timestamp = unwrap(packet.timestamp, 32, self._timestamp)
        packet.mono_ns = mono_ns
        return True

    def push(self, packet: Rtp, mono_ns: int) -> list[Ordered | Hole]:
        """Take one arrival."""
        if self.follows(packet, mono_ns):
            return [packet]
        out: list[Ordered | Hole] = []
        if self._next is None:
            self._next = self._highest = packet.sequence
            self._timestamp = packet.timestamp
        sequence = unwrap(packet.sequence, 16, self._highest)
        if sequence - self._highest > RESYNC:
            out += self.flush(mono_ns)
            self._next = sequence
        elif self._next - sequence > RESYNC:
            # One stray is nothing; two in a row are a sender that began anew.
            expected, self._restart = self._restart, (packet.sequence + 1) & 0xFFFF
            if packet.sequence != expected:
                self.duplicates += 1
                return out
            out += self.flush(mono_ns)
            self._next = self._highest = sequence
        elif sequence < self._next or sequence in self._held:
            # Below `_next` it was either delivered already or given up for lost.
            self.duplicates += 1
            return out
        self._highest = max(self._highest, sequence)
        self._timestamp = unwrap(packet.timestamp, 32, self._timestamp)
        packet.sequence, packet.timestamp, packet.mono_ns = sequence, self._timestamp, mono_ns
        self._held[sequence] = packet
        out += self._release()
        return out + self.advance(mono_ns)

    def _release(self) -> Iterator[Ordered]:
        assert self._next is not None
        while (packet := self._held.pop(self._next, None)) is not None:
            self._next += 1
            yield packet

    def _skip(self, mono_ns: int) -> Iterator[Ordered | Hole]:
        assert self._next is not None
        found = min(self._held)
        yield Hole(self._next, found - self._next, mono_ns)
        self.late += found - self._next
        self._next = found
        yield from self._release()

    def advance(self, mono_ns: int) -> list[Ordered | Hole]:
        """Give up holes whose successors have waited for the late limit."""
        out: list[Ordered | Hole] = []
        while self._held:
            oldest = next(iter(self._held.values())).mono_ns  # they are held in the order they came
            if mono_ns - oldest < self._limit_ns and len(self._held) <= MAX_HELD:
                break
            out += self._skip(mono_ns)
        return out

    def flush(self, mono_ns: int) -> list[Ordered | Hole]:
        """The end: everything held, with its holes."""
        out: list[Ordered | Hole] = []
        while self._held:
            out += self._skip(mono_ns)
        return out


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One encoded picture or sound frame.

    `timestamp` counts the codec's clock, unwrapped; `mono_ns` is the arrival of its last packet, `first_ns` of its
    first. `keyframe` is always true for sound; width and height stand at keyframes only. `intact` is false from a
    loss to the next keyframe: the picture may show damage.
    """

    timestamp: int
    data: bytes
    keyframe: bool
    first_ns: int
    mono_ns: int
    width: int = 0
    height: int = 0
    intact: bool = True


class LostFrame(msgspec.Struct, frozen=True):
    """A picture of which some packets came and some did not, or which nothing before it lets decode."""

    timestamp: int
    mono_ns: int
    reason: str


class Frames(Protocol):
    """Joins ordered packets into frames. `dropped` counts pictures that the sender itself never sent whole."""

    dropped: int

    def push(self, item: Ordered | Hole) -> Sequence[Frame | LostFrame]: ...

    def flush(self) -> Sequence[Frame | LostFrame]: ...


class Vp8Payload(msgspec.Struct, frozen=True, gc=False):
    """What the payload descriptor of RFC 7741 4.2 says. `picture` counts modulo 2^`bits`; 0 bits: not numbered."""

    starts: bool
    picture: int
    bits: int
    data: bytes


def vp8_payload(payload: bytes) -> Vp8Payload | None:
    """The payload behind its descriptor, or None if it is cut short."""
    if not payload:
        return None
    first, at = payload[0], 1
    picture = bits = 0
    if first & 0x80:  # X
        if at >= len(payload):
            return None
        extension, at = payload[at], at + 1
        if extension & 0x80:  # I: 7 or 15 bits of picture id
            if at + 1 >= len(payload):
                return None
            if payload[at] & 0x80:
                picture, bits, at = (payload[at] & 0x7F) << 8 | payload[at + 1], 15, at + 2
            else:
                picture, bits, at = payload[at], 7, at + 1
        at += bool(extension & 0x40) + bool(extension & 0x30)  # L; T and K share an octet
    if at >= len(payload):
        return None
    return Vp8Payload(bool(first & 0x10) and not first & 7, picture, bits, payload[at:])


def vp8_keyframe(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels if `data` begins a keyframe (RFC 6386 9.1), else None."""
    if len(data) < 10 or data[0] & 1 or data[3:6] != b"\x9d\x01\x2a":
        return None
    width, height = struct.unpack_from("<HH", data, 6)
    return width & 0x3FFF, height & 0x3FFF


class Vp8Frames:
    """Pictures of a VP8 stream. A picture is whole if its first packet starts it, none is missing and the last has the
    marker bit (RFC 7741 4.1).

    The first packet of the next picture ends one without it: a browser whose queue is full drops what is queued when a
    keyframe is due, before it numbers the packets, so that no number is missing. The rest of a picture goes that way,
    or whole pictures, of which only the gap in the picture numbers tells; both are counted as `dropped`. Pictures
    before the first keyframe cannot be decoded by anyone and are reported lost.

    While a picture is under way, a payload that begins with `descriptor` says nothing but what the one before said, but
    for its being the start: what follows the descriptor may be given to `more`.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._timestamp: int | None = None
        self._first_ns = self._last_ns = 0
        self._whole = False
        self._done: int | None = None
        self._decodable = False
        self._intact = True
        self._picture: int | None = None  # number of the newest, while no packet is missing behind it
        self.descriptor: bytes | None = None
        self.dropped = 0

    def push(self, item: Ordered | Hole) -> Sequence[Frame | LostFrame]:
        if isinstance(item, Hole):
            self._intact = self._whole = False
            self._picture = self.descriptor = None
            return ()
        parsed = vp8_payload(item.payload)
        if parsed is None:
            return ()  # padding that keeps the path open carries no picture
        out: list[Frame | LostFrame] = []
        if self._timestamp is not None and item.timestamp != self._timestamp:
            self.dropped += self._whole  # it began, no number is missing, and still it does not end
            self._whole = False
            out += self._end()
        if parsed.bits:
            self._count(parsed)
        if self._timestamp is None:
            if item.timestamp == self._done:
                return out  # the rest of a picture that was given up
            self._timestamp, self._first_ns, self._whole = item.timestamp, item.mono_ns, parsed.starts
        length = len(item.payload) - len(parsed.data)
        self.descriptor = bytes((item.payload[0] & ~_S,)) + item.payload[1:length]
        out += self.more(parsed.data, item.mono_ns, item.marker)
        return out

    def more(self, data: bytes, mono_ns: int, marker: bool) -> Sequence[Frame | LostFrame]:
        """The next piece of the picture that is under way; with the marker its last."""
        self._parts.append(data)
        if mono_ns > self._last_ns:
            self._last_ns = mono_ns
        return self._end() if marker else ()

    def _count(self, parsed: Vp8Payload) -> None:
        """Pictures whose numbers are passed over although no packet is missing."""
        before, self._picture = self._picture, parsed.picture
        step = 0 if before is None else (parsed.picture - before) % (1 << parsed.bits)
        if 1 < step <= _DROPPED_MAX:
            self.dropped += step - 1

    def _end(self) -> list[Frame | LostFrame]:
        assert self._timestamp is not None
        timestamp, self._timestamp, self._done = self._timestamp, None, self._timestamp
        self.descriptor = None
        data, self._parts = b"".join(self._parts), []
        if not self._whole:
            self._intact = False
            return [LostFrame(timestamp, self._last_ns, "incomplete")]
        size = vp8_keyframe(data)
        if size is not None:
            self._decodable = self._intact = True
            return [Frame(timestamp, data, True, self._first_ns, self._last_ns, *size)]
        if not self._decodable:
            return [LostFrame(timestamp, self._last_ns, "before the first keyframe")]
        return [Frame(timestamp, data, False, self._first_ns, self._last_ns, intact=self._intact)]

    def flush(self) -> list[Frame | LostFrame]:
        """The end: a picture without its marker cannot be known whole, so it counts as lost."""
        if self._timestamp is None:
            return []
        self._whole = False
        return self._end()


class OpusFrames:
    """Sound: one packet is one frame (RFC 7587 4.2)."""

    dropped = 0

    def push(self, item: Ordered | Hole) -> Sequence[Frame | LostFrame]:
        if isinstance(item, Hole) or not item.payload:
            return ()
        return (Frame(item.timestamp, item.payload, True, item.mono_ns, item.mono_ns),)

    def flush(self) -> list[Frame | LostFrame]:
        return []
