"""A help service as a live session knows it: the pure rules, registered with their words and permissions."""

from collections.abc import Mapping
from typing import get_args

from sqlalchemy.ext.asyncio import AsyncConnection

from helpdesk import directory
from helpdesk.commands import ClientCommand
from helpdesk.service import apply, evolve, initial
from helpdesk.service_view import view
from helpdesk.state import ServiceFacts, ServiceState
from office import store
from office.session import SessionKind, word_of
from office.state import OfficeFacts

KIND = "help"


async def load_facts(conn: AsyncConnection, record: str) -> ServiceFacts:
    """Number, guide and office of this record. LookupError if there is no such service."""
    row = await store.get_record(conn, record)
    case = await store.get_case(conn, row.case) if row is not None and row.kind == KIND else None
    if row is None or case is None:
        raise LookupError(record)
    office = await store.get_office(conn, case.office)
    guide = await directory.get_guide(conn, case.matter)
    if office is None or guide is None:
        raise LookupError(record)
    return ServiceFacts(
        record=row.id,
        case=case.id,
        case_number=case.number,
        office=OfficeFacts(code=office.code, name=office.name, gloss=office.gloss, phone=office.phone),
        guide=guide,
        label=str(case.facts.get("number", "")),
        business_name=case.business_name,
        scheduled_at=row.scheduled_at,
    )


async def load_state(conn: AsyncConnection, record: str) -> ServiceState:
    """The whole fold, for whoever keeps no room: sheets and packages."""
    state = initial(await load_facts(conn, record))
    for event in await store.events(conn, record):
        state = evolve(state, event)
    return state


PERMISSIONS: Mapping[str, str] = {
    **{word_of(command): "record.attend" for command in get_args(ClientCommand)},
    "call.end": "record.conclude",
}

HELP: SessionKind[ServiceState, ServiceFacts] = SessionKind(
    name=KIND,
    commands=ClientCommand,
    load=load_facts,
    initial=initial,
    apply=apply,
    evolve=evolve,
    shared=lambda state: state.session,
    view=view,
    permissions=PERMISSIONS,
)
