"""Work that must happen: rows in the caller's transaction, leased to a runner, tried again, given up in the open.

    queued ──lease──► leased ──handler returns──► done
      ▲                 │ └─handler raises, attempts left─► queued (later)
      └─lease ends, NotYet─┘ └─no attempts left, or GiveUp─► dead

A job runs at least once: its handler must be able to run again after a crash half-way. A lease is renewed while the
handler runs; a runner that lost its lease (a host that slept) is told by cancelling the handler, and its result is not
taken. The bus only wakes runners up; without it they look every second. Rows here; who runs them: job_runner.py.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Column, Index, Integer, String, Table, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.bus import Bus, BusUnavailable
from foundation.db import Database, Json, UtcTime, insert_all, metadata, say_after_commit
from foundation.ids import new_id

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(80), nullable=False),
    Column("payload", Json, nullable=False),
    Column("state", String(10), nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_until", UtcTime),
    # The runner's id: a result is taken only from whoever holds the lease.
    Column("lease_by", String(40)),
    Column("progress", Integer, nullable=False),
    Column("result", Json),
    # Stable code of the last failure.
    Column("error", String(40)),
    Column("owner", String(80), nullable=False),
    Column("key", String(200)),
    Column("created_at", UtcTime, nullable=False),
    Column("done_at", UtcTime),
    # Runners look at what is not over; most jobs have no key.
    Index(None, "state", "due_at", sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
    Index(None, "key", unique=True, sqlite_where=text("key IS NOT NULL"), postgresql_where=text("key IS NOT NULL")),
    # Kept where its id is: one page to be written for a new one, not two.
    sqlite_with_rowid=False,
)

WAKE = "jobs.wake"
"""Subject of what is said after a commit: `jobs.wake.` and the kind of the job that is due."""

State = Literal["queued", "leased", "done", "dead"]


class Job(msgspec.Struct, frozen=True):
    """One row. `progress` is 0..100; `attempts` counts leases; `error` is the stable code of the last failure."""

    id: str
    kind: str
    payload: dict[str, Any]
    state: State
    due_at: datetime
    attempts: int
    progress: int
    result: dict[str, Any] | None
    error: str | None
    owner: str
    created_at: datetime
    done_at: datetime | None


class GiveUp(Exception):
    """Raised by a handler for what no repetition will mend: the job is dead at once, with this stable code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NotYet(Exception):
    """Raised by a handler that waits for something outside: again after a pause, as often as it takes."""

    def __init__(self, code: str, pause_s: float) -> None:
        super().__init__(code)
        self.code, self.pause_s = code, pause_s


class Done(msgspec.Struct, frozen=True):
    """A handler's result, and what it leaves to be written by the end of the job: one commit for both."""

    result: dict[str, Any]
    write: Callable[[AsyncConnection], Awaitable[Any]]


Progress = Callable[[int], Awaitable[None]]
Handler = Callable[[Job, Progress], Awaitable[dict[str, Any] | Done]]
PlainHandler = Callable[[Job, Progress], Awaitable[dict[str, Any]]]
"""One that leaves nothing: what it writes stands before the job has ended."""
FIELDS = [jobs.c[name] for name in Job.__struct_fields__]
"""Columns of a `Job`, in its order."""


async def enqueue(
    conn: AsyncConnection,
    kind: str,
    payload: dict[str, Any],
    *,
    now: datetime,
    due_at: datetime | None = None,
    key: str | None = None,
    owner: str = "",
) -> str:
    """Add a job in the caller's transaction; it exists if and only if that commits. Gives its id.

    With a `key` that was used before, nothing is added and the old job's id is given. `owner` is the id of the actor
    who may watch it.
    """
    if key is not None:
        old = (await conn.execute(select(jobs.c.id).where(jobs.c.key == key))).scalar()
        if old is not None:
            return str(old)
    job_id = new_id("job")
    values = {
        "id": job_id,
        "kind": kind,
        "payload": payload,
        "state": "queued",
        "due_at": due_at or now,
        "attempts": 0,
        "progress": 0,
        "owner": owner,
        "key": key,
        "created_at": now,
    }
    if key is None:
        await conn.execute(insert(jobs).values(values))
    else:
        job_id = await _insert_once(conn, values)
    _say_due(conn, kind)
    return job_id


async def enqueue_all(conn: AsyncConnection, kind: str, payloads: Sequence[dict[str, Any]], *, now: datetime) -> None:
    """A job for each payload, due now, with one statement for all of them."""
    rows = [
        {
            "id": new_id("job"),
            "kind": kind,
            "payload": payload,
            "state": "queued",
            "due_at": now,
            "attempts": 0,
            "progress": 0,
            "owner": "",
            "created_at": now,
        }
        for payload in payloads
    ]
    await insert_all(conn, jobs, rows)
    if rows:
        _say_due(conn, kind)


def _say_due(conn: AsyncConnection, kind: str) -> None:
    say_after_commit(conn, f"{WAKE}.{kind}")


async def _insert_once(conn: AsyncConnection, values: dict[str, Any]) -> str:
    # Two transactions may use the same new key at once; the second waits here for the first and takes its job.
    if conn.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_once
    else:
        from sqlalchemy.dialects.sqlite import insert as insert_once  # type: ignore[assignment]
    await conn.execute(
        insert_once(jobs)
        .values(values)
        .on_conflict_do_nothing(index_elements=["key"], index_where=text("key IS NOT NULL"))
    )
    return str((await conn.execute(select(jobs.c.id).where(jobs.c.key == values["key"]))).scalar_one())


async def get_job(conn: AsyncConnection, job_id: str) -> Job | None:
    """The job as it stands."""
    row = (await conn.execute(select(*FIELDS).where(jobs.c.id == job_id))).first()
    return Job(**row._mapping) if row else None


async def retry(conn: AsyncConnection, job_id: str, *, now: datetime) -> bool:
    """Give a dead job a new life with all its attempts; whether it was dead."""
    revived = (
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state == "dead")
        .values(state="queued", due_at=now, attempts=0, progress=0, error=None, done_at=None)
    )
    kind = (await conn.execute(revived.returning(jobs.c.kind))).scalar()
    if kind is not None:
        _say_due(conn, kind)
    return kind is not None


def announce(database: Database, bus: Bus) -> None:
    """Publish a wake-up whenever a transaction of this database that enqueued something has committed."""

    async def publish(subjects: frozenset[str]) -> None:
        for subject in subjects:
            if subject.startswith(WAKE):
                try:
                    await bus.publish(subject, b"")
                except BusUnavailable:
                    pass  # the runners look by themselves

    database.committed.append(publish)
