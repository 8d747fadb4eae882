"""Who runs jobs (jobs.py): leases what is due, keeps the lease while a handler works, writes down how it ended."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import log
from foundation.bus import Bus, Msg
from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from foundation.ids import new_id
from foundation.jobs import FIELDS, WAKE, Done, GiveUp, Handler, Job, NotYet, Progress, jobs
from foundation.metrics import Metrics
from foundation.together import Together

# A crashed runner's job waits this long for another; renewing takes a third of it, so two renewals may fail.
LEASE = timedelta(seconds=60)
# With the back-off below eight attempts span about an hour: longer than a database or time stamp service restarts.
MOST_ATTEMPTS = 8
_BACKOFF_FIRST_S = 5.0
_BACKOFF_MOST_S = 1800.0
_POLL_S = 1.0
_PACE_S = 0.1
"""What is enqueued so soon after jobs were leased is leased together: each time is a commit."""

_logger = log.get("jobs")


Write = Callable[[AsyncConnection], Awaitable[Any]]


async def _nothing(_conn: AsyncConnection) -> None:
    """What most handlers leave to be written."""


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
        self._changes = Together(db, self._change)
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
                if leased and not self._more:
                    await asyncio.sleep(_PACE_S)
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
            jobs.c.done_at.is_(None),
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
            rows = (await conn.execute(taken.returning(*FIELDS))).all()
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
        done = result if isinstance(result, Done) else Done(result, _nothing)
        ended = {"state": "done", "result": done.result, "progress": 100, "error": None}
        return await self._end(job, ended, "done", done.write)

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

    async def _end(self, job: Job, values: dict[str, Any], outcome: str, write: Write = _nothing) -> str:
        done_at = self._clock.now() if values["state"] in ("done", "dead") else None
        ended = {"lease_until": None, "lease_by": None, "done_at": done_at, **values}
        return outcome if await self._update(job, ended, write) else "lost"

    async def _update(self, job: Job, values: dict[str, Any], write: Write = _nothing) -> bool:
        """Change a job that is still ours, and `write` then; whether it was."""
        return await self._changes.ask((job, values, write))

    async def _change(self, conn: AsyncConnection, changes: Sequence[tuple[Job, dict[str, Any], Write]]) -> list[bool]:
        ours = []
        for job, values, write in changes:
            mine = and_(jobs.c.id == job.id, jobs.c.lease_by == self.id, jobs.c.attempts == job.attempts)
            ours.append((await conn.execute(update(jobs).where(mine).values(values))).rowcount == 1)
            if ours[-1]:
                await write(conn)
        return ours

    def _progress(self, job: Job) -> Progress:
        async def tell(percent: int) -> None:
            await self._update(job, {"progress": max(0, min(100, percent))})

        return tell

    async def _renew(self, job: Job, work: asyncio.Future[Any]) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            try:
                if not await self._update(job, {"lease_until": self._clock.now() + LEASE}):
                    work.cancel()
                    return
            except Exception:
                # The database is away: the lease stands a while, and if it ends the next renewal says so.
                _logger.exception("a lease could not be renewed")
