"""Jobs of signing: `report.build` issues a sheet, `signature.stamp` finishes a signature that waited for its time
stamp, `report.seal` ends the sheet.

Each may run again after a crash half-way, and waits as long as no time stamp can be had.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import jobs
from foundation.clock import Clock
from foundation.errors import Problem
from foundation.jobs import GiveUp, Handler, Job, NotYet, Progress
from signing.ceremony import NO_TIME, SEAL_JOB, STAMP_JOB, Ceremony
from signing.issue import issue
from signing.means import Means, ReportComposer
from signing.seal import seal

BUILD_JOB = "report.build"
# A service that was restarted is back in seconds; more often would be a burden to one that is not.
STAMP_PAUSE_S = 20.0
# What trying again will not mend: names that cannot be printed, missing fonts, a sheet that is signed already.
_FINAL = {"R01", "R02", "G08"}


async def enqueue_build(conn: AsyncConnection, record: str, head: str, clock: Clock) -> str:
    """Ask for the sheet of a record whose events end with `head`; asking twice for the same head is one job."""
    return await jobs.enqueue(conn, BUILD_JOB, {"record": record}, now=clock.now(), key=f"{BUILD_JOB}:{record}:{head}")


def handlers(means: Means, compose: ReportComposer) -> Mapping[str, Handler]:
    """Handlers by kind of job. `compose` gathers what the sheet shows; it is the server's, which knows every folder."""

    async def build(job: Job, progress: Progress) -> dict[str, Any]:
        record = str(job.payload["record"])
        composed = await compose(record)
        await progress(30)
        try:
            revision = await issue(means, composed)
        except Problem as problem:
            if problem.code in _FINAL:
                raise GiveUp(problem.code) from problem
            raise _later(problem) from problem
        return {"record": record, "revision": revision.number, "sha256": revision.sha256, "object": revision.object}

    async def finish(job: Job, _progress: Progress) -> dict[str, Any]:
        record = str(job.payload["record"])
        try:
            revision = await seal(means, record)
        except Problem as problem:
            raise _later(problem) from problem
        return {"record": record, "revision": revision.number, "sha256": revision.sha256, "object": revision.object}

    async def stamp(job: Job, _progress: Progress) -> dict[str, Any]:
        try:
            return {"sha256": await Ceremony(means).finish_kept(str(job.payload["lease"]))}
        except Problem as problem:
            raise _later(problem) from problem

    return {BUILD_JOB: build, SEAL_JOB: finish, STAMP_JOB: stamp}


def _later(problem: Problem) -> Exception:
    """Without time stamps, the seal's key or certificates in order nothing is done weaker, only later."""
    return NotYet(problem.code, STAMP_PAUSE_S) if problem.code in {*NO_TIME, "G13", "G14"} else problem
