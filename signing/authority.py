"""Who issues the certificate for an act, and says that it was good: behind one small interface.

The internal authority needs nothing from outside and is good for what parties agree on (电子签名法 §13, §16); a
licensed one (依法设立的电子认证服务机构) takes its place by another `Authority`. The sheet says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from foundation.clock import Clock
from foundation.errors import Problem
from signing.certificates import SigningAct, act_of, asn1, der, event_certificate, public_key
from signing.keys import ServerKey, ServerKeys

# Must end before the certificate does, or the verifier's time slide ends where nothing proves anything any more.
OCSP_LIFE = timedelta(hours=1)
CRL_LIFE = timedelta(hours=1)


@dataclass(frozen=True)
class RevocationData:
    """DER material that shows a certificate and its issuers good at a moment; goes into the PDF's DSS."""

    certificates: tuple[bytes, ...]
    ocsps: tuple[bytes, ...]
    crls: tuple[bytes, ...]


class Authority(Protocol):
    """Issues a certificate for one act of signing."""

    kind: Literal["internal", "licensed"]

    async def issue(self, act: SigningAct, public_key_spki: bytes) -> list[bytes]:
        """DER certificates, the signer's first, then its issuers without the root. ValueError for a key not P-256."""
        ...

    async def revocation(self, chain: list[bytes]) -> RevocationData:
        """Status of the chain's certificates now."""
        ...


class InternalAuthority:
    """Root, event authority and delegated responder inside this process."""

    kind: Literal["internal", "licensed"] = "internal"

    def __init__(self, keys: ServerKeys, clock: Clock, responder_url: str | None = None) -> None:
        self._keys, self._clock = keys, clock
        # A path without a host (no base URL is set) is no address that a reader of the file could ask.
        web = responder_url is not None and responder_url.startswith(("http://", "https://"))
        self._responder_url = responder_url if web else None

    async def issue(self, act: SigningAct, public_key_spki: bytes) -> list[bytes]:
        ca = self._keys.event_ca
        key = public_key(public_key_spki)
        now = self._clock.now()
        return [der(event_certificate(act, key, ca.certificate, ca.key, now, self._responder_url)), der(ca.certificate)]

    async def revocation(self, chain: list[bytes]) -> RevocationData:
        """For event certificates a CRL of their authority and an answer of its delegated responder (some verifiers take
        only the one, some only the other); a CRL of the root for what the root issued."""
        now = self._clock.now()
        keys = self._keys
        leaf = x509.load_der_x509_certificate(chain[0])
        certificates = [*chain[1:], der(keys.root.certificate)]
        ocsps, crls = [], [empty_crl(keys.root, now)]
        if act_of(asn1(leaf)) is not None:
            if leaf.issuer != keys.event_ca.certificate.subject:
                raise Problem("G01")  # its authority was replaced while the person signed: once more, with the new one
            ocsps.append(ocsp_good(leaf, keys.event_ca, keys.ocsp, now))
            certificates.append(der(keys.ocsp.certificate))
            crls.append(empty_crl(keys.event_ca, now))
        return RevocationData(tuple(certificates), tuple(ocsps), tuple(crls))


def ocsp_answer(query: bytes, known: bool, issuer: ServerKey, responder: ServerKey, now: datetime) -> bytes:
    """Answer an OCSP request (DER) about a certificate of `issuer`. `known`: a signature with it stands."""
    try:
        request = ocsp.load_der_ocsp_request(query)
    except ValueError:
        return _unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    point = issuer.key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    key = hashes.Hash(request.hash_algorithm)
    key.update(point)
    if key.finalize() != request.issuer_key_hash:
        return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    now = now.replace(microsecond=0)
    built = (
        ocsp.OCSPResponseBuilder()
        .add_response_by_hash(
            issuer_name_hash=request.issuer_name_hash,
            issuer_key_hash=request.issuer_key_hash,
            serial_number=request.serial_number,
            algorithm=request.hash_algorithm,
            cert_status=ocsp.OCSPCertStatus.GOOD if known else ocsp.OCSPCertStatus.UNKNOWN,
            this_update=now,
            next_update=now + OCSP_LIFE,
            revocation_time=None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
        .certificates([responder.certificate])
    )
    return built.sign(responder.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _unsuccessful(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(serialization.Encoding.DER)


def ocsp_good(certificate: x509.Certificate, issuer: ServerKey, responder: ServerKey, now: datetime) -> bytes:
    """RFC 6960. An event certificate lives a day and is used once, within a minute of being issued: it is good."""
    now = now.replace(microsecond=0)
    built = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=certificate,
            issuer=issuer.certificate,
            algorithm=hashes.SHA1(),  # names the certificate only, RFC 6960 4.1.1; verifiers look SHA-1 up
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=now,
            next_update=now + OCSP_LIFE,
            revocation_time=None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
        .certificates([responder.certificate])
    )
    return built.sign(responder.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def empty_crl(issuer: ServerKey, now: datetime) -> bytes:
    """RFC 5280 5. Nothing that this authority issued has been revoked."""
    now = now.replace(microsecond=0)
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now)
        .next_update(now + CRL_LIFE)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )
    return crl.public_bytes(serialization.Encoding.DER)
