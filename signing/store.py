"""Tables of signing: server keys, revisions of a sheet, leases on a revision, and what each signer did."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, String, Table

from foundation.db import UtcTime, metadata

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("certificate", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
