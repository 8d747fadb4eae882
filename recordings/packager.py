"""From the journals on this host to stored, hashed, playable recordings. One runs per media host.

For each epoch, over and over:

    look at the journal → clusters → parts (about a second) → put object → read it back → rows, in one transaction
    journal closed → last parts → final head and cues → epoch row closed: it plays → read all back → journal removed
    journal without a writer → taken: renamed, so that nobody adds to it → read to its end → as above

A look goes over all journals. A thread takes several of them one after the other and does for each all that blocks
(`deposit`); what is owed to the database then goes there for all of them at once (`ledger`).

Nothing is remembered between steps but what the journal gives again. After a crash at any point the same journal gives
the same bytes under the same names: an object that is there already must be identical, a row that is there already is
skipped. Nothing here can delay or break a call, and a fault (store away, disk full) only makes the journal wait.

Each part is stored as soon as it spans 0.9 s; so the running call can be replayed from any node through the same rows
and objects as a finished one, with no second way to bytes that are not yet stored.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from foundation import log
from foundation.bus import Bus, BusUnavailable, Msg
from foundation.clock import Clock
from foundation.db import Database
from foundation.keyring import Keyring
from foundation.metrics import Metrics
from foundation.objects import ObjectStore
from recordings import store
from recordings.deposit import Deposit, PackagingFault
from recordings.journal import ENDED
from recordings.ledger import Ledger
from recordings.tail import EpochTail, journals_below, link_all

POLL_S = 0.5  # with parts of a second a viewer of the running call is less than 2 s behind
LANE_AT_END = 2  # each file's end is four objects and their syncs, and somebody may be waiting to see it
LANE = 8  # epochs taken one after the other by one thread: each may keep the others waiting for a request to the store
RETRY_S = 2.0  # pause of an epoch whose step failed
_logger = log.get("packager")


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
        self._deposit = Deposit(objects, clock)
        self._keys = store.RecordKeys(db, keyring, clock)
        self._clock = clock
        self._spools = [spool] if isinstance(spool, Path) else list(spool)
        self._bus = bus
        self._ledger = Ledger(db)
        self._tails: dict[Path, EpochTail] = {}
        self._busy: dict[Path, asyncio.Task[None]] = {}
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
                    told = ended.is_set()
                    ended.clear()
                    await self.run_once(LANE_AT_END if told else LANE)
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

    async def run_once(self, length: int = LANE) -> None:
        """One look at every journal; those of one lane, of this length, wait for each other, lanes do not."""
        due = await asyncio.to_thread(self._due)
        for at in range(0, len(due), length):
            lane = due[at : at + length]
            self._busy |= dict.fromkeys(lane, asyncio.create_task(self._take_on(lane), name="package"))
        if self._busy:
            await asyncio.wait(set(self._busy.values()), timeout=POLL_S)
        self._busy = {path: task for path, task in self._busy.items() if not task.done()}

    def _due(self) -> list[Path]:
        found, now_ns = self._find(), self._clock.monotonic_ns()
        self._open.set(len(found))
        return [path for path in found if path not in self._busy and now_ns >= self._retry_ns.get(path, 0)]

    async def drain(self) -> None:
        """Package all that is closed or given up now; for tests, exports and an orderly stop. Faults are raised."""
        for path in await asyncio.to_thread(self._find):
            step = _Step(path, again=True)
            while step.again:
                [step] = await self._steps([path])
                if step.error is not None:
                    raise step.error

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

    async def _take_on(self, lane: Sequence[Path]) -> None:
        """Take epochs as far as their journals go now; one that fails does not hold up the others."""
        while lane:
            steps = await self._steps(lane)
            for step in steps:
                if step.error is not None:
                    self._failed(step.path, step.error)
            lane = [step.path for step in steps if step.again and step.error is None]
            for step in steps:
                if step.path not in lane:
                    self._busy.pop(step.path, None)  # the next look need not wait for those with more to do

    def _failed(self, path: Path, error: Exception) -> None:
        tail = self._tails.get(path)
        if tail is not None and (not tail.consistent or isinstance(error, PackagingFault)):
            # Begin this epoch anew from its journal. While only the store or the database is away, what waits is
            # kept: reading an hour again every two seconds would cost more than it is worth.
            del self._tails[path]
        self._retry_ns[path] = self._clock.monotonic_ns() + round(RETRY_S * 1e9)
        code = getattr(error, "code", type(error).__name__)
        self._faults.labels(code=code).inc()
        _logger.error("epoch not packaged", journal=path.name, code=code, exc_info=error)

    async def _steps(self, paths: Sequence[Path]) -> list["_Step"]:
        """Take epochs one look further: what the database knows, one errand of a thread, what the database is told."""
        steps = [_Step(path, self._tails.get(path)) for path in paths]
        for step in steps:
            if step.tail is not None and not step.tail.prepared:
                with step:
                    await self._prepare(step.tail)
        await asyncio.to_thread(self._deposit_all, steps)
        await self._commit(steps)
        ended = [step for step in steps if step.tail is not None and step.tail.ended and step.error is None]
        if ended:
            await self._release(ended)
        return steps

    async def _prepare(self, tail: EpochTail) -> None:
        assert tail.header is not None
        tail.key = await self._keys(tail.header.record)
        async with self._db.read() as conn:
            for file in tail.files:
                file.knows(await store.parts_of(conn, file.epoch))

    def _deposit_all(self, steps: Sequence["_Step"]) -> None:
        for step in steps:
            if step.error is None:
                with step:
                    step.tail = self._tails.get(step.path) or self._tails.setdefault(step.path, EpochTail(step.path))
                    self._deposit.look(step.tail)
        looked = [(step, step.tail) for step in steps if step.tail is not None and step.error is None]
        link_all([file for _, tail in looked for file in tail.files])
        for step, tail in looked:
            with step:
                step.again = self._deposit.step(tail)

    async def _commit(self, steps: Sequence["_Step"]) -> None:
        prepared = [(step, step.tail) for step in steps if step.tail is not None and step.tail.prepared]
        owing = [(step, file) for step, tail in prepared for file in tail.files if file.owed]
        if not owing:
            return
        try:
            await self._ledger.put([rows for _, file in owing for rows in file.owed])
        except BaseException as error:
            for step, file in owing:
                file.stored = None  # whether they were committed is to be asked
                if isinstance(error, Exception):
                    step.error = step.error or error
            if not isinstance(error, Exception):
                raise
            return
        for _, file in owing:
            self._parts.inc(sum(rows.part is not None for rows in file.owed))
            file.owed.clear()

    async def _release(self, ended: Sequence["_Step"]) -> None:
        """The files play: read all of them back, and let the journals go. One without a whole header holds no media:
        its writer died while creating it.
        """
        for step in ended:
            assert step.tail is not None
            with step:
                async with self._db.read() as conn:
                    step.parts = [await store.parts_of(conn, file.epoch) for file in step.tail.files]
        await asyncio.to_thread(self._release_all, ended)

    def _release_all(self, ended: Sequence["_Step"]) -> None:
        for step in ended:
            if step.error is None and step.tail is not None:
                with step:
                    self._deposit.check(step.tail, step.parts)
                    self._remove(step.tail)

    def _remove(self, tail: EpochTail) -> None:
        try:
            tail.remove()
        except OSError as error:
            self._kept.add(tail.path)
            _logger.error("journal is packaged and cannot be removed", journal=str(tail.path), error=error)
        self._tails.pop(tail.path, None)
        self._retry_ns.pop(tail.path, None)


@dataclass
class _Step:
    """One epoch's share of a turn. As a context it keeps what went wrong inside, for this epoch alone."""

    path: Path
    tail: EpochTail | None = None
    again: bool = False
    error: Exception | None = None
    parts: list[list[store.PartRow]] = field(default_factory=list)  # of its files, once it has ended

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> bool:
        if isinstance(error, Exception):
            self.error = error
        return isinstance(error, Exception)


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
