"""Certificates taken back before their time, and how it is told: lists (RFC 5280 5) and answers (RFC 6960).

A revocation speaks of the time from its own moment on. What was signed before, by the signature's time stamp, stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

# Must end before the certificate does, or the verifier's time slide ends where nothing proves anything any more.
ANSWER_LIFE = timedelta(hours=1)
# The root signs its list when it is at hand, which may be once a year.
ROOT_LIST_LIFE = timedelta(days=400)

Why = Literal["unspecified", "key_compromise", "superseded", "cessation_of_operation", "privilege_withdrawn"]


class Revoked(msgspec.Struct, frozen=True):
    """A certificate that its authority has taken back; `at` in whole seconds."""

    serial: int
    at: datetime
    why: Why


class Issuer(Protocol):
    """A certificate with the key that signs in its name."""

    @property
    def certificate(self) -> x509.Certificate: ...

    @property
    def key(self) -> ec.EllipticCurvePrivateKey: ...


def revocation_list(issuer: Issuer, revoked: Iterable[Revoked], now: datetime, life: timedelta = ANSWER_LIFE) -> bytes:
    """DER of all that the issuer has ever taken back; expired certificates stay listed, because sheets outlive them."""
    now = now.replace(microsecond=0)
    built = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now)
        .next_update(now + life)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial).revocation_date(one.at)
        entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags[one.why]), critical=False)
        built = built.add_revoked_certificate(entry.build())
    return built.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def list_ends(crl: bytes) -> datetime:
    end = x509.load_der_x509_crl(crl).next_update_utc
    assert end is not None, "our lists say when the next one comes"
    return end


def taken_back(crls: Sequence[bytes]) -> dict[tuple[bytes, int], datetime]:
    """When each certificate on these lists was revoked, by its issuer's name (DER) and its serial number."""
    found: dict[tuple[bytes, int], datetime] = {}
    for crl in map(x509.load_der_x509_crl, crls):
        for entry in crl:
            found[crl.issuer.public_bytes(), entry.serial_number] = entry.revocation_date_utc
    return found


def answer_good(certificate: x509.Certificate, issuer: Issuer, responder: Issuer, now: datetime) -> bytes:
    """An event certificate lives a day and is used once, within a minute of being issued: it is good."""
    now = now.replace(microsecond=0)
    built = ocsp.OCSPResponseBuilder().add_response(
        cert=certificate,
        issuer=issuer.certificate,
        algorithm=hashes.SHA1(),  # names the certificate only, RFC 6960 4.1.1; verifiers look SHA-1 up
        cert_status=ocsp.OCSPCertStatus.GOOD,
        this_update=now,
        next_update=now + ANSWER_LIFE,
        revocation_time=None,
        revocation_reason=None,
    )
    return _signed(built, responder)


def asked_for(query: bytes) -> int | None:
    """The serial number in an OCSP request (DER), None where it is none."""
    try:
        return ocsp.load_der_ocsp_request(query).serial_number
    except ValueError:
        return None


def answer(
    query: bytes, known: bool, revoked: Sequence[Revoked], issuers: Sequence[tuple[Issuer, Issuer]], now: datetime
) -> bytes:
    """Answer an OCSP request (DER) about a certificate of one of these (authority, its responder).

    `known`: a signature with this certificate stands; `revoked`: all that was ever taken back.
    """
    try:
        request = ocsp.load_der_ocsp_request(query)
    except ValueError:
        return _unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    responder = next((own for one, own in issuers if _key_hash(one, request) == request.issuer_key_hash), None)
    if responder is None:
        return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    now = now.replace(microsecond=0)
    gone = next((one for one in revoked if one.serial == request.serial_number), None)
    status = ocsp.OCSPCertStatus.GOOD if known else ocsp.OCSPCertStatus.UNKNOWN
    built = ocsp.OCSPResponseBuilder().add_response_by_hash(
        issuer_name_hash=request.issuer_name_hash,
        issuer_key_hash=request.issuer_key_hash,
        serial_number=request.serial_number,
        algorithm=request.hash_algorithm,
        cert_status=ocsp.OCSPCertStatus.REVOKED if gone else status,
        this_update=now,
        next_update=now + ANSWER_LIFE,
        revocation_time=gone.at.astimezone(UTC) if gone else None,
        revocation_reason=x509.ReasonFlags[gone.why] if gone else None,
    )
    return _signed(built, responder)


def _key_hash(issuer: Issuer, request: ocsp.OCSPRequest) -> bytes:
    """RFC 6960 4.1.1: over the public key without its tag and length."""
    form = serialization.PublicFormat.UncompressedPoint
    digest = hashes.Hash(request.hash_algorithm)
    digest.update(issuer.key.public_key().public_bytes(serialization.Encoding.X962, form))
    return digest.finalize()


def _signed(built: ocsp.OCSPResponseBuilder, responder: Issuer) -> bytes:
    named = built.responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
    whole = named.certificates([responder.certificate]).sign(responder.key, hashes.SHA256())
    return whole.public_bytes(serialization.Encoding.DER)


def _unsuccessful(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(serialization.Encoding.DER)
