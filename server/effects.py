"""What follows from an event besides media: jobs and notices, in the transaction of the event that asks for them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import audit, jobs
from foundation.clock import Clock
from office import store as office
from office.session import BuildReport, CloseCall, Effect, MakeSeal, ToOnSite
from recordings import seal
from signaling.room import OnEffect
from signing import store as signing_store
from signing.ceremony import SEAL_JOB
from signing.jobs import enqueue_build

# The packager closes the last file about a second after the call.
PACKAGING = timedelta(seconds=2)
# Certificates for signing live a day; whoever has not signed by then does it under a new sheet.
LATEST_SIGNATURE = timedelta(hours=24)


async def seal_recording(conn: AsyncConnection, record: str, now: datetime, *, at_once: bool) -> None:
    """Ask for the final manifest: when call and sheet are both at their end, or a day after the call at the latest.

    The final manifest is made once, so asking twice does no harm.
    """
    due = now + (PACKAGING if at_once else LATEST_SIGNATURE)
    key = f"{seal.CUT_JOB}:{record}:{'sealed' if at_once else 'late'}"
    await jobs.enqueue(conn, seal.CUT_JOB, {"record": record, "final": True}, now=now, due_at=due, key=key)


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
                sheet = await signing_store.current(conn, record)
                await seal_recording(conn, record, now, at_once=sheet is not None and sheet.kind == "sealed")
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
