"""HTTP for whoever verifies: a sheet by its hash, what to trust, and the services that certificates and stamps name."""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec
from aiohttp import web

from foundation.errors import Problem
from foundation.http import Call, Route
from foundation.rates import Rate
from signing import store
from signing.means import Means
from signing.report import from_json
from signing.revocation import answer, asked_for
from signing.timestamp import QUERY_TYPE, REPLY_TYPE, InternalTimeStampAuthority
from signing.trust import to_json, to_pem, trust_bundle
from signing.verdict import PdfVerdict
from signing.verify import verify_pdf

# A time stamp or status request has some hundred bytes.
QUERY_LIMIT = 8192
# A verdict costs half a second; whoever checks a drawer full of sheets has a minute for them.
ASKED = Rate(30, 60)


class Sealed(msgspec.Struct, frozen=True):
    """What anybody may know who holds the paper: the file it is a copy of. Names stay in the file."""

    case_number: str
    office: str
    phone: str
    sealed_at: datetime
    sha256: str
    size: int


def routes(means: Means) -> list[Route]:
    """Open to anybody. `POST /tsa` and `POST /ocsp` are there only while those services are our own."""
    api = _Api(means)
    found = [
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

    def __init__(self, means: Means) -> None:
        self._means = means

    async def known(self, call: Call) -> PdfVerdict:
        async with self._means.db.read() as conn:
            revision = await store.by_hash(conn, call.path["sha256"])
        if revision is None:
            raise Problem("G12")
        data = await self._means.objects.get(revision.object, await self._means.record_key(revision.record))
        return await asyncio.to_thread(verify_pdf, data, await trust_bundle(self._means), self._means.clock.now())

    async def sealed(self, call: Call) -> Sealed:
        async with self._means.db.read() as conn:
            revision = await store.sheet(conn, call.path["record"])
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
