"""SM2 keys and certificates as a licensed authority hands them out, made and checked by OpenSSL."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "口令"
DISTID = "distid:1234567812345678"
_PASS = ("-passin", f"pass:{PASSWORD}")
# The scene of the signing tests lives in November 2025.
_BEGIN = ("faketime", "2025-01-01 00:00:00")


def openssl(*words: str | Path, data: bytes = b"", before: tuple[str, ...] = ()) -> bytes:
    line = [*before, "openssl", *map(str, words)]
    return subprocess.run(line, input=data, check=True, capture_output=True).stdout


def key(path: Path) -> Path:
    """PKCS#8 under the password."""
    openssl("genpkey", "-algorithm", "SM2", "-aes-256-cbc", "-pass", f"pass:{PASSWORD}", "-out", path)
    return path


@dataclass(frozen=True)
class Issued:
    """`file`: key, certificate and its issuer's, as the setting takes them."""

    file: Path
    certificate: Path
    issuer: Path

    @property
    def address(self) -> str:
        return f"sm2://{self.file}"


def issue(folder: Path, name: str = "松汀区电子印章") -> Issued:
    folder.mkdir()
    ca, own = key(folder / "ca.key"), key(folder / "own.key")
    issuer, request, certificate = folder / "ca.pem", folder / "own.csr", folder / "own.pem"
    signed = ("-sm3", "-sigopt", DISTID, *_PASS, "-utf8")
    openssl("req", "-x509", "-new", "-key", ca, "-subj", "/C=CN/CN=持证机构", "-days", "9000", *signed, "-out", issuer,
            before=_BEGIN)  # fmt: skip
    openssl("req", "-new", "-key", own, "-subj", f"/C=CN/CN={name}", *signed, "-out", request)
    profile = folder / "profile"
    profile.write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,nonRepudiation\n")
    openssl("x509", "-req", "-in", request, "-vfyopt", DISTID, "-CA", issuer, "-CAkey", ca, "-extfile", profile,
            "-days", "9000", *signed[:-1], "-out", certificate, before=_BEGIN)  # fmt: skip
    file = folder / "seal.pem"
    file.write_bytes(own.read_bytes() + certificate.read_bytes() + issuer.read_bytes())
    return Issued(file, certificate, issuer)


def sign(key: Path, data: bytes) -> bytes:
    words = ("-rawin", "-digest", "sm3", "-pkeyopt", DISTID, "-inkey", key, *_PASS)
    return openssl("pkeyutl", "-sign", *words, data=data)


def verifies(certificate: Path, data: Path, signature: Path) -> bool:
    """OpenSSL's own judgement of SM2 over SM3 with the key of this certificate."""
    words = ("-rawin", "-digest", "sm3", "-pkeyopt", DISTID, "-certin", "-inkey", certificate, "-in", data)
    done = subprocess.run(["openssl", "pkeyutl", "-verify", *words, "-sigfile", signature], capture_output=True)
    return done.returncode == 0 and b"Signature Verified Successfully" in done.stdout
