"""One step of one epoch: read on in its journal, store what became whole, and read that back. Blocks: runs in threads.

What it stores it notes as rows that are `owed`; nothing here knows the database, whose part comes after. So a thread
takes several epochs together: looks at each, hashes all that became whole at once, stores it one after the other.
"""

import hashlib
from collections.abc import Sequence

from foundation import log
from foundation.clock import Clock
from foundation.errors import Problem
from foundation.objects import ObjectStore
from recordings.journal_writer import SILENT_S
from recordings.store import PartRow, Rows
from recordings.tail import EpochTail, FileTail

GONE_AFTER_S = 1.0  # of silence, then the system is asked whether the writer lives; it writes at least once a second
_logger = log.get("packager")


class PackagingFault(Exception):
    """What is stored is not what the journal says: `code` stays visible in the log and the metrics."""

    def __init__(self, code: str, name: str) -> None:
        super().__init__(f"{code}: {name}")
        self.code = code


class Deposit:
    """Takes epochs to the object store."""

    def __init__(self, objects: ObjectStore, clock: Clock) -> None:
        self._objects = objects
        self._clock = clock

    def look(self, tail: EpochTail) -> None:
        """Read on in the journal of an epoch. What became whole waits in its files to be linked (`tail.link_all`), for
        several epochs at once.
        """
        if tail.ended:
            return  # all is stored, only its rows are owed
        self._store(tail)  # left over from a step that failed: nothing new is read before
        tail.grown = tail.look()
        if tail.grown:
            tail.changed_ns = self._clock.monotonic_ns()

    def step(self, tail: EpochTail) -> bool:
        """Store what the look gave; True if there is more to do at once. `tail.ended` after the last one."""
        if tail.ended:
            return False
        if not tail.prepared:
            return True  # this look found the header: now its record is known
        self._store(tail)
        if not tail.closed and (not tail.taken or (tail.grown and not tail.damaged)):
            silent_s = (self._clock.monotonic_ns() - tail.changed_ns) / 1e9
            if tail.damaged or (not tail.grown and self._abandoned(tail, silent_s)):
                tail.take()
            return tail.behind or tail.taken
        self._finish(tail)
        return False

    def _abandoned(self, tail: EpochTail, silent_s: float) -> bool:
        """Whether a journal that has no end and does not grow is to be taken from its writer."""
        return silent_s >= SILENT_S or (silent_s >= GONE_AFTER_S and tail.abandoned)

    def _store(self, tail: EpochTail) -> None:
        """Store what is ready, but nothing that a power cut could still take from the journal: the journal has to give
        the same bytes again.
        """
        if any(file.parts for file in tail.files):
            self._sync(tail)
        for file in tail.files:
            self._store_parts(tail, file)

    def _sync(self, tail: EpochTail) -> None:
        try:
            tail.sync()
        except OSError as error:  # what can be read is stored all the same: it may soon be the only copy
            _logger.error("journal not synced", journal=tail.path.name, error=error)

    def _store_parts(self, tail: EpochTail, file: FileTail) -> None:
        while file.parts:
            part = file.parts[0]
            assert file.stored is not None
            stored = file.stored.pop(part.row.first, None)
            if stored is None:
                if part.row.first == 0:
                    self._keep(tail, f"{file.folder}/init", file.init or b"")
                self._keep(tail, part.row.object, part.data)
                file.owed.append(Rows(part.epoch, part.row, part.clusters))
            elif stored != part.row:
                raise PackagingFault("journal_differs", part.row.object)
            file.parts.popleft()

    def _finish(self, tail: EpochTail) -> None:
        """The last parts, and what the end adds; with its row the epoch is closed and plays as a file."""
        self._sync(tail)
        tail.finish("journal_damaged" if tail.damaged else "worker_died")
        for file in tail.files:
            self._store_parts(tail, file)
            head, cues = file.muxer.closing()
            self._keep(tail, f"{file.folder}/init", file.init or head)
            hashes = []
            for name, data in (("head", head), ("cues", cues)):
                self._keep(tail, f"{file.folder}/{name}", data)
                hashes += [f"{file.folder}/{name}", hashlib.sha256(data).hexdigest()]
            file.owed.append(Rows(file.row((hashes[0], hashes[1], hashes[2], hashes[3]))))
        tail.ended = True

    def _keep(self, tail: EpochTail, name: str, data: bytes) -> None:
        """Store, and read back. An identical object of an earlier attempt is as good; another one is a fault."""
        assert tail.key is not None
        try:
            self._objects.keep(name, data, tail.key)
        except Problem as problem:
            if problem.code != "O03":
                raise
            raise PackagingFault("stored_differs", name) from problem

    def check(self, tail: EpochTail, parts: Sequence[Sequence[PartRow]]) -> None:
        """Every part of every file once more, before the journal goes: what was read back when it was stored is still
        there.
        """
        for file, rows in zip(tail.files, parts, strict=True):
            assert tail.key is not None
            for row in rows:
                if self._objects.intact(row.object, tail.key) != row.size:
                    raise PackagingFault("stored_differs", row.object)
            if sum(row.clusters for row in rows) != file.clusters:
                raise PackagingFault("parts_missing", file.epoch)
