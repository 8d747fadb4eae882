"""H.264 from RTP packets to pictures as MP4 stores them. Pure.

A NAL unit travels alone, with others in a STAP-A, or cut into FU-As (RFC 6184 5.6 to 5.8, packetization mode 1; its
other packets belong to modes nobody negotiates here). The units of one time stamp are a picture; here each gets its
length in four bytes before it instead of a start code (ISO/IEC 14496-15 5.3.2).

No packet says that it begins a picture, so this is certain only behind the end of the picture before, with nothing
missing between, or where a picture can begin only so: with parameter sets, a delimiter, or the slice that holds its
first macroblock.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from recordings.container import ParameterSets
from recordings.depacketize import Frame, Hole, LostFrame, Ordered

SLICE, IDR, SPS, PPS, DELIMITER = 1, 5, 7, 8, 9  # nal_unit_type (ITU-T H.264 7.4.1)
_STAP_A, _FU_A = 24, 28
_UNITS = range(1, 24)  # types of single NAL units
_LENGTH = struct.Struct(">I")
PICTURE_MAX = 8 << 20  # bytes; a 720p keyframe has 200 KB: more is a sender that never ends its picture
SPS_MAX = 1024  # bytes; a browser's has a dozen
_SIDE_MAX = 8192  # pixels
# Profiles whose sequence parameter set tells the chroma format (ITU-T H.264 7.3.2.1.1).
_HIGH = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})


class Piece(msgspec.Struct, frozen=True, gc=False):
    """A NAL unit, or of a fragmented one the part that `begins` it, `ends` it or neither."""

    data: bytes
    begins: bool = True
    ends: bool = True

    @property
    def kind(self) -> int:
        return self.data[0] & 31


def pieces(payload: bytes) -> list[Piece] | None:
    """What one packet carries, or None if it contradicts RFC 6184."""
    if not payload or payload[0] & 0x80:
        return None  # forbidden_zero_bit: damaged on its way
    kind = payload[0] & 31
    if kind in _UNITS:
        return [Piece(payload)]
    if kind == _FU_A and len(payload) > 2 and payload[1] & 31 in _UNITS:
        begins, ends = bool(payload[1] & 0x80), bool(payload[1] & 0x40)
        head = bytes((payload[0] & 0xE0 | payload[1] & 31,)) if begins else b""
        return [Piece(head + payload[2:], begins, ends)]
    return _aggregated(payload) if kind == _STAP_A else None


def _aggregated(payload: bytes) -> list[Piece] | None:
    out: list[Piece] = []
    at = 1
    while at + 2 < len(payload):
        size = payload[at] << 8 | payload[at + 1]
        unit = payload[at + 2 : at + 2 + size]
        if not size or len(unit) < size or unit[0] & 0x80 or unit[0] & 31 not in _UNITS:
            return None
        out.append(Piece(unit))
        at += 2 + size
    return out if at == len(payload) else None


class Sps(msgspec.Struct, frozen=True):
    """What is read of a sequence parameter set: the picture's size in pixels, cropped."""

    width: int
    height: int


class _Bits:
    """The bits of a NAL unit without its emulation prevention bytes (ITU-T H.264 7.3.1, 9.1). Raises ValueError."""

    def __init__(self, unit: bytes) -> None:
        data = unit[1:].replace(b"\x00\x00\x03", b"\x00\x00")
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError("cut short")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def unsigned(self) -> int:
        """ue(v)"""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise ValueError("number too long")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """se(v)"""
        value = self.unsigned()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def parse_sps(unit: bytes) -> Sps | None:
    """The set's facts, or None if it is damaged, no sequence parameter set, or of pictures that browsers do not play
    (other than 8 bits of 4:2:0).
    """
    if not 4 <= len(unit) <= SPS_MAX or unit[0] & 0x9F != SPS:
        return None
    try:
        return _sps(_Bits(unit))
    except ValueError:
        return None


def _sps(bits: _Bits) -> Sps:
    profile = bits.take(8)
    bits.take(16)  # constraints, level
    bits.unsigned()  # id
    if profile in _HIGH:
        if (bits.unsigned(), bits.unsigned(), bits.unsigned()) != (1, 0, 0):
            raise ValueError("not 8 bits of 4:2:0")
        bits.take(1)
        if bits.take(1):
            _skip_scaling(bits)
    bits.unsigned()  # log2_max_frame_num_minus4
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.take(1)
        for _ in range(2):
            bits.signed()
        for _ in range(min(bits.unsigned(), 256)):
            bits.signed()
    bits.unsigned()  # max_num_ref_frames
    bits.take(1)
    width, height = 16 * (bits.unsigned() + 1), 16 * (bits.unsigned() + 1)
    frames_only = bits.take(1)
    if not frames_only:
        height *= 2
        bits.take(1)
    bits.take(1)
    if bits.take(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        width -= 2 * (left + right)
        height -= 2 * (2 - frames_only) * (top + bottom)
    if not (0 < width <= _SIDE_MAX and 0 < height <= _SIDE_MAX):
        raise ValueError("no such picture")
    return Sps(width, height)


def _skip_scaling(bits: _Bits) -> None:
    for number in range(8):
        if not bits.take(1):
            continue
        last = following = 8
        for _ in range(16 if number < 6 else 64):
            if following:
                following = (last + bits.signed()) % 256
            last = following or last


def units_of(data: bytes) -> Iterator[bytes]:
    """The NAL units of a stored picture; what is cut short ends it."""
    at = 0
    while at + 4 < len(data):
        (size,) = _LENGTH.unpack_from(data, at)
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def parameter_sets(data: bytes) -> ParameterSets | None:
    """The parameter sets in a stored keyframe; None where one kind is missing."""
    units = list(units_of(data))
    sps, pps = (tuple(unit for unit in units if unit and unit[0] & 31 == kind) for kind in (SPS, PPS))
    return ParameterSets(sps[:8], pps[:32]) if sps and pps else None


def _begins_picture(found: list[Piece] | None) -> bool:
    """Whether a packet behind a hole is the first of its picture for certain. Not so an IDR's first slice: the
    parameter sets that belong before it may have been lost.
    """
    if not found or not found[0].begins:
        return False
    first = found[0]
    if first.kind == SLICE:
        return len(first.data) > 1 and bool(first.data[1] & 0x80)  # first_mb_in_slice is 0, ue(v)
    return first.kind in (SPS, DELIMITER)


class H264Frames:
    """Pictures of an H.264 stream: whole if they begin for certain, nothing is missing, every fragmented unit ends, and
    the last packet has the marker bit (or its sender never sets it).

    A keyframe is an IDR picture with the parameter sets to decode it; a sender that does not repeat them has those it
    sent last put before the picture, so that every keyframe is a place to start at. Pictures before the first cannot be
    decoded by anyone and are reported lost. `dropped` counts pictures that end without their marker though no number is
    missing: the sender cut them short.
    """

    def __init__(self) -> None:
        self._units: list[bytes] = []
        self._fragments: list[bytes] | None = None  # of the unit that has begun and not ended
        self._size = 0
        self._timestamp: int | None = None
        self._done: int | None = None
        self._first_ns = self._last_ns = 0
        self._whole = self._pictured = False
        self._certain = False  # nothing is missing behind the newest packet
        self._marked = False  # this sender sets markers
        self._decodable = False
        self._intact = True
        self._sets: dict[int, bytes] = {}  # the newest parameter set of each kind
        self.dropped = 0

    def push(self, item: Ordered | Hole) -> list[Frame | LostFrame]:
        out: list[Frame | LostFrame] = []
        if isinstance(item, Hole):
            self._intact = self._whole = self._certain = False
            return out
        if not item.payload:
            return out  # padding that keeps the path open carries no picture
        if self._timestamp is not None and item.timestamp != self._timestamp:
            if self._fragments is not None or (self._marked and self._pictured):
                self.dropped += self._whole
                self._whole = False
            out += self._end()
        found = pieces(item.payload)
        certain, self._certain = self._certain, True
        if self._timestamp is None:
            if item.timestamp == self._done:
                return out  # the rest of a picture that was given up
            self._timestamp, self._first_ns, self._size = item.timestamp, item.mono_ns, 0
            self._whole = certain or _begins_picture(found)
        self._last_ns = max(item.mono_ns, self._last_ns)
        self._size += len(item.payload)
        self._whole = self._whole and found is not None and self._size <= PICTURE_MAX and self._take(found)
        if not self._whole:
            self._units, self._fragments = [], None  # nothing of it is used any more
        if item.marker:
            self._marked = True
            if self._pictured or not self._whole:  # some senders mark parameter sets too
                out += self._end()
        return out

    def _take(self, found: list[Piece]) -> bool:
        """False where a fragment does not fit what came before."""
        for piece in found:
            if piece.begins == (self._fragments is not None):
                return False
            if self._fragments is None:
                self._fragments = []
            self._fragments.append(piece.data)
            if piece.ends:
                unit, self._fragments = b"".join(self._fragments), None
                self._units.append(unit)
                kind = unit[0] & 31
                self._pictured = self._pictured or kind <= IDR
                if kind in (SPS, PPS):
                    self._sets[kind] = unit
        return True

    def _end(self) -> list[Frame | LostFrame]:
        assert self._timestamp is not None
        timestamp, self._timestamp, self._done = self._timestamp, None, self._timestamp
        units, self._units = self._units, []
        whole = self._whole and self._fragments is None
        pictured, self._pictured, self._fragments = self._pictured, False, None
        if not whole:
            self._intact = False
            return [LostFrame(timestamp, self._last_ns, "incomplete")]
        if not pictured:
            return []  # parameter sets that travel by themselves
        if any(unit[0] & 31 == IDR for unit in units):
            return [self._keyframe(timestamp, units)]
        if not self._decodable:
            return [LostFrame(timestamp, self._last_ns, "before the first keyframe")]
        return [Frame(timestamp, _stored(units), False, self._first_ns, self._last_ns, intact=self._intact)]

    def _keyframe(self, timestamp: int, units: list[bytes]) -> Frame | LostFrame:
        there = {unit[0] & 31 for unit in units}
        missing = [self._sets[kind] for kind in (SPS, PPS) if kind not in there and kind in self._sets]
        at = 1 if units[0][0] & 31 == DELIMITER else 0
        units[at:at] = missing
        sps = next((unit for unit in units if unit[0] & 31 == SPS), b"")
        facts = parse_sps(sps)
        if facts is None or PPS not in self._sets:
            self._intact = self._decodable = False
            return LostFrame(timestamp, self._last_ns, "without parameter sets")
        self._decodable = self._intact = True
        return Frame(timestamp, _stored(units), True, self._first_ns, self._last_ns, facts.width, facts.height)

    def flush(self) -> list[Frame | LostFrame]:
        """The end: a picture without its marker cannot be known whole, so it counts as lost."""
        if self._timestamp is None:
            return []
        self._whole = False
        return self._end()


def _stored(units: list[bytes]) -> bytes:
    return b"".join(_LENGTH.pack(len(unit)) + unit for unit in units)
