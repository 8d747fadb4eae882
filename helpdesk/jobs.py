"""Jobs of the hall: offers to another window that nobody took, and midnight."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from foundation import jobs
from foundation.clock import Clock
from foundation.db import Database
from helpdesk import calling, store
from helpdesk.call_routes import drop, give_back
from helpdesk.commands import GiveBack
from helpdesk.hours import day_of
from office.services import Within


def handlers(
    db: Database, clock: Clock, within: Within
) -> dict[str, Callable[[jobs.Job, jobs.Progress], Awaitable[dict[str, Any]]]]:
    """Both may run again after a crash half-way: what is done is in another state by then."""

    async def expire(job: jobs.Job, progress: jobs.Progress) -> dict[str, Any]:
        until = datetime.fromisoformat(job.payload["until"])
        async with db.begin() as conn:
            ended = await calling.expire(conn, job.payload["ticket"], until, clock.now())
            if ended is not None:
                await give_back(conn, within, ended, GiveBack(cause="expired"))
        return {"ended": ended is not None}

    async def midnight(job: jobs.Job, progress: jobs.Progress) -> dict[str, Any]:
        async with db.read() as conn:
            left = await store.left_over(conn, day_of(clock.now()))
        for done, ticket in enumerate(left):
            # One at a time: the hall of another office may be calling already.
            async with db.begin() as conn:
                moved = await calling.carry_over(conn, ticket, clock.now())
                if moved is not None:
                    await drop(conn, within, moved)
            await progress(done * 100 // len(left))
        return {"numbers": len(left)}

    return {calling.EXPIRE: expire, calling.MIDNIGHT: midnight}
