"""The file of a journal (journal.py) while it is written: its lock, its way to the disk, what a disk's fault means.

A writer holds a lock on its file (flock(2)), which the system takes from the dead: whoever gets the lock knows that
nobody writes any more. A writer that lives but stood still for `SILENT_S` may lose its journal all the same: it is
renamed, and before the writer trusts a write made after such a pause it looks whether its file still has its name.
"""

import errno
import fcntl
import os
import threading
import time
from pathlib import Path
from typing import Any, Literal

from recordings.journal import (
    MAGIC,
    Anchor,
    Closed,
    JournalHeader,
    Mark,
    SenderReport,
    anchor_record,
    closed_record,
    header_record,
    mark_record,
    packet_head,
    report_record,
)

SILENT_S = 30.0  # a living writer writes an anchor every second; after this its journal may be taken from it
_DOUBT_S = SILENT_S / 3  # a writer that paused for less cannot have lost its journal

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
        self._append(header_record(header))
        self.flush()

    @property
    def closed(self) -> bool:
        return self._fd < 0

    def _append(self, record: bytes) -> None:
        if self._fd >= 0 and self.fault is None:
            self._pending += record

    def packet(self, track: int, arrival_mono_ns: int, rtp: bytes) -> None:
        """One RTP packet, decrypted; RTX is unwrapped before."""
        self._mono_ns = arrival_mono_ns
        if self._fd >= 0 and self.fault is None:
            self._pending += packet_head(track, arrival_mono_ns, rtp)
            self._pending += rtp

    def run(self, records: bytes, first_mono_ns: int, last_mono_ns: int) -> None:
        """Whole records of packets that came between these times, as `packet` makes them."""
        self._mono_ns = last_mono_ns
        self._append(records)

    def sender_report(self, track: int, arrival_mono_ns: int, ntp: int, rtp_timestamp: int) -> None:
        """The publisher's own pair of NTP (64 bit) and RTP time."""
        self._append(report_record(SenderReport(track, arrival_mono_ns, ntp, rtp_timestamp)))

    def anchor(self, wall_ns: int, mono_ns: int) -> None:
        """The worker's two clocks at one moment; once a second."""
        self._mono_ns = mono_ns
        self._append(anchor_record(Anchor(wall_ns, mono_ns)))

    def mark(self, kind: str, mono_ns: int, detail: dict[str, Any]) -> None:
        """Something no packet says."""
        self._append(mark_record(Mark(kind, mono_ns, detail)))

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
            self._append(closed_record(Closed(reason, at)))
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
