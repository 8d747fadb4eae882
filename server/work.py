"""What the job worker does, by kind of job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.jobs import Handler, Job, Progress
from helpdesk import jobs as hall
from helpdesk.live import announce as announce_lines
from office import notices
from office.commands import Command, RecordSealed
from office.session import Party
from recordings import jobs as recordings
from recordings.seal import CUT_JOB, NotPackaged
from recordings.store import RecordKeys
from server import records
from server.assembly import Parts
from server.composer import composer
from server.effects import effects, seal_recording
from server.kinds import KINDS
from server.means import signing_means
from signing import jobs as signing


async def job_handlers(parts: Parts) -> Mapping[str, Handler]:
    """All handlers of this installation."""
    records.announce(parts.db, parts.bus)
    announce_lines(parts.db, parts.bus)
    keys = RecordKeys(parts.db, parts.keyring, parts.clock)
    on_effect = effects(parts.clock)
    means = await signing_means(parts, KINDS, on_effect)
    of_recordings = recordings.handlers(means, parts.settings.data_dir / "work")

    async def within(conn: AsyncConnection, record: str, command: Command, party: Party) -> None:
        await records.act_within(conn, KINDS, record, command, party, on_effect, parts.clock.now())

    async def cut(job: Job, progress: Progress) -> dict[str, Any]:
        """The manifest's cut and stamp; the final one ends the record, and the record says so."""
        try:
            result = await of_recordings[CUT_JOB](job, progress)
        except NotPackaged:
            # This job gives up after an hour; a packager that is down for longer must not cost the seal.
            async with parts.db.begin() as conn:
                await seal_recording(conn, str(job.payload["record"]), parts.clock.now(), at_once=False)
            raise
        if job.payload.get("final"):
            sealed = RecordSealed(sha256=str(result["sha256"]))
            # Refused when it was sealed before: the job ran again after a crash.
            await records.act(parts, KINDS, str(job.payload["record"]), sealed, on_effect)
        return result

    return {
        **notices.handlers(parts.db, parts.clock, keys.within, notices.OutboxOnly()),
        **hall.handlers(parts.db, parts.clock, within),
        **signing.handlers(means, composer(parts)),
        **of_recordings,
        CUT_JOB: cut,
    }
