"""What every act of the hall needs and hardly ever changes: offices with their hours, lines, guides.

A node reads them once in half a minute, not at each of fifty acts a second. Who waits and who sits where is never kept
here.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
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
    """Of one node. What is None is not there."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[float, Any]] = {}

    async def line(self, conn: AsyncConnection, line: str) -> tuple[Line, Office] | None:
        found: Line | None = await self._kept_or("line", line, lambda: directory.get_line(conn, line))
        office = await self.office(conn, found.office) if found else None
        return (found, office) if found and office else None

    async def office(self, conn: AsyncConnection, code: str) -> Office | None:
        found: Office | None = await self._kept_or("office", code, lambda: register.get_office(conn, code))
        return found

    async def offices(self, conn: AsyncConnection, codes: Collection[str]) -> dict[str, Office]:
        """Those of these codes that there are."""
        return {code: office for code in sorted(codes) if (office := await self.office(conn, code))}

    async def place(self, conn: AsyncConnection, office: str, guide: str) -> Place | None:
        """Where this matter is done at this office."""
        at = await self.office(conn, office)
        if at is None:
            return None
        what = await self._kept_or("guide", guide, lambda: directory.get_guide(conn, guide))
        lines = await self._kept_or("lines", office, lambda: directory.list_lines(conn, [office]))
        return _place(at, lines, what)

    def kept_place(self, office: str, guide: str) -> Place | None:
        """The same without asking; None also where it is not known now."""
        return _place(self._fresh("office", office), self._fresh("lines", office), self._fresh("guide", guide))

    def _fresh(self, kind: str, name: str) -> Any:
        at, kept = self._kept.get((kind, name), (0.0, None))
        return kept if time.monotonic() - at < FRESH_S else None

    async def _kept_or(self, kind: str, name: str, read: Callable[[], Awaitable[Any]]) -> Any:
        kept = self._fresh(kind, name)
        if kept is not None:
            return kept
        found = await read()
        if found is not None:  # a stranger may ask for anything; only what is there is kept
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[kind, name] = time.monotonic(), found
        return found


def _place(office: Office | None, lines: Sequence[Line] | None, guide: Guide | None) -> Place | None:
    line = next((line for line in lines or () if guide is not None and guide.slug in line.guides), None)
    return Place(office, line, guide) if office and line and guide else None
