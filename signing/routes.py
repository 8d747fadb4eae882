"""HTTP of signing: the sheet, its PDF, the code and the two steps of a signature, refusing."""

from __future__ import annotations

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
from signing import store, verifier_routes
from signing.appearance import DRAWN_LIMIT
from signing.ceremony import REMARK_LIMIT, Ceremony
from signing.means import Means
from signing.report import Report, Role, from_json
from signing.store import SignatureState

ResourceOf = Callable[[str], Awaitable[Resource]]
"""The record as access sees it: its office, its people. Raises `Problem("S404")` where there is none."""

# The drawn signature in base64 and a little around it.
SIGN_BODY_LIMIT = DRAWN_LIMIT * 4 // 3 + 8192
PDF = ("application/pdf",)

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
    code: Annotated[str, msgspec.Meta(max_length=12)] = ""


class CodeRequest(msgspec.Struct, frozen=True):
    """For the signature in this role."""

    role: str


class SignatureCodeSent(msgspec.Struct, frozen=True):
    sent_to: str


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


class Signed(msgspec.Struct, frozen=True):
    signed: bool
    sha256: str


class Refusal(msgspec.Struct, frozen=True):
    role: str
    reason: Text = ""


def routes(means: Means, resource_of: ResourceOf) -> list[Route]:
    """All routes, those of verifiers too."""
    api = _Api(means, resource_of)
    return [
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
            "/api/records/{record}/signatures/code",
            api.code,
            "sheet.sign",
            "Send the one-time code with which an applicant or a witness signs",
            request=CodeRequest,
            response=SignatureCodeSent,
            resource=api.record,
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
        *verifier_routes.routes(means),
    ]


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
        async with self._means.db.read() as conn:
            revision = await store.sheet(conn, record)
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
        async with self._means.db.read() as conn:
            revision = await store.sheet(conn, record)
        data = await self._means.objects.get(revision.object, await self._means.record_key(record))
        return _pdf(data, revision.sha256)

    async def prepare(self, call: Call) -> Prepared:
        body: SignatureRequest = call.body
        drawn = _bytes(body.drawn_png, "/drawn_png") if body.drawn_png is not None else None
        key = _bytes(body.public_key, "/public_key")
        ready = await self._ceremony.prepare(
            call.actor, call.path["record"], body.role, key, drawn, body.remark, body.code
        )
        return Prepared(
            lease=ready.lease,
            expires_at=ready.expires_at,
            revision_sha256=ready.revision_sha256,
            byte_range=ready.byte_range,
            signed_attributes=base64.b64encode(ready.attributes).decode(),
            certificate=base64.b64encode(ready.certificate).decode(),
        )

    async def code(self, call: Call) -> SignatureCodeSent:
        body: CodeRequest = call.body
        return SignatureCodeSent(await self._ceremony.send_code(call.actor, call.path["record"], body.role, call.lang))

    async def prepared_pdf(self, call: Call) -> web.Response:
        return _pdf(await self._ceremony.prepared_pdf(call.actor, call.path["lease"]), None)

    async def finish(self, call: Call) -> Signed:
        body: SignatureValue = call.body
        sha256 = await self._ceremony.finish(call.actor, call.path["lease"], _bytes(body.signature, "/signature"))
        return Signed(True, sha256)

    async def refuse(self, call: Call) -> None:
        body: Refusal = call.body
        await self._ceremony.refuse(call.actor, call.path["record"], body.role, body.reason)


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
