"""What every act of the hall needs and hardly ever changes: offices with their hours, lines, guides.

A node reads them once in half a minute, not at each of fifty acts a second. Who waits and who sits where is never kept
here.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from helpdesk import directory
from helpdesk.directory import Line
from helpdesk.guide import Guide
from office import register
from office.register import Office

FRESH_S = 30.0
"""Until new hours or a new line are seen by a node."""

_MOST = 10_000


class Place(Struct, frozen=True):
    """Where people with this matter wait."""

    office: Office
    line: Line
    guide: Guide


class Known:
    """Of one node."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], tuple[float, Any]] = {}

    async def line(self, conn: AsyncConnection, line: str) -> tuple[Line, Office] | None:
        found: tuple[Line, Office] | None = await self._kept_or(("line", line), lambda: _line(conn, line))
        return found

    async def place(self, conn: AsyncConnection, office: str, guide: str) -> Place | None:
        """None where this matter is not done, or there is no such office or matter."""
        found: Place | None = await self._kept_or(("place", office, guide), lambda: _place(conn, office, guide))
        return found

    async def _kept_or(self, name: tuple[str, ...], read: Callable[[], Awaitable[Any]]) -> Any:
        at, kept = self._kept.get(name, (0.0, None))
        now = time.monotonic()
        if kept is not None and now - at < FRESH_S:
            return kept
        found = await read()
        if found is not None:  # a stranger may ask for anything; only what is there is kept
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[name] = now, found
        return found


async def _line(conn: AsyncConnection, line: str) -> tuple[Line, Office] | None:
    known = await directory.get_line(conn, line)
    office = await register.get_office(conn, known.office) if known else None
    return (known, office) if known and office else None


async def _place(conn: AsyncConnection, office: str, guide: str) -> Place | None:
    at, what = await register.get_office(conn, office), await directory.get_guide(conn, guide)
    line = await directory.line_for(conn, office, guide)
    return Place(at, line, what) if at and what and line else None
