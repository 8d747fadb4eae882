"""Commands of the system itself: jobs append to a record exactly as people do, through its kind's rules.

A job worker has no sockets; it opens the record's room for one command, and the wake-up that the commit sends makes
every node with a socket read what is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.access import Resource
from foundation.bus import Bus, BusUnavailable
from foundation.db import Database, say_after_commit
from foundation.errors import Problem
from office import store as office
from office.commands import Command
from office.session import SYSTEM, Party, Refused, SessionKind
from server.assembly import Parts
from signaling.room import Acted, OnEffect, Room, changed_subject

Kinds = Mapping[str, SessionKind[Any, Any]]
WAKE_UPS = "record."


def announce(db: Database, bus: Bus) -> None:
    """Publish the wake-ups of records whenever a transaction of this process has committed."""

    async def publish(subjects: frozenset[str]) -> None:
        for subject in subjects:
            if subject.startswith(WAKE_UPS):
                try:
                    await bus.publish(subject, b"")
                except BusUnavailable:
                    pass  # nodes read again by themselves within seconds

    db.committed.append(publish)


async def open_room(parts: Parts, kinds: Kinds, record: str, on_effect: OnEffect) -> Room:
    """The record as it stands. Raises Problem S404."""
    async with parts.db.read() as conn:
        row = await office.get_record(conn, record)
        if row is None or row.kind not in kinds:
            raise Problem("S404")
        facts = await kinds[row.kind].load(conn, record)
    resource = Resource(row.resource, record, office=row.office, record=record)
    room = Room(record, kinds[row.kind], facts, resource, parts.db, parts.clock, on_effect)
    await room.refresh()
    return room


async def act(
    parts: Parts, kinds: Kinds, record: str, command: Command, on_effect: OnEffect, party: Party = SYSTEM
) -> Acted:
    """Carry out one command. A refusal that repeats what is already true is the caller's to judge."""
    return await (await open_room(parts, kinds, record, on_effect)).act(command, party)


async def act_within(
    conn: AsyncConnection,
    kinds: Kinds,
    record: str,
    command: Command,
    party: Party,
    on_effect: OnEffect,
    now: datetime,
) -> None:
    """Carry out one command inside the caller's transaction, so that event and cause stand or fall together.

    Raises Problem with the refusal's code. The record's row is locked first: whoever appends meanwhile waits.
    """
    row = await office.lock_record(conn, record)
    if row is None or row.kind not in kinds:
        raise Problem("S404")
    kind = kinds[row.kind]
    state = kind.initial(await kind.load(conn, record))
    seq = 0
    for event in await office.events(conn, record):
        state, seq = kind.evolve(state, event), event.seq
    outcome = kind.apply(state, command, party, now)
    if isinstance(outcome, Refused):
        raise Problem(outcome.code, **outcome.params)
    await office.append(conn, record, seq, outcome.events, at=now)
    for effect in outcome.effects:
        await on_effect(conn, record, effect)
    say_after_commit(conn, changed_subject(record))
