"""Verifiers that know nothing of us, on a sheet as large as they get: good, spoilt, and years from now.

An event certificate lives a day, so verifiers that judge by today's date say from the second day on that it has
expired; the signature stays valid, and at the time of its stamp everything is as it was. `verify` says the same always.
"""

import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from signing.trust import to_json
from tests.node.signing.attacks import flip, updated
from tests.node.signing.finished import REFUSAL, Finished
from tests.node.signing.scene import REMARK
from tests.support import foreign

LATER = [timedelta(days=1, hours=2), timedelta(days=5 * 365), timedelta(days=18 * 365)]
SIGNED = 4
"""System, applicant, lead and seal; the assisting officer refused."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("foreign")


@pytest.fixture(scope="module")
def given(large: Finished, folder: Path) -> foreign.Anchors:
    return foreign.anchors(large.trust, folder)


@pytest.fixture(scope="module")
def good(large: Finished, folder: Path) -> Path:
    path = folder / "good.pdf"
    path.write_bytes(large.pdf)
    return path


@pytest.fixture(scope="module")
def spoilt(large: Finished, folder: Path) -> Path:
    path = folder / "spoilt.pdf"
    path.write_bytes(flip(large.pdf, large.pdf.index(b"/DCTDecode") + 400))
    return path


def test_poppler_finds_every_signature_valid_trusted_and_the_file_covered_to_its_end(
    good: Path, given: foreign.Anchors
) -> None:
    said = foreign.pdfsig(good, given)
    assert said.count("Signature is Valid.") == said.count("Certificate is Trusted.") == SIGNED, said
    assert said.replace("Not total", "").count("Total document signed") == 1
    assert "Signer Certificate Common Name: 张䶮" in said


def test_poppler_sees_one_changed_bit(spoilt: Path, given: foreign.Anchors) -> None:
    said = foreign.pdfsig(spoilt, given)
    assert said.count("Digest Mismatch") == SIGNED
    assert "Signature is Valid." not in said


@pytest.mark.parametrize("later", LATER, ids=str)
def test_poppler_finds_the_signatures_valid_years_later(
    large: Finished, good: Path, spoilt: Path, given: foreign.Anchors, later: timedelta
) -> None:
    day = foreign.at(large.at + later)
    said = foreign.pdfsig(good, given, day)
    assert said.count("Signature is Valid.") == SIGNED
    assert said.count("Certificate is Trusted.") == 2, "system and seal"
    assert said.count("Certificate has Expired") == 2, "those of one act"
    assert foreign.pdfsig(spoilt, given, day).count("Digest Mismatch") == SIGNED


@pytest.mark.parametrize("later", [timedelta(0), *LATER], ids=str)
def test_mupdf_finds_every_signature_valid_and_sees_one_changed_bit(
    large: Finished, good: Path, spoilt: Path, later: timedelta
) -> None:
    day = foreign.at(large.at + later)
    assert foreign.mutool(good, day).count("The signature is valid") == SIGNED
    said = foreign.mutool(spoilt, day)
    assert "The signature is valid" not in said and "Digest" in said


@pytest.mark.parametrize("later", [timedelta(0), *LATER], ids=str)
def test_openssl_verifies_each_signature_with_its_chain_and_each_time_stamp(
    large: Finished, given: foreign.Anchors, tmp_path: Path, later: timedelta
) -> None:
    """The chain at the time of the stamp; stamps themselves today, as their service lives for decades."""
    *people, archive = foreign.cut(large.pdf, tmp_path)
    day = foreign.at(large.at + later)
    assert len(people) == SIGNED
    for one in people:
        assert "Verification successful" in foreign.openssl_signature(one, given.root, large.at)
        assert one.stamp is not None
        said = foreign.openssl_stamp(one.stamp, one.value, given.root, day)
        assert "Verification: OK" in said, said
    assert archive.to_the_end
    assert "Verification: OK" in foreign.openssl_stamp(archive.signature, archive.content, given.root, day)


def test_openssl_sees_one_changed_bit(spoilt: Path, given: foreign.Anchors, tmp_path: Path) -> None:
    *people, archive = foreign.cut(spoilt.read_bytes(), tmp_path)
    for one in people:
        assert "Verification failure" in foreign.openssl_signature(one, given.root)
    assert "Verification: FAILED" in foreign.openssl_stamp(archive.signature, archive.content, given.root)


@pytest.mark.parametrize("later", [timedelta(0), LATER[-1]], ids=str)
def test_pdfbox_and_bouncycastle_agree(
    large: Finished, good: Path, spoilt: Path, given: foreign.Anchors, later: timedelta
) -> None:
    """Value, digest, stamp and chain at the time of the stamp."""
    found = foreign.pdfbox([good, spoilt], given.root, foreign.at(large.at + later))
    assert [one.verdict for one in found[good]] == ["good"] * (SIGNED + 1)
    assert [one.to_the_end for one in found[good]] == [False] * SIGNED + [True]
    assert [one.verdict for one in found[spoilt]] == ["bad"] * (SIGNED + 1)


def test_verapdf_finds_the_signed_file_an_archive_file_and_an_altered_one_not(good: Path, folder: Path) -> None:
    """PDF/A-3u with every revision, stamp and attachment in it."""
    altered = folder / "altered.pdf"
    altered.write_bytes(updated(good.read_bytes(), _no_output_intent))
    said = foreign.verapdf("3u", good, altered)
    assert f"{good}\tcompliant" in said, said
    assert f"{altered}\tnot-compliant" in said, said


def _no_output_intent(writer: IncrementalPdfFileWriter) -> None:
    del writer.root["/OutputIntents"]
    writer.update_root()


def test_qpdf_finds_no_syntax_error(good: Path) -> None:
    assert "No syntax or stream encoding errors found" in foreign.run("qpdf", "--check", good)


@pytest.mark.parametrize("later", [timedelta(0), *LATER], ids=str)
def test_our_own_program_says_the_same_on_every_day(
    large: Finished, good: Path, spoilt: Path, folder: Path, later: timedelta
) -> None:
    trust = folder / "trust.json"
    trust.write_bytes(to_json(large.trust))
    words = (*foreign.at(large.at + later), sys.executable, "-m", "server.cli", "verify", "--json", "--trust", trust)
    verdict = msgspec.json.decode(foreign.run(*words, good))
    assert verdict["state"] == "pass", verdict
    assert [one["state"] for one in verdict["signatures"]] == ["pass"] * SIGNED
    assert {one["code"] for one in verdict["reasons"]} == {"V20", "V21", "V23"}
    if later == LATER[-1]:
        assert msgspec.json.decode(foreign.run(*words, spoilt))["state"] == "fail"


def test_the_drawn_names_the_refusal_and_the_remark_can_be_read(large: Finished, good: Path) -> None:
    text = foreign.run("pdftotext", "-layout", good, "-")
    assert "张䶮" in text and "李𬍛" in text and "专用章" in text and REMARK in text
    # The refusal stands in the seal's own words, as UTF-16 (ISO 32000-1 7.9.2.2).
    said = foreign.run("mutool", "show", good, "grep").upper()
    assert f"李𬍛表示不签（{REFUSAL}）".encode("utf-16-be").hex().upper() in said
