"""The HTTP face, as the pages and foreign programs use it."""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from foundation.access import ANONYMOUS, Actor, Resource
from foundation.errors import Problem
from foundation.http import build_app
from signing.ceremony import Ready
from signing.code import BY_CODE
from signing.routes import routes
from signing.timestamp import HttpTimeStampAuthority
from signing.trust import from_json, trust_bundle
from signing.verify import verify_pdf
from tests.node.signing.scene import APPLICANT, ASSIST, EVERYBODY, LEAD, PHONES, RECORD, Browser, Scene, drawn
from tests.support.http import Serve, Served

PEOPLE = {actor.id: actor for actor in (APPLICANT, LEAD, ASSIST)}
Open = Callable[[], Awaitable[Served]]
PRIVATE_KEY = base64.b64encode(
    ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
).decode()


@pytest.fixture
def served(scene: Scene, serve: Serve) -> Open:
    """The routes of signing; who asks is told by a header here, by a cookie in the product."""

    async def actors(request: web.Request) -> Actor:
        return PEOPLE.get(request.headers.get("X-Actor", ""), ANONYMOUS)

    async def resource_of(record: str) -> Resource:
        if record != RECORD:
            raise Problem("S404")
        return Resource("record", record, office="990101", record=record, people=frozenset({LEAD.id, ASSIST.id}))

    async def start() -> Served:
        return await serve(build_app(routes(scene.means, resource_of), actors=actors))

    return start


async def ask(site: Served, actor: Actor, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    site.session.headers["X-Actor"] = actor.id
    return await site.json(method, path, body, status=status)


async def sign_over_http(site: Served, browser: Browser) -> dict[str, Any]:
    path = f"/api/records/{RECORD}/signatures"
    code = ""
    if browser.role in BY_CODE:
        sent = await ask(site, browser.actor, "POST", f"{path}/code", {"role": browser.role})
        assert sent == {"sent_to": "199****0001"}
        code = PHONES[browser.actor.id]
    body = {
        "role": browser.role,
        "public_key": base64.b64encode(browser.spki).decode(),
        "drawn_png": base64.b64encode(drawn()).decode(),
        "remark": "",
        "code": code,
    }
    got = await ask(site, browser.actor, "POST", path, body)
    attributes = base64.b64decode(got["signed_attributes"])
    async with site.session.get(f"/api/signatures/{got['lease']}/prepared.pdf") as response:
        pdf = await response.read()
    certificate = base64.b64decode(got["certificate"])
    browser.check(Ready(got["lease"], got["expires_at"], "", got["byte_range"], attributes, certificate), pdf)
    value = {"signature": base64.b64encode(browser.raw_signature(attributes)).decode()}
    answer: dict[str, Any] = await ask(site, browser.actor, "POST", f"/api/signatures/{got['lease']}", value)
    return answer


async def test_three_browsers_sign_over_http(scene: Scene, served: Open) -> None:
    site = await served()
    for actor, role in EVERYBODY:
        answer = await sign_over_http(site, Browser(actor, role))
        assert answer == {"signed": True, "sha256": (await scene.current()).sha256}
    sheet = await ask(site, APPLICANT, "GET", f"/api/records/{RECORD}/sheet")
    assert [(one["role"], one["state"]) for one in sheet["signers"]] == [
        ("applicant", "signed"),
        ("lead", "signed"),
        ("assist", "signed"),
    ]
    assert sheet["sealed"] is False and sheet["report"]["business_name"] == "松汀区𬍛记小馆（个体工商户）"
    await scene.seal()
    async with site.session.get(f"/api/records/{RECORD}/report.pdf") as response:
        pdf = await response.read()
        assert response.content_type == "application/pdf"
    from signing.trust import trust_bundle

    trust = await trust_bundle(scene.means)
    assert (await asyncio.to_thread(verify_pdf, pdf, trust, scene.means.clock.now())).state == "pass"


async def test_refusing_over_http_needs_no_reason(scene: Scene, served: Open) -> None:
    site = await served()
    await ask(site, APPLICANT, "POST", f"/api/records/{RECORD}/signatures/refuse", {"role": "applicant"}, status=204)
    assert (await scene.states())["Applicant"] == "refused"


async def test_strangers_neither_read_nor_sign(served: Open) -> None:
    site = await served()
    for method, path, body in (
        ("GET", f"/api/records/{RECORD}/sheet", None),
        ("GET", f"/api/records/{RECORD}/report.pdf", None),
        ("POST", f"/api/records/{RECORD}/signatures", {"role": "lead", "public_key": ""}),
    ):
        assert (await ask(site, ANONYMOUS, method, path, body, status=401))["code"] == "S401"
    body = {"role": "lead", "public_key": "AAAA"}
    assert (await ask(site, LEAD, "POST", "/api/records/rec_other/signatures", body, status=404))["code"] == "S404"


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        ({"role": "applicant", "public_key": "no base64!"}, "S422", 422),
        ({"role": "applicant"}, "S422", 422),
        ({"role": "lead", "public_key": "AAAA"}, "S422", 422),
        ({"role": "applicant", "public_key": "AAAA", "remark": "长" * 501}, "S422", 422),
        ({"role": "applicant", "public_key": "A" * 400_000}, "S413", 413),
        ({"role": "applicant", "public_key": PRIVATE_KEY}, "S422", 422),
    ],
)
async def test_bad_requests_are_refused_whole(
    scene: Scene, served: Open, body: dict[str, str], code: str, status: int
) -> None:
    site = await served()
    answer = await ask(site, APPLICANT, "POST", f"/api/records/{RECORD}/signatures", body, status=status)
    assert answer["code"] == code
    assert set((await scene.states()).values()) == {"waiting"}


async def test_an_unknown_lease_is_not_found(served: Open) -> None:
    site = await served()
    await ask(site, LEAD, "POST", "/api/signatures/lse_nothing", {"signature": "AAAA"}, status=404)


async def test_the_trust_page_gives_every_anchor_to_anybody(scene: Scene, served: Open) -> None:
    site = await served()
    async with site.session.get("/api/trust.pem") as response:
        certificates = x509.load_pem_x509_certificates(await response.read())
    keys = await scene.means.keys.server_keys()
    assert certificates[0] == keys.root
    assert keys.tsa.certificate in certificates
    async with site.session.get("/api/trust.json") as response:
        given, own = from_json(await response.read()), await trust_bundle(scene.means)
    assert (given.roots, given.stamps, given.systems) == (own.roots, own.stamps, own.systems)


async def test_the_time_stamp_service_answers_over_http(scene: Scene, served: Open) -> None:
    site = await served()
    token = await HttpTimeStampAuthority([f"{site.url}/tsa"], scene.means.stamp_certificates).stamp(bytes(32))
    assert cms.ContentInfo.load(token)["content_type"].native == "signed_data"
    async with site.session.post("/tsa", data=b"x", headers={"Content-Type": "text/plain"}) as response:
        assert response.status == 415


async def test_the_responder_knows_the_certificates_of_signatures_that_stand(scene: Scene, served: Open) -> None:
    site = await served()
    await sign_over_http(site, Browser(LEAD, "lead"))
    async with scene.means.db.read() as conn:
        from signing import store

        row = next(one for one in await store.signers(conn, RECORD) if one.state == "signed")
    assert row.certificate is not None
    issuer = (await scene.means.keys.server_keys()).event_ca.certificate
    certificate = x509.load_der_x509_certificate(row.certificate)
    for asked, status in (
        (certificate, ocsp.OCSPCertStatus.GOOD),
        ((await scene.means.keys.server_keys()).ocsp.certificate, ocsp.OCSPCertStatus.UNKNOWN),
    ):
        query = ocsp.OCSPRequestBuilder().add_certificate(asked, issuer, hashes.SHA256()).build()
        from cryptography.hazmat.primitives.serialization import Encoding

        head = {"Content-Type": "application/ocsp-request"}
        async with site.session.post("/ocsp", data=query.public_bytes(Encoding.DER), headers=head) as response:
            answer = ocsp.load_der_ocsp_response(await response.read())
        assert answer.certificate_status == status


async def test_anybody_who_has_a_sealed_sheet_gets_its_verdict_by_its_hash_alone(scene: Scene, served: Open) -> None:
    site = await served()
    early = await site.get(f"/api/records/{RECORD}/sealed", status=404)
    assert early["code"] == "G07"
    await scene.everybody_signs()
    pdf = await scene.seal()
    sha256 = hashlib.sha256(pdf).hexdigest()
    verdict = await site.get(f"/api/sheets/{sha256}")
    assert verdict["state"] == "pass"
    assert [one["name"] for one in verdict["signatures"]][1:4] == ["张䶮", "周岚", "李𬍛"]
    told = await site.get(f"/api/records/{RECORD}/sealed")
    assert (told["sha256"], told["size"]) == (sha256, len(pdf))
    assert not {"张䶮", "周岚", "李𬍛"} & set(map(str, told.values()))
    changed = hashlib.sha256(pdf + b"\n").hexdigest()
    assert (await site.get(f"/api/sheets/{changed}", status=404))["code"] == "G12"


async def test_no_route_of_signing_takes_a_private_key(scene: Scene) -> None:
    async def resource_of(_record: str) -> Resource:
        raise AssertionError("nobody asks")

    taken = {
        name for route in routes(scene.means, resource_of) for name in getattr(route.request, "__struct_fields__", ())
    }
    assert taken == {"role", "public_key", "drawn_png", "remark", "code", "signature", "reason"}
