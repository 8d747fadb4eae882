"""Keys that sign for an office, wherever they lie: a file (PKCS#12, or PEM for SM2), a module (PKCS#11), a service (CSC
1.0.4).

One address names a key: `pkcs12:///etc/yuankan/seal.p12`, `sm2:///etc/yuankan/seal.pem`,
`pkcs11:token=office;object=seal?module-path=/usr/lib/…so` (RFC 7512), `csc+https://sign.example/csc/v1?credential=ID`.
Its secret is the file's password, the token's PIN, or the service's access token with a PIN after a blank. ECDSA on
P-256, RSA, and from a file SM2; from a module or a service the key never comes here.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import aiohttp
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_der_x509_certificate

from signing import sm2

SERVICE_TIMEOUT_S = 15.0
PROGRAM_TIMEOUT_S = 10.0  # a signature takes hundredths of a second; a host under load is given some
_SIGN_ALGORITHM = {"ec": "1.2.840.10045.4.3.2", "rsa": "1.2.840.113549.1.1.11"}  # RFC 5758 3.2, RFC 8017 A.2.4
_SHA256 = "2.16.840.1.101.3.4.2.1"


class KeyUnusable(Exception):
    """A key that cannot be opened or does not fit its certificate; the message is for the operator."""


class Signer(Protocol):
    """`chain`: DER certificates, the signer's own first, then its issuers."""

    @property
    def chain(self) -> tuple[bytes, ...]: ...

    async def sign(self, data: bytes) -> bytes:
        """The signature over SHA-256 of `data`, for SM2 over SM3: DER for ECDSA and SM2, PKCS#1 1.5 for RSA. Raises
        KeyUnusable."""
        ...


class Pkcs12Signer:
    """A key in a file, as licensed authorities hand them out."""

    def __init__(self, data: bytes, password: str) -> None:
        try:
            key, certificate, others = pkcs12.load_key_and_certificates(data, password.encode())
        except ValueError as error:
            raise KeyUnusable(f"the PKCS#12 file cannot be opened: {error}") from None
        except UnsupportedAlgorithm as error:
            raise KeyUnusable(f"the PKCS#12 file: {error}; an SM2 key is named by sm2:///file, as PEM") from None
        if certificate is None or not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise KeyUnusable("the PKCS#12 file holds no EC or RSA key with its certificate")
        self._key = key
        self.chain = tuple(one.public_bytes(serialization.Encoding.DER) for one in (certificate, *others))

    async def sign(self, data: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))


class Sm2Signer:
    """An SM2 key in a PEM file: PKCS#8, then its certificate, then the issuers'. The `openssl` program reads the key
    anew for each signature and signs: no library here does, and Python's integers tell of a key by the time they take.
    """

    def __init__(self, path: Path, password: str) -> None:
        self._path, self._password = path, password
        try:
            blocks = list(pem.unarmor(path.read_bytes(), multiple=True))
        except OSError as error:
            raise KeyUnusable(f"{path}: {error.strerror}") from None
        except ValueError:
            raise KeyUnusable(f"{path} is no PEM file") from None
        self.chain = tuple(der for kind, _, der in blocks if kind == "CERTIFICATE")
        if not self.chain or sm2_point(self.chain[0]) is None:
            raise KeyUnusable(f"{path} holds no certificate of an SM2 key")

    async def sign(self, data: bytes) -> bytes:
        return await asyncio.to_thread(self._sign, data)

    def _sign(self, data: bytes) -> bytes:
        # By a pipe: an argument or the environment could be read by others.
        reading, writing = os.pipe()
        try:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(f"{self._password}\n".encode())
            words = ["openssl", "pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-pkeyopt", f"distid:{sm2.IDENTITY}"]
            key = ["-inkey", str(self._path), "-passin", f"fd:{reading}"]
            done = subprocess.run(
                [*words, *key], input=data, capture_output=True, pass_fds=(reading,), timeout=PROGRAM_TIMEOUT_S
            )
        except OSError as error:
            raise KeyUnusable(f"openssl cannot be started: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise KeyUnusable("openssl does not answer") from None
        finally:
            os.close(reading)
        if done.returncode:
            raise KeyUnusable(f"openssl cannot sign with the key in {self._path}; is its password right?")
        return done.stdout


class Pkcs11Signer:
    """A key in a token. Each signature opens a session of its own: tokens are pulled out and put back."""

    def __init__(self, module: str, token: str, label: str, pin: str) -> None:
        self._where = (module, token, label, pin)
        self.chain = (self._with_session(self._certificate),)

    async def sign(self, data: bytes) -> bytes:
        return await asyncio.to_thread(self._with_session, lambda session, label: self._sign(session, label, data))

    def _with_session(self, work: Any) -> bytes:
        try:
            import pkcs11  # an extra: most installations have no token
        except ImportError:
            raise KeyUnusable("python-pkcs11 is not installed; it comes with the extra yuankan[pkcs11]") from None

        module, token, label, pin = self._where
        try:
            with pkcs11.lib(module).get_token(token_label=token).open(user_pin=pin) as session:
                return bytes(work(session, label))
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            raise KeyUnusable(f"the token {token!r} does not sign: {type(error).__name__} {error}") from None

    def _certificate(self, session: Any, label: str) -> bytes:
        from pkcs11 import Attribute, ObjectClass

        wanted = {Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.LABEL: label}
        found = [bytes(one[Attribute.VALUE]) for one in session.get_objects(wanted)]
        if len(found) != 1:
            raise KeyUnusable(f"the token holds {len(found)} certificates labelled {label!r}, not one")
        return found[0]

    def _sign(self, session: Any, label: str, data: bytes) -> bytes:
        from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

        found = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: label}))
        if len(found) != 1:
            raise KeyUnusable(f"the token holds {len(found)} private keys labelled {label!r}, not one")
        key = found[0]
        if key.key_type == KeyType.RSA:
            return bytes(key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))
        # Many modules hash only for RSA; the raw mechanism gives r‖s (PKCS#11 2.3.1).
        raw = bytes(key.sign(hashlib.sha256(data).digest(), mechanism=Mechanism.ECDSA))
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


class CscSigner:
    """A key at a signing service (Cloud Signature Consortium API 1.0.4). `await CscSigner.open(…)`."""

    def __init__(self, base: str, credential: str, token: str, pin: str, chain: tuple[bytes, ...]) -> None:
        self._base, self._credential, self._token, self._pin = base.rstrip("/"), credential, token, pin
        self.chain = chain

    @classmethod
    async def open(cls, base: str, credential: str, token: str, pin: str = "") -> CscSigner:
        made = cls(base, credential, token, pin, ())
        told = await made._post("credentials/info", certificates="chain")
        try:
            made.chain = tuple(base64.b64decode(one, validate=True) for one in told["cert"]["certificates"])
            load_der_x509_certificate(made.chain[0])
        except (KeyError, IndexError, TypeError, ValueError):
            raise KeyUnusable("the signing service names no certificate") from None
        return made

    async def sign(self, data: bytes) -> bytes:
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        secret = {"PIN": self._pin} if self._pin else {}
        granted = await self._post("credentials/authorize", numSignatures=1, hash=[digest], **secret)
        key = load_der_x509_certificate(self.chain[0]).public_key()
        algorithm = _SIGN_ALGORITHM["rsa" if isinstance(key, rsa.RSAPublicKey) else "ec"]
        told = await self._post(
            "signatures/signHash", SAD=granted.get("SAD"), hash=[digest], hashAlgo=_SHA256, signAlgo=algorithm
        )
        try:
            return base64.b64decode(told["signatures"][0], validate=True)
        except (KeyError, IndexError, TypeError, ValueError):
            raise KeyUnusable("the signing service gave no signature") from None

    async def _post(self, method: str, **body: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}"}
        timeout = aiohttp.ClientTimeout(total=SERVICE_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
                session.post(f"{self._base}/{method}", json={"credentialID": self._credential, **body}) as answer,
            ):
                told = await answer.json(content_type=None)
                if answer.status != 200 or not isinstance(told, dict):
                    raise KeyUnusable(f"the signing service refused {method}: {answer.status}")
                return told
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise KeyUnusable(f"the signing service does not answer: {type(error).__name__}") from None


async def open_signer(address: str, secret: str) -> Signer:
    """The key that an address names, tried once: a signature that its certificate does not bear out is refused here.

    Raises KeyUnusable.
    """
    parts = urlsplit(address)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    signer: Signer
    if parts.scheme == "pkcs12":
        try:
            data = await asyncio.to_thread(Path(unquote(parts.path)).read_bytes)
        except OSError as error:
            raise KeyUnusable(f"{parts.path}: {error.strerror}") from None
        signer = Pkcs12Signer(data, secret)
    elif parts.scheme == "sm2":
        signer = await asyncio.to_thread(Sm2Signer, Path(unquote(parts.path)), secret)
    elif parts.scheme == "pkcs11":
        named = dict(pair.partition("=")[::2] for pair in parts.path.split(";"))
        where = (asked.get("module-path", ""), unquote(named.get("token", "")), unquote(named.get("object", "")))
        signer = await asyncio.to_thread(Pkcs11Signer, *where, secret)
    elif parts.scheme in ("csc+https", "csc+http"):
        token, _, pin = secret.partition(" ")
        base = f"{parts.scheme.removeprefix('csc+')}://{parts.netloc}{parts.path}"
        signer = await CscSigner.open(base, asked.get("credential", ""), token, pin)
    else:
        raise KeyUnusable(f"{parts.scheme!r} is none of pkcs12, sm2, pkcs11, csc+https")
    await _try(signer)
    return signer


def sm2_point(certificate: bytes) -> sm2.Point | None:
    """The public point where a DER certificate is of an SM2 key. Raises KeyUnusable for a point off the curve."""
    try:
        return sm2.public_point(asn1_x509.Certificate.load(certificate).public_key)
    except ValueError as error:
        raise KeyUnusable(str(error)) from None


async def _try(signer: Signer) -> None:
    point = sm2_point(signer.chain[0])
    if point is not None and not isinstance(signer, Sm2Signer):
        raise KeyUnusable("an SM2 key signs from a file only: sm2:///file")
    data = b"whether key and certificate belong together"
    signature = await signer.sign(data)
    try:
        if point is not None:
            sm2.verify(point, data, signature)
            return
        key = load_der_x509_certificate(signer.chain[0]).public_key()
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        else:
            raise KeyUnusable("neither an EC nor an RSA key")
    except InvalidSignature:
        raise KeyUnusable("the key is not that of its certificate") from None
