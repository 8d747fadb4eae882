"""Office seals whose key lies elsewhere: in a file, in SoftHSM, at a signing service over HTTP."""

import asyncio
import base64
import dataclasses
import functools
import os
import subprocess
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from pkcs11 import Attribute, ObjectClass
from pkcs11.util.ec import decode_ec_private_key
from pkcs11.util.rsa import decode_rsa_private_key

from foundation.errors import Problem
from signing.certificates import der
from signing.signers import KeyUnusable, Signer, open_signer
from signing.trust import trust_bundle
from signing.verify import verify_pdf
from tests.node.signing.scene import Scene
from tests.support.http import Serve

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Kept = Callable[[Key, list[x509.Certificate]], Awaitable[tuple[str, str]]]
"""Puts a key away; gives its address and secret."""

KEYS: dict[str, Callable[[], Key]] = {
    "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": functools.cache(lambda: rsa.generate_private_key(65537, 3072)),  # a second each
}


def licensed(key: Key) -> list[x509.Certificate]:
    """A seal's certificate and its issuers, of an authority that is not ours."""
    now = datetime.now(UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("松汀区电子印章", "持证机构")]
    issuer_key = ec.generate_private_key(ec.SECP256R1())
    made = []
    for name, public, ca in ((names[0], key.public_key(), False), (names[1], issuer_key.public_key(), True)):
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(names[1]).public_key(public)
        builder = builder.serial_number(x509.random_serial_number())
        # The scene lives in November 2025.
        builder = builder.not_valid_before(now - timedelta(days=1000)).not_valid_after(now + timedelta(days=365))
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        made.append(builder.sign(issuer_key, hashes.SHA256()))
    return made


@pytest.fixture
def in_a_file(tmp_path: Path) -> Kept:
    async def keep(key: Key, chain: list[x509.Certificate]) -> tuple[str, str]:
        closed = serialization.BestAvailableEncryption("口令".encode())
        path = tmp_path / "seal.p12"
        path.write_bytes(pkcs12.serialize_key_and_certificates(b"seal", key, chain[0], chain[1:], closed))
        return f"pkcs12://{path}", "口令"

    return keep


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One folder for the whole run: the module reads its settings once a process."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(conf)
    for label in KEYS:
        words = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", "1234", "--so-pin", "4321"]
        subprocess.run(words, check=True, capture_output=True)


@pytest.fixture
def in_a_token(tokens: None) -> Kept:
    async def keep(key: Key, chain: list[x509.Certificate]) -> tuple[str, str]:
        label = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ec"
        own = {Attribute.LABEL: "seal", Attribute.TOKEN: True, Attribute.ID: b"1"}
        plain = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        decode = decode_rsa_private_key if label == "rsa" else decode_ec_private_key
        with pkcs11.lib(str(MODULE)).get_token(token_label=label).open(rw=True, user_pin="1234") as session:
            session.create_object({**decode(plain), **own, Attribute.SENSITIVE: True, Attribute.SIGN: True})
            certificate = chain[0]
            session.create_object(
                {
                    **own,
                    Attribute.CLASS: ObjectClass.CERTIFICATE,
                    Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                    Attribute.SUBJECT: certificate.subject.public_bytes(),
                    Attribute.VALUE: der(certificate),
                }
            )
        return f"pkcs11:token={label};object=seal?module-path={MODULE}", "1234"

    return keep


class SigningService:
    """CSC 1.0.4 as far as it is used: a PIN gives leave for one hash, once."""

    def __init__(self, key: Key, chain: list[x509.Certificate]) -> None:
        self.key, self.chain, self.granted = key, chain, dict[str, str]()
        self.up = True

    def app(self) -> web.Application:
        app = web.Application()
        for name in ("credentials/info", "credentials/authorize", "signatures/signHash"):
            app.router.add_post(f"/csc/v1/{name}", getattr(self, name.partition("/")[2]))
        return app

    async def _asked(self, request: web.Request) -> dict[str, Any]:
        body: dict[str, Any] = await request.json()
        if not self.up:
            raise web.HTTPServiceUnavailable
        if request.headers.get("Authorization") != "Bearer token" or body["credentialID"] != "seal":
            raise web.HTTPUnauthorized
        return body

    async def info(self, request: web.Request) -> web.Response:
        await self._asked(request)
        return web.json_response(
            {"cert": {"certificates": [base64.b64encode(der(one)).decode() for one in self.chain]}}
        )

    async def authorize(self, request: web.Request) -> web.Response:
        body = await self._asked(request)
        if body.get("PIN") != "1234":
            raise web.HTTPBadRequest
        self.granted["sad"] = body["hash"][0]
        return web.json_response({"SAD": "sad"})

    async def signHash(self, request: web.Request) -> web.Response:
        body = await self._asked(request)
        if self.granted.pop(body["SAD"], None) != body["hash"][0]:
            raise web.HTTPBadRequest
        digest, hashed = base64.b64decode(body["hash"][0]), Prehashed(hashes.SHA256())
        if isinstance(self.key, rsa.RSAPrivateKey):
            value = self.key.sign(digest, padding.PKCS1v15(), hashed)
        else:
            value = self.key.sign(digest, ec.ECDSA(hashed))
        return web.json_response({"signatures": [base64.b64encode(value).decode()]})


@pytest.fixture
def services() -> list[SigningService]:
    return []


@pytest.fixture
def at_a_service(serve: Serve, services: list[SigningService]) -> Kept:
    async def keep(key: Key, chain: list[x509.Certificate]) -> tuple[str, str]:
        services.append(SigningService(key, chain))
        site = await serve(services[-1].app())
        return f"csc+{site.url}/csc/v1?credential=seal", "token 1234"

    return keep


@pytest.fixture(params=["in_a_file", "in_a_token", "at_a_service"])
def kept(request: pytest.FixtureRequest) -> Kept:
    found: Kept = request.getfixturevalue(request.param)
    return found


async def with_seal(scene: Scene, seal: Signer) -> Scene:
    await scene.means.keys.remember_seal("990101", seal.chain[0])
    return dataclasses.replace(scene, means=dataclasses.replace(scene.means, seals={"990101": seal}))


@pytest.mark.may_block("makes RSA keys, runs softhsm2-util")
@pytest.mark.parametrize("kind", KEYS)
async def test_a_sheet_is_sealed_by_a_key_that_lies_elsewhere(scene: Scene, kept: Kept, kind: str) -> None:
    key = KEYS[kind]()
    chain = licensed(key)
    seal = await open_signer(*await kept(key, chain))
    assert seal.chain[0] == der(chain[0])
    await scene.everybody_signs()
    unknown = await trust_bundle(scene.means)
    sealed = await with_seal(scene, seal)
    pdf, now = await sealed.seal(), scene.means.clock.now()
    verdict = await asyncio.to_thread(verify_pdf, pdf, await trust_bundle(sealed.means), now)
    assert verdict.state == "pass", verdict
    verdict = await asyncio.to_thread(verify_pdf, pdf, unknown, now)
    assert {"V07", "V09"} <= verdict.codes(), "a seal that the office has not published"


@pytest.mark.may_block("makes keys, runs softhsm2-util")
async def test_a_wrong_secret_opens_nothing(kept: Kept) -> None:
    key = KEYS["ec"]()
    address, _ = await kept(key, licensed(key))
    with pytest.raises(KeyUnusable):
        await open_signer(address, "wrong")


async def test_a_key_that_is_not_its_certificates_is_refused_at_the_start(at_a_service: Kept) -> None:
    with pytest.raises(KeyUnusable, match="not that of its certificate"):
        await open_signer(*await at_a_service(KEYS["ec"](), licensed(KEYS["ec"]())))


@pytest.mark.parametrize(
    "address", ["", "file:///x", "pkcs12:///nowhere.p12", "csc+http://127.0.0.1:9/csc?credential=x"]
)
async def test_an_address_that_leads_to_no_key_says_why(address: str) -> None:
    with pytest.raises(KeyUnusable):
        await open_signer(address, "")


async def test_while_the_service_is_away_the_seal_waits(
    scene: Scene, at_a_service: Kept, services: list[SigningService]
) -> None:
    key = KEYS["ec"]()
    sealed = await with_seal(scene, await open_signer(*await at_a_service(key, licensed(key))))
    await scene.everybody_signs()
    services[0].up = False
    with pytest.raises(Problem) as caught:
        await sealed.seal()
    assert caught.value.code == "G13"
    assert (await scene.current()).kind == "signed"
    services[0].up = True
    await sealed.seal()
    assert (await scene.current()).kind == "sealed"
