"""Our time stamps, judged by OpenSSL, and foreign services over HTTP."""

import asyncio
import hashlib
import subprocess
from pathlib import Path

import pytest
from aiohttp import web
from asn1crypto import tsp
from cryptography.hazmat.primitives import serialization

from foundation.clock import ManualClock, SystemClock
from foundation.db import Database
from foundation.errors import Problem
from foundation.keyring import Keyring
from signing.keys import KeyStore, ServerKeys
from signing.timestamp import REPLY_TYPE, HttpTimeStampAuthority, InternalTimeStampAuthority, Rejection
from tests.support.http import Serve

DATA = "勘验单".encode()


@pytest.fixture
async def keys(sqlite_database: Database) -> ServerKeys:
    return await KeyStore(sqlite_database, Keyring(bytes(32)), SystemClock(), "松汀区").server_keys()


def openssl(*words: str) -> str:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.may_block("runs openssl")
async def test_openssl_asks_our_service_and_believes_the_answer(keys: ServerKeys, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "root.pem").write_bytes(keys.root.certificate.public_bytes(serialization.Encoding.PEM))
    query, reply = tmp_path / "q.tsq", tmp_path / "r.tsr"
    openssl("ts", "-query", "-data", str(tmp_path / "data"), "-sha256", "-cert", "-out", str(query))
    reply.write_bytes(InternalTimeStampAuthority(keys.tsa, SystemClock()).reply(query.read_bytes()))
    verify = ("ts", "-verify", "-in", str(reply), "-CAfile", str(tmp_path / "root.pem"))
    assert "Verification: OK" in openssl(*verify, "-queryfile", str(query))
    (tmp_path / "data").write_bytes(DATA + b"x")
    assert "Verification: FAILED" in openssl(*verify, "-data", str(tmp_path / "data"))


async def test_a_token_tells_the_time_to_the_millisecond(keys: ServerKeys) -> None:
    clock = ManualClock()
    clock.advance(1.2345)
    token = await InternalTimeStampAuthority(keys.tsa, clock).stamp(hashlib.sha256(DATA).digest())
    from asn1crypto import cms

    info = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed
    assert info["gen_time"].native.microsecond == 234_000
    assert info["message_imprint"]["hashed_message"].native == hashlib.sha256(DATA).digest()


@pytest.mark.parametrize("query", [b"", b"\x30\x00", b"\x30\x80garbage", b"x" * 5000])
async def test_nonsense_is_rejected_politely(keys: ServerKeys, query: bytes) -> None:
    answer = Rejection.load(InternalTimeStampAuthority(keys.tsa, SystemClock()).reply(query))
    assert answer["status"]["status"].native == "rejection"


async def test_weak_or_mislabelled_digests_are_rejected(keys: ServerKeys) -> None:
    own = InternalTimeStampAuthority(keys.tsa, SystemClock())
    for algorithm, digest in (("sha1", bytes(20)), ("sha256", bytes(20))):
        imprint = {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": digest}
        answer = Rejection.load(own.reply(tsp.TimeStampReq({"version": 1, "message_imprint": imprint}).dump()))
        assert answer["status"]["status"].native == "rejection"


def service(answer: bytes | InternalTimeStampAuthority, status: int = 200) -> web.Application:
    async def handle(request: web.Request) -> web.Response:
        query = await request.read()
        body = answer if isinstance(answer, bytes) else answer.reply(query)
        return web.Response(body=body, status=status, content_type=REPLY_TYPE)

    app = web.Application()
    app.router.add_post("/", handle)
    return app


async def test_a_foreign_service_is_asked_by_url_and_the_second_when_the_first_is_down(
    keys: ServerKeys, serve: Serve
) -> None:
    good = await serve(service(InternalTimeStampAuthority(keys.tsa, SystemClock())))
    down = await serve(service(b"", 503))
    digest = hashlib.sha256(DATA).digest()
    token = await HttpTimeStampAuthority([f"{down.url}/", f"{good.url}/"]).stamp(digest)
    assert digest in token


async def test_an_answer_to_another_question_is_not_believed(keys: ServerKeys, serve: Serve) -> None:
    own = InternalTimeStampAuthority(keys.tsa, SystemClock())
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": bytes(32)}
    stale = own.reply(tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "cert_req": True}).dump())
    lying = await serve(service(stale))
    with pytest.raises(Problem) as caught:
        await HttpTimeStampAuthority([f"{lying.url}/"]).stamp(hashlib.sha256(DATA).digest())
    assert caught.value.code == "G04"


async def test_without_a_time_proof_nothing_is_signed(scene: "object", clock: ManualClock) -> None:
    import dataclasses

    from tests.node.signing.scene import APPLICANT, Browser, Scene

    assert isinstance(scene, Scene)
    dead = dataclasses.replace(scene.means, stamps=HttpTimeStampAuthority(["http://127.0.0.1:9/"], timeout_s=2))
    ceremony = type(scene.ceremony)(dead)
    with pytest.raises(Problem) as caught:
        await Browser(APPLICANT, "applicant").sign(ceremony)
    assert caught.value.code == "G04"
    assert (await scene.states())["Applicant"] == "waiting"
    await asyncio.sleep(0)
