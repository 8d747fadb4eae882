"""Our time stamps, judged by OpenSSL, and foreign services over HTTP."""

import asyncio
import dataclasses
import hashlib
import subprocess
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from foundation.clock import ManualClock, SystemClock
from foundation.db import Database
from foundation.errors import Problem
from foundation.job_runner import JobRunner
from foundation.keyring import Keyring
from signing.ceremony import STAMP_PATIENCE, Ceremony
from signing.certificates import der
from signing.clockguard import ClockGuard, ntp_time
from signing.jobs import handlers
from signing.keys import KeyStore, ServerKeys
from signing.means import Composed
from signing.store import signing_keys
from signing.timestamp import REPLY_TYPE, HttpTimeStampAuthority, InternalTimeStampAuthority, Rejection
from signing.trust import trust_bundle
from signing.verify import verify_pdf
from tests.node.signing.scene import APPLICANT, EVERYBODY, LEAD, Browser, Scene
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
    (tmp_path / "root.pem").write_bytes(keys.root.public_bytes(serialization.Encoding.PEM))
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


def pinned(keys: ServerKeys) -> list[bytes]:
    return [der(keys.tsa.certificate)]


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
    token = await HttpTimeStampAuthority([f"{down.url}/", f"{good.url}/"], pinned(keys)).stamp(digest)
    assert digest in token


async def test_an_answer_to_another_question_is_not_believed(keys: ServerKeys, serve: Serve) -> None:
    own = InternalTimeStampAuthority(keys.tsa, SystemClock())
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": bytes(32)}
    stale = own.reply(tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "cert_req": True}).dump())
    lying = await serve(service(stale))
    with pytest.raises(Problem) as caught:
        await HttpTimeStampAuthority([f"{lying.url}/"], pinned(keys)).stamp(hashlib.sha256(DATA).digest())
    assert caught.value.code == "G04"


async def test_a_stamp_of_a_service_that_is_not_pinned_is_as_good_as_none(
    keys: ServerKeys, sqlite_database: Database, serve: Serve
) -> None:
    async with sqlite_database.begin() as conn:
        await conn.execute(signing_keys.delete())
    other = await KeyStore(sqlite_database, Keyring(bytes(32)), SystemClock(), "别处").server_keys()
    foreign = await serve(service(InternalTimeStampAuthority(other.tsa, SystemClock())))
    with pytest.raises(Problem) as caught:
        await HttpTimeStampAuthority([f"{foreign.url}/"], pinned(keys)).stamp(hashlib.sha256(DATA).digest())
    assert caught.value.code == "G04"


# --- a service that is away -------------------------------------------------------------------------------------------


class Service:
    """A time stamp service with a plug, over HTTP."""

    def __init__(self, own: InternalTimeStampAuthority) -> None:
        self.own, self.up = own, True

    def app(self) -> web.Application:
        async def handle(request: web.Request) -> web.Response:
            query = await request.read()
            if not self.up:
                raise web.HTTPServiceUnavailable
            return web.Response(body=self.own.reply(query), content_type=REPLY_TYPE)

        app = web.Application()
        app.router.add_post("/", handle)
        return app


@pytest.fixture
async def plugged(scene: Scene, clock: ManualClock, serve: Serve) -> tuple[Scene, Service, JobRunner]:
    """The scene with a foreign service, and its job worker."""
    server = await scene.means.keys.server_keys()
    service = Service(InternalTimeStampAuthority(server.tsa, clock))
    running = await serve(service.app())
    stamps = HttpTimeStampAuthority([f"{running.url}/"], pinned(server))
    means = dataclasses.replace(scene.means, stamps=stamps)

    async def compose(_record: str) -> Composed:
        raise AssertionError("nothing asks for a new sheet")

    return Scene(means, Ceremony(means), scene.events), service, JobRunner(means.db, clock, handlers(means, compose))


async def problem_of(work: Awaitable[object]) -> str:
    with pytest.raises(Problem) as caught:
        await work
    return caught.value.code


async def test_a_signature_waits_for_its_time_stamp_says_so_and_is_never_weaker(
    plugged: tuple[Scene, Service, JobRunner], clock: ManualClock
) -> None:
    scene, service, runner = plugged
    service.up = False
    browser = Browser(APPLICANT, "applicant")
    ready = await browser.prepare(scene.ceremony)
    raw = browser.raw_signature(ready.attributes)
    assert await problem_of(scene.ceremony.finish(APPLICANT, ready.lease, raw)) == "G10"
    for _ in range(12):  # longer than a job's attempts last
        assert await problem_of(scene.ceremony.finish(APPLICANT, ready.lease, raw)) == "G10"
        assert await problem_of(browser.prepare(scene.ceremony)) == "G10"
        assert await problem_of(Browser(LEAD, "lead").prepare(scene.ceremony)) == "G10"
        assert (await scene.states())["Applicant"] == "waiting" and (await scene.current()).number == 1
        await runner.run_once()
        clock.advance(600)
    service.up = True
    assert await runner.run_until_idle() == 1
    assert (await scene.states())["Applicant"] == "signed"
    assert await scene.ceremony.finish(APPLICANT, ready.lease, raw) == (await scene.current()).sha256
    for actor, role in EVERYBODY[1:]:
        await Browser(actor, role).sign(scene.ceremony)
    service.up = False
    await runner.run_once()
    assert (await scene.current()).kind == "signed", "no seal without its stamp"
    service.up = True
    clock.advance(60)
    assert await runner.run_until_idle() == 1
    verdict = await asyncio.to_thread(verify_pdf, await scene.pdf(), await trust_bundle(scene.means), clock.now())
    assert verdict.state == "pass", verdict


async def test_a_kept_signature_whose_certificate_is_about_to_end_is_void_and_the_person_signs_anew(
    plugged: tuple[Scene, Service, JobRunner], clock: ManualClock
) -> None:
    scene, service, runner = plugged
    service.up = False
    browser = Browser(APPLICANT, "applicant")
    assert await problem_of(browser.sign(scene.ceremony)) == "G10"
    clock.advance(STAMP_PATIENCE.total_seconds())
    service.up = True
    await runner.run_until_idle()
    assert (await scene.states())["Applicant"] == "waiting"
    await browser.sign(scene.ceremony)
    assert (await scene.states())["Applicant"] == "signed"


async def test_a_kept_signature_whose_certificate_is_revoked_meanwhile_is_void(
    plugged: tuple[Scene, Service, JobRunner], clock: ManualClock
) -> None:
    scene, service, runner = plugged
    service.up = False
    browser = Browser(APPLICANT, "applicant")
    ready = await browser.prepare(scene.ceremony)
    raw = browser.raw_signature(ready.attributes)
    assert await problem_of(scene.ceremony.finish(APPLICANT, ready.lease, raw)) == "G10"
    await scene.means.keys.revoke(x509.load_der_x509_certificate(ready.certificate).serial_number, "key_compromise")
    service.up = True
    clock.advance(60)
    await runner.run_until_idle()
    assert (await scene.states())["Applicant"] == "waiting"
    await browser.sign(scene.ceremony)
    assert (await scene.states())["Applicant"] == "signed"


# --- the clock --------------------------------------------------------------------------------------------------------


class TimeServer(asyncio.DatagramProtocol):
    """SNTP over real UDP, as many seconds ahead as it is told, or silent."""

    def __init__(self, clock: ManualClock, ahead_s: float | None) -> None:
        self._clock, self.ahead_s = clock, ahead_s

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.ahead_s is not None:
            now = ntp_time(self._clock.now().timestamp() + self.ahead_s)
            self._transport.sendto(bytes([0x24, 2]) + bytes(22) + data[40:48] + now + now, addr)


@pytest.mark.parametrize(
    ("ahead", "believed"),
    [
        ((0.1,), True),
        ((0.6,), False),
        ((-0.6,), False),
        ((None,), False),
        ((0.0, 0.1, 90.0), True),
        ((None, 0.0), True),
    ],
)
async def test_no_stamp_is_given_while_the_clock_is_off(
    keys: ServerKeys, clock: ManualClock, ahead: tuple[float | None, ...], believed: bool
) -> None:
    loop = asyncio.get_running_loop()
    running = [
        (await loop.create_datagram_endpoint(lambda by=by: TimeServer(clock, by), local_addr=("127.0.0.1", 0)))[0]
        for by in ahead
    ]
    guard = ClockGuard([f"127.0.0.1:{one.get_extra_info('sockname')[1]}" for one in running], clock, timeout_s=0.3)
    own = InternalTimeStampAuthority(keys.tsa, clock, guard)
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": hashlib.sha256(DATA).digest()}
    query = tsp.TimeStampReq({"version": 1, "message_imprint": imprint}).dump()
    if believed:
        await own.stamp(hashlib.sha256(DATA).digest())
        assert tsp.TimeStampResp.load(await own.answer(query))["status"]["status"].native == "granted"
    else:
        assert await problem_of(own.stamp(hashlib.sha256(DATA).digest())) == "G11"
        refused = Rejection.load(await own.answer(query))["status"]
        assert refused["fail_info"].native == {"time_not_available"}
    for one in running:
        one.close()


async def test_a_clock_that_nobody_has_confirmed_for_an_hour_is_not_believed(clock: ManualClock) -> None:
    loop = asyncio.get_running_loop()
    server = TimeServer(clock, 0.0)
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    guard = ClockGuard([f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"], clock, timeout_s=0.3)
    await guard.check()
    server.ahead_s = None
    clock.advance(3000)
    await guard.check()
    clock.advance(3000)
    assert await problem_of(guard.check()) == "G11"
    transport.close()
