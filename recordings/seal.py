"""Cutting the manifest and stamping it: once when a record is closed with a result, once more at its end.

A cut is a row that never changes; its RFC 3161 stamp may come later, when the time stamp service was away. Making a cut
twice from the same facts gives the same row.
"""

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import jobs
from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from foundation.jobs import Job, Progress
from office import store as office
from recordings import manifest as manifests
from recordings import store
from recordings.entries import entry_of, shortened, unpackaged_legs
from recordings.epoch import EpochEntry
from recordings.manifest import Manifest
from recordings.store import ManifestRow
from signing.timestamp import TimeStampAuthority

CUT_JOB = "record.manifest"


class NotPackaged(Problem):
    """The packager has not stored all of the record yet; the job tries again."""

    def __init__(self) -> None:
        super().__init__("S409", who="系统")


async def manifest_of(
    conn: AsyncConnection, record: str, cut: datetime, *, final: bool = False, previous_sha256: str = ""
) -> Manifest:
    """The record's manifest up to `cut`, from the rows as they stand. Writes nothing."""
    events = await office.events(conn, record)
    epochs = [await _at(conn, row, cut, final) for row in await store.epochs_of(conn, record)]
    entries = [entry for entry in epochs if entry is not None]
    return manifests.manifest_up_to(record, events, entries, cut, final=final, previous_sha256=previous_sha256)


async def _at(conn: AsyncConnection, row: store.Epoch, cut: datetime, final: bool) -> EpochEntry | None:
    """The epoch as it was at the cut: only clusters that ended before it, and the chain's value there."""
    entry = entry_of(row)
    cut_ms = (int(cut.timestamp() * 1_000_000_000) - row.start_wall_ns) // 1_000_000
    if cut_ms < 0:
        return None
    if final or row.length_ms <= cut_ms:
        return entry
    return shortened(entry, cut_ms, await store.clusters_of(conn, row.epoch))


async def cut(
    db: Database, record: str, clock: Clock, *, at: datetime | None = None, final: bool = False
) -> tuple[Manifest, ManifestRow]:
    """Make the next manifest of a record, or give the one that is final. Raises S404, and NotPackaged for the final
    manifest while an epoch is still open."""
    async with db.read() as conn:
        if await office.get_record(conn, record) is None:
            raise Problem("S404")
        made = await store.manifests_of(conn, record)
        if made and made[-1].final:
            return manifests.from_json(made[-1].body.encode()), made[-1]
        moment = at or clock.now()
        if final:
            rows = await store.epochs_of(conn, record)
            known = {row.leg for row in rows}
            events = await office.events(conn, record)
            if not all(row.closed for row in rows) or unpackaged_legs(events, known, moment):
                raise NotPackaged
        same = next((row for row in made if row.at == moment and not final), None)
        if same is not None:
            return manifests.from_json(same.body.encode()), same
        previous = made[-1].sha256 if made else ""
        manifest = await manifest_of(conn, record, moment, final=final, previous_sha256=previous)
    body = manifests.to_json(manifest)
    row = ManifestRow(
        record=record,
        version=len(made) + 1,
        at=moment,
        final=final,
        body=body.decode(),
        sha256=hashlib.sha256(body).hexdigest(),
    )
    try:
        async with db.begin() as conn:
            await store.put_manifest(conn, row)
    except IntegrityError:
        raise Problem("S409", who="系统") from None  # another worker made this version; whoever comes again finds it
    return manifest, row


async def stamp(db: Database, stamps: TimeStampAuthority, row: ManifestRow) -> ManifestRow:
    """The row with its time stamp; raises `Problem("G04")` while the service is away."""
    if row.stamp is not None:
        return row
    token = await stamps.stamp(bytes.fromhex(row.sha256))
    async with db.begin() as conn:
        await store.put_stamp(conn, row.record, row.version, token)
    return ManifestRow(
        record=row.record,
        version=row.version,
        at=row.at,
        final=row.final,
        body=row.body,
        sha256=row.sha256,
        stamp=token,
    )


def cut_handler(db: Database, stamps: TimeStampAuthority, clock: Clock) -> jobs.PlainHandler:
    """Runs again until everything is packaged and the stamp is there."""

    async def handle(job: Job, progress: Progress) -> dict[str, Any]:
        manifest, row = await cut(db, str(job.payload["record"]), clock, final=bool(job.payload.get("final")))
        await progress(50)
        row = await stamp(db, stamps, row)
        return {"version": row.version, "sha256": row.sha256, "coverage": manifest.coverage.percent}

    return handle
