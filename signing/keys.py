"""The server's own keys: made on first use, kept sealed under the office key in the database, the same for every node.

Only keys of the service live here: root, event authority, OCSP responder, time stamps, certification, office seals.
A person's signing key is never made, held or seen by the server. The root signs certificates of the others and its list
of those taken back, nothing else, so it can lie elsewhere until one of them is to be made (`RootAway` says so).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Select, select, update
from sqlalchemy.exc import IntegrityError

from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from foundation.keyring import Keyring, WrongOfficeKey
from signing import store
from signing.certificates import der, new_key, root_certificate, server_certificate, subject
from signing.revocation import ROOT_LIST_LIFE, Revoked, Why, list_ends, revocation_list
from signing.store import revocations, signing_keys

_NONCE_BYTES = 12  # NIST SP 800-38D 8.2.1
_WRAPPED_BYTES = 45  # foundation.keyring.Keyring.wrap

# Kinds whose key may be replaced while the root stays; seals too, each by its office.
ROTATED = ("event_ca", "tsa", "system")
# One key serves both kinds of record, so a certificate speaks of neither; a signature does, by its record's kind.
_TITLES = {"event_ca": "事件证书签发", "ocsp": "证书状态查询", "tsa": "时间证明", "system": "文书签发"}


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

    root: x509.Certificate
    event_ca: ServerKey
    ocsp: ServerKey
    tsa: ServerKey
    system: ServerKey


class RootAway(Exception):
    """The root's key is needed and is not here; the message is for the operator."""


class KeyStore:
    """Loads or makes server keys. Two processes that make the same one at once end up with the same one.

    `root`: the root's key, brought back for the time of a command.
    """

    def __init__(
        self, db: Database, keyring: Keyring, clock: Clock, organisation: str, root: ServerKey | None = None
    ) -> None:
        self._db, self._keyring, self._clock, self._organisation = db, keyring, clock, organisation
        self._brought = root
        self._seals: dict[str, ServerKey] = {}
        self._keys: ServerKeys | None = None
        self._event_authorities: list[tuple[ServerKey, ServerKey]] = []

    async def server_keys(self) -> ServerKeys:
        if self._keys is None:
            root = await self._root_certificate()
            event_ca = await self._newest("event_ca")
            self._keys = ServerKeys(
                root=root,
                event_ca=event_ca,
                ocsp=await self._responder(event_ca),
                tsa=await self._newest("tsa"),
                system=await self._newest("system"),
            )
            await self._keep_list_fresh()
        return self._keys

    async def rotate(self, kind: str) -> bytes:
        """A new key for `kind` (event_ca, tsa, system, or seal:CODE), in use from each process's next start; gives its
        certificate.

        What the older ones signed stays believed: `certificates` has all of them. ValueError for another kind or a seal
        that was never made, RootAway.
        """
        made = await self.certificates(kind)
        if kind not in ROTATED and not (kind.startswith("seal:") and made):
            raise ValueError(kind)
        await self.server_keys()
        self._keys = None
        self._seals.clear()
        self._event_authorities.clear()
        name = f"{kind}#{len(made) + 1:03d}"
        if kind in ROTATED:
            return der((await self._server_key(name)).certificate)
        called = x509.load_der_x509_certificate(made[-1]).subject
        return der((await self._key(name, lambda key: self._by_root("seal", called, key))).certificate)

    async def certificates(self, kind: str) -> list[bytes]:
        """DER certificates of every key of this kind that was ever in use, the oldest first."""
        async with self._db.read() as conn:
            return [bytes(row.certificate) for row in await conn.execute(_of_kind(kind))]

    async def event_authorities(self) -> list[tuple[ServerKey, ServerKey]]:
        """Every key that ever issued event certificates, the oldest first, each with its responder's: they answer for
        what they issued as long as there are sheets."""
        if not self._event_authorities:
            async with self._db.read() as conn:
                names = [row.name for row in await conn.execute(_of_kind("event_ca"))]
            keys = [await self._server_key(name) for name in names]
            self._event_authorities = [(key, await self._responder(key)) for key in keys]
        return self._event_authorities

    async def seal(self, office_code: str, office_name: str) -> ServerKey:
        """An office's seal, for all its services; the certificate has its name and code. RootAway for a new office."""
        if office_code not in self._seals:
            called = subject(f"{office_name} 远程视频业务专用章", organisation=office_name, unit=office_code)
            name = await self._newest_name(f"seal:{office_code}")
            self._seals[office_code] = await self._key(name, lambda key: self._by_root("seal", called, key))
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

    # -- the root

    async def root(self) -> ServerKey:
        """Raises RootAway where its key was taken out and the right one not brought back."""
        if self._brought is None:
            return await self._key("root", self._make_root)
        if self._brought.certificate != await self._root_certificate():
            raise RootAway("this file holds the root of another installation")
        return self._brought

    async def is_root_here(self) -> bool:
        async with self._db.read() as conn:
            query = select(signing_keys.c.sealed_key).where(signing_keys.c.name == "root")
            return bool((await conn.execute(query)).scalar_one_or_none())

    async def forget_root(self) -> None:
        """Its key leaves this installation; its certificate and list stay. The caller has put the key elsewhere."""
        async with self._db.begin() as conn:
            if self._db.dialect == "sqlite":
                # Zeroes where the key lay; PostgreSQL does so when it vacuums.
                await conn.exec_driver_sql("PRAGMA secure_delete = ON")
            await conn.execute(update(signing_keys).where(signing_keys.c.name == "root").values(sealed_key=b""))

    async def root_list(self) -> bytes:
        """The root's newest list (DER CRL) of what it has taken back."""
        async with self._db.read() as conn:
            query = select(signing_keys.c.crl).where(signing_keys.c.name == "root")
            return bytes((await conn.execute(query)).scalar_one())

    async def renew_list(self, *newly: Revoked) -> None:
        """Sign the root's list anew, good for 400 days. Raises RootAway."""
        root = await self.root()
        async with self._db.begin() as conn:
            crl = revocation_list(root, [*await store.revoked(conn, "root"), *newly], self._clock.now(), ROOT_LIST_LIFE)
            for one in newly:
                await conn.execute(revocations.insert().values(_row(one, "root")))
            await conn.execute(update(signing_keys).where(signing_keys.c.name == "root").values(crl=crl))

    async def _keep_list_fresh(self) -> None:
        """Where the root is at hand nobody has to think of its list."""
        if await self.is_root_here():
            async with self._db.read() as conn:
                crl = (await conn.execute(select(signing_keys.c.crl).where(signing_keys.c.name == "root"))).scalar_one()
            if crl is None or list_ends(crl) - self._clock.now() < ROOT_LIST_LIFE / 2:
                await self.renew_list()

    async def _root_certificate(self) -> x509.Certificate:
        async with self._db.read() as conn:
            query = select(signing_keys.c.certificate).where(signing_keys.c.name == "root")
            found = (await conn.execute(query)).scalar_one_or_none()
        return x509.load_der_x509_certificate(found) if found else (await self.root()).certificate

    async def _make_root(self, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        return root_certificate(subject("远程视频业务根证书", organisation=self._organisation), key, self._clock.now())

    async def _by_root(self, kind: str, called: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        root = await self.root()
        return server_certificate(kind, called, key.public_key(), root.certificate, root.key, self._clock.now())

    # -- revocation

    async def revoked(self, authority: str) -> list[Revoked]:
        """What the key of this name has taken back, the oldest first."""
        async with self._db.read() as conn:
            return await store.revoked(conn, authority)

    async def revoke(self, serial: int, why: Why) -> Revoked:
        """Take a certificate back from the next second on; once is enough.

        KeyError where nothing of this installation has that number, ValueError for the root itself, RootAway.
        """
        # Certificates' times have whole seconds, and what was signed a moment ago stands.
        one = Revoked(serial, self._clock.now().replace(microsecond=0) + timedelta(seconds=1), why)
        async with self._db.read() as conn:
            known = next((each for each in await store.revoked(conn) if each.serial == serial), None)
            event = await store.certificate(conn, serial)
            own = {row.name: bytes(row.certificate) for row in await conn.execute(select(signing_keys))}
        if known is not None:
            return known
        issuers = {name: made for name, made in own.items() if name == "root" or name.startswith("event_ca")}
        names = {x509.load_der_x509_certificate(made).subject: name for name, made in issuers.items()}
        mine = event or next((made for made in own.values() if _serial(made) == serial), b"")
        authority = names.get(x509.load_der_x509_certificate(mine).issuer) if mine else None
        if authority is None:
            raise KeyError(serial)
        if mine == own["root"]:
            raise ValueError(serial)
        if authority == "root":
            await self.renew_list(one)
        else:
            async with self._db.begin() as conn:
                await conn.execute(revocations.insert().values(_row(one, authority)))
        return one

    # -- keys

    async def _newest_name(self, kind: str) -> str:
        async with self._db.read() as conn:
            names = [row.name for row in await conn.execute(_of_kind(kind))]
        return names[-1] if names else kind

    async def _newest(self, kind: str) -> ServerKey:
        return await self._server_key(await self._newest_name(kind))

    async def _responder(self, event_ca: ServerKey) -> ServerKey:
        """A responder answers for the authority that made it, so it changes with it."""

        async def make(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
            issuer, now = event_ca.certificate, self._clock.now()
            return server_certificate("ocsp", self._called(name), key.public_key(), issuer, event_ca.key, now)

        name = event_ca.name.replace("event_ca", "ocsp")
        return await self._key(name, make)

    async def _server_key(self, name: str) -> ServerKey:
        return await self._key(name, lambda key: self._by_root(name.partition("#")[0], self._called(name), key))

    def _called(self, name: str) -> x509.Name:
        """Its kind, and a number from the second one on, by which verifiers tell it from the others."""
        kind, _, number = name.partition("#")
        return subject(f"{_TITLES[kind]} {int(number or 1)}", organisation=self._organisation)

    async def _key(
        self, name: str, make: Callable[[ec.EllipticCurvePrivateKey], Awaitable[x509.Certificate]]
    ) -> ServerKey:
        found = await self._load(name)
        if found is not None:
            return found
        key = new_key()
        certificate = await make(key)
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
        if not row.sealed_key:
            raise RootAway("the root's key was taken out: bring its file back with --root FILE")
        try:
            sealed = row.sealed_key[_WRAPPED_BYTES:]
            cipher = AESGCM(self._keyring.unwrap(row.sealed_key[:_WRAPPED_BYTES]))
            plain = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
        except (InvalidTag, WrongOfficeKey):
            raise Problem("O03", status=500) from None  # the office key is not the one these keys were sealed with
        key = serialization.load_der_private_key(plain, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return ServerKey(name, x509.load_der_x509_certificate(row.certificate), key)


def _serial(certificate: bytes) -> int:
    return x509.load_der_x509_certificate(certificate).serial_number


def _row(one: Revoked, authority: str) -> dict[str, object]:
    return {"serial": f"{one.serial:x}", "authority": authority, "at": one.at, "why": one.why}


def _of_kind(kind: str) -> Select[tuple[str, bytes]]:
    """Rows of a kind, the oldest first: `tsa`, then `tsa#002` and so on."""
    name = signing_keys.c.name
    return select(name, signing_keys.c.certificate).where((name == kind) | name.like(f"{kind}#%")).order_by(name)
