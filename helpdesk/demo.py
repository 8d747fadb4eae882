"""The demonstration's halls: guides, lines and windows of the invented city (office/demo_data), and the district's hall
at work: two agents at their windows, and people who wait for one of them."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.ids import new_token
from helpdesk import calling, directory
from helpdesk.directory import Line, Window
from helpdesk.guide import Guide, load_guides
from helpdesk.queue import Priority
from helpdesk.rating import Level, load_levels
from office.demo import DATA, DISTRICT, offices_document

SEATS: Mapping[str, str] = {"zhangmin": f"{DISTRICT}-S01", "wuyue": f"{DISTRICT}-T01"}
"""Account and window. Social insurance has nobody waiting, so whoever tries the demonstration is called at once."""

_WAITING: tuple[tuple[str, str, Priority], ...] = (
    ("tax-registration", "郑永强", "ordinary"),
    ("iit-settlement", "冯雪", "ordinary"),
    ("iit-settlement", "卫国安", "priority"),
)


@cache
def _guides() -> tuple[Guide, ...]:
    return tuple(load_guides((DATA / "help_matters.yaml").read_text("utf-8")))


@cache
def _levels() -> tuple[Level, ...]:
    return tuple(load_levels((DATA / "ratings.yaml").read_text("utf-8")))


async def read_guides() -> list[Guide]:
    """All guides of the demonstration. Raises GuideError for data that do not fit the schema."""
    return list(await asyncio.to_thread(_guides))


async def read_levels() -> list[Level]:
    return list(await asyncio.to_thread(_levels))


async def read_halls() -> list[tuple[Line, list[Window]]]:
    """Lines with their windows. A window serves its whole line; lines that do no help matter are left out."""
    data = await offices_document()
    known = {guide.slug for guide in await read_guides()}
    return [made for hall in data["halls"] for line in hall["queues"] if (made := _line(hall, line, known)) is not None]


def _line(hall: dict[str, Any], line: dict[str, Any], known: set[str]) -> tuple[Line, list[Window]] | None:
    office, letter = hall["office"], line["prefix"]
    served_by = [each for each in hall["windows"] if each["queue"] == letter]
    guides = sorted({slug for each in served_by for slug in each["matters"]} & known)
    if not guides:
        return None
    made = Line(
        id=f"{office}-{letter}", office=office, letter=letter, name=line["name"], gloss=line["gloss"], guides=guides
    )
    return made, [
        Window(
            id=f"{office}-{each['no']}",
            office=office,
            number=each["no"],
            name=each["name"],
            gloss=each["gloss"],
            line=made.id,
            agent=None,
            opened_at=None,
            away=False,
        )
        for each in served_by
    ]


async def add_demo_halls(conn: AsyncConnection, guides: list[Guide], halls: list[tuple[Line, list[Window]]]) -> None:
    """Put them into a database that has the demonstration's offices and no halls yet."""
    for guide in guides:
        await directory.add_guide(conn, guide)
    for line, windows in halls:
        await directory.add_line(conn, line)
        for window in windows:
            await directory.add_window(conn, window)


async def open_demo_hall(conn: AsyncConnection, guides: list[Guide], agents: Mapping[str, str], now: datetime) -> None:
    """Seat the agents (staff ids by account) and let people take numbers, as the hall's own rules have it."""
    for account, window in SEATS.items():
        await directory.sit_down(conn, window, agents[account], now)
    known = {guide.slug: guide for guide in guides}
    for slug, name, priority in _WAITING:
        line = await directory.line_for(conn, DISTRICT, slug)
        if line is None:
            raise LookupError(slug)
        await calling.take(
            conn, line, known[slug], priority=priority, name=name, phone=None, lang="zh", holder=new_token(), now=now
        )
