"""Offices, staff, published matters, applicants and cases in the database.

`store` gives them on, beside the records.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from msgspec import Struct
from sqlalchemy import Select, Table, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.access import covers
from office.matter import Matter, decode_matter, encode_matter
from office.tables import cases, matters, offices, people, staff


class Office(Struct, frozen=True, kw_only=True):
    """An office of the tree; `level` is city, district, street or community."""

    code: str
    parent: str | None
    level: str
    name: str
    gloss: str
    short: str
    address: str
    lat: float | None
    lon: float | None
    phone: str
    hours: dict[str, list[str]]
    inspection_matters: list[str]
    help_matters: list[str] = []


class Staff(Struct, frozen=True, kw_only=True):
    id: str
    account: str
    name: str
    office: str
    roles: list[str]
    active: bool
    created_at: datetime


class Person(Struct, frozen=True, kw_only=True):
    """An applicant; `phone` as office.person.normalise_phone spells it."""

    id: str
    name: str
    phone: str
    created_at: datetime


class Case(Struct, frozen=True, kw_only=True):
    """A case 办件: `facts` complete (office.matter facts with defaults), position WGS84 where known."""

    id: str
    number: str
    office: str
    matter: str
    person: str
    business_name: str
    address: str
    lat: float | None
    lon: float | None
    facts: dict[str, bool | int | float | str]
    documents_ok: bool
    created_at: datetime
    created_by: str

    @property
    def location(self) -> tuple[float, float] | None:
        return (self.lat, self.lon) if self.lat is not None and self.lon is not None else None


T = TypeVar("T", bound=Struct)


def _select(kind: type[Struct], table: Table) -> Select[Any]:
    return select(*(table.c[name] for name in kind.__struct_fields__))


async def _one(conn: AsyncConnection, kind: type[T], found: Select[Any]) -> T | None:
    row = (await conn.execute(found)).first()
    return kind(**row._mapping) if row else None


async def _all(conn: AsyncConnection, kind: type[T], found: Select[Any]) -> list[T]:
    return [kind(**row._mapping) for row in await conn.execute(found)]


def _values(struct: Struct) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


# --- offices and staff -----------------------------------------------------------------------------------------------


# Made once: numbers and messages of the hall ask for their office.
_OFFICE = _select(Office, offices).where(offices.c.code == bindparam("code"))
_OFFICES_BY_CODE = _select(Office, offices).where(offices.c.code.in_(bindparam("codes", expanding=True)))


async def add_office(conn: AsyncConnection, office: Office) -> None:
    """Add an office or bring it up to date."""
    known = update(offices).where(offices.c.code == office.code).values(_values(office))
    if (await conn.execute(known)).rowcount == 0:
        await conn.execute(insert(offices).values(_values(office)))


async def get_office(conn: AsyncConnection, code: str) -> Office | None:
    row = (await conn.execute(_OFFICE, {"code": code})).first()
    return Office(**row._mapping) if row else None


async def get_offices(conn: AsyncConnection, codes: Collection[str]) -> dict[str, Office]:
    rows = await conn.execute(_OFFICES_BY_CODE, {"codes": sorted(codes)}) if codes else []
    return {row.code: Office(**row._mapping) for row in rows}


async def list_offices(conn: AsyncConnection, under: str | None = None) -> list[Office]:
    """All offices by code, or an office and everything below it."""
    every = await _all(conn, Office, _select(Office, offices).order_by(offices.c.code))
    return [office for office in every if under is None or covers(under, office.code)]


async def add_staff(conn: AsyncConnection, member: Staff) -> None:
    await conn.execute(insert(staff).values(_values(member)))


async def get_staff(conn: AsyncConnection, staff_id: str) -> Staff | None:
    """An active member of staff."""
    return await _one(conn, Staff, _select(Staff, staff).where(staff.c.id == staff_id, staff.c.active))


async def staff_by_account(conn: AsyncConnection, account: str) -> Staff | None:
    return await _one(conn, Staff, _select(Staff, staff).where(staff.c.account == account, staff.c.active))


async def list_staff(conn: AsyncConnection, office: str, role: str | None = None) -> list[Staff]:
    """Active staff of one office by name, those with `role` if given."""
    found = _select(Staff, staff).where(staff.c.office == office, staff.c.active).order_by(staff.c.name)
    return [member for member in await _all(conn, Staff, found) if role is None or role in member.roles]


async def staff_names(conn: AsyncConnection, ids: Sequence[str]) -> dict[str, str]:
    found = select(staff.c.id, staff.c.name).where(staff.c.id.in_(set(ids)))
    return {row.id: row.name for row in await conn.execute(found)}


# --- matters ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _matter(body: str) -> Matter:
    # A published body never changes, so decoding it once a process is enough.
    return decode_matter(body)


async def add_matter(conn: AsyncConnection, matter: Matter, *, at: datetime) -> int:
    """Publish a matter; gives its version. The same content again is the same version."""
    found = select(matters.c.version, matters.c.body).where(matters.c.slug == matter.slug)
    newest = (await conn.execute(found.order_by(matters.c.version.desc()).limit(1))).first()
    body = encode_matter(matter)
    if newest is not None and newest.body == body:
        return int(newest.version)
    version = int(newest.version) + 1 if newest is not None else 1
    values = {"slug": matter.slug, "version": version, "name": matter.name, "gloss": matter.gloss}
    await conn.execute(insert(matters).values(**values, body=body, published_at=at))
    return version


async def get_matter(conn: AsyncConnection, slug: str, version: int) -> Matter | None:
    found = select(matters.c.body).where(matters.c.slug == slug, matters.c.version == version)
    body = (await conn.execute(found)).scalar()
    return _matter(body) if body is not None else None


async def newest_matter(conn: AsyncConnection, slug: str) -> tuple[int, Matter] | None:
    """The version that new cases begin with."""
    found = select(matters.c.version, matters.c.body).where(matters.c.slug == slug)
    row = (await conn.execute(found.order_by(matters.c.version.desc()).limit(1))).first()
    return (int(row.version), _matter(row.body)) if row else None


async def newest_matters(conn: AsyncConnection) -> list[tuple[int, Matter]]:
    """The newest version of every matter, by slug."""
    newest = select(matters.c.slug, func.max(matters.c.version).label("version")).group_by(matters.c.slug).subquery()
    found = select(matters.c.version, matters.c.body).join(
        newest, (matters.c.slug == newest.c.slug) & (matters.c.version == newest.c.version)
    )
    return [(int(row.version), _matter(row.body)) for row in await conn.execute(found.order_by(matters.c.slug))]


# --- applicants and cases --------------------------------------------------------------------------------------------


async def insert_person(conn: AsyncConnection, person: Person) -> None:
    await conn.execute(insert(people).values(_values(person)))


async def get_person(conn: AsyncConnection, person: str) -> Person | None:
    return await _one(conn, Person, _select(Person, people).where(people.c.id == person))


async def insert_case(conn: AsyncConnection, case: Case) -> None:
    """Raises IntegrityError if the office has that number already: take `next_number` again in a new transaction."""
    await conn.execute(insert(cases).values(_values(case)))


async def next_number(conn: AsyncConnection, office: str, year: int) -> str:
    """`2026-0117`: counted within office and year."""
    found = select(func.max(cases.c.number)).where(cases.c.office == office, cases.c.number.like(f"{year}-%"))
    last = (await conn.execute(found)).scalar()
    return f"{year}-{int(last.split('-')[1]) + 1 if last else 1:04d}"


async def get_case(conn: AsyncConnection, case: str) -> Case | None:
    return await _one(conn, Case, _select(Case, cases).where(cases.c.id == case))
