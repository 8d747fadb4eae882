"""Records and their events in the database. `append` is the only way an event comes into being."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, Select, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from office.events import NewEvent, StoredEvent, decode_body, seal
from office.register import (
    Case,
    Office,
    Person,
    Staff,
    add_matter,
    add_office,
    add_staff,
    get_case,
    get_matter,
    get_office,
    get_person,
    get_staff,
    insert_case,
    insert_person,
    list_offices,
    list_staff,
    newest_matter,
    newest_matters,
    next_number,
    staff_by_account,
    staff_names,
)
from office.standing import advance, columns, decode_standing, first_standing
from office.tables import calls, cases, event_bodies, people, record_events, records

_CLAIMABLE = ("invited", "waiting")


class Conflict(Exception):
    """Somebody else appended first: read the events after `expected_seq`, fold them in and apply again."""

    def __init__(self, record: str, expected_seq: int) -> None:
        super().__init__(f"{record} is past event {expected_seq}")
        self.record = record
        self.expected_seq = expected_seq


class Record(Struct, frozen=True, kw_only=True):
    """One row of `records`: the columns that follow from its events, and what it was opened with."""

    id: str
    case: str
    office: str
    kind: str
    round: int
    matter_version: int
    scheduled_at: datetime
    created_at: datetime
    phase: str
    lead: str | None
    assist: str | None
    waiting_since: datetime | None
    device_ok: bool | None
    call: str | None
    result: str | None
    concluded_at: datetime | None
    signed: int
    to_sign: int
    coverage: float | None
    sealed: bool

    @property
    def resource(self) -> str:
        """Its kind as access decides on it (foundation.access.Resource)."""
        return "record" if self.kind == "inspection" else self.kind


class Claim(Struct, frozen=True):
    """Who leads the record after a claim; `won` if that is the claimant."""

    won: bool
    record: str
    lead: str | None


_RECORD = [records.c[name] for name in Record.__struct_fields__]
_CASE = [cases.c[name] for name in Case.__struct_fields__]
_PERSON = [people.c[name] for name in Person.__struct_fields__]
_EVENT = list(record_events.c)


def _record(row: Row[Any]) -> Record:
    return Record(**row._mapping)


# --- the chain -------------------------------------------------------------------------------------------------------


async def append(
    conn: AsyncConnection, record: str, expected_seq: int, events: Sequence[NewEvent], *, at: datetime
) -> list[StoredEvent]:
    """Seal `events` after event `expected_seq` and bring the record's row up to date, in the caller's transaction.

    Raises Conflict if the record is not at `expected_seq`; the transaction can then only be rolled back. A chain
    without a row in `records` (its record was destroyed, or is of another kind) is just a chain.
    """
    # The row is locked first, so that on PostgreSQL writers of one record wait here instead of failing at the index.
    row = (await conn.execute(select(records.c.standing).where(records.c.id == record).with_for_update())).first()
    prev = await _last(conn, record)
    if (prev.seq if prev else 0) != expected_seq:
        raise Conflict(record, expected_seq)
    stored: list[StoredEvent] = []
    for new in events:
        prev = seal(record, prev, new, at, secrets.token_hex(16))
        stored.append(prev)
    if not stored:
        return []
    try:
        await conn.execute(insert(record_events), [_event_row(event) for event in stored])
    except IntegrityError as error:
        raise Conflict(record, expected_seq) from error
    await conn.execute(
        insert(event_bodies),
        [{"record": record, "seq": each.seq, "salt": each.salt, "body": each.body_text} for each in stored],
    )
    if row is not None:
        state = decode_standing(row.standing)
        for event in stored:
            state = advance(state, event)
        await conn.execute(update(records).where(records.c.id == record).values(columns(state)))
    await _note_calls(conn, stored)
    return stored


def _event_row(event: StoredEvent) -> dict[str, Any]:
    return {column.name: getattr(event, column.name) for column in _EVENT}


async def _note_calls(conn: AsyncConnection, stored: Sequence[StoredEvent]) -> None:
    for event in stored:
        if event.tag == "officer:call:started":
            values = {"id": event.body["call"], "record": event.record, "started_at": event.at}
            await conn.execute(insert(calls).values(values))
        elif event.tag == "officer:call:ended":
            ended = update(calls).where(calls.c.id == event.body["call"])
            await conn.execute(ended.values(ended_at=event.at))


def _joined() -> Select[Any]:
    both = (record_events.c.record == event_bodies.c.record) & (record_events.c.seq == event_bodies.c.seq)
    return select(*_EVENT, event_bodies.c.salt, event_bodies.c.body).select_from(
        record_events.outerjoin(event_bodies, both)
    )


def _stored(row: Row[Any]) -> StoredEvent:
    values = dict(row._mapping)
    text = values.pop("body")
    return StoredEvent(**values, body_text=text, body=decode_body(text))


async def _last(conn: AsyncConnection, record: str) -> StoredEvent | None:
    found = _joined().where(record_events.c.record == record).order_by(record_events.c.seq.desc()).limit(1)
    row = (await conn.execute(found)).first()
    return _stored(row) if row else None


async def events(conn: AsyncConnection, record: str, after: int = 0) -> list[StoredEvent]:
    """The record's events with `seq` above `after`, in order; erased ones with an empty body."""
    found = _joined().where(record_events.c.record == record, record_events.c.seq > after)
    return [_stored(row) for row in await conn.execute(found.order_by(record_events.c.seq))]


async def erase_bodies(conn: AsyncConnection, record: str, upto: int | None = None) -> int:
    """Erase what the events said (retention); hashes stay and the chain still verifies. Gives the number erased."""
    which = event_bodies.c.record == record
    if upto is not None:
        which = which & (event_bodies.c.seq <= upto)
    return (await conn.execute(delete(event_bodies).where(which))).rowcount


# --- records ---------------------------------------------------------------------------------------------------------


async def insert_record(
    conn: AsyncConnection,
    record: str,
    case: Case,
    *,
    matter_version: int,
    scheduled_at: datetime,
    at: datetime,
    kind: str = "inspection",
    round: int = 1,
) -> Record:
    """Open a record of a case, at event 0."""
    values = {
        "id": record,
        "case": case.id,
        "office": case.office,
        "kind": kind,
        "round": round,
        "matter_version": matter_version,
        "scheduled_at": scheduled_at,
        "created_at": at,
        "phase": "invited",
        "signed": 0,
        "to_sign": 0,
        "sealed": False,
        "standing": first_standing(record),
    }
    await conn.execute(insert(records).values(values))
    found = await get_record(conn, record)
    if found is None:
        raise LookupError(record)
    return found


async def get_record(conn: AsyncConnection, record: str) -> Record | None:
    row = (await conn.execute(select(*_RECORD).where(records.c.id == record))).first()
    return _record(row) if row else None


async def lock_record(conn: AsyncConnection, record: str) -> Record | None:
    """The row, held until the transaction ends: whoever appends meanwhile waits (SQLite has one writer anyway)."""
    row = (await conn.execute(select(*_RECORD).where(records.c.id == record).with_for_update())).first()
    return _record(row) if row else None


async def records_of(conn: AsyncConnection, case: str) -> list[Record]:
    """The rounds of a case, first inspection first."""
    found = select(*_RECORD).where(records.c.case == case).order_by(records.c.round)
    return [_record(row) for row in await conn.execute(found)]


async def list_records(
    conn: AsyncConnection, offices: Sequence[str], start: datetime, end: datetime, named: str = ""
) -> list[tuple[Record, Case, Person]]:
    """Inspections of these offices, or with this officer, scheduled in [start, end), by time; cases, applicants."""
    joined = records.join(cases, records.c.case == cases.c.id).join(people, cases.c.person == people.c.id)
    found = (
        select(*_RECORD, *_CASE, *_PERSON)
        .select_from(joined)
        .where(
            records.c.office.in_(offices) | (records.c.lead == named) | (records.c.assist == named),
            records.c.kind == "inspection",
            records.c.scheduled_at >= start,
            records.c.scheduled_at < end,
        )
        .order_by(records.c.scheduled_at, records.c.id)
    )
    first, second = len(_RECORD), len(_RECORD) + len(_CASE)
    return [
        (
            Record(**dict(zip(Record.__struct_fields__, row[:first], strict=True))),
            Case(**dict(zip(Case.__struct_fields__, row[first:second], strict=True))),
            Person(**dict(zip(Person.__struct_fields__, row[second:], strict=True))),
        )
        for row in await conn.execute(found)
    ]


async def waiting(conn: AsyncConnection, office: str) -> list[Record]:
    """Who waits for an inspection at this office, longest first."""
    found = (
        select(*_RECORD)
        .where(records.c.office == office, records.c.kind == "inspection", records.c.phase == "waiting")
        .order_by(records.c.waiting_since, records.c.id)
    )
    return [_record(row) for row in await conn.execute(found)]


async def busy_staff(conn: AsyncConnection, office: str | None = None) -> frozenset[str]:
    """Staff who lead or assist a call now, of this office or of any."""
    found = select(records.c.lead, records.c.assist).where(records.c.call.is_not(None))
    if office is not None:
        found = found.where(records.c.office == office)
    return frozenset(each for row in await conn.execute(found) for each in row if each is not None)


# --- claims: exactly one lead ----------------------------------------------------------------------------------------


async def claim_record(conn: AsyncConnection, record: str, staff: str, at: datetime) -> Claim:
    """Take the lead of a record that nobody leads. Of any number of simultaneous claims exactly one wins.

    One conditional statement decides; whoever comes second finds the row taken and is told by whom. The winner's
    transaction has to append the event (`OfficerAssign`) as well. Claiming what one already leads is won again.
    """
    await conn.execute(
        update(records)
        .where(records.c.id == record, records.c.lead.is_(None), records.c.phase.in_(_CLAIMABLE))
        .values(lead=staff)
    )
    lead = (await conn.execute(select(records.c.lead).where(records.c.id == record))).scalar()
    return Claim(lead == staff, record, lead)


async def claim_next(conn: AsyncConnection, office: str, staff: str, at: datetime) -> Claim | None:
    """Take the next waiting applicant of an office: those booked with this officer first, then who waits longest."""
    mine: ColumnElement[bool] = records.c.lead == staff
    next_one = (
        select(records.c.id)
        .where(
            records.c.office == office,
            records.c.kind == "inspection",
            records.c.phase == "waiting",
            or_(records.c.lead.is_(None), mine),
        )
        .order_by(records.c.lead.is_(None), records.c.waiting_since, records.c.id)
        .limit(1)
        # Simultaneous claimants each take another row instead of queueing for the same.
        .with_for_update(skip_locked=True)
    )
    while (record := (await conn.execute(next_one)).scalar()) is not None:
        claim = await claim_record(conn, record, staff, at)
        if claim.won:
            return claim
    return None


__all__ = [
    "AsyncConnection",
    "Case",
    "Claim",
    "Conflict",
    "Office",
    "Person",
    "Record",
    "Staff",
    "add_matter",
    "add_office",
    "add_staff",
    "append",
    "busy_staff",
    "claim_next",
    "claim_record",
    "erase_bodies",
    "events",
    "get_case",
    "get_matter",
    "get_office",
    "get_person",
    "get_record",
    "get_staff",
    "insert_case",
    "insert_person",
    "insert_record",
    "list_offices",
    "list_records",
    "list_staff",
    "lock_record",
    "newest_matter",
    "newest_matters",
    "next_number",
    "records_of",
    "staff_by_account",
    "staff_names",
    "waiting",
]
