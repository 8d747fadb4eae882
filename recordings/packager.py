"""From the journals on this host to stored, hashed, playable recordings. One runs per media host.

For each epoch, over and over:

    look at the journal → clusters → parts (about a second) → put object → read it back → rows, in one transaction
    journal closed → last parts → final head and cues → epoch row closed: it plays → read all back → journal removed
    journal without a writer → taken: renamed, so that nobody adds to it → read to its end → as above

Nothing is remembered between steps but what the journal gives again. After a crash at any point the same journal gives
the same bytes under the same names: an object that is there already must be identical, a row that is there already is
skipped. Nothing here can delay or break a call, and a fault (store away, disk full) only makes the journal wait.

Each part is stored as soon as it spans 0.9 s; so the running call can be replayed from any node through the same rows
and objects as a finished one, with no second way to bytes that are not yet stored.
"""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import msgspec

from foundation import log
from foundation.bus import Bus, BusUnavailable, Msg
from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from foundation.keyring import Keyring
from foundation.metrics import Metrics
from foundation.objects import ObjectStore
from recordings import store
from recordings.journal import ENDED, SILENT_S
from recordings.ledger import Ledger
from recordings.tail import EpochTail, FileTail, Part, journals_below

POLL_S = 0.5  # with parts of a second a viewer of the running call is less than 2 s behind
GONE_AFTER_S = 1.0  # of silence, then the system is asked whether the writer lives; it writes at least once a second
RETRY_S = 2.0  # pause of an epoch whose step failed
_logger = log.get("packager")


class PackagingFault(Exception):
    """What is stored is not what the journal says: `code` stays visible in the log and the metrics."""

    def __init__(self, code: str, name: str) -> None:
        super().__init__(f"{code}: {name}")
        self.code = code


class EpochPackaged(msgspec.Struct, frozen=True, tag_field="type", tag="epoch_packaged"):
    """Said on `recordings.<record>` after each part (wakes live viewers) and, `closed`, after the last."""

    record: str
    epoch: str
    length_ms: int
    closed: bool


class Packager:
    """Packages every epoch whose journal lies below `spool`, one folder or several."""

    def __init__(
        self,
        db: Database,
        objects: ObjectStore,
        keyring: Keyring,
        clock: Clock,
        spool: Path | Sequence[Path],
        bus: Bus | None,
        metrics: Metrics,
    ) -> None:
        self._db = db
        self._objects = objects
        self._keys = store.RecordKeys(db, keyring, clock)
        self._clock = clock
        self._spools = [spool] if isinstance(spool, Path) else list(spool)
        self._bus = bus
        self._ledger = Ledger(db)
        self._record_keys: dict[str, bytes] = {}  # of the records being packaged
        self._tails: dict[Path, EpochTail] = {}
        self._busy: dict[Path, asyncio.Task[None]] = {}
        self._changed_ns: dict[Path, int] = {}
        self._retry_ns: dict[Path, int] = {}
        self._kept: set[Path] = set()  # packaged, yet on a disk that lets nothing be removed
        self._parts = metrics.counter("recording_parts", "Parts stored and read back")
        self._faults = metrics.counter("packager_faults", "Steps that failed and are tried again", ("code",))
        self._open = metrics.gauge("packager_journals", "Journals not yet packaged to their end")

    async def run(self) -> None:
        """Package until cancelled. RuntimeError if another packager works on this spool."""
        async with self._alone():
            ended = await self._listen()
            try:
                while True:
                    ended.clear()
                    await self.run_once()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(POLL_S):
                            await ended.wait()
            finally:
                for task in self._busy.values():
                    task.cancel()
                await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _listen(self) -> asyncio.Event:
        """Set when a worker says that a journal has ended: who looks seldom is still quick to close a file."""
        ended = asyncio.Event()

        async def heard(_: Msg) -> None:
            ended.set()

        if self._bus is not None:
            try:
                await self._bus.subscribe(ENDED, heard)
            except BusUnavailable as error:  # then the next look finds it
                _logger.warning("nobody tells of ended journals", error=error)
        return ended

    async def run_once(self) -> None:
        """One look at every journal; epochs do not wait for each other."""
        turned = await asyncio.to_thread(self._survey)
        for path in turned:
            self._busy[path] = asyncio.create_task(self._guarded(path), name=f"package {path.stem}")
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=POLL_S)
        self._busy = {path: task for path, task in self._busy.items() if not task.done()}

    def _survey(self) -> list[Path]:
        """Read on in every journal that nobody works on; those for which there is something to do. Runs in a thread, so
        that twenty quiet epochs cost one errand.
        """
        found, now_ns = self._find(), self._clock.monotonic_ns()
        self._open.set(len(found))
        idle = [path for path in found if path not in self._busy and now_ns >= self._retry_ns.get(path, 0)]
        return [path for path in idle if self._has_work(path, now_ns)]

    def _has_work(self, path: Path, now_ns: int) -> bool:
        tail = self._tails.get(path)
        if tail is None or any(file.parts for file in tail.files):
            return True
        try:
            grown = tail.look()
        except Exception:
            del self._tails[path]  # the step will meet the same fault, and tells it
            return True
        if grown:
            self._changed_ns[path] = now_ns
        quiet_s = (now_ns - self._changed_ns.get(path, 0)) / 1e9
        return tail.closed or tail.damaged or quiet_s >= GONE_AFTER_S or any(file.parts for file in tail.files)

    async def drain(self) -> None:
        """Package all that is closed or given up now; for tests, exports and an orderly stop. Faults are raised."""
        for path in await asyncio.to_thread(self._find):
            while await self._step(path):
                pass

    def _find(self) -> list[Path]:
        return [path for spool in self._spools for path in journals_below(spool) if path not in self._kept]

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for spool in self._spools:
                fd = await asyncio.to_thread(_lock, spool / "packager.lock")
                if fd is not None:
                    stack.push_async_callback(asyncio.to_thread, os.close, fd)
            yield

    async def _guarded(self, path: Path) -> None:
        try:
            while await self._step(path) and self._tails[path].behind:
                pass
        except Exception as error:
            tail = self._tails.get(path)
            if tail is not None and (not tail.consistent or isinstance(error, PackagingFault)):
                # Begin this epoch anew from its journal. While only the store or the database is away, what waits is
                # kept: reading an hour again every two seconds would cost more than it is worth.
                del self._tails[path]
            self._retry_ns[path] = self._clock.monotonic_ns() + round(RETRY_S * 1e9)
            code = getattr(error, "code", type(error).__name__)
            self._faults.labels(code=code).inc()
            _logger.exception("epoch not packaged", journal=path.name, code=code)

    async def _step(self, path: Path) -> bool:
        """Take an epoch one look further; True if there may be more to do at once."""
        tail = self._tails.get(path) or self._tails.setdefault(path, await asyncio.to_thread(EpochTail, path))
        grown = await self._look(tail)
        now_ns = self._clock.monotonic_ns()
        if grown or path not in self._changed_ns:
            self._changed_ns[path] = now_ns
        silent_s = (now_ns - self._changed_ns[path]) / 1e9
        if tail.closed or tail.damaged or (not grown and await self._abandoned(tail, silent_s)):
            await self._finish(tail)
            return False
        return grown

    async def _look(self, tail: EpochTail) -> bool:
        await self._store(tail)  # left over from a step that failed: nothing new is read before
        grown = await asyncio.to_thread(tail.look)
        await self._store(tail)
        return grown

    async def _store(self, tail: EpochTail) -> None:
        """Store what is ready, but nothing that a power cut could still take from the journal: the journal has to give
        the same bytes again.
        """
        if any(file.parts for file in tail.files):
            await self._sync(tail)
        for file in tail.files:
            await self._store_parts(file)

    async def _sync(self, tail: EpochTail) -> None:
        try:
            await asyncio.to_thread(tail.sync)
        except OSError as error:  # what can be read is stored all the same: it may soon be the only copy
            _logger.error("journal not synced", journal=tail.path.name, error=error)

    async def _abandoned(self, tail: EpochTail, silent_s: float) -> bool:
        """Whether a journal that has no end and does not grow is to be taken from its writer."""
        if tail.taken or silent_s >= SILENT_S:
            return True
        return silent_s >= GONE_AFTER_S and await asyncio.to_thread(lambda: tail.abandoned)

    async def _finish(self, tail: EpochTail) -> None:
        if not tail.closed:
            await asyncio.to_thread(tail.take)
            while await self._look(tail):
                pass
        await self._sync(tail)
        await asyncio.to_thread(tail.finish, "journal_damaged" if tail.damaged else "worker_died")
        for file in tail.files:
            await self._store_parts(file)
            await self._close(file)
        for file in tail.files:
            await self._read_back(file)
        self._record_keys.pop(tail.header.record if tail.header else "", None)
        # A journal without a whole header holds no media: its writer died while creating it.
        try:
            await asyncio.to_thread(tail.remove)
        except OSError as error:
            self._kept.add(tail.path)
            _logger.error("journal is packaged and cannot be removed", journal=str(tail.path), error=error)
        self._tails.pop(tail.path, None)
        self._changed_ns.pop(tail.path, None)
        self._retry_ns.pop(tail.path, None)

    async def _store_parts(self, file: FileTail) -> None:
        while file.parts:
            await self._store_part(file, file.parts[0])
            file.parts.popleft()

    async def _store_part(self, file: FileTail, part: Part) -> None:
        if file.stored is None:
            async with self._db.read() as conn:
                file.stored = {row.first: row for row in await store.parts_of(conn, file.epoch)}
        stored = file.stored.get(part.row.first)
        if stored is not None:
            if stored != part.row:
                raise PackagingFault("journal_differs", part.row.object)
            return
        if part.row.first == 0:
            await self._keep(f"{file.folder}/init", file.init or b"", part.epoch.record)
        await self._keep(part.row.object, part.data, part.epoch.record)
        try:
            await self._ledger.put(part)
        except BaseException:
            file.stored = None  # whether they were committed is to be asked
            raise
        self._parts.inc()
        await self._tell(part.epoch.record, file.epoch, part.epoch.length_ms, closed=False)

    async def _close(self, file: FileTail) -> None:
        """Write what the end adds and call the epoch closed: from now on it plays as a file."""
        head, cues = file.muxer.closing()
        record = file.row().record
        await self._keep(f"{file.folder}/init", file.init or head, record)
        hashes = []
        for name, data in (("head", head), ("cues", cues)):
            await self._keep(f"{file.folder}/{name}", data, record)
            hashes += [f"{file.folder}/{name}", hashlib.sha256(data).hexdigest()]
        row = file.row((hashes[0], hashes[1], hashes[2], hashes[3]))
        async with self._db.begin() as conn:
            await store.put_epoch(conn, row)
        await self._tell(record, file.epoch, row.length_ms, closed=True)

    async def _read_back(self, file: FileTail) -> None:
        """Every part once more, before the journal goes: what was read back when it was stored is still there."""
        row = file.row()
        key = await self._key(row.record)
        async with self._db.read() as conn:
            parts = await store.parts_of(conn, file.epoch)
        for part in parts:
            if await self._objects.sha256(part.object, key) != part.sha256:
                raise PackagingFault("stored_differs", part.object)
        if sum(part.clusters for part in parts) != row.clusters:
            raise PackagingFault("parts_missing", file.epoch)

    async def _keep(self, name: str, data: bytes, record: str) -> None:
        """Store, and read back. An identical object of an earlier attempt is as good; another one is a fault."""
        try:
            stored = await self._objects.keep(name, data, await self._key(record))
        except Problem as problem:
            if problem.code != "O03":
                raise
            raise PackagingFault("stored_differs", name) from problem
        if stored != data:
            raise PackagingFault("stored_differs", name)

    async def _key(self, record: str) -> bytes:
        if record not in self._record_keys:
            self._record_keys[record] = await self._keys(record)
        return self._record_keys[record]

    async def _tell(self, record: str, epoch: str, length_ms: int, *, closed: bool) -> None:
        if self._bus is not None:
            said = EpochPackaged(record, epoch, length_ms, closed)
            try:
                await self._bus.publish(f"recordings.{record}", msgspec.json.encode(said))
            except Exception as error:  # a wake-up may be lost: viewers ask again anyway
                _logger.warning("wake-up lost", error=type(error).__name__)


def _lock(path: Path) -> int | None:
    """None: on this disk nothing can be locked, as nothing can be written; nobody else can package from it either."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        _logger.error("spool cannot be locked", folder=str(path.parent), error=error)
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise RuntimeError("another packager works on this spool") from None
    return fd
