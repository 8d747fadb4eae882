"""One-time codes by text message: six digits for one act of one person, used up by success, by five tries, by time.

An act is a word (`join`) or a word and what it is about (`sign:…`), so a code asked for one act is none for another.
Codes are kept as keyed hashes.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from office.secret import hash_code, same
from office.tables import codes

CODE_MINUTES = 10
CODE_TRIES = 5
"""Five tries at a million codes: a guess succeeds once in 200,000."""

CODES_PER_WINDOW = 5
"""Codes that one person may ask for in ten minutes for one act: messages cost money and annoy."""


class Refusal(Struct, frozen=True):
    """Why a code was not given or not taken; returned, not raised, so that the counted try is committed."""

    code: str
    params: Mapping[str, Any] = {}


async def new_code(conn: AsyncConnection, holder: str, act: str, key: bytes, now: datetime) -> str | Refusal:
    """A fresh code for this act of this invitation; an earlier one no longer counts. Refused with S429."""
    window = timedelta(minutes=CODE_MINUTES)
    own = (codes.c.holder == holder) & (codes.c.act == act)
    row = (await conn.execute(select(codes).where(own))).first()
    since, sent = (now, 0) if row is None or now - row.since >= window else (row.since, row.sent)
    if sent >= CODES_PER_WINDOW:
        return Refusal("S429", {"seconds": int((since + window - now).total_seconds()) + 1})
    code, salt = f"{secrets.randbelow(1_000_000):06d}", secrets.token_hex(16)
    values = {
        "hash": hash_code(key, salt, code),
        "salt": salt,
        "expires_at": now + window,
        "tries": 0,
        "sent": sent + 1,
        "since": since,
    }
    if row is not None:
        await conn.execute(update(codes).where(own).values(values))
        return code
    try:
        async with conn.begin_nested():
            await conn.execute(insert(codes).values(holder=holder, act=act, **values))
    except IntegrityError:
        return Refusal("S429", {"seconds": 1})  # asked twice at one instant: the other's code is on its way
    return code


async def is_asked(conn: AsyncConnection, holder: str, act: str) -> bool:
    """Whether a code was asked for and not used since."""
    asked = select(codes.c.hash).where(codes.c.holder == holder, codes.c.act == act, codes.c.hash.is_not(None))
    return (await conn.execute(asked)).first() is not None


async def use_code(
    conn: AsyncConnection, holder: str, act: str, code: str, key: bytes, now: datetime
) -> Refusal | None:
    """Use the code up for this act. L04 for a wrong one, L05 where there is none to be tried any more."""
    own = (codes.c.holder == holder) & (codes.c.act == act)
    # Counted before it is compared, in one statement: simultaneous guesses cannot share a try.
    counted = await conn.execute(
        update(codes)
        .where(own, codes.c.hash.is_not(None), codes.c.expires_at > now, codes.c.tries < CODE_TRIES)
        .values(tries=codes.c.tries + 1)
    )
    row = (await conn.execute(select(codes).where(own))).first()
    if counted.rowcount != 1 or row is None or row.hash is None:
        return Refusal("L05")
    if not same(row.hash, hash_code(key, row.salt, code)):
        left = CODE_TRIES - row.tries
        return Refusal("L04", {"left": left}) if left else Refusal("L05")
    used = await conn.execute(update(codes).where(own, codes.c.hash == row.hash).values(hash=None))
    return None if used.rowcount == 1 else Refusal("L05")
