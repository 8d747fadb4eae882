"""What follows from an event besides media: jobs and notices, in the transaction of the event that asks for them."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import audit, jobs
from foundation.clock import Clock
from office import store as office
from office.session import BuildReport, CloseCall, Effect, MakeSeal, ToOnSite
from recordings import seal
from signaling.room import OnEffect
from signing.ceremony import SEAL_JOB
from signing.jobs import enqueue_build


def effects(clock: Clock) -> OnEffect:
    """The function that rooms call for each effect that is not media's own."""

    async def on_effect(conn: AsyncConnection, record: str, effect: Effect) -> None:
        now = clock.now()
        match effect:
            case BuildReport():
                events = await office.events(conn, record)
                await enqueue_build(conn, record, events[-1].hash, clock)
            case MakeSeal():
                # Two ways lead here (the last signature, the last refusal); one key makes them one job.
                await jobs.enqueue(conn, SEAL_JOB, {"record": record}, now=now, key=f"{SEAL_JOB}:{record}")
            case CloseCall():
                await seal.enqueue_final(conn, record, now)
            case ToOnSite(reason):
                # The office's own planning takes it from here; the log says that the case waits for it.
                await audit.append(
                    conn,
                    at=now,
                    actor="system",
                    action="case.on_site",
                    resource=record,
                    outcome="done",
                    detail={"reason": reason},
                )
            case _:
                pass

    return on_effect
