"""Work that must happen: rows in the caller's transaction, leased to a runner, tried again, given up in the open.

    queued ──lease──► leased ──handler returns──► done
      ▲                 │ └─handler raises, attempts left─► queued (later)
      └─lease ends, NotYet─┘ └─no attempts left, or GiveUp─► dead

A job runs at least once: its handler must be able to run again after a crash half-way. A lease is renewed while the
handler runs; a runner that lost its lease (a host that slept) is told by cancelling the handler, and its result is not
taken. The bus only wakes runners up; without it they look every second.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import Column, Index, Integer, String, Table, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import log
from foundation.bus import Bus, BusUnavailable, Msg
from foundation.clock import Clock
from foundation.db import Database, Json, UtcTime, each, metadata, say_after_commit
from foundation.errors import Problem
from foundation.ids import new_id
from foundation.metrics import Metrics

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
    Column("key", String(200), unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("done_at", UtcTime),
    Index(None, "state", "due_at"),
)

WAKE = "jobs.wake"
"""Subject of what is said after a commit: `jobs.wake.` and the kind of the job that is due."""

State = Literal["queued", "leased", "done", "dead"]

# A crashed runner's job waits this long for another; renewing takes a third of it, so two renewals may fail.
LEASE = timedelta(seconds=60)
# With the back-off below eight attempts span about an hour: longer than a database or time stamp service restarts.
MOST_ATTEMPTS = 8
_BACKOFF_FIRST_S = 5.0
_BACKOFF_MOST_S = 1800.0
_POLL_S = 1.0
_logger = log.get("jobs")


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


Progress = Callable[[int], Awaitable[None]]
Handler = Callable[[Job, Progress], Awaitable[dict[str, Any]]]
_FIELDS = [jobs.c[name] for name in Job.__struct_fields__]


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
    if rows:
        await conn.execute(insert(jobs), each(rows))
        _say_due(conn, kind)


def _say_due(conn: AsyncConnection, kind: str) -> None:
    say_after_commit(conn, f"{WAKE}.{kind}")


async def _insert_once(conn: AsyncConnection, values: dict[str, Any]) -> str:
    # Two transactions may use the same new key at once; the second waits here for the first and takes its job.
    if conn.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_once
    else:
        from sqlalchemy.dialects.sqlite import insert as insert_once  # type: ignore[assignment]
    await conn.execute(insert_once(jobs).values(values).on_conflict_do_nothing(index_elements=["key"]))
    return str((await conn.execute(select(jobs.c.id).where(jobs.c.key == values["key"]))).scalar_one())


async def get_job(conn: AsyncConnection, job_id: str) -> Job | None:
    """The job as it stands."""
    row = (await conn.execute(select(*_FIELDS).where(jobs.c.id == job_id))).first()
    return Job(**row._mapping) if row else None


async def retry(conn: AsyncConnection, job_id: str, *, now: datetime) -> bool:
    """Give a dead job a new life with all its attempts; whether it was dead."""
    revived = (
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state == "dead")
        .values(state="queued", due_at=now, attempts=0, progress=0, error=None)
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


def backoff_s(attempts: int) -> float:
    """Seconds until the next attempt after this many: 5, 10, 20 … half an hour."""
    return min(_BACKOFF_FIRST_S * 2.0 ** (attempts - 1), _BACKOFF_MOST_S)


class JobRunner:
    """Leases due jobs of the kinds it has handlers for, and runs up to `at_once` of them."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        handlers: Mapping[str, Handler],
        bus: Bus | None = None,
        *,
        metrics: Metrics | None = None,
        at_once: int = 4,
    ) -> None:
        self.id = new_id("run")
        self._db = db
        self._clock = clock
        self._handlers = dict(handlers)
        self._bus = bus
        self._at_once = at_once
        self._wake = asyncio.Event()
        self._more = False  # all that was asked for was there: others may wait for one to end
        metrics = metrics or Metrics()
        self._ended = metrics.counter("jobs_ended", "Attempts at jobs ended.", ("kind", "outcome"))
        self._running = metrics.gauge("jobs_running", "Jobs running now.")

    async def run(self) -> None:
        """Work until cancelled. Jobs cut short then are due again at once, for whoever comes next."""
        subscription = await self._bus.subscribe(f"{WAKE}.>", self._on_wake) if self._bus else None
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._wake.clear()
                room = self._at_once - len(running)
                leased = await self._lease_or_wait(room)
                for job in leased:
                    task = asyncio.create_task(self._run(job))
                    running.add(task)
                    task.add_done_callback(running.discard)
                    task.add_done_callback(self._on_end)
                self._more = len(leased) == room
                try:
                    async with asyncio.timeout(_POLL_S):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            if subscription:
                await subscription.close()
            await self._release()

    async def run_once(self) -> int:
        """Lease what is due now, run it to its end, and say how many jobs that was."""
        leased = await self._lease(self._at_once)
        await asyncio.gather(*(self._run(job) for job in leased))
        return len(leased)

    async def run_until_idle(self, most: int = 1000) -> int:
        """`run_once` until nothing is due; for tests and one-shot commands."""
        total = 0
        while total < most and (count := await self.run_once()):
            total += count
        return total

    def _on_end(self, _task: asyncio.Task[None]) -> None:
        if self._more:
            self._wake.set()

    async def _on_wake(self, message: Msg) -> None:
        if message.subject.removeprefix(f"{WAKE}.") in self._handlers:
            self._wake.set()

    async def _lease_or_wait(self, most: int) -> list[Job]:
        try:
            return await self._lease(most)
        except Exception:
            # The database is away; it will be asked again at the next look.
            _logger.exception("due jobs could not be read")
            return []

    async def _release(self) -> None:
        # Cut short by us, so the attempt does not count against the job.
        mine = and_(jobs.c.state == "leased", jobs.c.lease_by == self.id)
        freed = {"state": "queued", "lease_by": None, "lease_until": None, "attempts": jobs.c.attempts - 1}
        try:
            await self._db.carry_out(lambda conn: conn.execute(update(jobs).where(mine).values(freed)))
        except Exception:
            _logger.exception("leases could not be given back; they end by themselves")

    async def _lease(self, most: int) -> list[Job]:
        if most <= 0:
            return []
        now = self._clock.now()
        due = and_(
            jobs.c.kind.in_(self._handlers),
            or_(
                and_(jobs.c.state == "queued", jobs.c.due_at <= now),
                and_(jobs.c.state == "leased", jobs.c.lease_until <= now),
            ),
        )

        async def look(conn: AsyncConnection) -> bool:
            return (await conn.execute(select(jobs.c.id).where(due).limit(1))).first() is not None

        async def lease(conn: AsyncConnection) -> list[Job]:
            # SKIP LOCKED lets PostgreSQL's runners pass each other; SQLite's writers are alone and leave it out. In two
            # statements: as a subquery of the update, PostgreSQL may run the choice again and lock more than `most`.
            chosen = select(jobs.c.id).where(due).order_by(jobs.c.due_at, jobs.c.id).limit(most)
            ids = (await conn.execute(chosen.with_for_update(skip_locked=True))).scalars().all()
            leased = {"state": "leased", "lease_until": now + LEASE, "lease_by": self.id, "progress": 0}
            taken = update(jobs).where(jobs.c.id.in_(ids)).values(attempts=jobs.c.attempts + 1, **leased)
            rows = (await conn.execute(taken.returning(*_FIELDS))).all()
            return sorted((Job(**row._mapping) for row in rows), key=lambda job: (job.due_at, job.id))

        # An empty look must not take SQLite's writer lock every second.
        return await self._db.carry_out(lease) if await self._db.ask(look) else []

    async def _run(self, job: Job) -> None:
        with log.bind(job=job.id, kind=job.kind), self._running.track_inprogress():
            try:
                outcome = await self._attempt(job)
            except Exception:
                # The database went away with the outcome: the lease ends, and the job runs again.
                _logger.exception("a job's outcome could not be written")
                outcome = "lost"
            self._ended.labels(job.kind, outcome).inc()

    async def _attempt(self, job: Job) -> str:
        if job.attempts > MOST_ATTEMPTS:
            # Its runner died each time: a handler that kills its process must not do so for ever.
            return await self._end(job, {"state": "dead", "error": "J01"}, "dead")
        work = asyncio.ensure_future(self._handlers[job.kind](job, self._progress(job)))
        renewal = asyncio.create_task(self._renew(job, work))
        try:
            result = await work
        except asyncio.CancelledError:
            if not work.cancelled() or asyncio.current_task().cancelling():  # type: ignore[union-attr]
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                raise
            _logger.warning("lost its lease")
            return "lost"
        except GiveUp as error:
            return await self._end(job, {"state": "dead", "error": error.code}, "dead")
        except NotYet as error:
            _logger.info("waits", code=error.code)
            later = self._clock.now() + timedelta(seconds=error.pause_s)
            # What is waited for failed, not the job: the attempt does not count.
            again = {"state": "queued", "error": error.code, "due_at": later, "attempts": job.attempts - 1}
            return await self._end(job, again, "waits")
        except Exception as error:
            return await self._failed(job, error)
        finally:
            renewal.cancel()
        return await self._end(job, {"state": "done", "result": result, "progress": 100, "error": None}, "done")

    async def _failed(self, job: Job, error: Exception) -> str:
        code = error.code if isinstance(error, Problem) else "J01"
        last = job.attempts >= MOST_ATTEMPTS
        # A problem with a code is something the handler foresaw (not packaged yet, a service away): its line says all.
        foreseen = isinstance(error, Problem)
        _logger.warning(
            "attempt failed", code=code, attempts=job.attempts, last=last, exc_info=None if foreseen else error
        )
        if last:
            return await self._end(job, {"state": "dead", "error": code}, "dead")
        due_at = self._clock.now() + timedelta(seconds=backoff_s(job.attempts))
        return await self._end(job, {"state": "queued", "error": code, "due_at": due_at}, "failed")

    async def _end(self, job: Job, values: dict[str, Any], outcome: str) -> str:
        done_at = self._clock.now() if values["state"] in ("done", "dead") else None
        taken = await self._update(job, lease_until=None, lease_by=None, done_at=done_at, **values)
        return outcome if taken else "lost"

    async def _update(self, job: Job, **values: Any) -> bool:
        mine = and_(jobs.c.id == job.id, jobs.c.lease_by == self.id, jobs.c.attempts == job.attempts)

        async def change(conn: AsyncConnection) -> bool:
            return (await conn.execute(update(jobs).where(mine).values(**values))).rowcount == 1

        return await self._db.carry_out(change)

    def _progress(self, job: Job) -> Progress:
        async def tell(percent: int) -> None:
            await self._update(job, progress=max(0, min(100, percent)))

        return tell

    async def _renew(self, job: Job, work: asyncio.Future[Any]) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            try:
                if not await self._update(job, lease_until=self._clock.now() + LEASE):
                    work.cancel()
                    return
            except Exception:
                # The database is away: the lease stands a while, and if it ends the next renewal says so.
                _logger.exception("a lease could not be renewed")
