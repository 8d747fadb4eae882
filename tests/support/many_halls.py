"""Two hundred lines with fifty people each, as they stand in the middle of a day: rows, tokens and logins of agents."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.ids import new_id, new_token
from helpdesk import directory
from helpdesk.demo import read_guides
from helpdesk.hours import day_of
from helpdesk.queue import NEAR
from helpdesk.tables import counters, tickets
from office import register
from office.secret import hash_token
from server.login import store as login
from server.login.sessions import hashed

OFFICES = 20
LINES_OF_EACH = 10
GUIDE = "pension-claim"
# At any hour a bench may run.
ALWAYS = {"mon_fri": ["00:00-23:59"], "sat": ["00:00-23:59"], "sun": ["00:00-23:59"]}


@dataclass
class Line:
    """One line with its one window and its agent's cookie; `waiting`: ids and tokens in order."""

    id: str
    letter: str
    office: str
    window: str
    cookie: str
    guide: str
    waiting: list[tuple[str, str]] = field(default_factory=list)


async def fill(conn: AsyncConnection, now: datetime) -> list[Line]:
    """Offices, lines, windows with agents who are logged in; nobody waits yet."""
    base = next(guide for guide in await read_guides() if guide.slug == GUIDE)
    made = []
    for office in range(OFFICES):
        code = f"98{office:04d}"
        await register.add_office(conn, _office(code))
        for number in range(LINES_OF_EACH):
            guide = f"{GUIDE}-{number}"
            if office == 0:
                await directory.add_guide(conn, replace(base, slug=guide))
            letter = "ABCDEFGHIJ"[number]
            line = Line(f"{code}-{number}", letter, code, f"{code}-w{number}", new_token(), guide)
            await directory.add_line(
                conn, directory.Line(id=line.id, office=code, letter=letter, name="", gloss="", guides=[guide])
            )
            agent = await _agent(conn, code, line.cookie, now)
            await directory.add_window(
                conn,
                directory.Window(
                    id=line.window, office=code, number=f"{letter}01", name="", gloss="", line=line.id, agent=agent,
                    opened_at=now, away=False,
                ),
            )  # fmt: skip
            made.append(line)
    return made


def _office(code: str) -> register.Office:
    return register.Office(
        code=code, parent=None, level="district", name=f"{code}政务服务中心", gloss=code, short=code, address="",
        lat=None, lon=None, phone="0000-0000000", hours=ALWAYS, inspection_matters=[],
    )  # fmt: skip


async def _agent(conn: AsyncConnection, office: str, cookie: str, now: datetime) -> str:
    agent = new_id("stf")
    await register.add_staff(
        conn,
        register.Staff(
            id=agent, account=agent, name="帮办员", office=office, roles=["agent"], active=True, created_at=now
        ),
    )
    await login.begin_session(conn, login.LoginSession(hashed(cookie), agent, now, now, "127.0.0.1"))
    return agent


async def queue_up(conn: AsyncConnection, lines: list[Line], each: int, now: datetime) -> None:
    """`each` more people in every line; every second one left a telephone number."""
    rows = []
    day = day_of(now)
    for line in lines:
        for _ in range(each):
            number = len(line.waiting) + 1
            token, ticket = new_token(), new_id("tkt")
            line.waiting.append((ticket, token))
            came = now - timedelta(minutes=30) + timedelta(seconds=number)
            rows.append(
                {
                    "id": ticket, "office": line.office, "queue": line.id, "day": day,
                    "letter": line.letter, "number": number, "minutes": 15.0, "state": "queued",
                    "priority": "ordinary", "band": 1,
                    "rank": came, "came": came, "calls": 0, "guide": line.guide, "name": "刘桂兰", "lang": "zh",
                    "phone": f"13{number % 10}{len(rows):08d}" if number % 2 else None, "taken_at": came,
                    "told_near_at": came if number <= NEAR + 1 else None, "moves": 1, "video": False,
                    "holder_hash": hash_token(token), "token_hash": hash_token(token),
                }
            )  # fmt: skip
    await conn.execute(insert(tickets), rows)


async def count_from(conn: AsyncConnection, lines: list[Line], now: datetime) -> None:
    """Numbers that are taken from now on follow those that were put there."""
    rows = [{"line": line.id, "day": day_of(now), "last": 5000} for line in lines]
    await conn.execute(insert(counters), rows)
