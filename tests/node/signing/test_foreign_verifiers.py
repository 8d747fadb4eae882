"""Verifiers that know nothing of us, on a good file and on a spoilt one. Exit codes lie; their words are read."""

import re
import subprocess
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.node.signing.conftest import Finished


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")


@pytest.fixture(scope="module")
def good(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "sheet.pdf"
    path.write_bytes(finished.pdf)
    return path


@pytest.fixture(scope="module")
def spoilt(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spoilt") / "sheet.pdf"
    at = finished.pdf.index(b"/DCTDecode") + 400
    path.write_bytes(finished.pdf[:at] + bytes([finished.pdf[at] ^ 1]) + finished.pdf[at + 1 :])
    return path


@pytest.fixture(scope="module")
def root(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("root") / "root.pem"
    certificate = x509.load_der_x509_certificate(finished.trust.roots[0])
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(scope="module")
def nss(root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = f"sql:{tmp_path_factory.mktemp('nss')}"
    run("certutil", "-N", "-d", folder, "--empty-password")
    run("certutil", "-A", "-d", folder, "-n", "root", "-t", "CT,C,C", "-i", str(root))
    return folder


def test_poppler_finds_five_valid_trusted_signatures_and_the_file_covered_to_its_end(good: Path, nss: str) -> None:
    said = run("pdfsig", "-nssdir", nss, str(good))
    assert said.count("Signature is Valid.") == 5
    assert said.count("Certificate is Trusted.") == 5
    assert said.count("Total document signed") == 1
    assert "Signer Certificate Common Name: 张䶮" in said


def test_poppler_sees_one_changed_bit(spoilt: Path, nss: str) -> None:
    said = run("pdfsig", "-nssdir", nss, str(spoilt))
    assert said.count("Digest Mismatch") == 5
    assert "Signature is Valid." not in said


def test_mupdf_finds_every_signature_valid_and_sees_one_changed_bit(good: Path, spoilt: Path) -> None:
    assert run("mutool", "sign", "-v", str(good)).count("The signature is valid") == 5
    said = run("mutool", "sign", "-v", str(spoilt))
    assert "The signature is valid" not in said and "Digest" in said


def test_qpdf_finds_no_syntax_error(good: Path) -> None:
    assert "No syntax or stream encoding errors found" in run("qpdf", "--check", str(good))


def parts(pdf: bytes, folder: Path) -> list[tuple[Path, Path, Path | None, Path]]:
    """Per signature: covered bytes, CMS, time stamp token and signature value, cut out with twenty lines of our own."""
    found = []
    for number, match in enumerate(re.finditer(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]", pdf)):
        a0, a1, b0, b1 = (int(one) for one in match.groups())
        info = cms.ContentInfo.load(bytes.fromhex(pdf[a1 + 1 : b0 - 1].decode()))
        signer = info["content"]["signer_infos"][0]
        files = [folder / f"{number}.{kind}" for kind in ("content", "p7", "tst", "value")]
        files[0].write_bytes(pdf[a0 : a0 + a1] + pdf[b0 : b0 + b1])
        files[1].write_bytes(info.dump())
        files[3].write_bytes(signer["signature"].native)
        tokens = [a for a in signer["unsigned_attrs"] or [] if a["type"].native == "signature_time_stamp_token"]
        if tokens:
            files[2].write_bytes(tokens[0]["values"][0].dump())
        found.append((files[0], files[1], files[2] if tokens else None, files[3]))
    return found


def stamp_verdict(token: Path, data: Path, root: Path) -> str:
    return run("openssl", "ts", "-verify", "-token_in", "-in", str(token), "-data", str(data), "-CAfile", str(root))


def test_openssl_verifies_each_signature_with_its_chain_and_each_time_stamp(
    finished: Finished, root: Path, tmp_path: Path
) -> None:
    found = parts(finished.pdf, tmp_path)
    assert len(found) == 6
    for content, signature, token, value in found[:5]:
        said = run(
            "openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", str(signature),
            "-content", str(content), "-CAfile", str(root), "-purpose", "any", "-out", "/dev/null",
        )  # fmt: skip
        assert "Verification successful" in said, said
        assert token is not None
        said = run(
            "openssl", "ts", "-verify", "-token_in", "-in", str(token), "-data", str(value), "-CAfile", str(root)
        )
        assert "Verification: OK" in said, said
    archive, token, _, _ = found[5]
    said = stamp_verdict(token, archive, root)
    assert "Verification: OK" in said, said


def test_openssl_sees_one_changed_bit(spoilt: Path, root: Path, tmp_path: Path) -> None:
    for content, signature, _, _ in parts(spoilt.read_bytes(), tmp_path)[:5]:
        said = run(
            "openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", str(signature),
            "-content", str(content), "-CAfile", str(root), "-purpose", "any", "-out", "/dev/null",
        )  # fmt: skip
        assert "Verification failure" in said, said


def test_the_drawn_names_of_the_signatures_can_be_read(good: Path) -> None:
    text = run("pdftotext", "-layout", str(good), "-")
    assert "张䶮" in text and "李𬍛" in text and "专用章" in text
