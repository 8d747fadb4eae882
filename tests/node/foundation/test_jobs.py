import asyncio
from collections import Counter

import pytest
from sqlalchemy import select, text, update

from foundation.db import Database
from foundation.errors import Problem
from foundation.job_runner import LEASE, MOST_ATTEMPTS, JobRunner, backoff_s
from foundation.jobs import (
    Done,
    GiveUp,
    announce,
    enqueue,
    get_job,
    jobs,
    retry,
)
from foundation.metrics import Metrics
from tests.support.waiting import until


async def add(database, clock, kind="report", payload=None, **more):
    async with database.begin() as conn:
        return await enqueue(conn, kind, payload or {}, now=clock.now(), **more)


async def job(database, job_id):
    async with database.read() as conn:
        return await get_job(conn, job_id)


async def echo(job, progress):
    return {"echo": job.payload}


async def fail(job, progress):
    raise ValueError("the time stamp service is away")


async def test_a_job_runs_once_and_keeps_its_result(database, clock):
    job_id = await add(database, clock, payload={"record": "rec_1"}, owner="stf_wang")
    assert (await job(database, job_id)).state == "queued"
    runner = JobRunner(database, clock, {"report": echo})
    assert await runner.run_once() == 1
    assert await runner.run_once() == 0
    done = await job(database, job_id)
    assert (done.state, done.result, done.progress, done.attempts) == ("done", {"echo": {"record": "rec_1"}}, 100, 1)
    assert (done.owner, done.done_at, done.error) == ("stf_wang", clock.now(), None)


async def test_a_job_exists_only_if_its_transaction_committed(database, clock):
    with pytest.raises(RuntimeError):
        async with database.begin() as conn:
            await enqueue(conn, "report", {}, now=clock.now())
            raise RuntimeError
    assert await JobRunner(database, clock, {"report": echo}).run_once() == 0


async def test_a_job_waits_until_it_is_due(database, clock):
    runner = JobRunner(database, clock, {"report": echo})
    await add(database, clock, due_at=clock.now() + LEASE)
    assert await runner.run_once() == 0
    clock.advance(LEASE.total_seconds())
    assert await runner.run_once() == 1


async def test_the_same_key_makes_one_job(database, clock):
    first = await add(database, clock, key="report:rec_1")
    assert await add(database, clock, key="report:rec_1") == first
    together = await asyncio.gather(*(add(database, clock, key="report:rec_2") for _ in range(8)))
    assert len(set(together)) == 1
    assert await JobRunner(database, clock, {"report": echo}, at_once=20).run_once() == 2


async def test_a_failing_job_is_tried_later_and_later_and_then_is_dead(database, clock):
    job_id = await add(database, clock)
    runner = JobRunner(database, clock, {"report": fail})
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert await runner.run_once() == 1
        assert await runner.run_once() == 0
        now = await job(database, job_id)
        assert now.attempts == attempt
        clock.advance(backoff_s(attempt))
    assert (now.state, now.error, now.done_at is not None) == ("dead", "J01", True)
    assert await runner.run_once() == 0


def test_the_waits_grow_to_half_an_hour_and_no_further():
    waits = [backoff_s(attempt) for attempt in range(1, 30)]
    assert waits[:3] == [5, 10, 20]
    assert waits == sorted(waits)
    assert waits[-1] == 1800


async def test_a_problems_code_is_kept_and_a_thing_past_mending_is_dead_at_once(database, clock):
    async def missing(job, progress):
        raise Problem("O02")

    async def hopeless(job, progress):
        raise GiveUp("O03")

    runner = JobRunner(database, clock, {"missing": missing, "hopeless": hopeless})
    missing_id, hopeless_id = await add(database, clock, "missing"), await add(database, clock, "hopeless")
    await runner.run_once()
    assert ((await job(database, missing_id)).state, (await job(database, missing_id)).error) == ("queued", "O02")
    assert ((await job(database, hopeless_id)).state, (await job(database, hopeless_id)).error) == ("dead", "O03")


async def test_a_dead_job_can_be_given_a_new_life(database, clock):
    async def hopeless(job, progress):
        raise GiveUp("O03")

    job_id = await add(database, clock)
    await JobRunner(database, clock, {"report": hopeless}).run_once()
    async with database.begin() as conn:
        assert await retry(conn, job_id, now=clock.now())
        assert not await retry(conn, job_id, now=clock.now())
    assert await JobRunner(database, clock, {"report": echo}).run_once() == 1
    assert (await job(database, job_id)).state == "done"


async def test_no_job_is_run_twice_by_two_runners(database, database_url, clock):
    other = await Database.open(database_url)
    ran = Counter()

    async def count(job, progress):
        ran[job.id] += 1
        await asyncio.sleep(0)
        return {}

    async with database.begin() as conn:
        ids = [await enqueue(conn, "count", {"n": n}, now=clock.now()) for n in range(60)]
    runners = [JobRunner(db, clock, {"count": count}) for db in (database, other)]
    totals = await asyncio.gather(*(runner.run_until_idle() for runner in runners))
    assert sum(totals) == 60
    assert ran == Counter(ids)
    await other.close()


async def test_a_vanished_runners_job_is_taken_when_its_lease_ends_and_not_before(database, clock):
    job_id = await add(database, clock)
    started = asyncio.Event()

    async def hang(job, progress):
        started.set()
        await asyncio.Event().wait()

    lost = asyncio.create_task(JobRunner(database, clock, {"report": hang}).run_once())
    await started.wait()
    lost.cancel()
    await asyncio.gather(lost, return_exceptions=True)

    runner = JobRunner(database, clock, {"report": echo})
    assert await runner.run_once() == 0
    clock.advance(LEASE.total_seconds())
    assert await runner.run_once() == 1
    assert (await job(database, job_id)).attempts == 2


async def test_a_runner_that_lost_its_lease_cannot_write_its_result(database, clock):
    job_id = await add(database, clock)
    going, go_on = asyncio.Event(), asyncio.Event()

    async def slow(job, progress):
        going.set()
        await go_on.wait()
        return {"by": "slow"}

    async def quick(job, progress):
        return {"by": "quick"}

    asleep = asyncio.create_task(JobRunner(database, clock, {"report": slow}).run_once())
    await going.wait()
    clock.advance(LEASE.total_seconds())
    await JobRunner(database, clock, {"report": quick}).run_once()
    go_on.set()
    await asleep
    assert (await job(database, job_id)).result == {"by": "quick"}


async def test_what_a_handler_leaves_to_be_written_stands_with_the_jobs_end_or_not_at_all(database, clock):
    other = await add(database, clock, kind="other")
    leave = update(jobs).where(jobs.c.id == other).values(progress=50)

    async def slow(job, progress):
        if job.attempts == 1:
            await asyncio.sleep(0)
            clock.advance(LEASE.total_seconds() + 1)
            assert await JobRunner(database, clock, {"report": echo}).run_once() == 1
        return Done({}, lambda conn: conn.execute(leave))

    await add(database, clock)
    await JobRunner(database, clock, {"report": slow}).run_once()
    assert (await job(database, other)).progress == 0  # somebody else has ended that job

    second = await add(database, clock)
    broken = Done({}, lambda conn: conn.execute(text("UPDATE nothing SET x = 1")))

    async def breaks(job, progress):
        return broken

    await JobRunner(database, clock, {"report": breaks}).run_once()
    assert (await job(database, second)).state == "leased"
    clock.advance(LEASE.total_seconds() + 1)

    async def quick(job, progress):
        return Done({"ok": True}, lambda conn: conn.execute(leave))

    await JobRunner(database, clock, {"report": quick}).run_once()
    assert (await job(database, second)).result == {"ok": True}
    assert (await job(database, other)).progress == 50


async def test_a_job_that_kills_its_runner_each_time_is_given_up(database, clock):
    job_id = await add(database, clock)
    async with database.begin() as conn:
        values = {"state": "leased", "attempts": MOST_ATTEMPTS, "lease_until": clock.now(), "lease_by": "run_gone"}
        await conn.execute(update(jobs).values(values))
    await JobRunner(database, clock, {"report": echo}).run_once()
    assert (await job(database, job_id)).state == "dead"


async def test_progress_is_seen_while_the_job_runs(database, clock):
    job_id = await add(database, clock)
    seen = []

    async def report(_, progress):
        for percent in (30, 250, -5):
            await progress(percent)
            seen.append((await job(database, job_id)).progress)
        return {}

    await JobRunner(database, clock, {"report": report}).run_once()
    assert seen == [30, 100, 0]


async def test_a_runner_leaves_alone_what_it_has_no_handler_for(database, clock):
    await add(database, clock, "thumbnail")
    assert await JobRunner(database, clock, {"report": echo}).run_once() == 0


async def test_a_committed_job_wakes_a_runner_elsewhere(database, bus, clock):
    announce(database, bus)
    woken = asyncio.Event()

    async def handle(job, progress):
        woken.set()
        return {}

    metrics = Metrics()
    runner = asyncio.create_task(JobRunner(database, clock, {"report": handle}, bus, metrics=metrics).run())
    job_id = await add(database, clock)
    await woken.wait()

    async def unfinished():
        now = await job(database, job_id)
        return None if now.state == "done" else f"the job is {now.state}"

    await until(unfinished)
    assert metrics.value("jobs_ended_total", kind="report", outcome="done") == 1
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)


async def test_a_runner_without_a_bus_looks_by_itself(sqlite_database, clock):
    runner = asyncio.create_task(JobRunner(sqlite_database, clock, {"report": echo}).run())
    job_id = await add(sqlite_database, clock)

    async def unfinished():
        now = await job(sqlite_database, job_id)
        return None if now.state == "done" else f"the job is {now.state}"

    await until(unfinished)
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)


async def test_a_runner_outlives_a_database_that_was_away(sqlite_database, clock):
    ran = asyncio.Event()

    async def handle(job, progress):
        ran.set()
        return {}

    await add(sqlite_database, clock)
    async with sqlite_database.begin() as conn:
        await conn.execute(text("ALTER TABLE jobs RENAME TO away"))
    runner = asyncio.create_task(JobRunner(sqlite_database, clock, {"report": handle}).run())
    await asyncio.sleep(0.05)
    async with sqlite_database.begin() as conn:
        await conn.execute(text("ALTER TABLE away RENAME TO jobs"))
    await ran.wait()
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)


async def test_a_cancelled_runner_stops_its_handlers_and_gives_their_jobs_back(sqlite_database, clock):
    await add(sqlite_database, clock)
    started, stopped = asyncio.Event(), asyncio.Event()

    async def hang(job, progress):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    runner = asyncio.create_task(JobRunner(sqlite_database, clock, {"report": hang}).run())
    await started.wait()
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)
    assert stopped.is_set()
    async with sqlite_database.read() as conn:
        assert (await conn.execute(select(jobs.c.state, jobs.c.attempts))).one() == ("queued", 0)


async def test_a_foreseen_failure_is_one_line_with_its_code_and_a_fault_is_told_whole(database, clock, capfd):
    async def not_yet(job, progress):
        raise Problem("O02")

    await add(database, clock)
    await JobRunner(database, clock, {"report": not_yet}).run_once()
    [line] = [line for line in capfd.readouterr().err.splitlines() if line]
    assert "attempt failed" in line and "code=O02" in line
    await add(database, clock)
    await JobRunner(database, clock, {"report": fail}).run_once()
    told = capfd.readouterr().err
    assert "code=J01" in told and "Traceback" in told
