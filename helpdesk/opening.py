"""Opening a help service: the record of a number, made once, and the citizen's way into it without another code."""

from datetime import datetime

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.i18n import BEIJING
from foundation.ids import new_id
from helpdesk import store
from helpdesk.kind import KIND
from helpdesk.store import Slip
from office import invitations
from office import store as office
from office.invitations import Invitation
from office.notices import RecordKey
from office.store import Case, Person

GUIDE_VERSION = 1
"""Guides have no versions: a record keeps what it was shown in its events."""


async def open_service(conn: AsyncConnection, slip: Slip, by: str, now: datetime) -> Slip:
    """The number with its record, which is made where there is none yet. The caller has locked the number's row."""
    if slip.record is not None:
        return slip
    citizen = slip.name or slip.label
    person = Person(id=new_id("per"), name=citizen, phone=slip.phone or "", created_at=now)
    await office.insert_person(conn, person)
    case = Case(
        id=new_id("case"),
        number=await office.next_number(conn, slip.ticket.office, now.astimezone(BEIJING).year),
        office=slip.ticket.office,
        matter=slip.guide,
        person=person.id,
        business_name=citizen,
        address="",
        lat=None,
        lon=None,
        facts={"ticket": slip.ticket.id, "number": slip.label},
        documents_ok=False,
        created_at=now,
        created_by=by,
    )
    await office.insert_case(conn, case)
    record = new_id("rec")
    await office.insert_record(
        conn, record, case, matter_version=GUIDE_VERSION, scheduled_at=slip.taken_at, at=now, kind=KIND
    )
    await store.set_record(conn, slip.ticket, record)
    return replace(slip, record=record)


async def let_in(
    conn: AsyncConnection, slip: Slip, record_key: RecordKey, device: str, now: datetime
) -> tuple[Invitation, str, invitations.Joined]:
    """The citizen's invitation, its token, and this browser's cookie for it.

    The number's own token proved who asks, so no code is sent. Whoever comes last holds the seat; the browser before
    is told that it was replaced.
    """
    if slip.record is None:
        raise LookupError(slip.ticket.id)
    key = await record_key(conn, slip.record)
    invitation = await invitations.current(conn, slip.record)
    if invitation is None:
        record = await office.get_record(conn, slip.record)
        if record is None:
            raise LookupError(slip.record)
        invitation, _ = await invitations.invite(
            conn,
            record,
            name=slip.name or slip.label,
            phone=slip.phone or "",
            key=key,
            created_by="citizen",
            now=now,
        )
    joined = await invitations.admit(conn, invitation, device, now)
    return invitation, invitations.token_of(invitation, key), joined
