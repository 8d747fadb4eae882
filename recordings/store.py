"""Tables of the recordings, and the few questions asked of them.

An epoch's rows appear while its call runs: whoever reads `recording_clusters` sees what can be played now. Every row
was written after its object had been stored and read back.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Executable,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.clock import Clock
from foundation.db import Database, Json, UtcTime, metadata
from foundation.keyring import Keyring

record_keys = Table(
    "record_keys",
    metadata,
    Column("record", String(40), primary_key=True),
    # Wrapped by the office key; destroying it destroys all objects of the record, copies in backups included.
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

recording_epochs = Table(
    "recording_epochs",
    metadata,
    Column("epoch", String(48), primary_key=True),
    Column("record", String(40), nullable=False),
    Column("session", String(40), nullable=False),
    Column("leg", String(40), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("worker", String(80), nullable=False),
    Column("start_wall_ns", BigInteger, nullable=False),
    Column("error_ms", Integer, nullable=False),
    Column("mime", String(60), nullable=False),
    Column("length_ms", Integer, nullable=False),
    Column("clusters", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("init_object", String(200), nullable=False),
    # Known once closed: the head with duration and place of the cues, and the cues themselves.
    Column("final_object", String(200)),
    Column("final_sha256", String(64)),
    Column("cues_object", String(200)),
    Column("cues_sha256", String(64)),
    Column("chain", String(64), nullable=False),
    Column("chain_sm3", String(64), nullable=False),
    Column("facts", Json, nullable=False),
    Index(None, "record", "start_wall_ns"),
)

recording_parts = Table(
    "recording_parts",
    metadata,
    Column("epoch", String(48), primary_key=True),
    Column("first", Integer, primary_key=True),
    Column("clusters", Integer, nullable=False),
    Column("object", String(200), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
)

recording_clusters = Table(
    "recording_clusters",
    metadata,
    Column("epoch", String(48), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("part", Integer, nullable=False),
    # Bytes from the start of the part's object.
    Column("part_offset", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("t_ms", Integer, nullable=False),
    Column("d_ms", Integer, nullable=False),
    Column("keyframe", Boolean, nullable=False),
    Column("video_frames", Integer, nullable=False),
    Column("audio_frames", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("sm3", String(64), nullable=False),
    Column("chain", String(64), nullable=False),
)

replay_views = Table(
    "replay_views",
    metadata,
    Column("view", String(40), primary_key=True),
    Column("record", String(40), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("name", String(200), nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("note", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index(None, "record", "at"),
    Index(None, "actor", "at"),
)

manifests = Table(
    "manifests",
    metadata,
    Column("record", String(40), primary_key=True),
    # 1, 2, … as the record was cut; each extends the one before.
    Column("version", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    # RFC 3161 token over the SHA-256 of the body, once there is one.
    Column("stamp", LargeBinary),
)


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """One row of recording_epochs."""

    epoch: str
    record: str
    session: str
    leg: str
    kind: str
    worker: str
    start_wall_ns: int
    error_ms: int
    mime: str
    length_ms: int
    clusters: int
    size: int
    closed: bool
    init_object: str
    final_object: str | None = None
    final_sha256: str | None = None
    cues_object: str | None = None
    cues_sha256: str | None = None
    chain: str
    chain_sm3: str
    facts: dict[str, Any]


class ClusterRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of recording_clusters."""

    epoch: str
    n: int
    part: int
    part_offset: int
    size: int
    t_ms: int
    d_ms: int
    keyframe: bool
    video_frames: int
    audio_frames: int
    sha256: str
    sm3: str
    chain: str


class PartRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of recording_parts: `clusters` clusters from number `first` on, in one object."""

    epoch: str
    first: int
    clusters: int
    object: str
    sha256: str
    size: int


class Rows(msgspec.Struct, frozen=True):
    """What one step adds: an epoch's row as it is now, and a stored part with the clusters in it."""

    epoch: Epoch
    part: PartRow | None = None
    clusters: tuple[ClusterRow, ...] = ()


class RecordKeys:
    """`await keys(record)` gives the key that seals a record's objects; made the first time it is asked for."""

    def __init__(self, db: Database, keyring: Keyring, clock: Clock) -> None:
        self._db = db
        self._keyring = keyring
        self._clock = clock

    async def __call__(self, record: str) -> bytes:
        """32 bytes. Raises WrongOfficeKey."""
        found = select(record_keys.c.wrapped).where(record_keys.c.record == record)
        async with self._db.read() as conn:
            wrapped = (await conn.execute(found)).scalar()
        if wrapped is not None:
            return self._keyring.unwrap(bytes(wrapped))
        async with self._db.begin() as conn:
            return await self.within(conn, record)

    async def within(self, conn: AsyncConnection, record: str) -> bytes:
        """The same inside the caller's transaction, which must be one that may write if the key is new."""
        found = select(record_keys.c.wrapped).where(record_keys.c.record == record)
        wrapped = (await conn.execute(found)).scalar()
        if wrapped is None:
            # Packager, photo upload and signing may be first at the same moment; whoever loses reads the winner's.
            fresh = self._keyring.wrap(self._keyring.new_record_key())
            values = {"record": record, "wrapped": fresh, "created_at": self._clock.now()}
            await conn.execute(_insert(conn, record_keys).values(values).on_conflict_do_nothing())
            wrapped = (await conn.execute(found)).scalar_one()
        return self._keyring.unwrap(bytes(wrapped))


def _insert(conn: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that may say what happens on conflict, in the engine's own words."""
    return postgresql.insert(table) if conn.dialect.name == "postgresql" else sqlite.insert(table)


async def epochs_of(conn: AsyncConnection, record: str) -> list[Epoch]:
    """All epochs of a record, as they began."""
    query = select(recording_epochs).where(recording_epochs.c.record == record)
    rows = await conn.execute(query.order_by(recording_epochs.c.start_wall_ns, recording_epochs.c.epoch))
    return [Epoch(**row._mapping) for row in rows]


async def epoch_row(conn: AsyncConnection, epoch: str) -> Epoch | None:
    row = (await conn.execute(select(recording_epochs).where(recording_epochs.c.epoch == epoch))).first()
    return None if row is None else Epoch(**row._mapping)


async def clusters_of(conn: AsyncConnection, epoch: str, after: int = -1) -> list[ClusterRow]:
    """Clusters with numbers above `after`, in order."""
    query = select(recording_clusters).where(recording_clusters.c.epoch == epoch, recording_clusters.c.n > after)
    rows = await conn.execute(query.order_by(recording_clusters.c.n))
    return [ClusterRow(**row._mapping) for row in rows]


async def cluster_row(conn: AsyncConnection, epoch: str, n: int) -> tuple[ClusterRow, PartRow] | None:
    """A cluster and the part that holds it."""
    query = select(recording_clusters).where(recording_clusters.c.epoch == epoch, recording_clusters.c.n == n)
    row = (await conn.execute(query)).first()
    if row is None:
        return None
    cluster = ClusterRow(**row._mapping)
    query = select(recording_parts).where(recording_parts.c.epoch == epoch, recording_parts.c.first == cluster.part)
    return cluster, PartRow(**(await conn.execute(query)).one()._mapping)


async def parts_of(conn: AsyncConnection, epoch: str) -> list[PartRow]:
    query = select(recording_parts).where(recording_parts.c.epoch == epoch).order_by(recording_parts.c.first)
    return [PartRow(**row._mapping) for row in await conn.execute(query)]


async def put_rows(conn: AsyncConnection, rows: Sequence[Rows]) -> None:
    """Parts and clusters that are new, and their epochs; of one epoch the last row stands."""
    epochs = {each.epoch.epoch: msgspec.structs.asdict(each.epoch) for each in rows}
    parts = [msgspec.structs.asdict(each.part) for each in rows if each.part is not None]
    clusters = [msgspec.structs.asdict(cluster) for each in rows for cluster in each.clusters]
    await conn.execute(_PUT_EPOCHS[conn.dialect.name], list(epochs.values()))
    if parts:
        await conn.execute(_ADD_PARTS, parts)
        await conn.execute(_ADD_CLUSTERS, clusters)


def _put_epochs(fresh: postgresql.Insert | sqlite.Insert) -> Executable:
    known = {column.name: fresh.excluded[column.name] for column in recording_epochs.c if not column.primary_key}
    return fresh.on_conflict_do_update(index_elements=["epoch"], set_=known)


# Made once: twice a second is often enough for the making to be seen.
_PUT_EPOCHS: dict[str, Executable] = {
    "postgresql": _put_epochs(postgresql.insert(recording_epochs)),
    "sqlite": _put_epochs(sqlite.insert(recording_epochs)),
}
_ADD_PARTS, _ADD_CLUSTERS = insert(recording_parts), insert(recording_clusters)


class ManifestRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cut of a record's manifest; `body` is the exact text that was hashed and stamped."""

    record: str
    version: int
    at: datetime
    final: bool
    body: str
    sha256: str
    stamp: bytes | None = None


async def manifests_of(conn: AsyncConnection, record: str) -> list[ManifestRow]:
    rows = await conn.execute(select(manifests).where(manifests.c.record == record).order_by(manifests.c.version))
    return [ManifestRow(**row._mapping) for row in rows]


async def put_manifest(conn: AsyncConnection, row: ManifestRow) -> None:
    await conn.execute(insert(manifests).values(msgspec.structs.asdict(row)))


async def put_stamp(conn: AsyncConnection, record: str, version: int, stamp: bytes) -> None:
    """The time stamp of a manifest that waited for it."""
    which = (manifests.c.record == record) & (manifests.c.version == version)
    await conn.execute(update(manifests).where(which).values(stamp=stamp))
