"""Sending the link: an invitation and its text message, made together."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from office import invitations, notices
from office.invitations import Invitation
from office.matter import Matter
from office.store import Case, Office, Person, Record


async def send_link(
    conn: AsyncConnection,
    case: Case,
    record: Record,
    office: Office,
    matter: Matter,
    person: Person,
    *,
    key: bytes,
    base_url: str,
    by: str,
    now: datetime,
) -> tuple[Invitation, str]:
    """Invite the applicant and put the message into the outbox; gives the row and the link. Earlier links end."""
    made, token = await invitations.invite(
        conn, record, name=person.name, phone=person.phone, key=key, created_by=by, now=now
    )
    link = link_to(base_url, token)
    texts = {
        lang: notices.invitation_text(office, matter, person.name, record.scheduled_at, lang) for lang in ("zh", "en")
    }
    letter = notices.Letter(
        about=case.id,
        kind="invitation",
        phone=person.phone,
        texts=texts,
        lang="zh",
        sealed=notices.Sealed(record.id, key, link),
    )
    await notices.queue_notices(conn, [letter], now)
    return made, link


def link_to(base_url: str, token: str) -> str:
    return f"{base_url}/i/{token}"
