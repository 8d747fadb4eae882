"""Who did or was refused what: one chain of rows for the whole office, each sealed with the hash of the one before.

Two processes append to the same chain without a gap: on SQLite a write transaction is alone anyway, on PostgreSQL an
advisory lock is held from the append to the commit. Append last in a transaction, so that others wait least.
Triggers refuse to change or remove a row, against mistakes of our own. A row that an owner of the database changed all
the same, took out or put in is found by `verify_chain`; a tail cut off is found by comparing with a head
that was written down elsewhere (`head`), as the nightly time stamp does.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    insert,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.db import UtcTime, keep_beside, metadata

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("action", String(120), nullable=False),
    Column("resource", String(200), nullable=False),
    Column("outcome", String(10), nullable=False),
    # The exact text that was hashed.
    Column("detail", Text, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Index(None, "resource", "seq"),
    Index(None, "actor", "seq"),
)

_PROTECT = {
    "sqlite": (
        "CREATE TRIGGER IF NOT EXISTS audit_log_no_update BEFORE UPDATE ON audit_log "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END",
        "CREATE TRIGGER IF NOT EXISTS audit_log_no_delete BEFORE DELETE ON audit_log "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is only appended to'; END $$",
        "CREATE OR REPLACE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse()",
    ),
}


def protect(connection: Connection) -> None:
    """Make the triggers that refuse to change or remove a row (ASVS 5 16.4.2)."""
    for statement in _PROTECT[connection.dialect.name]:
        connection.exec_driver_sql(statement)


keep_beside(audit_log, protect)


Outcome = Literal["allowed", "refused", "done"]
GENESIS = "0" * 64
# Any fixed number: the name of the lock that makes appenders of all processes queue. "audit" in ASCII.
_LOCK = 0x6175646974
_PAGE = 1000


class Entry(msgspec.Struct, frozen=True):
    """One row of the log; `detail` as the text that was hashed."""

    seq: int
    at: datetime
    actor: str
    action: str
    resource: str
    outcome: str
    detail: str
    prev_hash: str
    hash: str


@dataclass(frozen=True)
class Verdict:
    """Whether the chain holds. `reason`: ok, gap, broken_link, changed; `seq` is the first row at fault."""

    ok: bool
    rows: int
    reason: str
    seq: int | None = None


def entry_hash(
    seq: int, at: datetime, actor: str, action: str, resource: str, outcome: str, detail: str, prev_hash: str
) -> str:
    """SHA-256, hex, over the row as one JSON list: no value can slide into its neighbour."""
    when = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    line = msgspec.json.encode([seq, when, actor, action, resource, outcome, detail, prev_hash])
    return hashlib.sha256(line).hexdigest()


async def append(
    conn: AsyncConnection,
    *,
    at: datetime,
    actor: str,
    action: str,
    resource: str,
    outcome: Outcome,
    detail: dict[str, Any],
) -> Entry:
    """Add one row in the caller's transaction. `action` reads ``record.viewed``, `resource` ``record:rec_…``."""
    if conn.dialect.name == "postgresql":
        await conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    seq, prev_hash = await head(conn)
    seq += 1
    # Keys sorted: the same facts give the same text.
    body = msgspec.json.encode(detail, order="sorted").decode()
    sealed = entry_hash(seq, at, actor, action, resource, outcome, body, prev_hash)
    entry = Entry(seq, at, actor, action, resource, outcome, body, prev_hash, sealed)
    await conn.execute(insert(audit_log).values(**msgspec.structs.asdict(entry)))
    return entry


async def head(conn: AsyncConnection) -> tuple[int, str]:
    """(seq, hash) of the newest row; (0, zeros) of an empty log."""
    found = select(audit_log.c.seq, audit_log.c.hash).order_by(audit_log.c.seq.desc()).limit(1)
    row = (await conn.execute(found)).first()
    return (row.seq, row.hash) if row else (0, GENESIS)


async def entries(conn: AsyncConnection, *, resource: str | None = None, after: int = 0) -> AsyncIterator[Entry]:
    """Rows in order, of one resource or all, read in pages."""
    query = select(audit_log).order_by(audit_log.c.seq).limit(_PAGE)
    if resource is not None:
        query = query.where(audit_log.c.resource == resource)
    while True:
        rows = (await conn.execute(query.where(audit_log.c.seq > after))).all()
        for row in rows:
            yield Entry(**row._mapping)
        if len(rows) < _PAGE:
            return
        after = rows[-1].seq


async def verify_chain(conn: AsyncConnection) -> Verdict:
    """Walk the whole chain and say where it first breaks."""
    count, prev_hash = 0, GENESIS
    async for entry in entries(conn):
        if entry.seq != count + 1:
            return Verdict(False, count, "gap", count + 1)
        if entry.prev_hash != prev_hash:
            return Verdict(False, count, "broken_link", entry.seq)
        fields = msgspec.structs.asdict(entry)
        if entry_hash(**{name: value for name, value in fields.items() if name != "hash"}) != entry.hash:
            return Verdict(False, count, "changed", entry.seq)
        count, prev_hash = entry.seq, entry.hash
    return Verdict(True, count, "ok")
