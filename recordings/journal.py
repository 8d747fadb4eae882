"""The journal: what one epoch of one leg sent, as it arrived, kept so that a crash costs at most a second.

A media worker appends every RTP packet with the monotonic time of its arrival, every sender report and, once a second,
an anchor between its wall clock and its monotonic clock. Nothing is interpreted here and nothing is ever rewritten; the
packager reads the same bytes and may start again at any time.

    file    := "YKJOURN1" record*
    record  := length:u32 crc:u32 kind:u8 payload            length counts kind and payload; big endian throughout
    crc     := CRC-32 over length, kind and payload          the length is covered, so a run of zero bytes is damage

The reader stops at the first record that is damaged or not whole and keeps all before it. It says which of the two it
met: a record that is not whole may still be on its way, a damaged one never heals.

A writer holds a lock on its file (flock(2)), which the system takes from the dead: whoever gets the lock knows that
nobody writes any more. A writer that lives but stood still for `SILENT_S` may lose its journal all the same: it is
renamed, and before the writer trusts a write made after such a pause it looks whether its file still has its name.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import threading
import time
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
SILENT_S = 30.0  # a living writer writes an anchor every second; after this its journal may be taken from it
_DOUBT_S = SILENT_S / 3  # a writer that paused for less cannot have lost its journal
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


Fault = Literal["disk_full", "disk_read_only", "disk_failed", "journal_taken"]


def fault_of(error: OSError) -> Fault:
    """What a disk's answer means for people."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk_full"
    return "disk_read_only" if error.errno == errno.EROFS else "disk_failed"


class JournalWriter:
    """Appends records to one file; made for a background thread of the worker.

    `packet` and its siblings append to memory, `flush` is one write(2); none of them raises. A fault of the disk is
    kept in `fault` for the owner to report and ends the journal, as a page that failed to reach the disk once is lost
    even if a second fsync succeeds (PostgreSQL's lesson of 2018). What a full disk refused stays pending, so the owner
    may make room, clear `fault` and close the journal in good order.
    """

    def __init__(self, path: Path, header: JournalHeader) -> None:
        """Create the file, which must not exist; OSError if that fails, before any media is at stake."""
        self.path = path
        self.fault: Fault | None = None
        self._mono_ns = header.mono_ns
        self._pending = bytearray(MAGIC)
        self._lock = threading.Lock()
        self._fd = _create(path)
        fcntl.flock(self._fd, fcntl.LOCK_EX)  # whoever looks at it holds it for microseconds
        self._inode = os.fstat(self._fd).st_ino
        self._written_s = time.monotonic()
        self._directory_synced = False
        self._append(bytes((_HEADER_KIND,)) + msgspec.json.encode(header))
        self.flush()

    @property
    def closed(self) -> bool:
        return self._fd < 0

    def _append(self, body: bytes) -> None:
        if self._fd >= 0 and self.fault is None:
            self._pending += frame(body)

    def packet(self, track: int, arrival_mono_ns: int, rtp: bytes) -> None:
        """One RTP packet, decrypted; RTX is unwrapped before."""
        self._mono_ns = arrival_mono_ns
        if self._fd >= 0 and self.fault is None:  # `frame` without its copies: thousands come each second
            length = _PACKET.size + len(rtp)
            crc = zlib.crc32(rtp, zlib.crc32(_SUMMED.pack(length, _PACKET_KIND, track, arrival_mono_ns)))
            self._pending += _FRAMED.pack(length, crc, _PACKET_KIND, track, arrival_mono_ns)
            self._pending += rtp

    def run(self, records: bytes, first_mono_ns: int, last_mono_ns: int) -> None:
        """Whole records of packets that came between these times, as `packet` makes them."""
        self._mono_ns = last_mono_ns
        if self._fd >= 0 and self.fault is None:
            self._pending += records

    def sender_report(self, track: int, arrival_mono_ns: int, ntp: int, rtp_timestamp: int) -> None:
        """The publisher's own pair of NTP (64 bit) and RTP time."""
        self._append(_REPORT.pack(_REPORT_KIND, track, arrival_mono_ns, ntp, rtp_timestamp))

    def anchor(self, wall_ns: int, mono_ns: int) -> None:
        """The worker's two clocks at one moment; once a second."""
        self._mono_ns = mono_ns
        self._append(_ANCHOR.pack(_ANCHOR_KIND, wall_ns, mono_ns))

    def mark(self, kind: str, mono_ns: int, detail: dict[str, Any]) -> None:
        """Something no packet says."""
        self._append(_TIMED.pack(_MARK_KIND, mono_ns) + msgspec.json.encode(_MarkBody(kind, detail)))

    def flush(self) -> None:
        """Hand what is pending to the system; what a full disk refuses stays pending."""
        if self._fd < 0 or self.fault is not None or not self._pending:
            return
        try:
            # A disk that fills up takes a part and says so at the next attempt.
            while self._pending:
                del self._pending[: os.write(self._fd, self._pending)]
        except OSError as error:
            self.fault = fault_of(error)
        now_s = time.monotonic()
        if now_s - self._written_s > _DOUBT_S and self._taken():
            self.fault = "journal_taken"
        self._written_s = now_s

    def _taken(self) -> bool:
        """Whether the file no longer has its name: then nobody reads what is written to it."""
        try:
            return self.path.stat().st_ino != self._inode
        except OSError:
            return True

    def sync(self) -> None:
        """Bring what was flushed to the disk; blocks, so it is called in a thread of its own, once a second."""
        with self._lock:  # against a close in another thread: the number of a closed file may be given out again
            if self._fd < 0 or self.fault is not None:
                return
            fd = os.dup(self._fd)
        try:
            os.fsync(fd)
            if self._taken():
                self.fault = "journal_taken"
            elif not self._directory_synced:
                for folder in (self.path.parent, *self.path.parent.parents[:3]):  # leg, session, worker, spool
                    _sync_folder(folder)
                self._directory_synced = True
        except OSError as error:
            self.fault = fault_of(error)
        finally:
            os.close(fd)

    def close(self, reason: str, mono_ns: int | None = None) -> None:
        """End the epoch; cheap, as the packager syncs the file itself before it takes it for closed."""
        at = self._mono_ns if mono_ns is None else mono_ns
        if self.fault is None or (not self._pending and self.fault != "journal_taken"):
            # After a failed fsync the end may still be written: it says why nothing follows.
            fault, self.fault = self.fault, None
            self._append(_TIMED.pack(_CLOSED_KIND, at) + msgspec.json.encode(_ClosedBody(reason)))
            self.flush()
            self.fault = fault or self.fault
        with self._lock:
            fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _create(path: Path) -> int:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except FileNotFoundError:
            continue  # the packager cleared the empty folder away in between


def has_writer(path: Path) -> bool:
    """Whether a living process still holds this journal open for writing. OSError if it cannot be opened."""
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def journal_path(spool: Path, worker: str, session: str, leg: str, epoch: str) -> Path:
    """Where the journal of an epoch lies; the packager finds journals by this shape alone."""
    return spool / worker / session / leg / f"{epoch}.journal"
