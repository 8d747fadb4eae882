"""A line as it stands: one reading for the phones that wait in it, its windows, the wall and a supervisor."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from helpdesk import directory, store
from helpdesk.directory import Line, Window
from helpdesk.queue import AT_WINDOW, wait
from helpdesk.store import Seen, Standing
from office.queue import Queue
from office.register import Office

ALARM = timedelta(minutes=20)
"""Whoever waits longer than this is an alarm (queue_policy.warn_when_waiting_minutes)."""


class LineNow(Struct, frozen=True, kw_only=True):
    """`windows`: all of the office by id; `waiting`: in order; `present`: everybody else of the line who is there.

    `by_id`: both of them. `places`: of those who wait, people before them and usual minutes of their matters.
    """

    line: Line
    office: Office
    windows: dict[str, Window]
    windows_open: int
    windows_free: int
    waiting: list[Seen]
    present: list[Seen]
    by_id: dict[str, Seen]
    places: dict[str, tuple[int, float]]
    minutes: float

    def wait_of(self, ticket: str | None = None) -> Queue:
        """How long this number waits; without one, whoever comes now."""
        everybody = len(self.waiting), self.minutes
        ahead, minutes = self.places.get(ticket, everybody) if ticket is not None else everybody
        return wait(ahead, minutes, self.windows_open, self.windows_free)

    def standing_for(self, ticket: str, standing: Standing) -> LineNow:
        """The same with the place of a number that this reading does not know yet."""
        return replace(self, places={**self.places, ticket: (standing.ahead, standing.minutes)})

    def shows(self, ticket: str) -> tuple[Seen | None, Queue]:
        """All that the page of this number takes from its line."""
        return self.by_id.get(ticket), self.wait_of(ticket)

    def longest_since(self) -> datetime | None:
        """When the one who waits longest came."""
        return min((one.came for one in self.waiting), default=None)

    def window(self, window: str | None) -> Window | None:
        return self.windows.get(window) if window is not None else None


async def read_line(conn: AsyncConnection, line: Line, office: Office) -> LineNow:
    windows = {one.id: one for one in await directory.list_windows(conn, [office.code])}
    at_work = {one.id for one in windows.values() if one.line == line.id and one.agent is not None and not one.away}
    everybody = await store.seen(conn, line.id)
    waiting = [one for one in everybody if one.state == "queued"]
    present = [one for one in everybody if one.state != "queued"]
    places: dict[str, tuple[int, float]] = {}
    minutes = 0.0
    for ahead, one in enumerate(waiting):
        places[one.id] = (ahead, minutes)
        minutes += one.minutes
    return LineNow(
        line=line,
        office=office,
        windows=windows,
        windows_open=len(at_work),
        windows_free=len(at_work - {one.window for one in present if one.state in AT_WINDOW}),
        waiting=waiting,
        present=present,
        by_id={one.id: one for one in everybody},
        places=places,
        minutes=minutes,
    )
