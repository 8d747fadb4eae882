"""Sending link and code: an invitation or a code and its text message, made together."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.errors import Problem
from office import invitations, notices, store
from office.codes import CODE_MINUTES
from office.invitations import Invitation
from office.matter import Matter
from office.person import mask_phone
from office.store import Case, Office, Person, Record

CodeText = Callable[[Office, int, str], str]
"""The message with a code: office, minutes it is good for, language."""


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


async def send_code(
    conn: AsyncConnection,
    invitation: Invitation,
    record: Record,
    code: str,
    text: CodeText,
    *,
    key: bytes,
    lang: str,
    now: datetime,
) -> str:
    """Put a code into the outbox, to the invitation's own number, which is given masked. Raises S404."""
    office = await store.get_office(conn, record.office)
    if office is None:
        raise Problem("S404")
    letter = notices.Letter(
        about=record.case,
        kind="code",
        phone=invitation.phone,
        texts={each: text(office, CODE_MINUTES, each) for each in ("zh", "en")},
        lang=lang,
        sealed=notices.Sealed(record.id, key, code),
    )
    await notices.queue_notices(conn, [letter], now)
    return mask_phone(invitation.phone)


def link_to(base_url: str, token: str) -> str:
    return f"{base_url}/i/{token}"
