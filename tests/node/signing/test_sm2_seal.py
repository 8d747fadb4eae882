"""An office's seal with an SM2 key: made, judged by us, OpenSSL and BouncyCastle, forged, and what stands beside it."""

import asyncio
import dataclasses
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from asn1crypto import cms

from signing.signers import KeyUnusable, Signer, open_signer
from signing.trust import TrustBundle, trust_bundle
from signing.verdict import NOTES, PdfVerdict
from signing.verify import verify_pdf
from tests.node.signing.attacks import closed_again, flip, flip_digit, signatures, unstamped
from tests.node.signing.finished import Finished
from tests.node.signing.insiders import Insider
from tests.node.signing.scene import Scene
from tests.support import foreign, sm2

PEOPLE = ["System", "Applicant", "Lead", "Assist"]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> sm2.Issued:
    return sm2.issue(tmp_path_factory.mktemp("sm2") / "office")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> sm2.Issued:
    """Another key under the same names."""
    return sm2.issue(tmp_path_factory.mktemp("sm2") / "stranger")


def seal_of(issued: sm2.Issued) -> Signer:
    return asyncio.run(open_signer(issued.address, sm2.PASSWORD))


def sealed_by(finished: Finished, seal: Signer) -> bytes:
    return asyncio.run(Insider(finished).close(finished.revisions[-1], seal))


@pytest.fixture(scope="module")
def trust(finished: Finished, office: sm2.Issued) -> TrustBundle:
    """What the office publishes that seals so."""
    return msgspec.structs.replace(finished.trust, seals=(*finished.trust.seals, seal_of(office).chain[0]))


@pytest.fixture(scope="module")
def pdf(finished: Finished, office: sm2.Issued) -> bytes:
    return sealed_by(finished, seal_of(office))


@pytest.fixture(scope="module")
def altered(finished: Finished, pdf: bytes) -> bytes:
    """One digit of the seal's signature value is another, and our time stamp service has closed the file."""
    start = signatures(pdf)[len(PEOPLE)]
    info = cms.ContentInfo.load(bytes.fromhex(pdf[start : pdf.index(b">", start)].decode()))
    value = info["content"]["signer_infos"][0]["signature"].native
    last = pdf.lower().index(value.hex().encode(), start) + 2 * len(value) - 1
    return asyncio.run(closed_again(finished, unstamped(flip_digit(pdf, last))))


def judge(pdf: bytes, trust: TrustBundle, now: datetime | None = None) -> PdfVerdict:
    return verify_pdf(pdf, trust, now or datetime.now(UTC))


def faults(verdict: PdfVerdict) -> dict[str, set[str]]:
    """What is wrong with each signature; with the file as a whole under an empty name."""
    found = {"": verdict.reasons, **{one.field: one.reasons for one in verdict.signatures}}
    named = {field: {one.code for one in reasons} - NOTES for field, reasons in found.items()}
    return {field: codes for field, codes in named.items() if codes}


@pytest.mark.may_block("runs openssl")
async def test_a_sheet_is_sealed_with_sm2_where_the_office_says_so(scene: Scene, office: sm2.Issued) -> None:
    seal = await open_signer(office.address, sm2.PASSWORD)
    await scene.means.keys.remember_seal("990101", seal.chain[0])
    with_it = dataclasses.replace(scene, means=dataclasses.replace(scene.means, seals={"990101": seal}))
    await scene.everybody_signs()
    sheet, bundle = await with_it.seal(), await trust_bundle(with_it.means)
    verdict = await asyncio.to_thread(verify_pdf, sheet, bundle, scene.means.clock.now())
    assert verdict.state == "pass", verdict
    assert [one.field for one in verdict.signatures] == [*PEOPLE, "Seal"]


def test_the_verdict_is_the_same_today_and_decades_later(pdf: bytes, trust: TrustBundle) -> None:
    for later in (timedelta(0), timedelta(days=18 * 365)):
        verdict = judge(pdf, trust, datetime.now(UTC) + later)
        assert verdict.state == "pass", verdict


def test_openssl_says_the_same_of_digest_value_and_certificate(
    pdf: bytes, altered: bytes, office: sm2.Issued, tmp_path: Path
) -> None:
    own = foreign.cut(pdf, tmp_path)[len(PEOPLE)]
    signer = cms.ContentInfo.load(own.signature.read_bytes())["content"]["signer_infos"][0]
    assert signer["digest_algorithm"]["algorithm"].dotted == "1.2.156.10197.1.401", "SM3"
    assert signer["signature_algorithm"]["algorithm"].dotted == "1.2.156.10197.1.501", "SM2 with SM3"
    signed = {one["type"].native: one["values"] for one in signer["signed_attrs"]}
    assert signed["message_digest"][0].native == sm2.openssl("dgst", "-sm3", "-binary", own.content)
    attributes = tmp_path / "attributes"
    attributes.write_bytes(signer["signed_attrs"].untag().dump())
    assert sm2.verifies(office.certificate, attributes, own.value)
    own = foreign.cut(altered, tmp_path)[len(PEOPLE)]
    assert not sm2.verifies(office.certificate, attributes, own.value)
    sm2.openssl("verify", "-vfyopt", sm2.DISTID, "-CAfile", office.issuer, office.certificate)


def test_foreign_readers_judge_the_others_and_one_knows_this_seal(
    pdf: bytes, altered: bytes, trust: TrustBundle, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.pdf", tmp_path / "bad.pdf"
    good.write_bytes(pdf)
    bad.write_bytes(altered)
    given = foreign.anchors(trust, tmp_path / "anchors")
    said = foreign.pdfsig(good, given)
    assert said.count("Signature is Valid.") == said.count("Certificate is Trusted.") == len(PEOPLE), said
    assert "Unknown Validation Failure" in said.partition("Field Name: Seal")[2]
    said = foreign.mutool(good)
    assert said.count("The signature is valid") == len(PEOPLE)
    assert "Digest error" in said.partition("松汀区电子印章")[2]
    # "untrusted" is a good value whose certificate does not lead to our root: the seal's authority is another.
    found = foreign.pdfbox([good, bad], given.root)
    assert [one.verdict for one in found[good]] == ["good"] * len(PEOPLE) + ["untrusted", "good"]
    assert [one.verdict for one in found[bad]] == ["good"] * len(PEOPLE) + ["bad", "good"]


def test_an_altered_signature_is_named_and_the_others_stand(pdf: bytes, altered: bytes, trust: TrustBundle) -> None:
    # V08: the seal's time stamp is over the value that it had.
    assert faults(judge(altered, trust)) == {"Seal": {"V05", "V08"}}
    spoilt = flip(pdf, pdf.index(b"/DCTDecode") + 400)
    assert faults(judge(spoilt, trust)) == {"": {"V03"}, **{field: {"V05"} for field in [*PEOPLE, "Seal"]}}


@dataclass
class Borrowed:
    """The office's certificate in the hands of somebody without its key."""

    chain: tuple[bytes, ...]
    other: Signer

    async def sign(self, data: bytes) -> bytes:
        return await self.other.sign(data)


def test_who_has_the_certificate_and_not_the_key_is_named(
    finished: Finished, office: sm2.Issued, stranger: sm2.Issued, trust: TrustBundle
) -> None:
    forged = sealed_by(finished, Borrowed(seal_of(office).chain, seal_of(stranger)))
    assert faults(judge(forged, trust)) == {"Seal": {"V05"}}


def test_the_seal_of_a_stranger_under_the_same_names_is_named(
    finished: Finished, stranger: sm2.Issued, trust: TrustBundle
) -> None:
    assert faults(judge(sealed_by(finished, seal_of(stranger)), trust)) == {"Seal": {"V07", "V09"}}


@pytest.mark.may_block("runs openssl")
async def test_a_key_that_cannot_be_used_is_refused_at_the_start(
    office: sm2.Issued, stranger: sm2.Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyUnusable, match="is its password right"):
        await open_signer(office.address, "wrong")
    file, key = tmp_path / "seal.pem", office.file.read_bytes().partition(b"-----BEGIN CERT")[0]
    for held, why in {
        b"nothing": "no PEM file",
        key: "no certificate of an SM2 key",
        key + stranger.certificate.read_bytes(): "not that of its certificate",
    }.items():
        await asyncio.to_thread(file.write_bytes, held)
        with pytest.raises(KeyUnusable, match=why):
            await open_signer(f"sm2://{file}", sm2.PASSWORD)
    told = ("-in", office.certificate, "-inkey", office.file, "-passin", f"pass:{sm2.PASSWORD}", "-passout", "pass:x")
    p12, opened = tmp_path / "seal.p12", tmp_path / "opened.pem"
    sm2.openssl("pkcs12", "-export", *told, "-out", p12)
    with pytest.raises(KeyUnusable, match="an SM2 key is named by sm2:///file"):
        await open_signer(f"pkcs12://{p12}", "x")
    sm2.openssl("pkcs12", "-in", p12, "-passin", "pass:x", "-passout", "pass:y", "-out", opened)
    assert (await open_signer(f"sm2://{opened}", "y")).chain == (await open_signer(office.address, sm2.PASSWORD)).chain[
        :1
    ]
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(KeyUnusable, match="openssl cannot be started"):
        await open_signer(office.address, sm2.PASSWORD)
