"""Who issues the certificate for an act, and says that it was good: behind one small interface.

The internal authority needs nothing from outside and is good for what parties agree on (电子签名法 §13, §16); a
licensed one (依法设立的电子认证服务机构) takes its place by another `Authority`. The sheet says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography import x509

from foundation.clock import Clock
from foundation.errors import Problem
from signing.certificates import SigningAct, act_of, asn1, der, event_certificate, public_key
from signing.keys import ServerKeys
from signing.revocation import Revoked, answer_good, list_ends, revocation_list


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


class Register(Protocol):
    """What was taken back, as it stands now."""

    async def root_list(self) -> bytes:
        """The root's newest list, DER."""
        ...

    async def revoked(self, authority: str) -> list[Revoked]:
        """What the key of this name has taken back, the oldest first."""
        ...


class InternalAuthority:
    """Event authority and delegated responder inside this process, and what the root has signed of them."""

    kind: Literal["internal", "licensed"] = "internal"

    def __init__(self, keys: ServerKeys, register: Register, clock: Clock, responder_url: str | None = None) -> None:
        self._keys, self._register, self._clock = keys, register, clock
        # A path without a host (no base URL is set) is no address that a reader of the file could ask.
        web = responder_url is not None and responder_url.startswith(("http://", "https://"))
        self._responder_url = responder_url if web else None

    async def issue(self, act: SigningAct, public_key_spki: bytes) -> list[bytes]:
        ca = self._keys.event_ca
        key = public_key(public_key_spki)
        await self._good(ca.certificate)
        now = self._clock.now()
        return [der(event_certificate(act, key, ca.certificate, ca.key, now, self._responder_url)), der(ca.certificate)]

    async def revocation(self, chain: list[bytes]) -> RevocationData:
        """For event certificates a list of their authority and an answer of its delegated responder (some verifiers
        take only the one, some only the other); the root's list for what the root issued.

        `Problem("G01")` for an event certificate that was revoked or whose authority was replaced while the person
        signed: once more, with another; G14 while the office's own certificates are not in order.
        """
        now, keys = self._clock.now(), self._keys
        leaf = x509.load_der_x509_certificate(chain[0])
        certificates = [*chain[1:], der(keys.root)]
        if act_of(asn1(leaf)) is None:
            return RevocationData(tuple(certificates), (), (await self._good(leaf),))
        root_list = await self._good(keys.event_ca.certificate)
        revoked = await self._register.revoked(keys.event_ca.name)
        if leaf.issuer != keys.event_ca.certificate.subject or leaf.serial_number in {one.serial for one in revoked}:
            raise Problem("G01")
        return RevocationData(
            (*certificates, der(keys.ocsp.certificate)),
            (answer_good(leaf, keys.event_ca, keys.ocsp, now),),
            (root_list, revocation_list(keys.event_ca, revoked, now)),
        )

    async def _good(self, certificate: x509.Certificate) -> bytes:
        """The root's list, which is not too old and has neither this certificate nor our time stamp service's on it."""
        crl = await self._register.root_list()
        listed = x509.load_der_x509_crl(crl)
        used = (certificate, self._keys.tsa.certificate)
        gone = any(listed.get_revoked_certificate_by_serial_number(one.serial_number) for one in used)
        if gone or list_ends(crl) <= self._clock.now():
            raise Problem("G14")
        return crl
