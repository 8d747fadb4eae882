"""The journal: what one epoch of one leg sent, as it arrived, kept so that a crash costs at most a second.

A media worker appends every RTP packet with the monotonic time of its arrival, every sender report and, once a second,
an anchor between its wall clock and its monotonic clock. Nothing is interpreted here and nothing is ever rewritten; the
packager reads the same bytes and may start again at any time.

    file    := "YKJOURN1" record*
    record  := length:u32 crc:u32 kind:u8 payload            length counts kind and payload; big endian throughout
    crc     := CRC-32 over length, kind and payload          the length is covered, so a run of zero bytes is damage

The reader stops at the first record that is damaged or not whole and keeps all before it. It says which of the two it
met: a record that is not whole may still be on its way, a damaged one never heals.

The format and its reader; who keeps the file: journal_writer.py.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

MAGIC = b"YKJOURN1"
VERSION = 1
_PREFIX = struct.Struct(">II")
_PACKET = struct.Struct(">BBQ")
_SUMMED, _FRAMED = struct.Struct(">IBBQ"), struct.Struct(">IIBBQ")  # the same behind length, and length and sum
_REPORT = struct.Struct(">BBQQI")
_ANCHOR = struct.Struct(">BQQ")
_TIMED = struct.Struct(">BQ")
_HEADER_KIND, _PACKET_KIND, _REPORT_KIND, _ANCHOR_KIND, _MARK_KIND, _CLOSED_KIND = range(6)

MAX_RECORD = 1 << 20  # bytes; an RTP packet has at most 64 KiB, so a greater length is damage, not a long record
_CHUNK = 256 * 1024  # bytes read at once, unless a record is longer: a second of a camera and more
_SHORT = 2048  # bytes; a packet's record is shorter, as datagrams are
_SUM_OF_LENGTH = tuple(zlib.crc32(struct.pack(">I", length)) for length in range(_SHORT))

TrackKind = Literal["audio", "camera", "screen"]
Codec = Literal["opus", "VP8", "H264"]

ENDED = "journals.ended"
"""Subject of the bus: a worker has written the end of a journal; its packager need not wait for the next look."""


class Track(msgspec.Struct, frozen=True):
    """One stream of an epoch; `track` is the number its packets carry, `clock_rate` is in Hz."""

    track: int
    kind: TrackKind
    codec: Codec
    payload_type: int
    clock_rate: int


class JournalHeader(msgspec.Struct, frozen=True):
    """Who sent what, and the pair of clock readings (ns) of the moment the epoch began."""

    record: str
    session: str
    leg: str
    epoch: str
    worker: str
    wall_ns: int
    mono_ns: int
    tracks: tuple[Track, ...]
    version: int = VERSION


class Packet(msgspec.Struct, frozen=True, gc=False):
    """One RTP packet (RFC 3550 5.1), decrypted, with the monotonic time of its arrival."""

    track: int
    mono_ns: int
    rtp: bytes


class SenderReport(msgspec.Struct, frozen=True):
    """The NTP (64 bit) and RTP time stamps of one sender report (RFC 3550 6.4.1), with its arrival."""

    track: int
    mono_ns: int
    ntp: int
    rtp_timestamp: int


class Anchor(msgspec.Struct, frozen=True):
    """One reading of the worker's wall clock (ns since 1970) and monotonic clock at the same moment."""

    wall_ns: int
    mono_ns: int


class Mark(msgspec.Struct, frozen=True):
    """Something the worker knew and no packet says: `muted`, `masked`, `dropped`, … with its detail."""

    kind: str
    mono_ns: int
    detail: dict[str, Any]


class Closed(msgspec.Struct, frozen=True):
    """The worker ended the epoch; without this record the worker died."""

    reason: str
    mono_ns: int


Record = JournalHeader | Packet | SenderReport | Anchor | Mark | Closed


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A record and the offset just behind it, where reading may go on."""

    end: int
    record: Record


class _MarkBody(msgspec.Struct):
    kind: str
    detail: dict[str, Any]


class _ClosedBody(msgspec.Struct):
    reason: str


def frame(body: bytes) -> bytes:
    """One record around `body` (kind and payload)."""
    length = struct.pack(">I", len(body))
    return length + struct.pack(">I", zlib.crc32(body, zlib.crc32(length))) + body


def header_record(header: JournalHeader) -> bytes:
    """The first record of a file."""
    return frame(bytes((_HEADER_KIND,)) + msgspec.json.encode(header))


def packet_head(track: int, mono_ns: int, rtp: bytes) -> bytes:
    """All of a packet's record before its bytes: `frame` without its copies, for thousands come each second."""
    length = _PACKET.size + len(rtp)
    crc = zlib.crc32(rtp, zlib.crc32(_SUMMED.pack(length, _PACKET_KIND, track, mono_ns)))
    return _FRAMED.pack(length, crc, _PACKET_KIND, track, mono_ns)


def report_record(report: SenderReport) -> bytes:
    return frame(_REPORT.pack(_REPORT_KIND, report.track, report.mono_ns, report.ntp, report.rtp_timestamp))


def anchor_record(anchor: Anchor) -> bytes:
    return frame(_ANCHOR.pack(_ANCHOR_KIND, anchor.wall_ns, anchor.mono_ns))


def mark_record(mark: Mark) -> bytes:
    body = msgspec.json.encode(_MarkBody(mark.kind, mark.detail))
    return frame(_TIMED.pack(_MARK_KIND, mark.mono_ns) + body)


def closed_record(closed: Closed) -> bytes:
    return frame(_TIMED.pack(_CLOSED_KIND, closed.mono_ns) + msgspec.json.encode(_ClosedBody(closed.reason)))


def _decode(body: bytes) -> Record:
    kind = body[0]
    if kind == _PACKET_KIND:
        _, track, mono_ns = _PACKET.unpack_from(body)
        return Packet(track, mono_ns, body[_PACKET.size :])
    if kind == _REPORT_KIND:
        _, track, mono_ns, ntp, rtp_timestamp = _REPORT.unpack(body)
        return SenderReport(track, mono_ns, ntp, rtp_timestamp)
    if kind == _ANCHOR_KIND:
        _, wall_ns, mono_ns = _ANCHOR.unpack(body)
        return Anchor(wall_ns, mono_ns)
    if kind == _HEADER_KIND:
        return msgspec.json.decode(body[1:], type=JournalHeader)
    _, mono_ns = _TIMED.unpack_from(body)
    if kind == _MARK_KIND:
        mark = msgspec.json.decode(body[_TIMED.size :], type=_MarkBody)
        return Mark(mark.kind, mono_ns, mark.detail)
    if kind == _CLOSED_KIND:
        return Closed(msgspec.json.decode(body[_TIMED.size :], type=_ClosedBody).reason, mono_ns)
    raise ValueError(f"record kind {kind} is not known")


class Reader:
    """Reads whole records from `offset` on; `offset` and `state` say afterwards where and why it stopped.

    `state` is `end` (all was read), `incomplete` (a record has begun and may grow) or `damaged`.
    """

    def __init__(self, source: Path | bytes, offset: int = 0) -> None:
        self._source = source
        self.offset = offset
        self.state: Literal["end", "incomplete", "damaged"] = "end"

    def _load(self, at: int, size: int) -> bytes:
        if isinstance(self._source, bytes):
            return self._source[at : at + size]
        fd = os.open(self._source, os.O_RDONLY)
        try:
            return os.pread(fd, min(size, max(0, os.fstat(fd).st_size - at)), at)
        finally:
            os.close(fd)

    def __iter__(self) -> Iterator[Entry]:
        for record in self.records():
            yield Entry(self.offset, record)

    def records(self) -> Iterator[Record]:
        """The records alone; `offset` is behind the one given last."""
        asked = _CHUNK
        window, start = self._load(self.offset, asked), self.offset
        at = start
        if at == 0:
            if window[: len(MAGIC)] != MAGIC:
                self.state = "incomplete" if MAGIC.startswith(window[: len(MAGIC)]) else "damaged"
                return
            at = self.offset = len(MAGIC)
        view, begin, size, crc32 = memoryview(window), at - start, len(window), zlib.crc32
        while True:
            if size - begin >= _FRAMED.size:  # nearly always a packet, and whole
                length, crc, kind, track, mono_ns = _FRAMED.unpack_from(window, begin)
                end = begin + _PREFIX.size + length
                if kind == _PACKET_KIND and _PACKET.size <= length < _SHORT and end <= size:
                    if crc32(view[begin + _PREFIX.size : end], _SUM_OF_LENGTH[length]) != crc:
                        self.state = "damaged"
                        return
                    packet = Packet(track, mono_ns, window[begin + _FRAMED.size : end])
                    begin = end
                    self.offset = start + end
                    yield packet
                    continue
            length, crc = _PREFIX.unpack_from(window, begin) if size - begin >= _PREFIX.size else (-1, 0)
            if length == 0 or length > MAX_RECORD:
                self.state = "damaged"
                return
            end = begin + _PREFIX.size + max(0, length)
            if end > size or length < 0:
                if size < asked:  # that was all there is
                    self.state = "incomplete" if begin < size else "end"
                    return
                asked = max(_CHUNK, end - begin)
                window, start = self._load(self.offset, asked), self.offset
                view, begin, size = memoryview(window), 0, len(window)
                continue
            body = window[begin + _PREFIX.size : end]
            if crc32(body, crc32(view[begin : begin + 4])) != crc:
                self.state = "damaged"
                return
            try:
                record = _decode(body)
            except (ValueError, struct.error, msgspec.MsgspecError):
                self.state = "damaged"  # whole, yet not ours: a newer kind or a foreign file
                return
            begin = end
            self.offset = start + end
            yield record


def read(source: Path | bytes, offset: int = 0) -> Iterator[Entry]:
    """All whole records from `offset` (0 or the `end` of an entry) to the first damaged or incomplete one."""
    return iter(Reader(source, offset))


def journal_path(spool: Path, worker: str, session: str, leg: str, epoch: str) -> Path:
    """Where the journal of an epoch lies; the packager finds journals by this shape alone."""
    return spool / worker / session / leg / f"{epoch}.journal"
