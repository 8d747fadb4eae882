"""The one-time code of a signature by somebody who has no account: no lease and no certificate without it.

It goes to their own number and is good for one signature on one sheet: not for joining, not for another person, not for
a sheet that was made anew. Between the code and the signature others may sign, so it is bound to what the sheet says,
not to its newest revision.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import audit
from foundation.access import Actor
from foundation.errors import Problem
from office.codes import Refusal, new_code, use_code
from signing import store
from signing.means import Means
from signing.store import Revision

BY_CODE = frozenset({"applicant", "witness"})
"""Officers have logged in with more than this."""


async def send_code(means: Means, actor: Actor, record: str, role: str, lang: str) -> str:
    """Send a fresh code; gives the masked number it went to. Problems: G05 G06 G07 S429."""
    key = await means.record_key(record)
    async with means.db.begin() as conn:
        sheet = await store.sheet(conn, record)
        signer = store.own_row(await store.signers(conn, record), actor.id, role)
        if signer.state != "waiting" or sheet.kind == "sealed":
            raise Problem("G06")
        if role not in BY_CODE:
            raise Problem("G05")
        code = await new_code(conn, actor.id, _act(sheet), key, means.clock.now())
        if isinstance(code, Refusal):
            raise Problem(code.code, **code.params)
        return await means.send_code(conn, actor.id, code, lang)


async def take_code(
    conn: AsyncConnection, means: Means, actor: Actor, sheet: Revision, code: str, key: bytes
) -> Refusal | None:
    """Use the code up in the transaction that takes the lease; what is refused is on the audit log with it."""
    now = means.clock.now()
    refused = await use_code(conn, actor.id, _act(sheet), code.strip(), key, now)
    if refused is not None:
        await audit.append(
            conn,
            at=now,
            actor=f"guest:{actor.id}",
            action="sheet.sign",
            resource=sheet.record,
            outcome="refused",
            detail={"code": refused.code},
        )
    return refused


def _act(sheet: Revision) -> str:
    return f"sign:{sheet.report_sha256}"
