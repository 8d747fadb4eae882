"""What foundation itself serves: a job's progress to whoever asked for it, and refusals into the audit log."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec

from foundation import audit, jobs
from foundation.access import Resource
from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem, sentence
from foundation.http import Call, Refusal, Route


class JobView(msgspec.Struct):
    """A job as its owner sees it. `error` is a sentence in the reader's language while it is failing or dead."""

    id: str
    kind: str
    state: jobs.State
    progress: int
    result: dict[str, Any] | None
    error: str | None
    created_at: datetime
    done_at: datetime | None


def job_routes(database: Database) -> list[Route]:
    """GET /api/jobs/{job}: for the actor who was named `owner` when it was enqueued."""

    async def find(call: Call) -> jobs.Job:
        async with database.read() as conn:
            job = await jobs.get_job(conn, call.path["job"])
        if job is None:
            raise Problem("S404")
        return job

    async def resource(call: Call) -> Resource:
        job = await find(call)
        return Resource("job", job.id, people=frozenset({job.owner}))

    async def show(call: Call) -> JobView:
        job = await find(call)
        error = sentence(job.error, call.lang) if job.error else None
        return JobView(job.id, job.kind, job.state, job.progress, job.result, error, job.created_at, job.done_at)

    summary = "How far a job is"
    return [Route("GET", "/api/jobs/{job}", show, "self", summary, response=JobView, resource=resource)]


def audit_refusals(database: Database, clock: Clock) -> Callable[[Refusal], Awaitable[None]]:
    """The `audit` of `build_app`: one row for each refusal of somebody known.

    Strangers are only logged and counted, or anyone could make the chain grow.
    """

    async def write(refusal: Refusal) -> None:
        thing = refusal.resource
        async with database.begin() as conn:
            await audit.append(
                conn,
                at=clock.now(),
                actor=str(refusal.actor),
                action=refusal.permission,
                resource=f"{thing.kind}:{thing.id}" if thing else "",
                outcome="refused",
                detail={
                    "reason": refusal.decision.reason,
                    "address": refusal.address,
                    "request": refusal.request,
                },
            )

    return write
