"""Accounts of staff and the browsers they are logged in with."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.db import UtcTime, metadata
from office.register import Staff
from office.tables import staff

accounts = Table(
    "accounts",
    metadata,
    Column("account", String(60), primary_key=True),
    Column("staff", String(40), ForeignKey("staff.id"), nullable=False, unique=True),
    Column("password_hash", String(200), nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("locked_until", UtcTime),
)

login_sessions = Table(
    "login_sessions",
    metadata,
    # Only the hash of the cookie is kept: a copy of the database opens no session.
    Column("token_hash", String(64), primary_key=True),
    Column("staff", String(40), ForeignKey("staff.id"), nullable=False),
    Column("began_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("address", String(60), nullable=False),
    Index(None, "staff"),
)


class Account(msgspec.Struct, frozen=True):
    account: str
    staff: str
    password_hash: str
    failures: int
    locked_until: datetime | None


class LoginSession(msgspec.Struct, frozen=True):
    token_hash: str
    staff: str
    began_at: datetime
    seen_at: datetime
    address: str


_SESSION, _STAFF = len(LoginSession.__struct_fields__), Staff.__struct_fields__
# Made once: every request of staff asks it.
_VISIT = (
    select(*(login_sessions.c[name] for name in LoginSession.__struct_fields__), *(staff.c[name] for name in _STAFF))
    .join(staff)
    .where(login_sessions.c.token_hash == bindparam("token_hash"), staff.c.active)
)


async def get_account(conn: AsyncConnection, account: str) -> Account | None:
    row = (await conn.execute(select(accounts).where(accounts.c.account == account))).mappings().first()
    return Account(**row) if row else None


async def set_password(conn: AsyncConnection, account: str, staff: str, password_hash: str) -> None:
    """Make the account or give it a new password; either way its failures are forgotten."""
    values = {"password_hash": password_hash, "failures": 0, "locked_until": None}
    done = await conn.execute(update(accounts).where(accounts.c.account == account).values(**values))
    if done.rowcount == 0:
        await conn.execute(insert(accounts).values(account=account, staff=staff, **values))


async def note_failure(conn: AsyncConnection, account: str, failures: int, locked_until: datetime | None) -> None:
    row = accounts.c.account == account
    await conn.execute(update(accounts).where(row).values(failures=failures, locked_until=locked_until))


async def begin_session(conn: AsyncConnection, session: LoginSession) -> None:
    await conn.execute(insert(login_sessions).values(**msgspec.structs.asdict(session)))


async def get_visit(conn: AsyncConnection, token_hash: str) -> tuple[LoginSession, Staff] | None:
    """A session and whose it is; None for one that ended, or whose owner does not work here any more."""
    row = (await conn.execute(_VISIT, {"token_hash": token_hash})).first()
    return (LoginSession(*row[:_SESSION]), Staff(**dict(zip(_STAFF, row[_SESSION:], strict=True)))) if row else None


async def touch_session(conn: AsyncConnection, token_hash: str, at: datetime) -> None:
    row = login_sessions.c.token_hash == token_hash
    await conn.execute(update(login_sessions).where(row).values(seen_at=at))


async def end_session(conn: AsyncConnection, token_hash: str) -> None:
    await conn.execute(delete(login_sessions).where(login_sessions.c.token_hash == token_hash))


async def seen_since(conn: AsyncConnection, moment: datetime) -> frozenset[str]:
    """Staff who have used the pages since ``moment``."""
    found = select(login_sessions.c.staff).where(login_sessions.c.seen_at >= moment).distinct()
    return frozenset(str(staff) for staff in (await conn.execute(found)).scalars())


async def end_sessions_before(conn: AsyncConnection, moment: datetime) -> None:
    """Drop what nobody has used since ``moment``."""
    await conn.execute(delete(login_sessions).where(login_sessions.c.seen_at < moment))
