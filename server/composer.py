"""Gathers what a sheet is made from: the folded record, the manifest to the cut, the photographs' thumbnails.

The cut is the moment of the result. Recordings reach the objects about a second behind, so the sheet waits until they
hold the last second before the cut, and not for ever: what is missing then is on the sheet as missing.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from foundation.errors import Problem
from helpdesk.kind import HELP
from helpdesk.kind import load_state as load_service
from inspection.kind import INSPECTION
from inspection.photos import Photos
from inspection.state import InspectionState
from inspection.store import load_state
from office import store as office
from recordings import manifest as manifests
from recordings import seal
from recordings import store as recordings
from recordings.mark_words import CAUSES
from recordings.store import RecordKeys
from server.assembly import Parts
from server.compose import compose
from server.compose_service import compose_service
from signing import report as sheet
from signing.means import Composed, ReportComposer

PATIENCE = timedelta(seconds=12)
LOOK_AGAIN_S = 0.25
# A file whose sender has begun another one grows no more: it is closed within a second, or its worker died and the
# packager closes it half a minute later, for which nobody who waits to sign should wait.
REPLACED_PATIENCE = timedelta(seconds=3)


def composer(parts: Parts) -> ReportComposer:
    """The function that the report job calls with a record's id."""
    keys = RecordKeys(parts.db, parts.keyring, parts.clock)
    photos = Photos(parts.db, parts.clock, parts.objects, keys.within)

    async def gather(record: str) -> Composed:
        async with parts.db.read() as conn:
            known = await office.get_record(conn, record)
            helps = known is not None and known.kind == HELP.name
            state = await load_service(conn, record) if helps else await load_state(conn, record)
            events = await office.events(conn, record)
        cut = state.session.concluded_at
        if cut is None:
            raise Problem("G07")
        await _until_packaged(parts, record, cut)
        manifest, row = await seal.cut(parts.db, record, parts.clock, at=cut)
        heads = sheet.Heads(
            record_seq=events[-1].seq,
            record_head=events[-1].hash,
            manifest_head=manifest.head,
            manifest_sha256=row.sha256,
        )
        make: Any = compose_service if helps else compose
        report = make(
            state,
            events,
            _coverage(manifest),
            heads,
            moment_ms=manifest.moment_ms,
            issued_at=cut,
            time_service="external" if parts.settings.tsa_urls else "internal",
            verify_url=f"{parts.settings.base_url.rstrip('/')}/verify?record={record}",
        )
        pictures = await _thumbnails(photos, state) if isinstance(state, InspectionState) else {}
        return Composed(report, pictures, row.body.encode())

    return gather


def drafter(parts: Parts) -> ReportComposer:
    """The same as it would be now, while the call goes on: with a watermark and without fields. Raises G07 before
    anything has happened."""
    keys = RecordKeys(parts.db, parts.keyring, parts.clock)
    photos = Photos(parts.db, parts.clock, parts.objects, keys.within)

    async def gather(record: str) -> Composed:
        now = parts.clock.now()
        async with parts.db.read() as conn:
            known = await office.get_record(conn, record)
            if known is None or known.kind != INSPECTION.name:
                raise Problem("G07")
            state = await load_state(conn, record)
            events = await office.events(conn, record)
            manifest = await seal.manifest_of(conn, record, now)
        if not events or state.session.concluded_at is not None:
            raise Problem("G07")
        report = compose(
            state,
            events,
            _coverage(manifest),
            sheet.Heads(record_seq=events[-1].seq, record_head=events[-1].hash, manifest_head=manifest.head),
            moment_ms=manifest.moment_ms,
            issued_at=now,
            verify_url=f"{parts.settings.base_url.rstrip('/')}/verify?record={record}",
            draft=True,
        )
        return Composed(report, await _thumbnails(photos, state), manifests.to_json(manifest))

    return gather


async def _until_packaged(parts: Parts, record: str, cut: datetime) -> None:
    """Wait until every file of the record is closed or reaches the cut."""
    cut_ns = int(cut.timestamp() * 1_000_000_000)
    began = parts.clock.monotonic_ns()
    while (waited := timedelta(microseconds=(parts.clock.monotonic_ns() - began) / 1000)) < PATIENCE:
        async with parts.db.read() as conn:
            epochs = await recordings.epochs_of(conn, record)
        newest = {one.leg: one for one in sorted(epochs, key=lambda one: one.start_wall_ns)}
        behind = [
            one
            for one in epochs
            if not one.closed and one.start_wall_ns + one.length_ms * 1_000_000 < cut_ns
            if newest[one.leg] is one or waited < REPLACED_PATIENCE
        ]
        if not behind:
            return
        await asyncio.sleep(LOOK_AGAIN_S)


def _coverage(manifest: manifests.Manifest) -> sheet.Coverage:
    summary = manifest.coverage
    return sheet.Coverage(
        percent=summary.percent,
        started_at=manifest.origin,
        cut_at=manifest.cut_at,
        seconds=dict(summary.seconds_by_class),
        gaps=tuple(
            sheet.Gap(start=gap.from_, end=gap.to, kind=gap.class_, cause=cause_in_words(gap.cause), who=gap.name)
            for gap in summary.gaps
        ),
    )


def cause_in_words(cause: str) -> str:
    """As people read it; a cause that has no words yet stays as it is rather than being left out."""
    return CAUSES[cause][0] if cause in CAUSES else cause


async def _thumbnails(photos: Photos, state: InspectionState) -> dict[str, bytes]:
    """By photo id; a picture that cannot be decoded has none, and the sheet says so beside its hash."""
    found = {}
    for one in state.photos:
        stored = await photos.get(one.id)
        small = await photos.thumbnail(stored) if stored else None
        if small is not None:
            found[one.id] = small
    return found
