"""HTTP of the recordings: find, declare why one looks, play, verify, take a package away.

Nothing plays before its purpose is on record: a view opened by the same person within `VIEW_LASTS`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from aiohttp import web

from foundation import audit, jobs
from foundation.access import Actor, Resource, covers
from foundation.errors import Problem
from foundation.http import Asked, Call, Route
from foundation.i18n import BEIJING
from office import store as office
from recordings import export, replay, seal, search, store
from recordings import timeline as timelines
from recordings.container import media_type
from recordings.jobs import VERIFY_JOB
from recordings.replay import Purpose
from recordings.search import Found
from recordings.timeline import ClusterMark, Timeline, Wording
from signing.means import Means

VIEW_LASTS = timedelta(hours=12)  # a working day's look; tomorrow's is another one
MOST_NOTE = 500
ResourceOf = Callable[[str], Awaitable[Resource]]
"""The record as access sees it. Raises `Problem("S404")` where there is none."""
WordingOf = Callable[[str], Awaitable[Wording]]
"""How a record speaks of its items; its kind knows."""


class FoundList(msgspec.Struct, frozen=True):
    rows: list[Found]


class NewView(msgspec.Struct, frozen=True):
    purpose: Purpose
    note: Annotated[str, msgspec.Meta(max_length=MOST_NOTE)] = ""


class ViewOpened(msgspec.Struct, frozen=True):
    view: str


class JobBegun(msgspec.Struct, frozen=True):
    job: str


def routes(means: Means, resource_of: ResourceOf, wording_of: WordingOf) -> list[Route]:
    """All routes of this folder."""
    api = _Api(means, resource_of, wording_of)
    return [
        Route(
            "GET",
            "/api/audit/records",
            api.find,
            "audit.search",
            "Find records to audit",
            response=FoundList,
            query=(
                Asked("q", "Words: number, business, people"),
                Asked("day_from", "First day, Beijing time", "date"),
                Asked("day_to", "Last day", "date"),
                Asked("matter", "Slug of a matter"),
                Asked("result", "Result the inspection closed with"),
            ),
        ),
        Route(
            "POST",
            "/api/records/{record}/views",
            api.view,
            "record.replay",
            "Say why one is about to look",
            request=NewView,
            response=ViewOpened,
            resource=api.record,
        ),
        Route(
            "GET",
            "/api/records/{record}/timeline",
            api.timeline,
            "record.replay",
            "Files, strips and marks of a record",
            response=Timeline,
            resource=api.record,
        ),
        Route(
            "GET",
            "/api/epochs/{epoch}/init",
            api.init,
            "record.replay",
            "The init segment of a file",
            gives=("video/webm", "video/mp4"),
            resource=api.epoch,
        ),
        Route(
            "GET",
            "/api/epochs/{epoch}/clusters/{n}",
            api.cluster,
            "record.replay",
            "One cluster of a file, as written",
            gives=("video/webm", "video/mp4"),
            resource=api.epoch,
        ),
        Route(
            "POST",
            "/api/records/{record}/verify",
            api.verify,
            "record.replay",
            "Verify everything of a record",
            response=JobBegun,
            resource=api.record,
        ),
        Route(
            "POST",
            "/api/records/{record}/package",
            api.pack,
            "record.export",
            "Make the record's package",
            response=JobBegun,
            resource=api.record,
        ),
        Route(
            "GET",
            "/api/records/{record}/package",
            api.package,
            "record.export",
            "The newest package, a tar",
            gives=("application/x-tar",),
            resource=api.record,
        ),
    ]


class _Api:
    """The handlers, each thin: decode, ask, answer."""

    def __init__(self, means: Means, resource_of: ResourceOf, wording_of: WordingOf) -> None:
        self._means, self._resource_of, self._wording_of = means, resource_of, wording_of

    async def record(self, call: Call) -> Resource:
        return await self._resource_of(call.path["record"])

    async def epoch(self, call: Call) -> Resource:
        return await self._resource_of((await self._epoch(call)).record)

    async def _epoch(self, call: Call) -> store.Epoch:
        async with self._means.db.read() as conn:
            row = await store.epoch_row(conn, call.path["epoch"])
        if row is None:
            raise Problem("S404")
        return row

    async def find(self, call: Call) -> FoundList:
        query = search.Query(
            words=call.query.get("q", "")[:200],
            day_from=_day(call.query.get("day_from", ""), "day_from"),
            day_to=_day(call.query.get("day_to", ""), "day_to", after=1),
            matter=call.query.get("matter", ""),
            result=call.query.get("result", ""),
        )
        async with self._means.db.read() as conn:
            known = await office.list_offices(conn)
            codes = [each.code for each in known if covers(call.actor.office, each.code)]
            return FoundList(await search.find(conn, query, codes))

    async def view(self, call: Call) -> ViewOpened:
        body: NewView = call.body
        now = self._means.clock.now()
        async with self._means.db.begin() as conn:
            view = await replay.begin_view(
                conn, call.actor, call.path["record"], body.purpose, body.note.strip(), now=now
            )
        return ViewOpened(view.view)

    async def _may_look(self, actor: Actor, record: str) -> None:
        now = self._means.clock.now()
        async with self._means.db.read() as conn:
            if not await replay.has_view(conn, actor.id, record, now - VIEW_LASTS):
                raise Problem("A01")

    async def timeline(self, call: Call) -> Timeline:
        record = call.path["record"]
        await self._may_look(call.actor, record)
        async with self._means.db.read() as conn:
            row = await office.get_record(conn, record)
            if row is None:
                raise Problem("S404")
            events = await office.events(conn, record)
            made = await seal.manifest_of(conn, record, self._means.clock.now())
            marks = {
                epoch.epoch: [
                    ClusterMark(each.n, each.t_ms, each.d_ms, each.size, int(each.keyframe))
                    for each in await store.clusters_of(conn, epoch.epoch)
                ]
                for epoch in made.epochs
            }
        wording = await self._wording_of(record)
        return timelines.timeline(made, events, marks, live=row.call is not None, wording=wording)

    async def init(self, call: Call) -> web.Response:
        row = await self._epoch(call)
        await self._may_look(call.actor, row.record)
        data = await replay.init_segment(self._means.db, self._means.objects, self._means.record_key, row.epoch)
        return _media(data, row.mime)

    async def cluster(self, call: Call) -> web.Response:
        row = await self._epoch(call)
        await self._may_look(call.actor, row.record)
        n = call.path["n"]
        if not n.isascii() or not n.isdigit() or len(n) > 9:
            raise Problem("S404")
        means = self._means
        data = await replay.cluster_bytes(means.db, means.objects, means.record_key, row.epoch, int(n))
        return _media(data, row.mime)

    async def verify(self, call: Call) -> JobBegun:
        return await self._begin(call, VERIFY_JOB, "record.verified")

    async def pack(self, call: Call) -> JobBegun:
        return await self._begin(call, export.PACKAGE_JOB, "record.exported")

    async def _begin(self, call: Call, kind: str, action: str) -> JobBegun:
        record, now = call.path["record"], self._means.clock.now()
        async with self._means.db.begin() as conn:
            job = await jobs.enqueue(conn, kind, {"record": record}, now=now, owner=call.actor.id)
            await audit.append(
                conn,
                at=now,
                actor=call.actor.id,
                action=action,
                resource=f"record:{record}",
                outcome="done",
                detail={"job": job},
            )
        return JobBegun(job)

    async def package(self, call: Call) -> web.StreamResponse:
        record, means = call.path["record"], self._means
        names = await means.objects.list(f"records/{record}/packages/")
        if not names:
            raise Problem("A02")
        # Names end in the job's id, which sorts by the time it was made.
        name, key = names[-1], await means.record_key(record)
        async with means.db.begin() as conn:
            await audit.append(
                conn,
                at=means.clock.now(),
                actor=call.actor.id,
                action="record.package.taken",
                resource=f"record:{record}",
                outcome="done",
                detail={"object": name},
            )
        size = await means.objects.size(name, key)
        response = web.StreamResponse(
            headers={
                "Content-Type": "application/x-tar",
                "Content-Length": str(size),
                "Content-Disposition": f'attachment; filename="{record}.tar"',
                "Cache-Control": "no-store",
            }
        )
        await response.prepare(call.request)
        await _send(response, means.objects.stream(name, key))
        return response


async def _send(response: web.StreamResponse, pieces: AsyncIterator[bytes]) -> None:
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()


def _media(data: bytes, mime: str) -> web.Response:
    # Evidence stays out of caches that outlive the page.
    return web.Response(body=data, content_type=media_type(mime), headers={"Cache-Control": "no-store"})


def _day(text: str, name: str, after: int = 0) -> datetime | None:
    """Midnight of a day in Beijing time, or of one `after` it. Raises S422."""
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=BEIJING).astimezone(UTC)
        return day + timedelta(days=after)
    except (ValueError, OverflowError):  # the first day of the calendar began before it
        raise Problem("S422", pointer=name) from None
