"""What a hall consists of, in the database: guides and their search, lines, windows and who sits at them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import lru_cache

import msgspec
from msgspec import Struct
from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from helpdesk.guide import MOST_TERMS, Guide, best_first, terms, terms_of
from helpdesk.tables import guides, lines, windows

CANDIDATES = 50
"""Guides that share most with the question, to be judged one by one: a screen shows five."""


class Line(Struct, frozen=True, kw_only=True):
    """People who wait for the same windows; `letter` stands on their tickets, `guides` are slugs."""

    id: str
    office: str
    letter: str
    name: str
    gloss: str
    guides: list[str]


class Window(Struct, frozen=True, kw_only=True):
    """A window of a hall; closed while `agent` is None. `away`: open, and calling nobody just now."""

    id: str
    office: str
    number: str
    name: str
    gloss: str
    line: str
    agent: str | None
    opened_at: datetime | None
    away: bool


# --- guides ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=2048)
def _guide(body: str) -> Guide:
    return msgspec.json.decode(body, type=Guide)


async def add_guide(conn: AsyncConnection, guide: Guide) -> None:
    """Add a guide or bring it up to date; the index follows by itself."""
    values = {
        "slug": guide.slug,
        "name": guide.name,
        "gloss": guide.gloss,
        "body": msgspec.json.encode(guide).decode(),
        "terms": terms_of(guide),
    }
    if (await conn.execute(update(guides).where(guides.c.slug == guide.slug).values(values))).rowcount == 0:
        await conn.execute(insert(guides).values(values))


_GUIDE = select(guides.c.body).where(guides.c.slug == bindparam("slug"))


async def get_guide(conn: AsyncConnection, slug: str) -> Guide | None:
    body = (await conn.execute(_GUIDE, {"slug": slug})).scalar()
    return _guide(body) if body is not None else None


async def get_guides(conn: AsyncConnection, slugs: Iterable[str]) -> dict[str, Guide]:
    found = select(guides.c.slug, guides.c.body).where(guides.c.slug.in_(set(slugs)))
    return {row.slug: _guide(row.body) for row in await conn.execute(found)}


_CANDIDATES = {
    "sqlite": text(
        "SELECT body FROM guides JOIN guides_search USING (slug) "
        "WHERE guides_search MATCH :asked ORDER BY rank, slug LIMIT :most"
    ),
    "postgresql": text(
        "SELECT body FROM guides WHERE string_to_array(terms, ' ') && :asked ORDER BY cardinality(ARRAY("
        "SELECT unnest(string_to_array(terms, ' ')) INTERSECT SELECT unnest(CAST(:asked AS text[])))) DESC, slug "
        "LIMIT :most"
    ).bindparams(bindparam("asked")),
}


async def search(conn: AsyncConnection, question: str, most: int = 5) -> list[Guide]:
    """Guides for what somebody says they need, best first; none where nothing fits."""
    asked = terms(question)[:MOST_TERMS]
    if not asked:
        return []
    # Terms are letters, digits and Chinese characters only, so no sign of the query language can be among them.
    wanted = " OR ".join(f'"{term}"' for term in asked) if conn.dialect.name == "sqlite" else asked
    found = await conn.execute(_CANDIDATES[conn.dialect.name], {"asked": wanted, "most": CANDIDATES})
    return best_first([_guide(row.body) for row in found], question, most)


# --- lines and windows -----------------------------------------------------------------------------------------------

_LINE = select(*(lines.c[name] for name in Line.__struct_fields__))
_WINDOW = select(*(windows.c[name] for name in Window.__struct_fields__))
# Made once: every call of a number needs them.
_LINE_BY_ID = _LINE.where(lines.c.id == bindparam("line"))
_WINDOW_BY_ID = _WINDOW.where(windows.c.id == bindparam("window"))
_WINDOWS_LOCKED = (
    _WINDOW.where(windows.c.id.in_(bindparam("windows", expanding=True))).order_by(windows.c.id).with_for_update()
)
_WINDOW_OF = _WINDOW.where(windows.c.agent == bindparam("agent"))
_WINDOWS = _WINDOW.where(windows.c.office.in_(bindparam("offices", expanding=True))).order_by(
    windows.c.office, windows.c.number
)
_LINES_LOCKED = (
    select(lines.c.id).where(lines.c.id.in_(bindparam("lines", expanding=True))).order_by(lines.c.id).with_for_update()
)
_LINES = _LINE.where(lines.c.office.in_(bindparam("offices", expanding=True))).order_by(lines.c.office, lines.c.letter)


async def add_line(conn: AsyncConnection, line: Line) -> None:
    await conn.execute(insert(lines).values(msgspec.structs.asdict(line)))


async def add_window(conn: AsyncConnection, window: Window) -> None:
    await conn.execute(insert(windows).values(msgspec.structs.asdict(window)))


async def get_line(conn: AsyncConnection, line: str) -> Line | None:
    row = (await conn.execute(_LINE_BY_ID, {"line": line})).first()
    return Line(**row._mapping) if row else None


async def list_lines(conn: AsyncConnection, offices: Sequence[str]) -> list[Line]:
    """The lines of these offices, by office and letter."""
    return [Line(**row._mapping) for row in await conn.execute(_LINES, {"offices": list(offices)})]


async def line_for(conn: AsyncConnection, office: str, guide: str) -> Line | None:
    """Where people with this matter wait at an office; None where it is not done there."""
    return next((line for line in await list_lines(conn, [office]) if guide in line.guides), None)


async def lock_lines(conn: AsyncConnection, ids: Collection[str]) -> None:
    """Have whoever changes the order of these lines wait until the transaction ends (SQLite has one writer anyway)."""
    if conn.dialect.name == "postgresql":
        await conn.execute(_LINES_LOCKED, {"lines": sorted(ids)})


async def get_window(conn: AsyncConnection, window: str) -> Window | None:
    row = (await conn.execute(_WINDOW_BY_ID, {"window": window})).first()
    return Window(**row._mapping) if row else None


async def lock_windows(conn: AsyncConnection, ids: Collection[str]) -> dict[str, Window]:
    """Windows by id, held until the transaction ends: two presses of one button are one after the other."""
    rows = await conn.execute(_WINDOWS_LOCKED, {"windows": sorted(set(ids))})
    return {row.id: Window(**row._mapping) for row in rows}


async def list_windows(conn: AsyncConnection, offices: Sequence[str]) -> list[Window]:
    """The windows of these offices, by office and number."""
    return [Window(**row._mapping) for row in await conn.execute(_WINDOWS, {"offices": list(offices)})]


async def window_of(conn: AsyncConnection, agent: str) -> Window | None:
    """Where somebody sits."""
    row = (await conn.execute(_WINDOW_OF, {"agent": agent})).first()
    return Window(**row._mapping) if row else None


async def sit_down(conn: AsyncConnection, window: str, agent: str, now: datetime) -> bool:
    """Open a window that is closed, or change nothing; whether this agent sits there now.

    Raises IntegrityError for somebody who sits at another window.
    """
    mine = (windows.c.id == window) & (windows.c.agent.is_(None) | (windows.c.agent == agent))
    changed = await conn.execute(update(windows).where(mine).values(agent=agent, opened_at=now, away=False))
    return changed.rowcount == 1


async def set_away(conn: AsyncConnection, window: str, away: bool) -> None:
    await conn.execute(update(windows).where(windows.c.id == window).values(away=away))


async def stand_up(conn: AsyncConnection, window: str) -> None:
    """Close a window. Whoever was at it is moved first (`store.leave_window`)."""
    await conn.execute(update(windows).where(windows.c.id == window).values(agent=None, opened_at=None, away=False))
