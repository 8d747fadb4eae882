"""A record's package: one tar that proves itself to strangers, years later, without us (BagIt, RFC 8493).

    <record>/data/recordings/<epoch>.webm, .mp4  the files, playable by anything  <epoch>.json  hashes of their clusters
    <record>/data/events.jsonl              the chain of events, as it was hashed
    <record>/data/manifest.json             the newest manifest; all cuts: trust/manifest-<n>.json and .tst
    <record>/data/report.pdf                the signed sheet
    <record>/data/photos/<photo>.<kind>     the photographs as they arrived; files of a help call: files/<file>.<kind>
    <record>/data/trust/trust.json, .pem    the certificates that a verifier pins

The tar is written while it is read from the store: no second copy lies on a disk in the clear.
"""

import hashlib
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select

from foundation.errors import Problem
from foundation.jobs import Job, PlainHandler
from foundation.jobs import Progress as JobProgress
from foundation.objects import Stored
from office import store as office
from office.events import StoredEvent, format_time
from office.tables import files, photos
from recordings import manifest as manifests
from recordings import seal, store
from recordings.chain import epoch_line
from recordings.container import suffix
from recordings.package_words import readme
from signing import store as signing_store
from signing.means import Means
from signing.trust import to_json, to_pem, trust_bundle

PACKAGE_JOB = "record.package"
_BLOCK = 512
_OFFICE = "application/vnd.openxmlformats-officedocument"
_SUFFIX = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/heic": "heic",
    "application/pdf": "pdf",
    f"{_OFFICE}.wordprocessingml.document": "docx",
    f"{_OFFICE}.spreadsheetml.sheet": "xlsx",
}
Progress = Callable[[int], Awaitable[None]]


class ClusterHash(msgspec.Struct, frozen=True):
    """One cluster in an epoch's index."""

    t_ms: int
    d_ms: int
    size: int
    sha256: str


class EpochIndex(msgspec.Struct, frozen=True):
    """Hashes of an epoch's clusters; running them from `line` gives the chain that the manifest names."""

    epoch: str
    line: str
    head_size: int
    clusters: tuple[ClusterHash, ...]


class EventLine(msgspec.Struct, frozen=True):
    """One event exactly as it was hashed; body and salt are null once retention has erased them."""

    record: str
    seq: int
    at: str
    actor: str
    tag: str
    media_time_ns: int | None
    media_error_ns: int | None
    body_hash: str
    prev_hash: str
    hash: str
    salt: str | None
    body_text: str | None


def event_line(event: StoredEvent) -> bytes:
    """A line of events.jsonl."""
    fields = {name: getattr(event, name) for name in EventLine.__struct_fields__ if name != "at"}
    return msgspec.json.encode(EventLine(at=format_time(event.at), **fields)) + b"\n"


class Tar:
    """A tar as a stream of bytes, with the sums BagIt wants of every file in it."""

    def __init__(self, folder: str, at: datetime) -> None:
        self._folder = folder
        self._mtime = int(at.timestamp())
        self.sums: dict[str, str] = {}
        self.payload_bytes = self.payload_files = 0

    async def file(self, name: str, size: int, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """One file of exactly `size` bytes. Raises ValueError if the pieces give another number."""
        info = tarfile.TarInfo(f"{self._folder}/{name}")
        info.size, info.mtime, info.mode = size, self._mtime, 0o644
        yield info.tobuf(tarfile.PAX_FORMAT)
        digest, seen = hashlib.sha256(), 0
        async for piece in pieces:
            digest.update(piece)
            seen += len(piece)
            yield piece
        if seen != size:
            raise ValueError(f"{name}: {seen} bytes where {size} were announced")
        yield bytes(-size % _BLOCK)
        self.sums[name] = digest.hexdigest()
        if name.startswith("data/"):
            self.payload_bytes += size
            self.payload_files += 1

    def whole(self, name: str, data: bytes) -> AsyncIterator[bytes]:
        return self.file(name, len(data), _once(data))

    @staticmethod
    def end() -> bytes:
        return bytes(2 * _BLOCK)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def package_stream(means: Means, record: str, progress: Progress) -> AsyncIterator[bytes]:
    """The bytes of the package as the record stands now. Raises S404."""
    async with means.db.read() as conn:
        row = await office.get_record(conn, record)
        if row is None:
            raise Problem("S404")
        events = await office.events(conn, record)
        epochs = [epoch for epoch in await store.epochs_of(conn, record) if epoch.closed]
        cuts = await store.manifests_of(conn, record)
        revision = await signing_store.current(conn, record)
        sent = [
            (f"data/{table.name}/{row.id}.{_SUFFIX.get(row.mime, 'bin')}", row.object, row.bytes)
            for table in (photos, files)
            for row in (await conn.execute(select(table).where(table.c.record == record).order_by(table.c.id))).all()
        ]
        newest = cuts[-1].body.encode() if cuts else b""
        if not cuts or not cuts[-1].final:
            # Not sealed yet: an unstamped manifest of this moment, which the verdict calls undecided.
            previous = cuts[-1].sha256 if cuts else ""
            now = await seal.manifest_of(conn, record, means.clock.now(), previous_sha256=previous)
            newest = manifests.to_json(now)
    key = await means.record_key(record)
    tar = Tar(record, means.clock.now())
    total = sum(epoch.size for epoch in epochs) + sum(size for _, _, size in sent) + 1
    done = 0
    small = {
        "data/README.txt": readme(row.kind).encode(),
        "data/events.jsonl": b"".join(event_line(event) for event in events),
    }
    small["data/manifest.json"] = newest
    for cut in cuts:
        small[f"data/trust/manifest-{cut.version}.json"] = cut.body.encode()
        if cut.stamp is not None:
            small[f"data/trust/manifest-{cut.version}.tst"] = cut.stamp
    bundle = await trust_bundle(means)
    small |= {"data/trust/trust.json": to_json(bundle), "data/trust/certificates.pem": to_pem(bundle).encode()}
    for name, data in small.items():
        async for piece in tar.whole(name, data):
            yield piece
    for epoch in epochs:
        index, size = await _index(means, epoch, key)
        async for piece in tar.whole(f"data/recordings/{epoch.epoch}.json", msgspec.json.encode(index)):
            yield piece
        name = f"data/recordings/{epoch.epoch}.{suffix(epoch.mime)}"
        async for piece in tar.file(name, size, _recording(means, epoch, key)):
            yield piece
        done += epoch.size
        await progress(done * 95 // total)
    for name, stored, size in sent:
        async for piece in tar.file(name, size, means.objects.stream(stored, key)):
            yield piece
        done += size
        await progress(done * 95 // total)
    if revision is not None:
        async for piece in tar.file("data/report.pdf", revision.size, means.objects.stream(revision.object, key)):
            yield piece
    async for piece in _tags(tar, record, means.clock.now()):
        yield piece
    yield tar.end()


async def _tags(tar: Tar, record: str, at: datetime) -> AsyncIterator[bytes]:
    """The BagIt tag files (RFC 8493 2.1, 2.2)."""
    sums = "".join(f"{value}  {name}\n" for name, value in sorted(tar.sums.items()))
    info = (
        f"Source-Organization: Yuankan\nExternal-Identifier: {record}\nBagging-Date: {at.date().isoformat()}\n"
        f"Payload-Oxum: {tar.payload_bytes}.{tar.payload_files}\n"
    )
    files = {
        "bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": info,
        "manifest-sha256.txt": sums,
    }
    for name, text in files.items():
        async for piece in tar.whole(name, text.encode()):
            yield piece
    tags = "".join(f"{tar.sums[name]}  {name}\n" for name in sorted(files))
    async for piece in tar.whole("tagmanifest-sha256.txt", tags.encode()):
        yield piece


async def _index(means: Means, epoch: store.Epoch, key: bytes) -> tuple[EpochIndex, int]:
    """(hashes of the clusters, bytes of the whole file)."""
    async with means.db.read() as conn:
        clusters = await store.clusters_of(conn, epoch.epoch)
    line = epoch_line(epoch.record, epoch.session, epoch.leg, epoch.epoch, epoch.worker, epoch.start_wall_ns)
    head = await means.objects.size(epoch.final_object or epoch.init_object, key)
    cues = await means.objects.size(epoch.cues_object, key) if epoch.cues_object else 0
    hashes = tuple(ClusterHash(each.t_ms, each.d_ms, each.size, each.sha256) for each in clusters)
    return EpochIndex(epoch.epoch, line.decode(), head, hashes), head + epoch.size + cues


async def _recording(means: Means, epoch: store.Epoch, key: bytes) -> AsyncIterator[bytes]:
    yield await means.objects.get(epoch.final_object or epoch.init_object, key)
    async with means.db.read() as conn:
        parts = await store.parts_of(conn, epoch.epoch)
    for part in parts:
        yield await means.objects.get(part.object, key)
    if epoch.cues_object:
        yield await means.objects.get(epoch.cues_object, key)


def package_name(record: str, job: str) -> str:
    """Where the package of a job lies in the store."""
    return f"records/{record}/packages/{job}.tar"


async def write_package(means: Means, record: str, name: str, progress: Progress) -> Stored:
    """Store the package under `name`, sealed; one that an earlier attempt stored is kept."""
    key = await means.record_key(record)
    try:
        return await means.objects.put(name, package_stream(means, record, progress), key)
    except Problem as problem:
        if problem.code != "O01":
            raise
    digest, size = hashlib.sha256(), 0
    async for piece in means.objects.stream(name, key):
        digest.update(piece)
        size += len(piece)
    return Stored(name, digest.hexdigest(), size)


def package_handler(means: Means) -> PlainHandler:
    """Job `record.package`: {record} → {object, sha256, size}."""

    async def handle(job: Job, progress: JobProgress) -> dict[str, Any]:
        record = str(job.payload["record"])
        stored = await write_package(means, record, package_name(record, job.id), progress)
        return {"record": record, "object": stored.name, "sha256": stored.sha256, "size": stored.size}

    return handle
