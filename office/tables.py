"""Tables of what both services share.

Rows are read and written by `store`, `register`, `invitations` and `notices` only.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from foundation.db import Json, UtcTime, metadata

offices = Table(
    "offices",
    metadata,
    Column("code", String(20), primary_key=True),
    Column("parent", String(20), ForeignKey("offices.code")),
    Column("level", String(12), nullable=False),
    Column("name", String(120), nullable=False),
    Column("gloss", String(200), nullable=False),
    Column("short", String(60), nullable=False),
    Column("address", String(300), nullable=False),
    Column("lat", Float),
    Column("lon", Float),
    Column("phone", String(40), nullable=False),
    Column("hours", Json, nullable=False),
    Column("inspection_matters", Json, nullable=False),
    Column("help_matters", Json, nullable=False),
)

staff = Table(
    "staff",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account", String(60), nullable=False, unique=True),
    Column("name", String(80), nullable=False),
    Column("office", String(20), ForeignKey("offices.code"), nullable=False, index=True),
    Column("roles", Json, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

matters = Table(
    "matters",
    metadata,
    Column("slug", String(60), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("name", String(120), nullable=False),
    Column("gloss", String(200), nullable=False),
    # office.matter.encode_matter, as published; a version is never changed.
    Column("body", Text, nullable=False),
    Column("published_at", UtcTime, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("phone", String(20), nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("number", String(20), nullable=False),
    Column("office", String(20), ForeignKey("offices.code"), nullable=False),
    Column("matter", String(60), nullable=False),
    Column("person", String(40), ForeignKey("people.id"), nullable=False),
    Column("business_name", String(120), nullable=False),
    Column("address", String(300), nullable=False),
    Column("lat", Float),
    Column("lon", Float),
    Column("facts", Json, nullable=False),
    Column("documents_ok", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(40), nullable=False),
    UniqueConstraint("office", "number"),
)

records = Table(
    "records",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("case", String(40), ForeignKey("cases.id"), nullable=False, index=True),
    Column("office", String(20), nullable=False),
    Column("kind", String(20), nullable=False),
    # First inspection 1, re-inspections 2, 3 …
    Column("round", Integer, nullable=False),
    Column("matter_version", Integer, nullable=False),
    Column("scheduled_at", UtcTime, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    # Everything below follows from the record's events; `store.append` keeps it in the same transaction.
    Column("phase", String(12), nullable=False),
    Column("lead", String(40)),
    Column("assist", String(40)),
    Column("waiting_since", UtcTime),
    Column("device_ok", Boolean),
    Column("call", String(80)),
    Column("result", String(30)),
    Column("concluded_at", UtcTime),
    Column("signed", Integer, nullable=False),
    Column("to_sign", Integer, nullable=False),
    Column("coverage", Float),
    Column("sealed", Boolean, nullable=False),
    Column("standing", Text, nullable=False),
    UniqueConstraint("case", "round"),
    Index(None, "office", "scheduled_at"),
    Index(None, "office", "phase", "waiting_since"),
)

record_events = Table(
    "record_events",
    metadata,
    # No foreign key to records: the chain of a destroyed record stays as its tombstone.
    Column("record", String(40), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("tag", String(80), nullable=False),
    Column("media_time_ns", BigInteger),
    Column("media_error_ns", BigInteger),
    Column("body_hash", String(64), nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

event_bodies = Table(
    "event_bodies",
    metadata,
    Column("record", String(40), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("salt", String(32), nullable=False),
    # The exact text that was hashed; deleting the row erases what was said and leaves the chain whole.
    Column("body", Text, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("record", String(40), ForeignKey("records.id"), nullable=False, index=True),
    Column("role", String(20), nullable=False),
    Column("name", String(80), nullable=False),
    Column("phone", String(20), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    # The token under the record's key, so that the desk can show link and QR code again.
    Column("token_sealed", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(40), nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    Column("session_hash", String(64), unique=True),
    Column("device", String(120)),
    Column("joined_at", UtcTime),
)

codes = Table(
    "codes",
    metadata,
    # The invitation whose number the code goes to.
    Column("holder", String(40), primary_key=True),
    # What the code is for: to join, or to sign one sheet.
    Column("act", String(80), primary_key=True),
    # Nothing once it was used.
    Column("hash", String(64)),
    Column("salt", String(32), nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("sent", Integer, nullable=False),
    Column("since", UtcTime, nullable=False),
)

notices = Table(
    "notices",
    metadata,
    Column("id", String(40), primary_key=True),
    # The case, or the ticket of the hall.
    Column("about", String(40), nullable=False, index=True),
    # Whose key seals the secret; nothing where there is none.
    Column("record", String(40)),
    Column("kind", String(30), nullable=False),
    Column("phone", String(20), nullable=False),
    # {secret} stands for the link or the code, which lie sealed beside it under the record's key.
    Column("text_zh", Text, nullable=False),
    Column("text_en", Text, nullable=False),
    Column("secret_sealed", LargeBinary),
    Column("lang", String(2), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("state", String(10), nullable=False),
    Column("sent_at", UtcTime),
)

calls = Table(
    "calls",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("record", String(40), nullable=False, index=True),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
)

photos = Table(
    "photos",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("record", String(40), nullable=False, index=True),
    Column("object", String(200), nullable=False),
    Column("thumbnail", String(200)),
    Column("sha256", String(64), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("mime", String(20), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    # What it was asked for; empty for one that nobody asked for.
    Column("request", String(80), nullable=False),
    # A phone that lost the answer sends again: the same picture for the same request is the same photograph.
    UniqueConstraint("record", "sha256", "request"),
)

files = Table(
    "files",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("record", String(40), nullable=False, index=True),
    Column("object", String(200), nullable=False),
    # Of a picture, once somebody looked at it.
    Column("thumbnail", String(200)),
    Column("sha256", String(64), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("mime", String(80), nullable=False),
    Column("name", String(80), nullable=False),
    Column("sender", String(80), nullable=False),
    Column("at", UtcTime, nullable=False),
    UniqueConstraint("record", "sha256", "sender"),
)
"""What people of a help call sent each other."""
