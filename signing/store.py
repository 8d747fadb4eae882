"""Tables of signing: server keys, revocations, revisions of a sheet, leases on a revision, and what each signer did.

A revision is a whole PDF in the object store; revision n + 1 begins with the bytes of revision n. Whoever inserts
(record, n + 1) first wins; nothing is ever overwritten. A lease names the revision it was prepared on, and a record has
at most one open lease: `open` is 1 while it stands and NULL afterwards, which UNIQUE ignores on both engines.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec
from cryptography.x509 import load_der_x509_certificate
from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.db import UtcTime, metadata
from foundation.errors import Problem
from signing.report import Role
from signing.revocation import Revoked

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("certificate", LargeBinary, nullable=False),
    # Empty where the key lies elsewhere: an office's own seal, a root that was taken out.
    Column("sealed_key", LargeBinary, nullable=False),
    # The root's newest list of what it has taken back: it is signed when the root is at hand, and shown every day.
    Column("crl", LargeBinary),
    Column("created_at", UtcTime, nullable=False),
)

revocations = Table(
    "revocations",
    metadata,
    # Hexadecimal. Numbers are random, 159 bits, so they are one certificate's across all authorities.
    Column("serial", String(40), primary_key=True),
    # The name of the key that issued it, as in `signing_keys`.
    Column("authority", String(80), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("why", String(30), nullable=False),
)

report_revisions = Table(
    "report_revisions",
    metadata,
    Column("record", String(40), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    # certified: issued by the system, nobody has signed; signed: one more person has; sealed: final.
    Column("kind", String(10), nullable=False),
    Column("object", String(200), nullable=False),
    # Whoever holds the file may ask what it is: by its hash, so that the file stays where it is.
    Column("sha256", String(64), nullable=False, index=True),
    Column("size", Integer, nullable=False),
    # The frozen Report that this chain of revisions shows, and its hash: the same content is not issued twice.
    Column("report_object", String(200), nullable=False),
    Column("report_sha256", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

signatures = Table(
    "signatures",
    metadata,
    Column("record", String(40), primary_key=True),
    Column("field", String(40), primary_key=True),
    Column("ordinal", Integer, nullable=False),
    Column("role", String(20), nullable=False),
    Column("name", String(200), nullable=False),
    Column("party", String(80), nullable=False),
    Column("identified", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("at", UtcTime),
    Column("remark", Text, nullable=False),
    Column("revision", Integer),
    Column("certificate", LargeBinary),
    # Hexadecimal, for the responder.
    Column("certificate_serial", String(40), index=True),
)

signature_leases = Table(
    "signature_leases",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("record", String(40), nullable=False),
    Column("field", String(40), nullable=False),
    Column("party", String(80), nullable=False),
    Column("base", Integer, nullable=False),
    Column("open", Integer),
    Column("expires_at", UtcTime, nullable=False),
    Column("remark", Text, nullable=False),
    Column("object", String(200)),
    Column("prepared", LargeBinary),
    # Set when the signature is here and only its time stamp is missing: the lease then lasts until that can be had.
    Column("signature", LargeBinary),
    # Set when the signature stands: a repeated answer of the browser gets the same result.
    Column("result_sha256", String(64)),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("record", "open"),
    Index(None, "record"),
)

RevisionKind = Literal["certified", "signed", "sealed"]
SignatureState = Literal["waiting", "signed", "refused"]


class Revision(msgspec.Struct, frozen=True):
    record: str
    number: int
    kind: RevisionKind
    object: str
    sha256: str
    size: int
    report_object: str
    report_sha256: str
    created_at: datetime


class SignatureRow(msgspec.Struct, frozen=True):
    record: str
    field: str
    ordinal: int
    role: Role
    name: str
    party: str
    identified: str
    state: SignatureState
    at: datetime | None
    remark: str
    revision: int | None
    certificate: bytes | None
    certificate_serial: str | None


class Lease(msgspec.Struct, frozen=True):
    id: str
    record: str
    field: str
    party: str
    base: int
    open: int | None
    expires_at: datetime
    remark: str
    object: str | None
    prepared: bytes | None
    signature: bytes | None
    result_sha256: str | None
    created_at: datetime


async def current(conn: AsyncConnection, record: str) -> Revision | None:
    """The newest revision of the record's sheet."""
    table = report_revisions
    query = select(table).where(table.c.record == record).order_by(table.c.number.desc()).limit(1)
    row = (await conn.execute(query)).first()
    return Revision(**row._mapping) if row else None


async def sheet(conn: AsyncConnection, record: str) -> Revision:
    """The same where there must be one. Raises G07."""
    found = await current(conn, record)
    if found is None:
        raise Problem("G07")
    return found


async def revision(conn: AsyncConnection, record: str, number: int) -> Revision | None:
    table = report_revisions
    query = select(table).where(table.c.record == record, table.c.number == number)
    row = (await conn.execute(query)).first()
    return Revision(**row._mapping) if row else None


async def by_hash(conn: AsyncConnection, sha256: str) -> Revision | None:
    """The revision whose file has this SHA-256 in lower-case hexadecimal."""
    row = (await conn.execute(select(report_revisions).where(report_revisions.c.sha256 == sha256).limit(1))).first()
    return Revision(**row._mapping) if row else None


async def add_revision(conn: AsyncConnection, revision: Revision) -> None:
    """Raises IntegrityError where another process added this number first."""
    await conn.execute(report_revisions.insert().values(msgspec.structs.asdict(revision)))


async def signers(conn: AsyncConnection, record: str) -> list[SignatureRow]:
    """What each required signer did, in the order of the sheet."""
    query = select(signatures).where(signatures.c.record == record).order_by(signatures.c.ordinal)
    return [SignatureRow(**row._mapping) for row in await conn.execute(query)]


def own_row(rows: list[SignatureRow], party: str, role: str) -> SignatureRow:
    """The field that belongs to this person in this role. Raises G05."""
    for row in rows:
        if row.role == role and row.party == party:
            return row
    raise Problem("G05")


async def replace_signers(conn: AsyncConnection, record: str, rows: list[SignatureRow]) -> None:
    """Everybody waits again; leases on the older sheet end."""
    await conn.execute(delete(signatures).where(signatures.c.record == record))
    if rows:
        await conn.execute(signatures.insert(), [msgspec.structs.asdict(row) for row in rows])
    await close_leases(conn, record)


async def settle(conn: AsyncConnection, record: str, field: str, **values: Any) -> bool:
    """A waiting signer has signed or refused; whether they were still waiting."""
    waiting = (signatures.c.record == record) & (signatures.c.field == field) & (signatures.c.state == "waiting")
    return (await conn.execute(update(signatures).where(waiting).values(**values))).rowcount == 1


async def is_certificate(conn: AsyncConnection, serial: int) -> bool:
    """Whether a signature that stands was made with the certificate of this serial number."""
    query = select(signatures.c.field).where(signatures.c.certificate_serial == f"{serial:x}").limit(1)
    return (await conn.execute(query)).first() is not None


async def certificate(conn: AsyncConnection, serial: int) -> bytes | None:
    """The event certificate (DER) with this number: of a signature that stands, or of one that waits for its stamp."""
    query = select(signatures.c.certificate).where(signatures.c.certificate_serial == f"{serial:x}").limit(1)
    found = (await conn.execute(query)).scalar_one_or_none()
    if found is not None:
        return bytes(found)
    kept = (signature_leases.c.open == 1) & signature_leases.c.prepared.is_not(None)
    for row in await conn.execute(select(signature_leases.c.prepared).where(kept)):
        (issued, *_) = msgspec.msgpack.decode(row.prepared)["chain"]
        if load_der_x509_certificate(issued).serial_number == serial:
            return bytes(issued)
    return None


async def revoked(conn: AsyncConnection, authority: str | None = None) -> list[Revoked]:
    """What was taken back, the oldest first: what the key of this name had issued, or everything."""
    query = select(revocations).order_by(revocations.c.at, revocations.c.serial)
    if authority is not None:
        query = query.where(revocations.c.authority == authority)
    return [Revoked(int(row.serial, 16), row.at, row.why) for row in await conn.execute(query)]


async def lease(conn: AsyncConnection, lease_id: str) -> Lease | None:
    row = (await conn.execute(select(signature_leases).where(signature_leases.c.id == lease_id))).first()
    return Lease(**row._mapping) if row else None


async def open_lease(conn: AsyncConnection, record: str) -> Lease | None:
    found = (signature_leases.c.record == record) & (signature_leases.c.open == 1)
    row = (await conn.execute(select(signature_leases).where(found))).first()
    return Lease(**row._mapping) if row else None


async def add_lease(conn: AsyncConnection, row: Lease) -> None:
    """Raises IntegrityError where the record has an open lease already."""
    await conn.execute(signature_leases.insert().values(msgspec.structs.asdict(row)))


async def update_lease(conn: AsyncConnection, lease_id: str, **values: Any) -> bool:
    """Change an open lease; False where it has been closed since."""
    found = (signature_leases.c.id == lease_id) & (signature_leases.c.open == 1)
    return (await conn.execute(update(signature_leases).where(found).values(**values))).rowcount == 1


async def close_leases(conn: AsyncConnection, record: str) -> None:
    found = (signature_leases.c.record == record) & (signature_leases.c.open == 1)
    await conn.execute(update(signature_leases).where(found).values(open=None))
