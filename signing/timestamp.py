"""Time proofs (RFC 3161, RFC 5816): our own service in-process and over HTTP, or any other by its URL."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import aiohttp
from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext

from foundation.clock import Clock
from foundation.errors import Problem
from signing.certificates import TSA_POLICY, asn1
from signing.clockguard import ClockGuard
from signing.keys import ServerKey

ACCURACY_MS = 500
# A foreign service answers in well under a second; after this the signer is told rather than kept waiting.
HTTP_TIMEOUT_S = 8.0
_ACCEPTED = {"sha256", "sha384", "sha512"}
QUERY_TYPE, REPLY_TYPE = "application/timestamp-query", "application/timestamp-reply"


class TimeStampAuthority(Protocol):
    """Gives a time stamp token over a digest. `token_digits`: room for one in hexadecimal, with certificates."""

    token_digits: int

    async def stamp(self, digest: bytes) -> bytes:
        """A TimeStampToken (DER) over a SHA-256 digest. Raises `Problem("G04")` when none can be had."""
        ...


def _attribute(kind: str, value: Any) -> cms.CMSAttribute:
    return cms.CMSAttribute({"type": kind, "values": [value]})


class InternalTimeStampAuthority:
    """Signs with the service's own time-stamp key. Accepted by OpenSSL, BouncyCastle and strict DER parsers."""

    token_digits = 4_000

    def __init__(self, key: ServerKey, clock: Clock, guard: ClockGuard | None = None) -> None:
        self._key, self._clock, self._guard = key.key, clock, guard
        self.certificate = asn1(key.certificate)
        # What every token says of its maker, encoded once. It is loaded anew for each token and never looked into:
        # the library writes a value that was parsed anew, level by level.
        own = tsp.ESSCertIDv2({"cert_hash": hashlib.sha256(self.certificate.dump()).digest()})
        named = {"issuer": self.certificate.issuer, "serial_number": self.certificate.serial_number}
        self._named = _attribute("signing_certificate_v2", tsp.SigningCertificateV2({"certs": [own]})).dump()
        self._issuer = cms.IssuerAndSerialNumber(named).dump()
        self._tsa = asn1_x509.GeneralName("directory_name", self.certificate.subject).dump()
        self._certificate = self.certificate.dump()

    async def stamp(self, digest: bytes) -> bytes:
        """As the interface says; `Problem("G11")` while the clock is known to be off."""
        if self._guard is not None:
            await self._guard.check()
        imprint = tsp.MessageImprint({"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest})
        return bytes(self._token(imprint, None, certificates=True).dump())

    async def answer(self, query: bytes) -> bytes:
        """`reply`, or the rejection timeNotAvailable while the clock is off."""
        try:
            if self._guard is not None:
                await self._guard.check()
        except Problem:
            return _rejection("time_not_available")
        return self.reply(query)

    def reply(self, query: bytes) -> bytes:
        """Answer a TimeStampReq (DER) with a TimeStampResp (DER); bad ones get a rejection, never an exception."""
        try:
            request = tsp.TimeStampReq.load(query, strict=True)
            imprint = request["message_imprint"]
            algorithm = imprint["hash_algorithm"]["algorithm"].native
            size = len(imprint["hashed_message"].native)
            policy = request["req_policy"].native
            nonce = request["nonce"].native
            wanted = bool(request["cert_req"].native)
        except (ValueError, TypeError, KeyError):
            return _rejection("bad_data_format")
        if algorithm not in _ACCEPTED or size != hashlib.new(algorithm).digest_size:
            return _rejection("bad_alg")
        if policy not in (None, TSA_POLICY):
            return _rejection("unaccepted_policy")
        token = self._token(imprint, nonce, certificates=wanted)
        return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump())

    def _token(self, imprint: tsp.MessageImprint, nonce: int | None, *, certificates: bool) -> cms.ContentInfo:
        now = self._clock.now()
        fields: dict[str, Any] = {
            "version": "v1",
            "policy": TSA_POLICY,
            "message_imprint": imprint,
            "serial_number": secrets.randbits(120),  # unique across nodes without a shared counter
            "gen_time": now.replace(microsecond=now.microsecond // 1000 * 1000),
            "accuracy": {"millis": ACCURACY_MS},
            "tsa": asn1_x509.GeneralName.load(self._tsa),
        }
        if nonce is not None:
            fields["nonce"] = nonce
        info = tsp.TSTInfo(fields).dump()
        attributes = cms.CMSAttributes(
            [
                _attribute("content_type", "tst_info"),
                _attribute("message_digest", hashlib.sha256(info).digest()),
                cms.CMSAttribute.load(self._named),
            ]
        )
        signer = cms.IssuerAndSerialNumber.load(self._issuer)
        signed: dict[str, Any] = {
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {"content_type": "tst_info", "content": cms.ParsableOctetString(info)},
            "signer_infos": [
                {
                    "version": "v1",
                    "sid": cms.SignerIdentifier("issuer_and_serial_number", signer),
                    "digest_algorithm": {"algorithm": "sha256"},
                    "signed_attrs": attributes,
                    "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                    "signature": self._key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
                }
            ],
        }
        if certificates:
            # Only our own: a chain in this SET would have to be sorted, and strict parsers refuse it otherwise.
            signed["certificates"] = [asn1_x509.Certificate.load(self._certificate)]
        return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)})


class Rejection(core.Sequence):  # type: ignore[misc]  # asn1crypto ships no types
    """A TimeStampResp without a token (RFC 3161 2.4.2); the library's own type insists on one."""

    _fields: ClassVar[list[tuple[str, type]]] = [("status", tsp.PKIStatusInfo)]


def _rejection(why: str) -> bytes:
    return bytes(Rejection({"status": {"status": "rejection", "fail_info": {why}}}).dump())


class HttpTimeStampAuthority:
    """A service somewhere else, by URL (RFC 3161 3.4); a second URL is asked when the first does not answer."""

    token_digits = 14_000  # with a chain of RSA certificates

    def __init__(self, urls: Sequence[str], pinned: Sequence[bytes], timeout_s: float = HTTP_TIMEOUT_S) -> None:
        """`pinned`: DER certificates of the services; a stamp of any other is as good as none."""
        self._urls, self._timeout = list(urls), aiohttp.ClientTimeout(total=timeout_s)
        self._pinned = [asn1_x509.Certificate.load(one) for one in pinned]

    async def stamp(self, digest: bytes) -> bytes:
        nonce = secrets.randbits(63)
        query = tsp.TimeStampReq(
            {
                "version": "v1",
                "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest},
                "nonce": nonce,
                "cert_req": True,
            }
        ).dump()
        for url in self._urls:
            try:
                async with aiohttp.ClientSession(timeout=self._timeout) as session:
                    answer = await session.post(url, data=query, headers={"Content-Type": QUERY_TYPE})
                    if answer.status == 200:
                        token = _checked(await answer.read(), digest, nonce)
                        await self._believe(token, digest)
                        return token
            except (TimeoutError, aiohttp.ClientError, ValueError, TypeError, KeyError):
                continue
        raise Problem("G04")

    async def _believe(self, token: bytes, digest: bytes) -> None:
        """Raises ValueError for a token that our own verdict would not believe."""
        signed = cms.ContentInfo.load(token)["content"]
        moment = signed["encap_content_info"]["content"].parsed["gen_time"].native
        context = ValidationContext(
            trust_roots=self._pinned, moment=moment, allow_fetching=False, revocation_mode="soft-fail"
        )
        try:
            facts = await validate_tst_signed_data(signed, context, lambda _algorithm: digest)
        except SignatureValidationError as error:
            raise ValueError("the time stamp is broken") from error
        status = TimestampSignatureStatus(**facts)
        if not (status.valid and status.intact and status.trusted):
            raise ValueError("the time stamp is of another service")


def _checked(answer: bytes, digest: bytes, nonce: int) -> bytes:
    response = tsp.TimeStampResp.load(answer, strict=True)
    if response["status"]["status"].native not in ("granted", "granted_with_mods"):
        raise ValueError("the time stamp service refused")
    token = response["time_stamp_token"]
    info = token["content"]["encap_content_info"]["content"].parsed
    if info["message_imprint"]["hashed_message"].native != digest or info["nonce"].native != nonce:
        raise ValueError("the time stamp answers another question")
    return bytes(token.dump())


class Stamper(TimeStamper):
    """Our interface as the PDF library asks for it."""

    def __init__(self, authority: TimeStampAuthority) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # pyHanko's
        self._authority = authority

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        if md_algorithm != "sha256":
            raise ValueError("time stamps of this product are over SHA-256")
        return cms.ContentInfo.load(await self._authority.stamp(message_digest))
