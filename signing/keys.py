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
from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from foundation.keyring import Keyring, WrongOfficeKey
from signing.certificates import der, new_key, root_certificate, server_certificate, subject
from signing.store import signing_keys

_NONCE_BYTES = 12  # NIST SP 800-38D 8.2.1
_WRAPPED_BYTES = 45  # foundation.keyring.Keyring.wrap


# Kinds whose key may be replaced while the root stays.
ROTATED = ("event_ca", "tsa", "system")
_TITLES = {"event_ca": "事件证书签发", "ocsp": "证书状态查询", "tsa": "时间证明", "system": "勘验单签发"}


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
            event_ca = await self._newest("event_ca", root)
            self._keys = ServerKeys(
                root=root,
                event_ca=event_ca,
                # A responder answers for the authority that made it, so it changes with it.
                ocsp=await self._server_key(event_ca.name.replace("event_ca", "ocsp"), event_ca),
                tsa=await self._newest("tsa", root),
                system=await self._newest("system", root),
            )
        return self._keys

    async def rotate(self, kind: str) -> bytes:
        """A new key for `kind` (event_ca, tsa, system), in use from each process's next start; gives its certificate.

        What the older ones signed stays believed: `certificates` has all of them. ValueError for another kind.
        """
        if kind not in ROTATED:
            raise ValueError(kind)
        root = (await self.server_keys()).root
        number = len(await self.certificates(kind)) + 1
        self._keys = None
        return der((await self._server_key(f"{kind}#{number:03d}", root)).certificate)

    async def certificates(self, kind: str) -> list[bytes]:
        """DER certificates of every key of this kind that was ever in use, the oldest first."""
        async with self._db.read() as conn:
            return [bytes(row.certificate) for row in await conn.execute(_of_kind(kind))]

    async def _newest(self, kind: str, issuer: ServerKey) -> ServerKey:
        async with self._db.read() as conn:
            names = [row.name for row in await conn.execute(_of_kind(kind))]
        return await self._server_key(names[-1] if names else kind, issuer)

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

    async def _server_key(self, name: str, issuer: ServerKey) -> ServerKey:
        """Named by its kind, and by a number from the second one on; so is its subject, which verifiers tell it by."""
        kind, _, number = name.partition("#")

        def make(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
            called = subject(f"{_TITLES[kind]} {int(number or 1)}", organisation=self._organisation)
            return server_certificate(kind, called, key.public_key(), issuer.certificate, issuer.key, self._clock.now())

        return await self._key(name, make)

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


def _of_kind(kind: str) -> Select[tuple[str, bytes]]:
    """Rows of a kind, the oldest first: `tsa`, then `tsa#002` and so on."""
    name = signing_keys.c.name
    return select(name, signing_keys.c.certificate).where((name == kind) | name.like(f"{kind}#%")).order_by(name)
