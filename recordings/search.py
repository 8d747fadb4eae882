"""Finding records to audit: one line of words and a few facets, within the office tree of who asks."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from helpdesk.tables import guides
from office.tables import calls, cases, matters, offices, records, staff
from recordings.store import recording_epochs, replay_views

MOST_ROWS = 200  # more than a person reads; facets narrow it
MOST_WORDS = 8


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One record in the list. `coverage` in percent; `views` counts who looked before."""

    record: str
    case: str
    number: str
    matter: str
    matter_name: str
    matter_gloss: str
    business_name: str
    office: str
    office_name: str
    office_gloss: str
    lead: str
    scheduled_at: datetime
    started_at: datetime | None
    phase: str
    result: str | None
    coverage: float | None
    sealed: bool
    recorded: bool
    views: int


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for; days are half-open [day_from, day_to) as times."""

    words: str = ""
    day_from: datetime | None = None
    day_to: datetime | None = None
    matter: str = ""
    result: str = ""


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _conditions(query: Query, office_codes: Sequence[str]) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [records.c.office.in_(office_codes)]
    for word in query.words.split()[:MOST_WORDS]:
        like = _like(word)
        columns = (cases.c.number, cases.c.business_name, cases.c.address, records.c.id, staff.c.name, offices.c.name)
        wanted.append(or_(*(column.like(like, escape="\\") for column in columns)))
    if query.day_from is not None:
        wanted.append(records.c.scheduled_at >= query.day_from)
    if query.day_to is not None:
        wanted.append(records.c.scheduled_at < query.day_to)
    if query.matter:
        wanted.append(cases.c.matter == query.matter)
    if query.result:
        wanted.append(records.c.result == query.result)
    return wanted


async def find(conn: AsyncConnection, query: Query, office_codes: Sequence[str]) -> list[Found]:
    """Newest first, at most `MOST_ROWS`."""
    joined = (
        records.join(cases, records.c.case == cases.c.id)
        .join(offices, records.c.office == offices.c.code)
        .outerjoin(matters, (matters.c.slug == cases.c.matter) & (matters.c.version == records.c.matter_version))
        .outerjoin(guides, guides.c.slug == cases.c.matter)
        .outerjoin(staff, staff.c.id == records.c.lead)
    )
    started = select(func.min(calls.c.started_at)).where(calls.c.record == records.c.id).scalar_subquery()
    recorded = select(func.count()).where(recording_epochs.c.record == records.c.id).scalar_subquery()
    views = select(func.count()).where(replay_views.c.record == records.c.id).scalar_subquery()
    rows = await conn.execute(
        select(
            records.c.id.label("record"),
            records.c.case,
            cases.c.number,
            cases.c.matter,
            func.coalesce(matters.c.name, guides.c.name, cases.c.matter).label("matter_name"),
            func.coalesce(matters.c.gloss, guides.c.gloss, "").label("matter_gloss"),
            cases.c.business_name,
            records.c.office,
            offices.c.name.label("office_name"),
            offices.c.gloss.label("office_gloss"),
            func.coalesce(staff.c.name, "").label("lead"),
            records.c.scheduled_at,
            started.label("started_at"),
            records.c.phase,
            records.c.result,
            records.c.coverage,
            records.c.sealed,
            recorded.label("epochs"),
            views.label("views"),
        )
        .select_from(joined)
        .where(*_conditions(query, office_codes))
        .order_by(records.c.scheduled_at.desc(), records.c.id.desc())
        .limit(MOST_ROWS)
    )
    out: list[Found] = []
    for row in rows:
        fields = dict(row._mapping)
        out.append(Found(recorded=fields.pop("epochs") > 0, **fields))
    return out
