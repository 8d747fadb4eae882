"""Certificates taken back, and a root that lies elsewhere: what stands, what is refused, and who says so."""

import asyncio
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from sqlalchemy import select

from foundation.clock import ManualClock
from foundation.db import Database
from foundation.errors import Problem
from foundation.keyring import Keyring
from signing import root, store
from signing.certificates import der
from signing.keys import KeyStore, RootAway, ServerKey
from signing.revocation import ROOT_LIST_LIFE, Revoked, answer, revocation_list
from signing.signers import KeyUnusable
from signing.store import signing_keys
from signing.trust import trust_bundle
from signing.verdict import PdfVerdict, SignatureVerdict
from signing.verify import verify_pdf
from tests.node.signing.attacks import stranger
from tests.node.signing.scene import APPLICANT, EVERYBODY, RECORD, Browser, Scene
from tests.unit.signing.samples import report

ANOTHER = "rec_another"


def number(certificate: bytes) -> int:
    return x509.load_der_x509_certificate(certificate).serial_number


async def judged(scene: Scene, pdf: bytes) -> PdfVerdict:
    return await asyncio.to_thread(verify_pdf, pdf, await trust_bundle(scene.means), scene.means.clock.now())


async def restarted(scene: Scene, folder: Path) -> Scene:
    """As a process that starts now has it."""
    return await Scene.set(scene.means.db, folder, scene.means.fonts, scene.means.clock)


async def signed_and_sealed(scene: Scene, record: str) -> bytes:
    await scene.issue(msgspec.structs.replace(report(items=1, photos=0), record=record))
    for actor, role in EVERYBODY:
        await Browser(actor, role, record=record).sign(scene.ceremony)
    return await scene.seal(record)


def status(query: x509.Certificate, issuer: x509.Certificate) -> bytes:
    built = ocsp.OCSPRequestBuilder().add_certificate(query, issuer, hashes.SHA256()).build()
    return built.public_bytes(Encoding.DER)


async def test_what_was_signed_before_a_revocation_stands_and_the_list_and_the_responder_tell_of_it(
    scene: Scene, clock: ManualClock
) -> None:
    await scene.everybody_signs()
    pdf = await scene.seal()
    async with scene.means.db.read() as conn:
        applicant = (await store.signers(conn, RECORD))[0].certificate
    assert applicant is not None
    clock.advance(timedelta(days=30).total_seconds())
    revoked = await scene.means.keys.revoke(number(applicant), "key_compromise")
    assert await scene.means.keys.revoke(number(applicant), "superseded") == revoked, "once is enough"
    verdict = await judged(scene, pdf)
    assert verdict.state == "pass" and "V24" in verdict.codes()
    ((authority, responder),) = await scene.means.keys.event_authorities()
    (root_list, event_list) = map(x509.load_der_x509_crl, (await trust_bundle(scene.means)).crls)
    assert event_list.is_signature_valid(authority.key.public_key())
    entry = event_list.get_revoked_certificate_by_serial_number(number(applicant))
    assert entry is not None and entry.revocation_date_utc == revoked.at and len(root_list) == 0
    query = status(x509.load_der_x509_certificate(applicant), authority.certificate)
    said = ocsp.load_der_ocsp_response(answer(query, True, [revoked], [(authority, responder)], clock.now()))
    assert said.certificate_status == ocsp.OCSPCertStatus.REVOKED
    assert said.revocation_time_utc == revoked.at
    assert said.revocation_reason == x509.ReasonFlags.key_compromise


async def test_what_was_stamped_after_a_revocation_fails(scene: Scene, clock: ManualClock) -> None:
    """As a file would be that somebody made with a stolen key: the published lists know more than the file."""
    await scene.everybody_signs()
    pdf, trust, held = await scene.seal(), await trust_bundle(scene.means), scene.means.keys
    async with scene.means.db.read() as conn:
        applicant = (await store.signers(conn, RECORD))[0].certificate
    assert applicant is not None
    ((authority, _),) = await held.event_authorities()
    root_key, keys = await held.root(), await held.server_keys()
    people = {"Applicant", "Lead", "Assist"}
    for issuer, certificate, failing in (
        (authority, applicant, {"Applicant"}),
        (root_key, der((await held.seal("990101", "")).certificate), {"Seal"}),
        (root_key, der(authority.certificate), people),
        (root_key, der(keys.tsa.certificate), {"System", *people, "Seal"}),
    ):
        for later in (timedelta(0), timedelta(seconds=1)):
            gone = Revoked(number(certificate), clock.now() + later, "key_compromise")
            crls = (*trust.crls, revocation_list(issuer, [gone], clock.now()))
            known = msgspec.structs.replace(trust, crls=crls)
            verdict = await asyncio.to_thread(verify_pdf, pdf, known, clock.now())
            named = {code: {one.field for one in verdict.signatures if code in codes(one)} for code in ("V18", "V24")}
            assert named == ({"V18": set(), "V24": failing} if later else {"V18": failing, "V24": set()})
            assert verdict.state == ("pass" if later else "fail")


def codes(one: SignatureVerdict) -> set[str]:
    return {each.code for each in one.reasons}


async def test_a_revoked_seal_seals_no_more_and_its_successor_does(
    scene: Scene, scene_folder: Path, clock: ManualClock
) -> None:
    await scene.everybody_signs()
    old = await scene.seal()
    seal = await scene.means.keys.seal("990101", "")
    await scene.means.keys.revoke(seal.certificate.serial_number, "key_compromise")
    clock.advance(60)
    with pytest.raises(Problem) as caught:
        await signed_and_sealed(scene, ANOTHER)
    assert caught.value.code == "G14"
    assert (await scene.current(ANOTHER)).kind == "signed"
    await scene.means.keys.rotate("seal:990101")
    new = await (await restarted(scene, scene_folder)).seal(ANOTHER)
    for pdf, notes in ((old, {"V24"}), (new, set())):
        verdict = await judged(scene, pdf)
        assert verdict.state == "pass" and verdict.codes() & {"V18", "V24"} == notes


@pytest.mark.parametrize("kind", ["event_ca", "tsa"])
async def test_with_a_revoked_event_authority_or_time_stamp_service_nobody_signs(
    scene: Scene, scene_folder: Path, kind: str
) -> None:
    own: ServerKey = getattr(await scene.means.keys.server_keys(), kind)
    await scene.means.keys.revoke(own.certificate.serial_number, "key_compromise")
    with pytest.raises(Problem) as caught:
        await Browser(APPLICANT, "applicant").prepare(scene.ceremony)
    assert caught.value.code == "G14"
    await scene.means.keys.rotate(kind)
    await Browser(APPLICANT, "applicant").sign((await restarted(scene, scene_folder)).ceremony)


async def test_only_what_was_issued_here_is_taken_back(scene: Scene) -> None:
    keys = scene.means.keys
    theirs = stranger("seal", scene.means.clock.now()).certificate
    await keys.remember_seal("990101", der(theirs))
    own = (await keys.root()).certificate
    for serial, error in ((12345, KeyError), (theirs.serial_number, KeyError), (own.serial_number, ValueError)):
        with pytest.raises(error):
            await keys.revoke(serial, "unspecified")


async def test_signing_goes_on_without_the_root_and_stops_when_its_list_is_too_old(
    scene: Scene, scene_folder: Path, clock: ManualClock
) -> None:
    keys = scene.means.keys
    await keys.seal("990101", "松汀区政务服务中心")
    held = root.closed(await keys.root(), "口令")
    sealed = await sealed_key(scene)
    await keys.forget_root()
    assert not await keys.is_root_here() and await sealed_key(scene) == b""
    away = await restarted(scene, scene_folder)
    await away.everybody_signs()
    assert (await judged(away, await away.seal())).state == "pass"
    for needs in (
        away.means.keys.seal("990102", "新办公室"),
        away.means.keys.rotate("event_ca"),
        away.means.keys.root(),
    ):
        with pytest.raises(RootAway):
            await needs
    clock.advance(ROOT_LIST_LIFE.total_seconds())
    with pytest.raises(Problem) as caught:
        await signed_and_sealed(away, ANOTHER)
    assert caught.value.code == "G14"
    brought = brought_back(away, held, "口令")
    await brought.renew_list()
    await brought.rotate("event_ca")
    again = await restarted(away, scene_folder)
    assert (await judged(again, await signed_and_sealed(again, ANOTHER))).state == "pass"
    assert (await judged(again, await again.pdf())).state == "pass", "what the first event authority vouched for"
    assert not await again.means.keys.is_root_here(), "nothing of it was written"
    await scene.means.db.close()
    assert not [file for file in scene_folder.glob("test.db*") if sealed in file.read_bytes()]


async def test_a_file_that_is_not_this_roots_is_refused(
    scene: Scene, sqlite_database: Database, clock: ManualClock
) -> None:
    held = root.closed(await scene.means.keys.root(), "口令")
    for data, passphrase in ((held, "another"), (held[:-9], "口令"), (b"", "口令")):
        with pytest.raises(KeyUnusable):
            root.opened(data, passphrase)
    other = KeyStore(sqlite_database, Keyring(bytes(32)), clock, "别处")
    await other.server_keys()
    with pytest.raises(RootAway):
        await brought_back(scene, root.closed(await other.root(), "口令"), "口令").rotate("tsa")


def brought_back(scene: Scene, held: bytes, passphrase: str) -> KeyStore:
    opened = root.opened(held, passphrase)
    return KeyStore(scene.means.db, Keyring(bytes(32)), scene.means.clock, "松汀区政务服务中心", opened)


async def sealed_key(scene: Scene) -> bytes:
    async with scene.means.db.read() as conn:
        query = select(signing_keys.c.sealed_key).where(signing_keys.c.name == "root")
        return bytes((await conn.execute(query)).scalar_one())
