"""The last act: the office's visible seal when everybody has signed or refused, then the archive time stamp."""

from __future__ import annotations

import asyncio

import msgspec
from sqlalchemy.exc import IntegrityError

from foundation import log
from foundation.errors import Problem
from foundation.ids import new_id
from signing import store
from signing.appearance import seal_appearance
from signing.keys import RootAway
from signing.means import Means, SigningEvent, off_loop
from signing.report import ROLE_WORDS, SERVICE_WORDS, Report, from_json
from signing.signature import add_revocation, archive_stamp, sign_with
from signing.signers import KeyUnusable
from signing.store import Revision, SignatureRow

SEAL_FIELD = "Seal"
_logger = log.get("seal")


def seal_reason(rows: list[SignatureRow]) -> str:
    """What the seal's signature says; refusals are named here, so that the file itself tells of them."""
    refused = [
        f"{ROLE_WORDS[row.role][0]}{row.name}表示不签" + (f"（{row.remark}）" if row.remark else "")
        for row in rows
        if row.state == "refused"
    ]
    return "加盖机关印章" + ("；" + "；".join(refused) if refused else "")


async def seal(means: Means, record: str) -> Revision:
    """Seal and stamp the record's sheet. Runs again safely: a sealed sheet stays as it is.

    `Problem("G07")` without a sheet, `Problem("G01")` while somebody has not decided; "G04", "G11", "G13" and "G14"
    while time stamps, the seal's key or certificates in order are missing, and the job waits: never a seal without its
    time proof.
    """
    async with means.db.read() as conn:
        base = await store.current(conn, record)
        rows = await store.signers(conn, record)
    if base is None:
        raise Problem("G07")
    if base.kind == "sealed":
        return base
    if any(row.state == "waiting" for row in rows):
        raise Problem("G01")
    key = await means.record_key(record)
    report = from_json(await means.objects.get(base.report_object, key))
    pdf = await means.objects.get(base.object, key)
    pdf = await _sealed(means, pdf, report, seal_reason(rows))
    name = f"records/{record}/report/{new_id('rev')}.pdf"
    stored = await means.objects.put(name, pdf, key)
    revision = msgspec.structs.replace(
        base,
        number=base.number + 1,
        kind="sealed",
        object=name,
        sha256=stored.sha256,
        size=stored.size,
        created_at=means.clock.now(),
    )
    try:
        async with means.db.begin() as conn:
            await store.add_revision(conn, revision)
            body = {"sha256": stored.sha256, "object": name}
            await means.on_event(conn, record, SigningEvent("system:seal:made", "system", body))
    except IntegrityError:
        raise Problem("G01") from None  # another worker was first; the job runs again and finds its seal
    return revision


async def _sealed(means: Means, pdf: bytes, report: Report, reason: str) -> bytes:
    code, office = report.office.code, report.office.name
    try:
        key = means.seals.get(code) or await means.keys.seal(code, office)
    except RootAway as error:
        _logger.warning("a new office's seal needs the root: ./run authority renew FILE", office=code)
        raise Problem("G13") from error
    now = means.clock.now()
    use = SERVICE_WORDS[report.kind][0]
    try:
        signed = await off_loop(
            sign_with,
            key,
            [],
            pdf,
            means.stamps,
            field=SEAL_FIELD,
            name=office,
            role="seal",
            reason=reason,
            now=now,
            appearance=lambda size: seal_appearance(means.fonts, size, office=office, use=use, at=now),
        )
    except KeyUnusable as error:
        _logger.warning("the seal's key does not sign", office=code, why=str(error))
        raise Problem("G13") from error
    revocation = await means.authority.revocation(list(key.chain))
    whole = await asyncio.to_thread(add_revocation, signed, revocation, means.stamp_certificates)
    return await off_loop(archive_stamp, whole, means.stamps)
