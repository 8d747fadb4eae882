"""Invitations: the link by which somebody without an account comes to one record, and the code that proves the phone.

Opening the link by GET consumes nothing: previews of messages and scanners open links too. Joining takes a one-time
code sent to the registered number, and gives this one browser a cookie. A second device joins with a new code and
displaces the first. Tokens, cookies and codes are stored as hashes; the token also sealed, because the desk shows the
link again.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.access import Actor
from foundation.ids import new_id, new_token
from office.secret import hash_code, hash_token, open_text, same, seal_text
from office.store import Record
from office.tables import invitations

VALID_AFTER_APPOINTMENT = timedelta(days=14)
"""A moved or repeated appointment keeps its link; the sheet can be fetched by it for two weeks."""

CODE_MINUTES = 10
CODE_TRIES = 5
"""Five tries at a million codes: a guess succeeds once in 200,000."""

CODES_PER_WINDOW = 5
"""Codes that one link may ask for in ten minutes: messages cost money and annoy."""


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
    code_hash: str | None
    code_salt: str | None
    code_expires_at: datetime | None
    code_tries: int
    codes_sent: int
    codes_since: datetime | None

    def expired(self, now: datetime) -> bool:
        return self.revoked_at is not None or now >= self.expires_at


class Refusal(Struct, frozen=True):
    """Why somebody could not join; returned, not raised, so that the counted try is committed."""

    code: str
    params: Mapping[str, Any] = {}


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
        "code_tries": 0,
        "codes_sent": 0,
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


async def new_code(conn: AsyncConnection, invitation: Invitation, key: bytes, now: datetime) -> str | Refusal:
    """A fresh six-digit code; an earlier one no longer counts."""
    window = timedelta(minutes=CODE_MINUTES)
    since, sent = invitation.codes_since, invitation.codes_sent
    if since is None or now - since >= window:
        since, sent = now, 0
    if sent >= CODES_PER_WINDOW:
        return Refusal("S429", {"seconds": int((since + window - now).total_seconds()) + 1})
    code, salt = f"{secrets.randbelow(1_000_000):06d}", secrets.token_hex(16)
    await conn.execute(
        update(invitations)
        .where(invitations.c.id == invitation.id)
        .values(
            code_hash=hash_code(key, salt, code),
            code_salt=salt,
            code_expires_at=now + window,
            code_tries=0,
            codes_sent=sent + 1,
            codes_since=since,
        )
    )
    return code


async def join(
    conn: AsyncConnection, invitation: Invitation, code: str, device: str, key: bytes, now: datetime
) -> Joined | Refusal:
    """Exchange a code for a cookie. The code is used up by success, by five tries and by time."""
    # Counted before it is compared, in one statement: simultaneous guesses cannot share a try.
    counted = await conn.execute(
        update(invitations)
        .where(
            invitations.c.id == invitation.id,
            invitations.c.code_hash.is_not(None),
            invitations.c.code_expires_at > now,
            invitations.c.code_tries < CODE_TRIES,
        )
        .values(code_tries=invitations.c.code_tries + 1)
    )
    fresh = await get_invitation(conn, invitation.id)
    if counted.rowcount != 1 or fresh is None or fresh.code_hash is None or fresh.code_salt is None:
        # Nobody asked for a code on this device: the link itself is what is in use elsewhere.
        elsewhere = invitation.session_hash is not None and invitation.code_hash is None
        return Refusal("L03" if elsewhere else "L05")
    if not same(fresh.code_hash, hash_code(key, fresh.code_salt, code)):
        left = CODE_TRIES - fresh.code_tries
        return Refusal("L04", {"left": left}) if left else Refusal("L05")
    cookie = new_token()
    used = await conn.execute(
        update(invitations)
        .where(invitations.c.id == invitation.id, invitations.c.code_hash == fresh.code_hash)
        .values(
            session_hash=hash_token(cookie),
            device=device[:120],
            joined_at=now,
            code_hash=None,
            code_salt=None,
            code_expires_at=None,
        )
    )
    if used.rowcount != 1:
        return Refusal("L05")
    return Joined(cookie, displaced=fresh.session_hash is not None)


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
