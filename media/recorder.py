"""From the hot path to the journals: what was received is put on a list, a thread writes it down.

The loop appends to a list in memory and never touches a disk. Ten times a second one thread takes the list and writes
it; once a second another makes it durable, so that a slow disk delays neither the call nor the writing.

    recorded ──the disk is full, slow, read-only, or fails──► told, epoch ended ──another volume──► recorded
        ▲                                                          │ none
        └──a volume can be used (again): a new epoch, told─────── unrecorded, looked after each second

A fault ends the epochs on that disk and is never retried: after a failed fsync nobody knows what the disk holds. A disk
that only does not answer keeps its epochs while their packets fit into memory, unless there is another one. The call
goes on in any case.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec

from foundation import log
from media.volume import RESERVE, Volume
from recordings.journal import JournalHeader, journal_path
from recordings.journal_writer import JournalWriter, fault_of

FLUSH_S = 0.1  # with the fsync each second: a crash of the worker costs 0.1 s of media, a power cut about one second
SYNC_S = 1.0
STOP_S = 3.0  # a disk that hangs does not keep a worker from ending
PENDING_MAX = 256 << 20  # bytes of a worker: forty sessions for half a minute, should the disk hang

Steps = list[tuple[Any, ...]]
"""Calls of a `JournalWriter` that are still to be made: the method and its arguments."""
_MEDIA = (JournalWriter.packet, JournalWriter.run, JournalWriter.sender_report)

_log = log.get("recorder")


class Owner(Protocol):
    """Whose epochs these are (worker.MediaWorker)."""

    def settle(self) -> None:
        """Have everything noted that has come so far."""

    def recording_lost(self, header: JournalHeader, code: str) -> None:
        """This leg is not recorded at the moment."""

    def recording_back(self, header: JournalHeader) -> None:
        """It is recorded again."""

    def journals_ended(self) -> None:
        """Of one journal or several the end has been written."""

    def renew_recording(self, session: str, leg: str, reason: str) -> None:
        """End the leg's epoch for this reason and begin another, if the leg still sends."""


class EpochRecorder:
    """The recording of one epoch, as the forwarder sees it: every method only notes and never raises."""

    __slots__ = (
        "_ended", "_path", "_pending", "_writer", "closed", "fault", "header", "pending_bytes", "taking", "unsaved",
        "volume",
    )  # fmt: skip

    def __init__(self, volume: Volume, header: JournalHeader) -> None:
        self.volume = volume
        self.header = header
        self._path = journal_path(volume.folder, header.worker, header.session, header.leg, header.epoch)
        self._pending: Steps = []
        self._writer: JournalWriter | None = None
        self._ended = False  # nothing more is written
        self.fault: str | None = None
        self.closed = False
        self.taking = True  # until its fault, if it comes to one, has been dealt with
        self.unsaved: Steps = []  # what the disk refused
        self.pending_bytes = 0

    def packet(self, track: int, arrival_ns: int, rtp: bytes) -> None:
        """One RTP packet as the publisher sent it, decrypted."""
        if self.taking:
            self._pending.append((JournalWriter.packet, track, arrival_ns, rtp))
            self.pending_bytes += len(rtp)

    def run(self, records: bytes, first_ns: int, last_ns: int) -> None:
        """Packets whose records the fast path has written, and when the first and the last of them came."""
        if self.taking:
            self._pending.append((JournalWriter.run, records, first_ns, last_ns))
            self.pending_bytes += len(records)

    def sender_report(self, track: int, arrival_ns: int, ntp: int, rtp_timestamp: int) -> None:
        """The publisher's own pair of wall clock and RTP time."""
        if self.taking:
            self._pending.append((JournalWriter.sender_report, track, arrival_ns, ntp, rtp_timestamp))

    def anchor(self, wall_ns: int, mono_ns: int) -> None:
        """The worker's pair of wall clock and monotonic time."""
        if self.taking:
            self._pending.append((JournalWriter.anchor, wall_ns, mono_ns))

    def mark(self, kind: str, mono_ns: int, detail: dict[str, Any]) -> None:
        """Something that happened to the epoch and is not media."""
        if self.taking:
            self._pending.append((JournalWriter.mark, kind, mono_ns, detail))

    def close(self, reason: str, mono_ns: int) -> None:
        """The last entry; nothing may follow."""
        if self.taking:
            self._pending.append((JournalWriter.close, reason, mono_ns))
        self.closed = True

    def fail(self, code: str) -> None:
        """Its disk failed it; what was noted before is still written if that can be."""
        if self.fault is None:
            self.fault = code

    def carry_on(self, steps: Steps) -> None:
        """Begin with what the epoch before could not save."""
        self._pending[:0] = steps

    def take(self) -> Steps:
        """What is pending, to be handed to ``write``; called by the loop, which alone appends."""
        pending, self._pending = self._pending, []
        self.pending_bytes = 0
        return pending

    # --- in the background threads ------------------------------------------------------------------------------------

    def write(self, steps: Steps, *, last: bool) -> None:
        """Write down a batch; creates the file the first time. After a fault there is a last one, which ends it."""
        if self._ended:
            return
        try:
            if steps:
                self._write(steps)
        except OSError as error:
            self.unsaved += steps
            self.fail(fault_of(error))
        except Exception:
            _log.exception("journal failed", epoch=self.header.epoch)
            self.fail("write_failed")
        if last:
            self._ended = True
            if self._writer is not None:
                self._writer.close(self.fault or "")

    def _write(self, steps: Steps) -> None:
        if self._writer is None:
            self._writer = JournalWriter(self._path, self.header)
        writer = self._writer
        for step, *arguments in steps:
            step(writer, *arguments)
        writer.flush()
        if writer.fault == "disk_full":
            # With the reserve's room all that came so far is kept, and the end of the journal too.
            self.volume.give_reserve()
            writer.fault = None
            writer.flush()
            self.fail("disk_full")
        if writer.fault is not None:
            self.unsaved += steps  # some of it may have been written: twice is better than not at all
            self.fail(writer.fault)

    def sync(self) -> None:
        """Make durable what was written."""
        if self._writer is not None and self.fault is None and not self._writer.closed:
            self._writer.sync()
            if self._writer.fault is not None:
                self.fail(self._writer.fault)


class Recorder:
    """All epochs being recorded by one worker, on the first of its folders that can be written to."""

    def __init__(self, folders: Sequence[Path], worker: str, owner: Owner, *, reserve: int = RESERVE) -> None:
        self.volumes = [Volume(folder, worker, reserve) for folder in folders]
        self._owner = owner
        self._open: list[EpochRecorder] = []
        self._unrecorded: dict[tuple[str, str], JournalHeader] = {}  # by session and leg: who was told so
        self._carried: dict[tuple[str, str], Steps] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, header: JournalHeader) -> EpochRecorder | None:
        """Record a new epoch; None while no volume can be used, and the owner is told."""
        volume = self._volume()
        carried = self._carried.pop((header.session, header.leg), [])
        if volume is None:
            self._lost(header, self.volumes[0].trouble or "disk_failed")
            return None
        if carried:
            earlier_ns = max(0, header.mono_ns - carried[0][2])
            header = msgspec.structs.replace(
                header, mono_ns=header.mono_ns - earlier_ns, wall_ns=header.wall_ns - earlier_ns
            )
        epoch = EpochRecorder(volume, header)
        epoch.carry_on(carried)
        self._open.append(epoch)
        self._back(header)
        return epoch

    def forget(self, session: str) -> None:
        """This session is over; whether it was recorded at its end matters no more."""
        for key in [key for key in self._unrecorded if key[0] == session]:
            del self._unrecorded[key]

    def _volume(self) -> Volume | None:
        usable = [volume for volume in self.volumes if volume.trouble is None]
        return next((volume for volume in usable if not volume.low), usable[0] if usable else None)

    def start(self) -> None:
        """Begin to write in the background."""
        work: list[Coroutine[Any, Any, None]] = [self._every(FLUSH_S, self._watch)]
        for volume in self.volumes:
            work += [
                self._every(FLUSH_S, partial(self._flush, volume)),
                self._every(SYNC_S, partial(self._sync, volume)),
            ]
        self._tasks = [asyncio.create_task(one) for one in work]

    async def stop(self) -> None:
        """Write what is left, as far as the disks answer."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.volumes:
            await asyncio.wait([asyncio.create_task(self._flush(each)) for each in self.volumes], timeout=STOP_S)
        for volume in self.volumes:
            volume.close()

    async def flush(self) -> None:
        """Everything noted so far is with the operating system when this returns."""
        for volume in self.volumes:
            await self._flush(volume)

    async def _flush(self, volume: Volume) -> None:
        epochs = [epoch for epoch in self._open if epoch.volume is volume]
        if not epochs:
            return
        finished = {id(epoch) for epoch in epochs if epoch.closed or not epoch.taking}
        await volume.write(_write_all, [(epoch, epoch.take(), not epoch.taking) for epoch in epochs])
        self._settle(volume)
        self._open = [epoch for epoch in self._open if id(epoch) not in finished]
        if finished:
            self._owner.journals_ended()

    async def _sync(self, volume: Volume) -> None:
        await volume.sync(_sync_all, volume, [epoch for epoch in self._open if epoch.volume is volume])
        if volume.trouble is None:
            for header in list(self._unrecorded.values()):
                epoch = next((each for each in self._open if each.header is header and each.fault is None), None)
                if epoch is None:
                    self._owner.renew_recording(header.session, header.leg, "disk_back")
                elif epoch.volume.trouble is None:
                    self._back(header)  # nothing was lost: it only took long
                else:
                    self._end(epoch, "disk_slow")

    async def _watch(self) -> None:
        """Disks that do not answer: nobody else would notice, as whoever writes waits for them."""
        for volume in self.volumes:
            waiting = [epoch for epoch in self._open if epoch.volume is volume and epoch.fault is None]
            if not waiting or not volume.slow:
                continue
            elsewhere = self._volume() is not None
            too_much = sum(epoch.pending_bytes for epoch in waiting) > PENDING_MAX
            for epoch in waiting:
                self._lost(epoch.header, "disk_slow")
                if elsewhere or too_much:
                    self._end(epoch, "disk_slow")

    def _settle(self, volume: Volume) -> None:
        """What the threads found: a disk's fault is that of all epochs on it. Only while no write is under way, so
        that it is known what was not saved."""
        mine = [epoch for epoch in self._open if epoch.volume is volume]
        for epoch in mine:
            if epoch.fault is not None and epoch.fault.startswith("disk_") and epoch.fault != "disk_slow":
                volume.failed(epoch.fault)
        for epoch in mine:
            code = epoch.fault or volume.fault
            if code is not None and epoch.taking:
                self._end(epoch, code)

    def _end(self, epoch: EpochRecorder, code: str) -> None:
        self._owner.settle()
        session, leg = epoch.header.session, epoch.header.leg
        epoch.fail(code)
        epoch.taking = False
        # A full disk takes the rest in its reserve, a slow one when it answers; from others it goes to the next epoch.
        rest = epoch.unsaved if code in ("disk_full", "disk_slow") else epoch.unsaved + epoch.take()
        self._carried[session, leg] = [step for step in rest if step[0] in _MEDIA]
        self._lost(epoch.header, code)
        self._owner.renew_recording(session, leg, code)
        self._carried.pop((session, leg), None)

    def _lost(self, header: JournalHeader, code: str) -> None:
        key = (header.session, header.leg)
        if key not in self._unrecorded:
            self._owner.recording_lost(header, code)
        self._unrecorded[key] = header

    def _back(self, header: JournalHeader) -> None:
        if self._unrecorded.pop((header.session, header.leg), None) is not None:
            self._owner.recording_back(header)

    @staticmethod
    async def _every(seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception:
                _log.exception("journals not written")


def _write_all(batches: list[tuple[EpochRecorder, Steps, bool]]) -> None:
    for epoch, steps, last in batches:
        epoch.write(steps, last=last)


def _sync_all(volume: Volume, epochs: list[EpochRecorder]) -> None:
    volume.look()
    for epoch in epochs:
        epoch.sync()
