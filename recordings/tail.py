"""Following one journal: what a packager knows of an epoch between two looks. Reads files, talks to nobody.

All of it can be thrown away and built again from the journal: `EpochTail` gives the same parts with the same names and
bytes, whatever was stored already.
"""

import errno
import hashlib
import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec

from recordings.chain import Chain, epoch_line
from recordings.digests import Digest, digests
from recordings.journal import JournalHeader, Mark, Reader
from recordings.journal_writer import has_writer
from recordings.muxer import Cluster, EpochMuxer, Stream
from recordings.store import ClusterRow, Epoch, PartRow, Rows

PART_MS = 900  # a part is stored as soon as it spans this: one or two clusters, so a viewer is about a second behind
READ_MOST = 1000  # records taken per look: a MiB, all that an epoch which is behind holds, and keeps others waiting for


class Part(msgspec.Struct, frozen=True):
    """Clusters that go into one object, and their rows."""

    row: PartRow
    clusters: tuple[ClusterRow, ...]
    data: bytes
    epoch: Epoch  # the epoch's row as it is after this part


class FileTail:
    """One file (`camera` or `screen`) of an epoch in the making."""

    def __init__(self, header: JournalHeader, stream: Stream) -> None:
        self.stream = stream
        self.muxer = EpochMuxer(header, stream)
        self.epoch = header.epoch if stream == "camera" else f"{header.epoch}-screen"
        self.folder = f"records/{header.record}/recordings/{self.epoch}"
        self.fresh: list[Cluster] = []  # whole, not yet hashed
        self.parts: deque[Part] = deque()
        self._header = header
        self._chain = Chain(
            epoch_line(header.record, header.session, header.leg, self.epoch, header.worker, header.wall_ns)
        )
        self._open: list[tuple[Cluster, ClusterRow]] = []
        self.clusters = self._size = 0
        self.init: bytes | None = None
        self.owed: list[Rows] = []  # of objects that are stored: what the database has not confirmed yet
        self.stored: dict[int, PartRow] | None = None  # rows there already, by first cluster; None: to be asked for

    def knows(self, stored: Sequence[PartRow]) -> None:
        """What rows the database has."""
        self.stored = {row.first: row for row in stored}
        self.owed = [rows for rows in self.owed if rows.part is None or rows.part != self.stored.get(rows.part.first)]

    def link(self, found: Sequence[Digest]) -> None:
        """Chain the fresh clusters, whose digests these are, and group them into parts."""
        clusters, self.fresh = self.fresh, []
        for cluster, own in zip(clusters, found, strict=True):
            self.init = self.init or self.muxer.head
            link = self._chain.add(own)
            first = self._open[0][0] if self._open else cluster
            row = ClusterRow(
                epoch=self.epoch,
                n=cluster.n,
                part=first.n,
                part_offset=cluster.offset - first.offset,
                size=len(cluster.data),
                t_ms=cluster.t_ms,
                d_ms=cluster.d_ms,
                keyframe=cluster.keyframe,
                video_frames=cluster.video_frames,
                audio_frames=cluster.audio_frames,
                sha256=link.sha256,
                sm3=link.sm3,
                chain=link.chain,
            )
            self._open.append((cluster, row))
            self.clusters += 1
            self._size += len(cluster.data)
            if cluster.t_ms + cluster.d_ms - first.t_ms >= PART_MS:
                self.end_part()

    def end_part(self) -> None:
        """Close the part in the making, if there is one."""
        if not self._open:
            return
        grouped, self._open = self._open, []
        data = b"".join(cluster.data for cluster, _ in grouped)
        first = grouped[0][0].n
        name = f"{self.folder}/{first:06d}.clusters"
        row = PartRow(
            epoch=self.epoch,
            first=first,
            clusters=len(grouped),
            object=name,
            sha256=grouped[0][1].sha256 if len(grouped) == 1 else hashlib.sha256(data).hexdigest(),
            size=len(data),
        )
        self.parts.append(Part(row, tuple(row for _, row in grouped), data, self.row()))

    def row(self, ending: tuple[str, str, str, str] | None = None) -> Epoch:
        """The epoch's row as it stands; `ending` is (head object, its SHA-256, cues object, its SHA-256)."""
        facts = self.muxer.facts()
        final_object, final_sha256, cues_object, cues_sha256 = ending or (None, None, None, None)
        return Epoch(
            epoch=self.epoch,
            record=self._header.record,
            session=self._header.session,
            leg=self._header.leg,
            kind=self.stream,
            worker=self._header.worker,
            start_wall_ns=facts.start_wall_ns,
            error_ms=facts.error_ms,
            mime=self.muxer.shape.mime,
            length_ms=facts.length_ms,
            clusters=self.clusters,
            size=self._size,
            closed=ending is not None,
            init_object=f"{self.folder}/init",
            final_object=final_object,
            final_sha256=final_sha256,
            cues_object=cues_object,
            cues_sha256=cues_sha256,
            chain=self._chain.head,
            chain_sm3=self._chain.head_sm3,
            facts=msgspec.to_builtins(facts),
        )


class EpochTail:
    """The journal of one epoch, read as it grows. `path` is the name its writer gave it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.taken = taken_name(path).exists()  # no writer can add to it any more
        self._at = taken_name(path) if self.taken else path
        self.header: JournalHeader | None = None
        self.key: bytes | None = None  # seals the record's objects
        self.changed_ns = 0  # when it was last seen to grow
        self.files: list[FileTail] = []
        self.grown = False  # whether the last look found anything new
        self.closed = False
        self.damaged = False
        self.ended = False  # all that it will ever give is stored
        self.behind = False  # the last look left something to read
        self.consistent = True  # false while a look is under way: one that failed half-way cannot be continued
        self.length = -1
        self._offset = 0

    def look(self) -> bool:
        """Read on; True if there was anything new. What became whole is `fresh` in its file until `link_all`. Blocks on
        the file: call it in a thread.
        """
        self.consistent = False
        reader, count = Reader(self._at, self._offset), 0
        for record in reader.records():
            count += 1
            if isinstance(record, JournalHeader):
                if self.header is None:
                    self._begin(record)
                continue
            for file in self.files:
                clusters = file.muxer.feed(record)
                if clusters:
                    file.fresh += clusters
            if count >= READ_MOST:
                break
        self._offset, self.behind = reader.offset, count >= READ_MOST
        self.damaged = reader.state == "damaged"
        self.closed = any(file.muxer.closed_reason is not None for file in self.files)
        length = self._at.stat().st_size
        grown, self.length = length != self.length, length
        self.consistent = True
        return grown or count > 0

    @property
    def prepared(self) -> bool:
        """Whether what the database knows of its record is known here: nothing can be stored before."""
        return self.header is None or (self.key is not None and all(file.stored is not None for file in self.files))

    def _begin(self, header: JournalHeader) -> None:
        self.header = header
        streams: tuple[Stream, ...] = ("camera", "screen")
        self.files = [file for file in (FileTail(header, stream) for stream in streams) if not file.muxer.empty]

    def finish(self, reason: str) -> None:
        """No more will come: write what waits. `reason` stands where the worker left none."""
        for file in self.files:
            if file.muxer.closed_reason is None:
                file.muxer.closed_reason = reason
                file.fresh += file.muxer.feed(Mark(reason, file.muxer.now_ns, {}))
            file.fresh += file.muxer.finish()
        link_all(self.files)
        for file in self.files:
            file.end_part()
            file.init = file.init or file.muxer.head

    @property
    def abandoned(self) -> bool:
        """Whether its writer is no longer there. Asks the system."""
        return self.taken or not has_writer(self.path)

    def take(self) -> None:
        """Take the journal from its writer, be it dead or only standing still: a writer that comes back finds that its
        file has lost its name, and begins a new epoch. What was written before this is still to be read."""
        if self.taken:
            return
        try:
            self._at = self.path.rename(taken_name(self.path))
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
            # To a disk that became read-only nobody adds anything.
        self.taken = True

    def sync(self) -> None:
        """Make the journal durable before its end is believed: closing it did not wait for the disk."""
        fd = os.open(self._at, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def remove(self) -> None:
        """The journal has served; empty folders go with it. A damaged one is put aside: what lies behind the damage may
        be wanted. Raises OSError on a disk that cannot be written."""
        if self.damaged:
            self._at.rename(self.path.with_suffix(".damaged"))
        else:
            self._at.unlink(missing_ok=True)
        for folder in (self.path.parent, self.path.parent.parent):
            try:
                folder.rmdir()
            except OSError:
                return  # others still lie there


def link_all(files: Sequence[FileTail]) -> None:
    """Hash what several files have got, all of it at once, and chain it to each."""
    found = digests([cluster.data for file in files for cluster in file.fresh])
    for file in files:
        count = len(file.fresh)
        file.link(found[:count])
        del found[:count]


def taken_name(path: Path) -> Path:
    return path.with_suffix(".taken")


def journals_below(spool: Path) -> list[Path]:
    """Every journal that waits for its packager, by the name its writer gave it."""
    found: set[Path] = set()
    folders = [str(spool)]
    for _ in ("worker", "session", "leg"):
        folders = [entry.path for folder in folders for entry in _entries(folder) if entry.is_dir()]
    for folder in folders:
        found.update(Path(entry.path).with_suffix(".journal") for entry in _entries(folder) if _waits(entry.name))
    return sorted(found)


def _waits(name: str) -> bool:
    return name.endswith((".journal", ".taken"))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []  # its last journal has been packaged meanwhile
