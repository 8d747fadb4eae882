"""Issue a sheet: set it, certify it invisibly as the system, and let everybody wait to sign."""

from __future__ import annotations

import asyncio
import hashlib

from sqlalchemy.exc import IntegrityError

from foundation import jobs
from foundation.errors import Problem
from foundation.ids import new_id
from signing import store
from signing.ceremony import SEAL_JOB
from signing.certificates import der
from signing.means import Composed, Means, SigningEvent, off_loop
from signing.pdf import build_pdf
from signing.report import SERVICE_WORDS, SYSTEM_FIELD, Kind, to_json
from signing.signature import add_revocation, sign_with
from signing.store import Revision, SignatureRow


async def issue(means: Means, composed: Composed) -> Revision:
    """The first revision of a sheet, or of a new one while nobody has signed or refused (`Problem("G08")` afterwards).

    Runs again safely: the same content that is already issued is not issued twice. A crash leaves at most objects that
    no row names.
    """
    report = composed.report
    content = to_json(report)
    content_sha256 = hashlib.sha256(content).hexdigest()
    before = await _may_issue(means, report.record, content_sha256)
    if before is not None and before.report_sha256 == content_sha256:
        return before
    pdf = await asyncio.to_thread(build_pdf, report, composed.thumbnails, composed.manifest, means.fonts)
    pdf = await certified(means, pdf, report.office.name, report.kind)
    key = await means.record_key(report.record)
    folder = f"records/{report.record}/report/{new_id('rev')}"
    await means.objects.put(f"{folder}.json", content, key)
    stored = await means.objects.put(f"{folder}.pdf", pdf, key)
    now = means.clock.now()
    revision = Revision(
        record=report.record,
        number=before.number + 1 if before else 1,
        kind="certified",
        object=stored.name,
        sha256=stored.sha256,
        size=stored.size,
        report_object=f"{folder}.json",
        report_sha256=content_sha256,
        created_at=now,
    )
    rows = [
        SignatureRow(
            record=report.record,
            field=signer.field,
            ordinal=ordinal,
            role=signer.role,
            name=signer.name,
            party=signer.party,
            identified=signer.identified,
            state="waiting",
            at=None,
            remark="",
            revision=None,
            certificate=None,
            certificate_serial=None,
        )
        for ordinal, signer in enumerate(report.signers)
    ]
    try:
        async with means.db.begin() as conn:
            if any(row.state != "waiting" for row in await store.signers(conn, report.record)):
                raise Problem("G08")
            await store.add_revision(conn, revision)
            await store.replace_signers(conn, report.record, rows)
            if not rows:
                # Nobody signs: the office's seal is the next act and the last.
                await jobs.enqueue(
                    conn, SEAL_JOB, {"record": report.record}, now=now, key=f"{SEAL_JOB}:{report.record}"
                )
            body = {"object": stored.name, "sha256": stored.sha256, "coverage": report.coverage.percent}
            await means.on_event(conn, report.record, SigningEvent("system:report:built", "system", body))
    except IntegrityError:
        raise Problem("G01") from None  # another worker issued at the same moment; the job runs again and finds it
    return revision


async def _may_issue(means: Means, record: str, content_sha256: str) -> Revision | None:
    async with means.db.read() as conn:
        before = await store.current(conn, record)
        acted = any(row.state != "waiting" for row in await store.signers(conn, record))
    if before is not None and acted and before.report_sha256 != content_sha256:
        raise Problem("G08")
    return before


async def certified(means: Means, pdf: bytes, office: str, kind: Kind = "inspection") -> bytes:
    """Certification with DocMDP 2 (ISO 32000-1 12.8.2.2): from here on only fields may be filled."""
    system = (await means.keys.server_keys()).system
    signed = await off_loop(
        sign_with,
        system,
        [],
        pdf,
        means.stamps,
        field=SYSTEM_FIELD,
        name=f"{office} {SERVICE_WORDS[kind][0]}系统",
        role="system",
        reason="按系统记录生成，内容自此不能改动",
        now=means.clock.now(),
        certify=True,
    )
    revocation = await means.authority.revocation([der(system.certificate)])
    return await asyncio.to_thread(add_revocation, signed, revocation, means.stamp_certificates)
