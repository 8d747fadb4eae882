"""The server's own keys: made on first use, kept sealed under the office key in the database, the same for every node.

Only keys of the service live here: root, event authority, OCSP responder, time stamps, certification, office seals.
A person's signing key is never made, held or seen by the server.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from foundation.keyring import Keyring, WrongOfficeKey
from signing.certificates import der, new_key, root_certificate, server_certificate, subject
from signing.store import signing_keys

_NONCE_BYTES = 12  # NIST SP 800-38D 8.2.1
_WRAPPED_BYTES = 45  # foundation.keyring.Keyring.wrap


@dataclass(frozen=True)
class ServerKey:
    """A certificate with its private key, in memory only; signs as a `Signer`."""

    name: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def chain(self) -> tuple[bytes, ...]:
        return (der(self.certificate),)

    async def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


@dataclass(frozen=True)
class ServerKeys:
    """The identities of the service. Seals are per office and come by `seal`."""

    root: ServerKey
    event_ca: ServerKey
    ocsp: ServerKey
    tsa: ServerKey
    system: ServerKey


class KeyStore:
    """Loads or makes server keys. Two processes that make the same one at once end up with the same one."""

    def __init__(self, db: Database, keyring: Keyring, clock: Clock, organisation: str) -> None:
        self._db, self._keyring, self._clock, self._organisation = db, keyring, clock, organisation
        self._seals: dict[str, ServerKey] = {}
        self._keys: ServerKeys | None = None

    async def server_keys(self) -> ServerKeys:
        if self._keys is None:
            root = await self._key("root", self._make_root)
            event_ca = await self._key("event_ca", self._issued(root, "event_ca", "事件证书签发"))
            self._keys = ServerKeys(
                root=root,
                event_ca=event_ca,
                ocsp=await self._key("ocsp", self._issued(event_ca, "ocsp", "证书状态查询")),
                tsa=await self._key("tsa", self._issued(root, "tsa", "时间证明")),
                system=await self._key("system", self._issued(root, "system", "勘验单签发")),
            )
        return self._keys

    async def seal(self, office_code: str, office_name: str) -> ServerKey:
        """The seal of an office; its certificate carries the office's name and code."""
        if office_code not in self._seals:
            root = (await self.server_keys()).root

            def make(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
                name = subject(f"{office_name} 远程视频勘验专用章", organisation=office_name, unit=office_code)
                return server_certificate("seal", name, key.public_key(), root.certificate, root.key, self._clock.now())

            self._seals[office_code] = await self._key(f"seal:{office_code}", make)
        return self._seals[office_code]

    async def remember_seal(self, office_code: str, certificate: bytes) -> None:
        """Note the certificate of a seal whose key lies elsewhere: what it sealed outlives it."""
        name = f"seal:{office_code}:{hashlib.sha256(certificate).hexdigest()[:32]}"
        row = {"name": name, "certificate": certificate, "sealed_key": b"", "created_at": self._clock.now()}
        try:
            async with self._db.begin() as conn:
                await conn.execute(signing_keys.insert().values(row))
        except IntegrityError:
            pass  # known

    async def seal_certificates(self) -> list[bytes]:
        """DER certificates of every office's seal made so far, by office code."""
        query = (
            select(signing_keys.c.certificate).where(signing_keys.c.name.like("seal:%")).order_by(signing_keys.c.name)
        )
        async with self._db.read() as conn:
            return [bytes(row.certificate) for row in await conn.execute(query)]

    def _make_root(self, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        return root_certificate(subject("远程视频勘验根证书", organisation=self._organisation), key, self._clock.now())

    def _issued(
        self, issuer: ServerKey, kind: str, title: str
    ) -> Callable[[ec.EllipticCurvePrivateKey], x509.Certificate]:
        def make(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
            name = subject(title, organisation=self._organisation)
            return server_certificate(kind, name, key.public_key(), issuer.certificate, issuer.key, self._clock.now())

        return make

    async def _key(self, name: str, make: Callable[[ec.EllipticCurvePrivateKey], x509.Certificate]) -> ServerKey:
        found = await self._load(name)
        if found is not None:
            return found
        key = new_key()
        certificate = make(key)
        plain = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        wrapping, nonce = self._keyring.new_record_key(), os.urandom(_NONCE_BYTES)
        row = {
            "name": name,
            "certificate": der(certificate),
            "sealed_key": self._keyring.wrap(wrapping) + nonce + AESGCM(wrapping).encrypt(nonce, plain, name.encode()),
            "created_at": self._clock.now(),
        }
        try:
            async with self._db.begin() as conn:
                await conn.execute(signing_keys.insert().values(row))
        except IntegrityError:
            pass  # another process was first: its key is the key
        made = await self._load(name)
        assert made is not None, "a key that was just stored is there"
        return made

    async def _load(self, name: str) -> ServerKey | None:
        async with self._db.read() as conn:
            row = (await conn.execute(select(signing_keys).where(signing_keys.c.name == name))).first()
        if row is None:
            return None
        try:
            sealed = row.sealed_key[_WRAPPED_BYTES:]
            cipher = AESGCM(self._keyring.unwrap(row.sealed_key[:_WRAPPED_BYTES]))
            plain = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
        except (InvalidTag, WrongOfficeKey):
            raise Problem("O03", status=500) from None  # the office key is not the one these keys were sealed with
        key = serialization.load_der_private_key(plain, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return ServerKey(name, x509.load_der_x509_certificate(row.certificate), key)
