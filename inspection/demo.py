"""The demonstration's day: half a dozen cases as they stand before anybody came. Nothing is signed or recorded in
advance.

Applicants, businesses and telephone numbers are invented.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import yaml
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.clock import Clock
from foundation.db import Database
from foundation.i18n import BEIJING
from inspection.opening import NewCase, open_case
from office import store
from office.demo import DATA, DISTRICT, DemoAccount, add_demo_office, read_matters, read_offices
from office.notices import RecordKey
from office.sending import send_link
from office.store import Case, Office, Record


class DemoCase(Struct, frozen=True, kw_only=True):
    """`link` is None where the desk has not sent one yet."""

    case: str
    record: str
    business_name: str
    link: str | None


class Demonstration(Struct, frozen=True, kw_only=True):
    accounts: tuple[DemoAccount, ...]
    cases: tuple[DemoCase, ...]


class Planned(Struct, frozen=True, kw_only=True):
    """One case of office/demo_data/day.yaml: `minutes` from now; `lead`, `assist`: accounts; `invited`: link sent."""

    matter: str
    business: str
    applicant: str
    phone: str
    address: str
    minutes: int
    lead: str | None = None
    assist: str | None = None
    invited: bool
    documents_ok: bool
    facts: dict[str, bool | int | float | str]


async def read_day() -> list[Planned]:
    def read() -> Any:
        return yaml.safe_load((DATA / "day.yaml").read_text("utf-8"))["cases"]

    return msgspec.convert(await asyncio.to_thread(read), list[Planned])


async def load_demonstration(db: Database, clock: Clock, record_key: RecordKey, base_url: str) -> Demonstration | None:
    """Fill an empty database; None if there are offices already. The caller stores the accounts' passwords."""
    async with db.read() as conn:
        if await store.list_offices(conn):
            return None
    offices, matters, day = await read_offices(), await read_matters(), await read_day()
    place = next(office for office in offices if office.code == DISTRICT)
    async with db.begin() as conn:
        now = clock.now()
        accounts = await add_demo_office(conn, offices, matters, now)
        staff = {account.account: account.staff for account in accounts}
        made = []
        for planned in day:
            new = _new_case(planned, place, staff, now)
            case, record = await open_case(conn, new, DISTRICT, staff["liming"], now)
            link = await _invite(conn, case, record, place, record_key, base_url, now) if planned.invited else None
            made.append(DemoCase(case=case.id, record=record.id, business_name=case.business_name, link=link))
    return Demonstration(accounts=tuple(accounts), cases=tuple(made))


def _new_case(planned: Planned, place: Office, staff: Mapping[str, str], now: datetime) -> NewCase:
    return NewCase(
        matter=planned.matter,
        business_name=planned.business,
        applicant_name=planned.applicant,
        phone=planned.phone,
        address=planned.address,
        scheduled_at=appointment(now, planned.minutes),
        lat=place.lat,
        lon=place.lon,
        facts=planned.facts,
        documents_ok=planned.documents_ok,
        lead=staff.get(planned.lead or ""),
        assist=staff.get(planned.assist or ""),
    )


async def _invite(
    conn: AsyncConnection,
    case: Case,
    record: Record,
    place: Office,
    record_key: RecordKey,
    base_url: str,
    now: datetime,
) -> str:
    person = await store.get_person(conn, case.person)
    matter = await store.get_matter(conn, case.matter, record.matter_version)
    if person is None or matter is None:
        raise LookupError(case.id)
    _, link = await send_link(
        conn,
        case,
        record,
        place,
        matter,
        person,
        key=await record_key(conn, record.id),
        base_url=base_url,
        by="",
        now=now,
    )
    return link


def appointment(now: datetime, minutes: int) -> datetime:
    """A round time about `minutes` from now; today's appointments stay within today, however late it is."""
    local = now.astimezone(BEIJING)
    wanted = local + timedelta(minutes=minutes)
    if minutes < 24 * 60 and wanted.date() != local.date():
        wanted = local.replace(hour=23, minute=50)
    return wanted.replace(minute=wanted.minute // 10 * 10, second=0, microsecond=0)
