"""What the job worker does, by kind of job."""

from __future__ import annotations

from collections.abc import Mapping

from foundation.jobs import Handler
from office import notices
from recordings.store import RecordKeys
from server.assembly import Parts


async def job_handlers(parts: Parts) -> Mapping[str, Handler]:
    """All handlers of this installation."""
    keys = RecordKeys(parts.db, parts.keyring, parts.clock)
    return {
        **notices.handlers(parts.db, parts.clock, keys.within, notices.OutboxOnly()),
    }
