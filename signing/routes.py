"""HTTP of signing: the sheet, its PDF, the two steps of a signature, refusing, and what verifiers ask for."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

import msgspec
from aiohttp import web

from foundation.access import Resource
from foundation.errors import Problem
from foundation.http import Call, Route
from foundation.rates import Rate
from signing import store
from signing.appearance import DRAWN_LIMIT
from signing.ceremony import REMARK_LIMIT, Ceremony
from signing.means import Means
from signing.report import Report, Role, from_json
from signing.revocation import answer, asked_for
from signing.store import Revision, SignatureState
from signing.timestamp import QUERY_TYPE, REPLY_TYPE, InternalTimeStampAuthority
from signing.trust import to_json, to_pem, trust_bundle
from signing.verdict import PdfVerdict
from signing.verify import verify_pdf

ResourceOf = Callable[[str], Awaitable[Resource]]
"""The record as access sees it: its office, its people. Raises `Problem("S404")` where there is none."""

# The drawn signature in base64 and a little around it.
SIGN_BODY_LIMIT = DRAWN_LIMIT * 4 // 3 + 8192
# A time stamp or status request has some hundred bytes.
QUERY_LIMIT = 8192
PDF = ("application/pdf",)
# A verdict costs half a second; whoever checks a drawer full of sheets has a minute for them.
ASKED = Rate(30, 60)

Text = Annotated[str, msgspec.Meta(max_length=REMARK_LIMIT)]


class SignerState(msgspec.Struct, frozen=True):
    """`kept`: the signature is here and waits for its time stamp; `own`: of whoever asks."""

    field: str
    role: Role
    name: str
    state: SignatureState
    at: datetime | None
    remark: str
    kept: bool
    own: bool


class Sheet(msgspec.Struct, frozen=True):
    """The frozen report as it is in the PDF, and who has signed."""

    report: Report
    revision: int
    sha256: str
    size: int
    sealed: bool
    signers: list[SignerState]


class SignatureRequest(msgspec.Struct, frozen=True):
    """`public_key`: SubjectPublicKeyInfo of a P-256 key, `drawn_png`: the strokes on nothing; both base64."""

    role: str
    public_key: str
    drawn_png: str | None = None
    remark: Text = ""


class Prepared(msgspec.Struct, frozen=True):
    """What the browser checks before it signs; base64 of DER."""

    lease: str
    expires_at: datetime
    revision_sha256: str
    byte_range: list[int]
    signed_attributes: str
    certificate: str


class SignatureValue(msgspec.Struct, frozen=True):
    """`signature`: r‖s as WebCrypto gives it, 64 bytes in base64."""

    signature: str


class Sealed(msgspec.Struct, frozen=True):
    """What anybody may know who holds the paper: the file it is a copy of. Names stay in the file."""

    case_number: str
    office: str
    phone: str
    sealed_at: datetime
    sha256: str
    size: int


class Signed(msgspec.Struct, frozen=True):
    signed: bool
    sha256: str


class Refusal(msgspec.Struct, frozen=True):
    role: str
    reason: Text = ""


def routes(means: Means, resource_of: ResourceOf) -> list[Route]:
    """All routes. `POST /tsa` and `POST /ocsp` are there only while those services are our own."""
    api = _Api(means, resource_of)
    found = [
        Route(
            "GET",
            "/api/records/{record}/sheet",
            api.sheet,
            "sheet.read",
            "The inspection sheet",
            response=Sheet,
            resource=api.record,
        ),
        Route(
            "GET", "/api/records/{record}/report.pdf", api.pdf, "sheet.read", "Its PDF", resource=api.record, gives=PDF
        ),
        Route(
            "POST",
            "/api/records/{record}/signatures",
            api.prepare,
            "sheet.sign",
            "Take the lease to sign",
            request=SignatureRequest,
            response=Prepared,
            resource=api.record,
            body_limit=SIGN_BODY_LIMIT,
        ),
        Route(
            "POST",
            "/api/records/{record}/signatures/refuse",
            api.refuse,
            "sheet.sign",
            "Refuse to sign",
            request=Refusal,
            resource=api.record,
        ),
        Route(
            "GET",
            "/api/signatures/{lease}/prepared.pdf",
            api.prepared_pdf,
            "sheet.sign",
            "The prepared PDF, to be hashed by the signer",
            gives=PDF,
            resource=api.lease,
        ),
        Route(
            "POST",
            "/api/signatures/{lease}",
            api.finish,
            "sheet.sign",
            "Hand the signature in",
            request=SignatureValue,
            response=Signed,
            resource=api.lease,
        ),
        Route(
            "GET",
            "/api/sheets/{sha256}",
            api.known,
            "public",
            "The verdict on the sheet that has this hash: the file stays with who asks",
            response=PdfVerdict,
            rate=ASKED,
        ),
        Route(
            "GET",
            "/api/records/{record}/sealed",
            api.sealed,
            "public",
            "The final file of a record: where the code on the paper leads",
            response=Sealed,
            rate=ASKED,
        ),
        Route(
            "GET",
            "/api/trust.pem",
            api.trust,
            "public",
            "Certificates a verifier needs",
            gives=("application/x-pem-file",),
        ),
        Route(
            "GET",
            "/api/trust.json",
            api.trust_bundle,
            "public",
            "The same with their uses, for `verify --trust`",
            gives=("application/json",),
        ),
    ]
    if isinstance(means.stamps, InternalTimeStampAuthority):
        found.append(
            Route("POST", "/tsa", api.stamp, "public", "RFC 3161 time stamps", raw_body=True, body_limit=QUERY_LIMIT)
        )
    if means.authority.kind == "internal":
        found.append(
            Route(
                "POST",
                "/ocsp",
                api.ocsp,
                "public",
                "RFC 6960 certificate status",
                raw_body=True,
                body_limit=QUERY_LIMIT,
            )
        )
        found.append(
            Route(
                "GET",
                "/crl/{number}",
                api.lists,
                "public",
                "What an authority has revoked (RFC 5280): 0.crl is the root's, then the event authorities'",
                gives=("application/pkix-crl",),
            )
        )
    return found


class _Api:
    """The handlers, each thin: decode, ask, answer."""

    def __init__(self, means: Means, resource_of: ResourceOf) -> None:
        self._means, self._resource_of, self._ceremony = means, resource_of, Ceremony(means)

    async def record(self, call: Call) -> Resource:
        return await self._resource_of(call.path["record"])

    async def lease(self, call: Call) -> Resource:
        async with self._means.db.read() as conn:
            lease = await store.lease(conn, call.path["lease"])
        if lease is None:
            raise Problem("S404")
        return await self._resource_of(lease.record)

    async def sheet(self, call: Call) -> Sheet:
        record = call.path["record"]
        revision = await self._current(record)
        async with self._means.db.read() as conn:
            rows = await store.signers(conn, record)
            held = await store.open_lease(conn, record)
        kept = held.field if held is not None and held.signature is not None else None
        data = await self._means.objects.get(revision.report_object, await self._means.record_key(record))
        states = [
            SignerState(
                row.field,
                row.role,
                row.name,
                row.state,
                row.at,
                row.remark,
                kept=row.field == kept,
                own=row.party == call.actor.id,
            )
            for row in rows
        ]
        return Sheet(
            from_json(data), revision.number, revision.sha256, revision.size, revision.kind == "sealed", states
        )

    async def pdf(self, call: Call) -> web.Response:
        record = call.path["record"]
        revision = await self._current(record)
        data = await self._means.objects.get(revision.object, await self._means.record_key(record))
        return _pdf(data, revision.sha256)

    async def prepare(self, call: Call) -> Prepared:
        body: SignatureRequest = call.body
        drawn = _bytes(body.drawn_png, "/drawn_png") if body.drawn_png is not None else None
        key = _bytes(body.public_key, "/public_key")
        ready = await self._ceremony.prepare(call.actor, call.path["record"], body.role, key, drawn, body.remark)
        return Prepared(
            lease=ready.lease,
            expires_at=ready.expires_at,
            revision_sha256=ready.revision_sha256,
            byte_range=ready.byte_range,
            signed_attributes=base64.b64encode(ready.attributes).decode(),
            certificate=base64.b64encode(ready.certificate).decode(),
        )

    async def prepared_pdf(self, call: Call) -> web.Response:
        return _pdf(await self._ceremony.prepared_pdf(call.actor, call.path["lease"]), None)

    async def finish(self, call: Call) -> Signed:
        body: SignatureValue = call.body
        sha256 = await self._ceremony.finish(call.actor, call.path["lease"], _bytes(body.signature, "/signature"))
        return Signed(True, sha256)

    async def refuse(self, call: Call) -> None:
        body: Refusal = call.body
        await self._ceremony.refuse(call.actor, call.path["record"], body.role, body.reason)

    async def known(self, call: Call) -> PdfVerdict:
        async with self._means.db.read() as conn:
            revision = await store.by_hash(conn, call.path["sha256"])
        if revision is None:
            raise Problem("G12")
        data = await self._means.objects.get(revision.object, await self._means.record_key(revision.record))
        return await asyncio.to_thread(verify_pdf, data, await trust_bundle(self._means), self._means.clock.now())

    async def sealed(self, call: Call) -> Sealed:
        revision = await self._current(call.path["record"])
        if revision.kind != "sealed":
            raise Problem("G07")
        key = await self._means.record_key(revision.record)
        report = from_json(await self._means.objects.get(revision.report_object, key))
        office = report.office
        return Sealed(
            report.case_number, office.name, office.phone, revision.created_at, revision.sha256, revision.size
        )

    async def trust(self, _call: Call) -> web.Response:
        text = to_pem(await trust_bundle(self._means))
        return web.Response(body=text.encode(), content_type="application/x-pem-file")

    async def trust_bundle(self, _call: Call) -> web.Response:
        return web.Response(body=to_json(await trust_bundle(self._means)), content_type="application/json")

    async def stamp(self, call: Call) -> web.Response:
        """RFC 3161 3.4."""
        if call.request.content_type != QUERY_TYPE:
            raise Problem("S415")
        stamps = self._means.stamps
        assert isinstance(stamps, InternalTimeStampAuthority), "the route is there only for our own service"
        return web.Response(body=await stamps.answer(await call.read_raw()), content_type=REPLY_TYPE)

    async def ocsp(self, call: Call) -> web.Response:
        """RFC 6960 A.1."""
        if call.request.content_type != "application/ocsp-request":
            raise Problem("S415")
        query = await call.read_raw()
        serial = await asyncio.to_thread(asked_for, query)
        known = False
        async with self._means.db.read() as conn:
            if serial is not None:
                known = await store.is_certificate(conn, serial)
            revoked = await store.revoked(conn)
        said = answer(query, known, revoked, await self._means.keys.event_authorities(), self._means.clock.now())
        return web.Response(body=said, content_type="application/ocsp-response")

    async def lists(self, call: Call) -> web.Response:
        """RFC 2585 4: the list of one authority, by its number in the order of their making; 0 is the root's."""
        crls = (await trust_bundle(self._means)).crls
        number = call.path["number"].removesuffix(".crl")
        if not number.isdecimal() or int(number) >= len(crls):
            raise Problem("S404")
        return web.Response(body=crls[int(number)], content_type="application/pkix-crl")

    async def _current(self, record: str) -> Revision:
        async with self._means.db.read() as conn:
            revision = await store.current(conn, record)
        if revision is None:
            raise Problem("G07")
        return revision


def _bytes(text: str, pointer: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Problem("S422", pointer=pointer) from None


def _pdf(data: bytes, sha256: str | None) -> web.Response:
    headers = {"Content-Disposition": 'inline; filename="sheet.pdf"', "Cache-Control": "no-store"}
    if sha256 is not None:
        headers["ETag"] = f'"{sha256}"'
    return web.Response(body=data, content_type="application/pdf", headers=headers)
