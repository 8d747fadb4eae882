"""A person signs, in two steps, with a key that only their device holds.

    waiting ──prepare──► lease open (60 s) ──finish──► signed        revision n + 1 stands
       │                    │ 60 s pass, or a newer lease ──► waiting  nothing changed
       │                    └─finish, no time stamp ──► kept ──stamp job──► signed
       └──────refuse──────► refused                                    the field stays empty

Reading takes nothing. `prepare` takes the one lease a record has, on one revision; somebody else's is told who signs
and when to try again (G03); whoever has no account gives a one-time code for it (signing/code.py). `finish` checks the
signature, adds time stamp and revocation data, and stands or falls in one transaction that finds lease and revision as
they were (else G01). Between any two steps a crash leaves either the old state or the new one, and objects that no row
names.

A time stamp service that is away costs nobody a signature: what the device signed is kept with its lease, the person is
told (G10), and a job finishes it when the service is back, as long as the certificate lives. Never without its stamp.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from datetime import datetime, timedelta

import msgspec
from cryptography.x509 import load_der_x509_certificate
from PIL import Image
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import jobs
from foundation.access import Actor
from foundation.errors import Problem
from foundation.ids import new_id
from signing import store
from signing.appearance import drawn_image, person_appearance
from signing.certificates import EVENT_LIFE, SigningAct, public_key
from signing.code import BY_CODE, send_code, take_code
from signing.fonts import cleaned
from signing.means import Means, SigningEvent, off_loop
from signing.report import ROLE_WORDS
from signing.signature import (
    Prepared,
    add_revocation,
    der_signature,
    finish,
    prepare,
    signature_fits,
)
from signing.store import Lease, Revision, SignatureRow

# Long enough to download 3 MB on a weak network and to hash it; short enough that the next person barely waits.
LEASE = timedelta(seconds=60)
REMARK_LIMIT = 500
SEAL_JOB = "report.seal"
STAMP_JOB = "signature.stamp"
# A kept signature must be stamped while its certificate is valid.
STAMP_PATIENCE = EVENT_LIFE - timedelta(hours=1)
# Missing for another reason than the file: worth waiting for.
NO_TIME = frozenset({"G04", "G11"})


class Ready(msgspec.Struct, frozen=True):
    """What the browser checks and signs. `attributes` and `certificate` are DER."""

    lease: str
    expires_at: datetime
    revision_sha256: str
    byte_range: list[int]
    attributes: bytes
    certificate: bytes


class Ceremony:
    """Signing by people. Stateless: any node may take any step."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def send_code(self, actor: Actor, record: str, role: str, lang: str) -> str:
        """Send what `prepare` asks of whoever has no account; gives the masked number. Problems: G05 G06 G07 S429."""
        return await send_code(self._means, actor, record, role, lang)

    async def prepare(
        self, actor: Actor, record: str, role: str, spki: bytes, drawn: bytes | None, remark: str, code: str = ""
    ) -> Ready:
        """Take the lease and put the signature's frame into the PDF. `code`: of whoever signs by one.

        Problems: G03 G05 G06 G07 G09 L04 L05 S413 S422. A code is used up by the lease, not by having to wait for it.
        """
        if len(remark) > REMARK_LIMIT:
            raise Problem("S413", limit=f"{REMARK_LIMIT}字")
        try:
            public_key(spki)
        except (ValueError, TypeError):
            raise Problem("S422", pointer="/public_key") from None
        strokes = await asyncio.to_thread(drawn_image, drawn) if drawn is not None else None
        base, signer, lease = await self._take_lease(actor, record, role, cleaned(remark).strip(), code)
        try:
            return await self._prepared(base, signer, lease, spki, strokes)
        except BaseException:
            await self._release(lease.id)
            raise

    async def prepared_pdf(self, actor: Actor, lease_id: str) -> bytes:
        """The bytes the browser hashes itself before it signs."""
        lease = await self._own_lease(actor, lease_id)
        if lease.open is None:
            raise Problem("G01")
        return await self._waiting(lease)

    async def finish(self, actor: Actor, lease_id: str, raw: bytes) -> str:
        """Embed r‖s; gives the SHA-256 of the signed PDF. Repeating it gives the same. G01 where nothing was signed,
        G10 where the signature is kept until a time stamp can be had."""
        lease = await self._own_lease(actor, lease_id)
        if lease.result_sha256 is not None:
            return lease.result_sha256
        if lease.signature is not None and lease.open is not None:
            raise Problem("G10", name=actor.name, own=True)
        now = self._means.clock.now()
        if lease.open is None or lease.object is None or lease.prepared is None or now >= lease.expires_at:
            raise Problem("G01")
        prepared = msgspec.msgpack.decode(lease.prepared, type=Prepared)
        try:
            signature = der_signature(raw)
        except ValueError:
            raise Problem("G01", status=422) from None
        if not signature_fits(prepared, signature):
            raise Problem("G01", status=422)
        try:
            pdf = await self._embedded(lease, prepared, signature)
        except Problem as problem:
            # What was prepared goes when a signature stands: the same answer, sent twice, was quicker the other time.
            made = (await self._own_lease(actor, lease_id)).result_sha256 if problem.code == "O02" else None
            if made is not None:
                return made
            if problem.code not in NO_TIME:
                raise
            await self._keep(lease, signature)
            raise Problem("G10", name=actor.name, own=True) from problem
        return await self._stand(lease, prepared, pdf)

    async def finish_kept(self, lease_id: str) -> str | None:
        """Finish a signature that was kept; gives the SHA-256 of the signed PDF, None where it is void by now.

        Raises `Problem` G04 or G11 while there is still no time stamp, G14 while certificates are not in order.
        """
        async with self._means.db.read() as conn:
            lease = await store.lease(conn, lease_id)
        if lease is None or lease.open is None or lease.prepared is None or lease.signature is None:
            return lease.result_sha256 if lease else None
        if self._means.clock.now() >= lease.expires_at:
            await self._release(lease.id)  # the person signs anew
            return None
        prepared = msgspec.msgpack.decode(lease.prepared, type=Prepared)
        try:
            pdf = await self._embedded(lease, prepared, lease.signature)
        except Problem as problem:
            if problem.code != "G01":
                raise
            await self._release(lease.id)  # its certificate was revoked, or the authority replaced
            return None
        return await self._stand(lease, prepared, pdf)

    async def refuse(self, actor: Actor, record: str, role: str, reason: str) -> None:
        """The field stays empty, and the record says who would not sign and why."""
        if len(reason) > REMARK_LIMIT:
            raise Problem("S413", limit=f"{REMARK_LIMIT}字")
        now = self._means.clock.now()
        async with self._means.db.begin() as conn:
            revision = await store.sheet(conn, record)
            signer = store.own_row(await store.signers(conn, record), actor.id, role)
            said = cleaned(reason).strip()
            if not await store.settle(conn, record, signer.field, state="refused", at=now, remark=said):
                raise Problem("G06")
            mine = await store.open_lease(conn, record)
            if mine is not None and mine.field == signer.field:
                await store.close_leases(conn, record)
            body = {"role": signer.role, "name": signer.name, "reason": said, "revision_sha256": revision.sha256}
            await self._means.on_event(conn, record, SigningEvent(f"{signer.role}:signature:refused", actor.id, body))
            await self._seal_if_settled(conn, record)

    async def _take_lease(
        self, actor: Actor, record: str, role: str, remark: str, code: str
    ) -> tuple[Revision, SignatureRow, Lease]:
        now = self._means.clock.now()
        lease_id = new_id("lse")
        key = await self._means.record_key(record)
        refused = None
        try:
            async with self._means.db.begin() as conn:
                base = await store.sheet(conn, record)
                rows = await store.signers(conn, record)
                signer = store.own_row(rows, actor.id, role)
                if signer.state != "waiting" or base.kind == "sealed":
                    raise Problem("G06")
                held = await store.open_lease(conn, record)
                if held is not None and held.expires_at > now and held.signature is not None:
                    name = next((row.name for row in rows if row.field == held.field), "")
                    raise Problem("G10", name=name, own=held.field == signer.field)
                if held is not None and held.expires_at > now and held.field != signer.field:
                    left = max(1, math.ceil((held.expires_at - now).total_seconds()))
                    name = next((row.name for row in rows if row.field == held.field), "")
                    raise Problem("G03", name=name, seconds=left)
                if signer.role in BY_CODE:
                    refused = await take_code(conn, self._means, actor, base, code, key)
                lease = Lease(
                    id=lease_id,
                    record=record,
                    field=signer.field,
                    party=actor.id,
                    base=base.number,
                    open=1,
                    expires_at=now + LEASE,
                    remark=remark,
                    object=None,
                    prepared=None,
                    signature=None,
                    result_sha256=None,
                    created_at=now,
                )
                if refused is None:
                    await store.close_leases(conn, record)
                    await store.add_lease(conn, lease)
        except IntegrityError:
            raise Problem("G03", name="", seconds=1) from None  # two took it at the same instant; one of them has it
        if refused is not None:
            raise Problem(refused.code, **refused.params)  # here, so that the try stays counted
        return base, signer, lease

    async def _prepared(
        self, base: Revision, signer: SignatureRow, lease: Lease, spki: bytes, strokes: Image.Image | None
    ) -> Ready:
        means = self._means
        key = await means.record_key(lease.record)
        pdf = await means.objects.get(base.object, key)
        act = SigningAct(
            record=lease.record,
            role=signer.role,
            field=signer.field,
            name=signer.name,
            party=signer.party,
            identity=signer.identified,
            revision_sha256=base.sha256,
            revision_size=base.size,
            lease=lease.id,
        )
        chain = await means.authority.issue(act, spki)
        now = means.clock.now()

        def appearance(size: tuple[float, float]) -> bytes:
            return person_appearance(
                means.fonts,
                size,
                name=signer.name,
                role=ROLE_WORDS[signer.role][0],
                at=now,
                strokes=strokes,
                remark=lease.remark,
            )

        reason = "已阅读本单并签名" + (f"；备注：{lease.remark}" if lease.remark else "")
        waiting, prepared = await off_loop(
            prepare,
            pdf,
            field=signer.field,
            chain=chain,
            name=signer.name,
            role=signer.role,
            reason=reason,
            now=now,
            token_digits=means.stamps.token_digits,
            appearance=appearance,
        )
        # What the signature adds; before it comes the revision, byte for byte.
        name = f"records/{lease.record}/report/prepared/{lease.id}.tail"
        stored = await means.objects.put(name, waiting[len(pdf) :], key)
        async with means.db.begin() as conn:
            blob = msgspec.msgpack.encode(prepared)
            if not await store.update_lease(conn, lease.id, object=stored.name, prepared=blob):
                raise Problem("G01")
        return Ready(lease.id, lease.expires_at, base.sha256, prepared.byte_range, prepared.attributes, chain[0])

    async def _own_lease(self, actor: Actor, lease_id: str) -> Lease:
        async with self._means.db.read() as conn:
            lease = await store.lease(conn, lease_id)
        if lease is None or lease.party != actor.id:
            raise Problem("S404")
        return lease

    async def _waiting(self, lease: Lease) -> bytes:
        """The prepared PDF. Raises G01 where there is none yet."""
        async with self._means.db.read() as conn:
            base = await store.revision(conn, lease.record, lease.base)
        if base is None or lease.object is None:
            raise Problem("G01")
        key = await self._means.record_key(lease.record)
        return await self._means.objects.get(base.object, key) + await self._means.objects.get(lease.object, key)

    async def _embedded(self, lease: Lease, prepared: Prepared, signature: bytes) -> bytes:
        means = self._means
        waiting = await self._waiting(lease)
        signed = await off_loop(finish, waiting, prepared, signature, means.stamps)
        revocation = await means.authority.revocation(list(prepared.chain))
        return await asyncio.to_thread(add_revocation, signed, revocation, means.stamp_certificates)

    async def _keep(self, lease: Lease, signature: bytes) -> None:
        now = self._means.clock.now()
        until = lease.created_at + STAMP_PATIENCE
        async with self._means.db.begin() as conn:
            if not await store.update_lease(conn, lease.id, signature=signature, expires_at=until):
                raise Problem("G01")
            await jobs.enqueue(conn, STAMP_JOB, {"lease": lease.id}, now=now, key=f"{STAMP_JOB}:{lease.id}")

    async def _stand(self, lease: Lease, prepared: Prepared, pdf: bytes) -> str:
        means = self._means
        name = f"records/{lease.record}/report/{new_id('rev')}.pdf"
        stored = await means.objects.put(name, pdf, await means.record_key(lease.record))
        now = means.clock.now()
        try:
            async with means.db.begin() as conn:
                base = await store.current(conn, lease.record)
                if base is None or base.number != lease.base:
                    raise Problem("G01")
                if not await store.update_lease(conn, lease.id, open=None, result_sha256=stored.sha256):
                    raise Problem("G01")
                revision = msgspec.structs.replace(
                    base,
                    number=base.number + 1,
                    kind="signed",
                    object=name,
                    sha256=stored.sha256,
                    size=stored.size,
                    created_at=now,
                )
                await store.add_revision(conn, revision)
                settled = await store.settle(
                    conn,
                    lease.record,
                    lease.field,
                    state="signed",
                    at=now,
                    remark=lease.remark,
                    revision=revision.number,
                    certificate=prepared.chain[0],
                    certificate_serial=f"{load_der_x509_certificate(prepared.chain[0]).serial_number:x}",
                )
                if not settled:
                    raise Problem("G06")
                await self._tell_signed(conn, lease, revision, prepared)
                await self._seal_if_settled(conn, lease.record)
        except IntegrityError:
            raise Problem("G01") from None
        assert lease.object is not None, "a prepared lease names its object"
        await means.objects.delete(lease.object)
        return stored.sha256

    async def _tell_signed(self, conn: AsyncConnection, lease: Lease, revision: Revision, prepared: Prepared) -> None:
        row = next(row for row in await store.signers(conn, lease.record) if row.field == lease.field)
        body = {
            "role": row.role,
            "name": row.name,
            "revision_sha256": revision.sha256,
            "certificate": hashlib.sha256(prepared.chain[0]).hexdigest(),
        }
        await self._means.on_event(conn, lease.record, SigningEvent(f"{row.role}:signature:made", lease.party, body))

    async def _seal_if_settled(self, conn: AsyncConnection, record: str) -> None:
        """The seal is the last act: its job exists in the moment the last person has decided."""
        if all(row.state != "waiting" for row in await store.signers(conn, record)):
            now = self._means.clock.now()
            await jobs.enqueue(conn, SEAL_JOB, {"record": record}, now=now, key=f"{SEAL_JOB}:{record}")

    async def _release(self, lease_id: str) -> None:
        async with self._means.db.begin() as conn:
            await store.update_lease(conn, lease_id, open=None)
