"""The chain of events of one record: sealed one after another, verifiable by anybody, erasable body by body.

Theory of operation. A record (案卷记录) is an append-only list. Each entry is hashed over one canonical line of text
that names the entry before it, so nothing can be changed, left out or moved without the next hash telling. What the
entry says (its body) is hashed apart, with a random salt, and only that hash is in the line: when the retention period
ends, body and salt are erased and the chain still verifies, while nobody can guess a short body (a name, a number)
back from its hash.

    body_hash = SHA-256(salt ‖ body_text)      salt: 16 random bytes, kept as 32 hex digits; body_text: the exact UTF-8
    line      = record|seq|at|actor|tag|media_time_ns|media_error_ns|body_hash|prev_hash
    hash      = SHA-256(line)                  prev_hash of the first entry: 64 zeros

`at` is UTC with microseconds, `2026-11-24T06:30:05.000123Z`; absent media times are empty. Pure: time and salt are
arguments.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

GENESIS = "0" * 64
"""prev_hash of the first event of a record."""

BODY_LIMIT_BYTES = 64 * 1024
"""An event is a statement, not a container: photographs, sheets and recordings are objects that events name by hash."""


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be appended: `tag` is `source:subject:action`, `actor` an id, `body` plain JSON data."""

    tag: str
    actor: str
    body: dict[str, Any]
    media_time_ns: int | None = None
    media_error_ns: int | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as the folds read it. `body` is empty once retention has erased it.

    `seq` counts from 1 without gaps.
    """

    record: str
    seq: int
    at: datetime
    actor: str
    tag: str
    body: dict[str, Any]
    media_time_ns: int | None = None
    media_error_ns: int | None = None


class StoredEvent(Event, frozen=True, kw_only=True):
    """One entry with everything that proves it.

    `salt` and `body_text` are None after erasure; hashes are lower-case hex.
    """

    salt: str | None
    body_text: str | None
    body_hash: str
    prev_hash: str
    hash: str


class ChainVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify` found. `reason` is one of: `none`, `sequence`, `record`, `link`, `hash`, `body`."""

    ok: bool
    length: int
    erased: int
    head: str
    broken_seq: int | None = None
    reason: str = "none"


def encode_body(body: dict[str, Any]) -> str:
    """The body as the text that is hashed and stored: JSON with sorted keys, no spaces, UTF-8 unescaped."""
    text = msgspec.json.encode(body, order="deterministic").decode("utf-8")
    if len(text.encode("utf-8")) > BODY_LIMIT_BYTES:
        raise ValueError(f"event body above {BODY_LIMIT_BYTES} bytes")
    return text


def decode_body(text: str | None) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any]) if text is not None else {}


def hash_body(salt: str, body_text: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + body_text.encode("utf-8")).hexdigest()


def format_time(at: datetime) -> str:
    """UTC with exactly six decimals: the one spelling that both engines give back unchanged."""
    if at.tzinfo is None:
        raise ValueError("event time must be aware")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def canonical_line(event: StoredEvent) -> str:
    media_time = "" if event.media_time_ns is None else str(event.media_time_ns)
    media_error = "" if event.media_error_ns is None else str(event.media_error_ns)
    fields = (event.record, str(event.seq), format_time(event.at), event.actor, event.tag)
    return "|".join((*fields, media_time, media_error, event.body_hash, event.prev_hash))


def hash_line(line: str) -> str:
    return hashlib.sha256(line.encode("utf-8")).hexdigest()


def seal(record: str, prev: StoredEvent | None, new: NewEvent, at: datetime, salt: str) -> StoredEvent:
    """Make `new` the entry after `prev`. `salt`: 32 hex digits from a secure source.

    ValueError where a field would blur the line.
    """
    for name, value in (("record", record), ("actor", new.actor), ("tag", new.tag)):
        # The separator must not occur inside a field, or two different entries could share one line.
        if not value or "|" in value or "\n" in value:
            raise ValueError(f"event {name} {value!r} is empty or holds a separator")
    if at.tzinfo is None:
        raise ValueError("event time must be aware")
    if len(salt) != 32:
        raise ValueError("salt must be 16 bytes as hex")
    body_text = encode_body(new.body)
    draft = StoredEvent(
        record=record,
        seq=1 if prev is None else prev.seq + 1,
        at=at.astimezone(UTC),
        actor=new.actor,
        tag=new.tag,
        # Read back from the text, so that what a fold sees now is what it will see after a reload.
        body=decode_body(body_text),
        media_time_ns=new.media_time_ns,
        media_error_ns=new.media_error_ns,
        salt=salt,
        body_text=body_text,
        body_hash=hash_body(salt, body_text),
        prev_hash=GENESIS if prev is None else prev.hash,
        hash="",
    )
    return msgspec.structs.replace(draft, hash=hash_line(canonical_line(draft)))


def _fault(event: StoredEvent, record: str, seq: int, prev_hash: str) -> str:
    if event.record != record:
        return "record"
    if event.seq != seq:
        return "sequence"
    if event.prev_hash != prev_hash:
        return "link"
    if hash_line(canonical_line(event)) != event.hash:
        return "hash"
    if event.body_text is not None and (
        event.salt is None or hash_body(event.salt, event.body_text) != event.body_hash
    ):
        return "body"
    return "none"


def verify(events: Iterable[StoredEvent]) -> ChainVerdict:
    """Check a whole chain from its first entry; the verdict names the first entry that does not fit and why.

    A cut-off tail cannot be seen from inside: compare `head` and `length` with the time-stamped head of the record.
    """
    head, seq, erased, record = GENESIS, 0, 0, None
    for event in events:
        record = record or event.record
        fault = _fault(event, record, seq + 1, head)
        if fault != "none":
            return ChainVerdict(ok=False, length=seq, erased=erased, head=head, broken_seq=seq + 1, reason=fault)
        head, seq = event.hash, event.seq
        erased += event.body_text is None
    return ChainVerdict(ok=True, length=seq, erased=erased, head=head)
