"""The facts that an inspection's fold starts from, read from the database."""

from sqlalchemy.ext.asyncio import AsyncConnection

from inspection.state import InspectionFacts, InspectionState, evolve, initial
from office import store
from office.state import OfficeFacts


async def load_facts(conn: AsyncConnection, record: str) -> InspectionFacts:
    """Case, applicant, office and the matter's version of this record. LookupError if there is no such inspection."""
    row = await store.get_record(conn, record)
    case = await store.get_case(conn, row.case) if row is not None else None
    if row is None or case is None:
        raise LookupError(record)
    person = await store.get_person(conn, case.person)
    office = await store.get_office(conn, case.office)
    matter = await store.get_matter(conn, case.matter, row.matter_version)
    if person is None or office is None or matter is None:
        raise LookupError(record)
    return InspectionFacts(
        record=row.id,
        case=case.id,
        case_number=case.number,
        office=OfficeFacts(code=office.code, name=office.name, gloss=office.gloss, phone=office.phone),
        matter=matter,
        matter_version=row.matter_version,
        business_name=case.business_name,
        applicant_name=person.name,
        address=case.address,
        location=case.location,
        scheduled_at=row.scheduled_at,
        facts=case.facts,
    )


async def load_state(conn: AsyncConnection, record: str) -> InspectionState:
    """The whole fold, for whoever keeps no room: sheets, packages, the audit's reading."""
    state = initial(await load_facts(conn, record))
    for event in await store.events(conn, record):
        state = evolve(state, event)
    return state
