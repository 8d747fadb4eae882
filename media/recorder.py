"""From the hot path to the journals: what was received is put on a list, a thread writes it down.

The loop appends to a list in memory and never touches the disk. Ten times a second one thread takes the list and writes
it; once a second another makes it durable, so that a slow disk delays neither the call nor the writing. A fault is told
once and never retried: after a failed fsync nobody knows what the disk holds (reported as RecordingFault; the call goes
on).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from foundation import log
from recordings.journal import JournalHeader, JournalWriter, journal_path

FLUSH_S = 0.1  # with the fsync each second: a crash of the worker costs 0.1 s of media, a power cut about one second
SYNC_S = 1.0
_PENDING_MAX = 64 << 20  # bytes: half a minute of a full worker, should the disk hang

_log = log.get("recorder")


class EpochRecorder:
    """The recording of one epoch, as the forwarder sees it: every method only notes and never raises."""

    __slots__ = ("_header", "_path", "_pending", "_told", "_writer", "closed", "fault", "pending_bytes")

    def __init__(self, path: Path, header: JournalHeader) -> None:
        self._path = path
        self._header = header
        self._pending: list[tuple[Any, ...]] = []
        self._writer: JournalWriter | None = None
        self._told = False
        self.fault: str | None = None
        self.closed = False
        self.pending_bytes = 0

    @property
    def header(self) -> JournalHeader:
        return self._header

    def packet(self, track: int, arrival_ns: int, rtp: bytes) -> None:
        """One RTP packet as the publisher sent it, decrypted."""
        if self.fault is None:
            self._pending.append((JournalWriter.packet, track, arrival_ns, rtp))
            self.pending_bytes += len(rtp)
            if self.pending_bytes > _PENDING_MAX:
                self.fail("disk_too_slow")

    def sender_report(self, track: int, arrival_ns: int, ntp: int, rtp_timestamp: int) -> None:
        """The publisher's own pair of wall clock and RTP time."""
        self._pending.append((JournalWriter.sender_report, track, arrival_ns, ntp, rtp_timestamp))

    def anchor(self, wall_ns: int, mono_ns: int) -> None:
        """The worker's pair of wall clock and monotonic time."""
        self._pending.append((JournalWriter.anchor, wall_ns, mono_ns))

    def mark(self, kind: str, mono_ns: int, detail: dict[str, Any]) -> None:
        """Something that happened to the epoch and is not media."""
        self._pending.append((JournalWriter.mark, kind, mono_ns, detail))

    def close(self, reason: str, mono_ns: int) -> None:
        """The last entry; nothing may follow."""
        self._pending.append((JournalWriter.close, reason, mono_ns))
        self.closed = True

    def fail(self, code: str) -> None:
        """Give the journal up; what is written stays."""
        if self.fault is None:
            self.fault = code

    def untold_fault(self) -> str | None:
        """The fault, the first time it is asked for."""
        if self.fault is None or self._told:
            return None
        self._told = True
        return self.fault

    def take(self) -> list[tuple[Any, ...]]:
        """What is pending, to be handed to ``write``; called by the loop, which alone appends."""
        pending, self._pending = self._pending, []
        self.pending_bytes = 0
        return pending

    # --- in the background threads ------------------------------------------------------------------------------------

    def write(self, steps: list[tuple[Any, ...]]) -> None:
        """Write down a batch; creates the file the first time."""
        if not steps or self.fault is not None:
            return
        try:
            if self._writer is None:
                self._writer = JournalWriter(self._path, self._header)
            for step, *arguments in steps:
                step(self._writer, *arguments)
            self._writer.flush()
        except Exception as error:
            _log.exception("journal failed", epoch=self._header.epoch)
            self.fail(f"write_failed: {type(error).__name__}")
            return
        if self._writer.fault is not None:
            self.fail("write_failed" if self._writer.fault.startswith("write") else "sync_failed")

    def sync(self) -> None:
        """Make durable what was written."""
        if self._writer is not None and self.fault is None and not self._writer.closed:
            self._writer.sync()
            if self._writer.fault is not None:
                self.fail("sync_failed")


class Recorder:
    """All epochs being recorded by one worker."""

    def __init__(self, spool: Path, worker: str, on_fault: Callable[[JournalHeader, str], None]) -> None:
        self._spool = spool
        self._worker = worker
        self._on_fault = on_fault
        self._open: list[EpochRecorder] = []
        self._writing = ThreadPoolExecutor(1, "journal-write")
        self._syncing = ThreadPoolExecutor(1, "journal-sync")
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, header: JournalHeader) -> EpochRecorder:
        """Record a new epoch."""
        path = journal_path(self._spool, self._worker, header.session, header.leg, header.epoch)
        epoch = EpochRecorder(path, header)
        self._open.append(epoch)
        return epoch

    def start(self) -> None:
        """Begin to write in the background."""
        self._tasks = [
            asyncio.create_task(self._every(FLUSH_S, self.flush)),
            asyncio.create_task(self._every(SYNC_S, self._sync)),
        ]

    async def stop(self) -> None:
        """Write and sync what is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.flush()
        self._writing.shutdown(wait=False)
        self._syncing.shutdown(wait=False)

    async def flush(self) -> None:
        """Everything noted so far is with the operating system when this returns."""
        epochs = list(self._open)
        finished = {id(epoch) for epoch in epochs if epoch.closed or epoch.fault is not None}
        batches = [(epoch, epoch.take()) for epoch in epochs]
        await asyncio.get_running_loop().run_in_executor(self._writing, _write_all, batches)
        for epoch in epochs:
            fault = epoch.untold_fault()
            if fault is not None:
                self._on_fault(epoch.header, fault)
        self._open = [epoch for epoch in self._open if id(epoch) not in finished]

    async def _sync(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._syncing, _sync_all, list(self._open))

    @staticmethod
    async def _every(seconds: float, work: Callable[[], Any]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception:
                _log.exception("journals not written")


def _write_all(batches: list[tuple[EpochRecorder, list[tuple[Any, ...]]]]) -> None:
    for epoch, steps in batches:
        epoch.write(steps)


def _sync_all(epochs: list[EpochRecorder]) -> None:
    for epoch in epochs:
        epoch.sync()
