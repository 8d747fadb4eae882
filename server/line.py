"""Where somebody stands in line: how many wait before them at their office, who is on duty, how long it may take."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.clock import Clock
from foundation.db import Database
from helpdesk import store as hall
from helpdesk.kind import HELP
from helpdesk.known import Known
from helpdesk.line import read_line as hall_line
from helpdesk.queue import wait
from office import store as office
from office.queue import Queue, estimate
from server.login import store as login

TYPICAL_MINUTES = 25.0
# The day list asks again by itself every half minute, so an officer at work is never silent for longer.
ON_DUTY = timedelta(minutes=3)


def read_line(db: Database, clock: Clock) -> Callable[[str], Awaitable[Queue | None]]:
    """The function that gives a waiting applicant's place, None for a record that does not wait."""

    known = Known()

    async def read(record: str) -> Queue | None:
        async with db.read() as conn:
            row = await office.get_record(conn, record)
            if row is None or row.phase not in ("invited", "waiting"):
                return None
            if row.kind == HELP.name:
                return await _by_number(conn, known, record)
            if row.phase != "waiting":
                return None
            before = [one for one in await office.waiting(conn, row.office) if one.id != record]
            busy = await office.busy_staff(conn, row.office)
            case = await office.get_case(conn, row.case)
            matter = await office.get_matter(conn, case.matter, row.matter_version) if case else None
            members = {one.id for one in await office.list_staff(conn, row.office, "officer")}
            officers = members & await login.seen_since(conn, clock.now() - ON_DUTY)
        since = row.waiting_since or row.scheduled_at
        ahead = sum((one.waiting_since or one.scheduled_at) < since for one in before)
        minutes = matter.procedure.typical_minutes if matter else TYPICAL_MINUTES
        soonest = minutes / 2 if officers and not officers - busy else 0.0
        return estimate(ahead, minutes, len(officers), soonest)

    return read


async def _by_number(conn: AsyncConnection, known: Known, record: str) -> Queue | None:
    """The place of a help service is its number's."""
    slip = await hall.slip_of_record(conn, record)
    if slip is None:
        return None
    if slip.ticket.state != "queued":
        return wait(0, 0.0, 1, 1)
    found = await known.line(conn, slip.ticket.queue)
    return (await hall_line(conn, *found)).wait_of(slip.ticket.id) if found else None
