"""Invitations: the link by which somebody without an account comes to one record, and the code that proves the phone.

Opening the link by GET consumes nothing: previews of messages and scanners open links too. Joining takes a one-time
code sent to the registered number, and gives this one browser a cookie. A second device joins with a new code and
displaces the first. Tokens and cookies are stored as hashes; the token also sealed, because the desk shows the link
again.
"""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.access import Actor
from foundation.ids import new_id, new_token
from office.codes import Refusal, is_asked, use_code
from office.secret import hash_token, open_text, seal_text
from office.store import Record
from office.tables import invitations

VALID_AFTER_APPOINTMENT = timedelta(days=14)
"""A moved or repeated appointment keeps its link; the sheet can be fetched by it for two weeks."""

JOIN = "join"
"""What the code of a link is asked for."""


class Invitation(Struct, frozen=True, kw_only=True):
    id: str
    record: str
    role: str
    name: str
    phone: str
    token_hash: str
    token_sealed: bytes
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None
    session_hash: str | None
    device: str | None
    joined_at: datetime | None

    def expired(self, now: datetime) -> bool:
        return self.revoked_at is not None or now >= self.expires_at


class Joined(Struct, frozen=True):
    """`cookie` for the browser that joined; `displaced`: another device had joined before."""

    cookie: str
    displaced: bool


async def invite(
    conn: AsyncConnection,
    record: Record,
    *,
    name: str,
    phone: str,
    key: bytes,
    created_by: str,
    now: datetime,
    role: Literal["applicant", "expert", "witness"] = "applicant",
    invitation: str | None = None,
) -> tuple[Invitation, str]:
    """Make a link; gives the row and the token, which is not stored readable. An applicant's earlier links end.

    `invitation`: an id that the record's events speak of already.
    """
    token, invitation = new_token(), invitation or new_id("inv")
    if role == "applicant":
        earlier = (invitations.c.record == record.id) & (invitations.c.role == role)
        await conn.execute(
            update(invitations).where(earlier, invitations.c.revoked_at.is_(None)).values(revoked_at=now)
        )
    values = {
        "id": invitation,
        "record": record.id,
        "role": role,
        "name": name,
        "phone": phone,
        "token_hash": hash_token(token),
        "token_sealed": seal_text(key, token, invitation),
        "created_at": now,
        "created_by": created_by,
        "expires_at": max(record.scheduled_at, now) + VALID_AFTER_APPOINTMENT,
    }
    await conn.execute(insert(invitations).values(values))
    made = await get_invitation(conn, invitation)
    if made is None:
        raise LookupError(invitation)
    return made, token


async def get_invitation(conn: AsyncConnection, invitation: str) -> Invitation | None:
    row = (await conn.execute(select(invitations).where(invitations.c.id == invitation))).first()
    return Invitation(**row._mapping) if row else None


async def find(conn: AsyncConnection, token: str) -> Invitation | None:
    """The invitation of this link; None for a forged or torn one."""
    row = (await conn.execute(select(invitations).where(invitations.c.token_hash == hash_token(token)))).first()
    return Invitation(**row._mapping) if row else None


async def current(conn: AsyncConnection, record: str, role: str = "applicant") -> Invitation | None:
    """The newest link of a record that was not replaced."""
    found = (
        select(invitations)
        .where(invitations.c.record == record, invitations.c.role == role, invitations.c.revoked_at.is_(None))
        .order_by(invitations.c.created_at.desc())
        .limit(1)
    )
    row = (await conn.execute(found)).first()
    return Invitation(**row._mapping) if row else None


def token_of(invitation: Invitation, key: bytes) -> str:
    """The token again, for those who may see the link."""
    return open_text(key, invitation.token_sealed, invitation.id)


async def join(
    conn: AsyncConnection, invitation: Invitation, code: str, device: str, key: bytes, now: datetime
) -> Joined | Refusal:
    """Exchange a code that was asked for to join for a cookie."""
    asked = await is_asked(conn, invitation.id, JOIN)
    refused = await use_code(conn, invitation.id, JOIN, code, key, now)
    if refused is not None:
        # Nobody asked for a code on this device: the link itself is what is in use elsewhere.
        elsewhere = invitation.session_hash is not None and not asked
        return Refusal("L03") if elsewhere else refused
    cookie = new_token()
    held = invitations.c.id == invitation.id
    joined = {"session_hash": hash_token(cookie), "device": device[:120], "joined_at": now}
    await conn.execute(update(invitations).where(held).values(joined))
    return Joined(cookie, displaced=invitation.session_hash is not None)


async def admit(conn: AsyncConnection, invitation: Invitation, device: str, now: datetime) -> Joined:
    """A cookie for a browser that proved otherwise who it is; the one before loses its own."""
    cookie = new_token()
    await conn.execute(
        update(invitations)
        .where(invitations.c.id == invitation.id)
        .values(session_hash=hash_token(cookie), device=device[:120], joined_at=now)
    )
    return Joined(cookie, displaced=invitation.session_hash is not None)


async def guest_of(conn: AsyncConnection, cookie: str, now: datetime) -> Actor | None:
    """Who holds this cookie; None if it was displaced, or the link was replaced or expired."""
    row = (await conn.execute(select(invitations).where(invitations.c.session_hash == hash_token(cookie)))).first()
    if row is None:
        return None
    held = Invitation(**row._mapping)
    if held.expired(now):
        return None
    return Actor("guest", id=held.id, name=held.name, record=held.record, role=held.role)
