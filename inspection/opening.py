"""Opening a case: an applicant, a matter's version, an appointment and the first record, in one transaction."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.errors import Problem
from foundation.i18n import BEIJING
from foundation.ids import new_id
from inspection.checklist import complete_facts
from inspection.procedure import apply, evolve, initial
from inspection.store import load_facts
from office import store
from office.commands import OfficerAssign
from office.person import normalise_phone
from office.services import Printable
from office.session import SYSTEM, Refused
from office.store import Case, Person, Record, Staff

Name = Annotated[str, Meta(min_length=1, max_length=80)]


class NewCase(Struct, frozen=True, kw_only=True):
    """What a desk or another system gives. `facts` by key, the matter's defaults stand for the rest; position WGS84."""

    matter: Annotated[str, Meta(min_length=1, max_length=60)]
    business_name: Annotated[str, Meta(min_length=1, max_length=120)]
    applicant_name: Name
    phone: Annotated[str, Meta(min_length=1, max_length=40)]
    address: Annotated[str, Meta(min_length=1, max_length=300)]
    scheduled_at: datetime
    lat: Annotated[float, Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, Meta(ge=-180, le=180)] | None = None
    facts: dict[str, Any] = {}
    documents_ok: bool = False
    lead: str | None = None
    assist: str | None = None


PRINTED = {
    "business_name": "申请单位名称 (business name)",
    "applicant_name": "申请人姓名 (applicant's name)",
    "address": "地址 (address)",
}
"""What the sheet shows of a case as it was typed, as a refusal names it."""


def require_printable(new: NewCase, printable: Printable) -> None:
    """Raises R01 with the characters that the sheet could not show: found here, not when everybody waits to sign."""
    for field, what in PRINTED.items():
        lost = printable(getattr(new, field))
        if lost:
            raise Problem("R01", what=what, characters=named_characters(lost), field=field)


def named_characters(lost: Iterable[str]) -> str:
    return " ".join(f"{char} U+{ord(char):04X}" for char in lost)


async def open_case(
    conn: AsyncConnection, new: NewCase, office: str, created_by: str, now: datetime
) -> tuple[Case, Record]:
    """Raises L06 naming the field that is not right; then nothing was made."""
    place = await store.get_office(conn, office)
    found = await store.newest_matter(conn, new.matter)
    phone = normalise_phone(new.phone)
    if place is None or found is None or new.matter not in place.inspection_matters:
        raise Problem("L06", field="matter")
    if phone is None:
        raise Problem("L06", field="phone")
    if new.scheduled_at.tzinfo is None:
        raise Problem("L06", field="scheduled_at")
    for field in ("business_name", "applicant_name", "address"):
        if not getattr(new, field).strip():
            raise Problem("L06", field=field)
    version, matter = found
    try:
        facts = complete_facts(matter, new.facts)
    except ValueError as error:
        raise Problem("L06", field=f"facts.{error}") from error
    officers = await _officers(conn, new, office, created_by)
    person = Person(id=new_id("per"), name=new.applicant_name.strip(), phone=phone, created_at=now)
    await store.insert_person(conn, person)
    case = Case(
        id=new_id("case"),
        number=await store.next_number(conn, office, now.astimezone(BEIJING).year),
        office=office,
        matter=matter.slug,
        person=person.id,
        business_name=new.business_name.strip(),
        address=new.address.strip(),
        lat=new.lat,
        lon=new.lon,
        facts=facts,
        documents_ok=new.documents_ok,
        created_at=now,
        created_by=created_by,
    )
    await store.insert_case(conn, case)
    record = await store.insert_record(
        conn, new_id("rec"), case, matter_version=version, scheduled_at=new.scheduled_at, at=now
    )
    await _assign(conn, record, officers, now)
    return case, await store.get_record(conn, record.id) or record


async def _officers(conn: AsyncConnection, new: NewCase, office: str, by: str) -> list[OfficerAssign]:
    """Who is booked. 行政许可法 §34 wants two different persons."""
    chosen: list[OfficerAssign] = []
    for role, staff_id in (("lead", new.lead), ("assist", new.assist)):
        if staff_id is None:
            continue
        member = await officer_of(conn, staff_id, office)
        if member is None or any(each.staff == staff_id for each in chosen):
            raise Problem("L06", field=role)
        part: Literal["lead", "assist"] = "lead" if role == "lead" else "assist"
        chosen.append(OfficerAssign(role=part, staff=member.id, name=member.name, by=by))
    return chosen


async def officer_of(conn: AsyncConnection, staff: str, office: str) -> Staff | None:
    """This member of staff, if they are an officer of this very office."""
    member = await store.get_staff(conn, staff)
    return member if member is not None and member.office == office and "officer" in member.roles else None


async def _assign(conn: AsyncConnection, record: Record, officers: list[OfficerAssign], now: datetime) -> None:
    state = initial(await load_facts(conn, record.id))
    for command in officers:
        outcome = apply(state, command, SYSTEM, now)
        if isinstance(outcome, Refused):
            raise Problem(outcome.code, **outcome.params)
        for event in await store.append(conn, record.id, state.session.seq, outcome.events, at=now):
            state = evolve(state, event)
