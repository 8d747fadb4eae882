"""One spool folder, presumably a disk of its own: its threads, its faults, and how it comes back.

A volume keeps a reserve, a file of a few MiB that stands for nothing. When the disk is full the reserve is given up, so
that everything received so far and the ends of the journals still fit; the recording goes on elsewhere, or pauses.
Making the reserve anew is also the test whether a volume can be used again: space, a write and an fsync in one.

Two threads, because an fsync may take seconds while writes go on. A write that does not come back within `SLOW_S` is
a fault although nothing is lost yet: what arrives waits in memory, and is written if the disk comes back.
"""

import asyncio
import errno
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from foundation import log
from recordings.journal_writer import fault_of

RESERVE = 8 << 20  # bytes: more than all journals of a full worker take in a tenth of a second
SLOW_S = 1.0  # a write; people are told within two seconds
SLOW_SYNC_S = 5.0  # an fsync of a busy disk may take long, but what a power cut would cost grows meanwhile
LOW_SHARE = 0.1  # of the disk; told before anything is lost

_log = log.get("recorder")
T = TypeVar("T")


class Volume:
    """A folder journals are written to. `fault` is None while it can be used."""

    def __init__(self, folder: Path, worker: str, reserve: int = RESERVE) -> None:
        self.folder = folder
        self.fault: str | None = None
        self._reserve = folder / f"{worker}.reserve"
        self._reserve_bytes = reserve
        self._writing = ThreadPoolExecutor(1, "journal-write")
        self._syncing = ThreadPoolExecutor(1, "journal-sync")
        self._under_way: dict[str, tuple[float, Future[Any]]] = {}  # by thread: since when, and what
        self.free_share = 1.0

    @property
    def trouble(self) -> str | None:
        """Why no journal may be begun here, if so."""
        return self.fault or ("disk_slow" if self.slow else None)

    @property
    def slow(self) -> bool:
        """Whether a write or an fsync has not come back in time."""
        return self._waiting_s("write") > SLOW_S or self._waiting_s("sync") > SLOW_SYNC_S

    @property
    def low(self) -> bool:
        """Whether the disk is nearly full."""
        return self.free_share < LOW_SHARE

    def _waiting_s(self, name: str) -> float:
        begun_s, work = self._under_way.get(name, (0.0, None))
        # The thread's word counts: a loop that was busy itself has not heard of the end yet.
        return 0.0 if work is None or work.done() else time.monotonic() - begun_s

    def failed(self, code: str) -> None:
        """Use it no more until `revive` has found it well."""
        if self.fault is None:
            self.fault = code
            _log.error("recording disk failed", folder=str(self.folder), fault=code)

    async def write(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run in the writing thread; one at a time."""
        return await self._run(self._writing, "write", work, *arguments)

    async def sync(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run in the syncing thread; one at a time."""
        return await self._run(self._syncing, "sync", work, *arguments)

    async def _run(self, pool: ThreadPoolExecutor, name: str, work: Callable[..., T], *arguments: Any) -> T:
        future = pool.submit(work, *arguments)
        self._under_way[name] = time.monotonic(), future
        # Whoever waits may give up; the thread is under way all the same.
        return await asyncio.shield(asyncio.wrap_future(future))

    def close(self) -> None:
        """Let the threads end when they can; the reserve has served."""
        self._writing.submit(self.give_reserve)
        for pool in (self._writing, self._syncing):
            pool.shutdown(wait=False)

    # --- in the threads -----------------------------------------------------------------------------------------------

    def look(self) -> None:
        """How full the disk is; and if it had a fault, whether it is well again. Raises nothing."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not self._has_reserve():
                self._make_reserve()
            elif self.fault is not None:
                self.give_reserve()
                self._make_reserve()
            found = os.statvfs(self.folder)
            if found.f_flag & os.ST_RDONLY:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            self.free_share = found.f_bavail / max(1, found.f_blocks)
        except OSError as error:
            self.give_reserve()
            self.failed(fault_of(error))
            return
        if self.fault is not None:
            _log.warning("recording disk can be used again", folder=str(self.folder), fault=self.fault)
            self.fault = None

    def _has_reserve(self) -> bool:
        return self._reserve.exists() and self._reserve.stat().st_size == self._reserve_bytes

    def _make_reserve(self) -> None:
        """Blocks of its own for the reserve, on the disk. Raises OSError."""
        fd = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(fd, 0, self._reserve_bytes)
            os.fsync(fd)
        finally:
            os.close(fd)

    def give_reserve(self) -> None:
        """Free the reserve's room."""
        try:
            self._reserve.unlink(missing_ok=True)
        except OSError:
            pass  # read-only or gone: then there is nothing to free either
