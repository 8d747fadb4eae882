"""The auditor's way over HTTP: find, say why, play, verify, take away."""

import asyncio
import io
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import msgspec
import pytest
from aiohttp import web

from foundation import audit
from foundation.access import Actor, Resource
from foundation.clock import ManualClock
from foundation.db import Database
from foundation.http import build_app
from foundation.job_runner import JobRunner
from foundation.routes import job_routes
from inspection.wording import checklist_words
from recordings import jobs, routes
from recordings.package_verdict import PackageVerdict
from recordings.timeline import Wording
from recordings.verify import verify_package
from signing.means import Means
from tests.node.recordings.conftest import SECONDS, Sealed, open_means
from tests.support import rtp_source
from tests.support.http import Serve, Served
from tests.support.people import ELSEWHERE, staff
from tests.unit.inspection.acting import facts
from tests.unit.signing.samples import RECORD

AUDITOR = staff("auditor", id="stf_audit")
WORDS = checklist_words(facts("food-catering"))
STRANGER = staff("auditor", id="stf_far", office=ELSEWHERE)


@dataclass
class Desk:
    served: Served
    means: Means
    runner: JobRunner
    actor: Actor


@pytest.fixture
async def desk(sealed: Sealed, tmp_path: Path, serve: Serve) -> AsyncIterator[Desk]:
    folder = shutil.copytree(sealed.folder, tmp_path / "sealed")
    clock = ManualClock(sealed.now)
    db = await Database.open(f"sqlite:///{folder / 'test.db'}")
    means, _ = await open_means(folder, db, clock)

    async def resource_of(record: str) -> Resource:
        return Resource("record", record, office="990101", record=record)

    async def actors(_request: web.Request) -> Actor:
        return made.actor

    async def words(_record: str) -> Wording:
        return WORDS

    app = build_app([*routes.routes(means, resource_of, words), *job_routes(db)], actors=actors)
    runner = JobRunner(db, clock, jobs.handlers(means, tmp_path / "work"), None)
    made = Desk(await serve(app), means, runner, AUDITOR)
    yield made
    await db.close()


async def open_view(desk: Desk) -> dict[str, Any]:
    await desk.served.post(f"/api/records/{RECORD}/views", {"purpose": "complaint", "note": "12345来件"})
    found: dict[str, Any] = await desk.served.get(f"/api/records/{RECORD}/timeline")
    return found


async def test_records_are_found_by_words_and_facets_within_ones_own_offices(desk: Desk) -> None:
    (row,) = (await desk.served.get("/api/audit/records?q=青禾 松汀&matter=food&result=pass"))["rows"]
    assert row["record"] == RECORD and row["recorded"] and row["views"] == 0
    assert (await desk.served.get("/api/audit/records?q=100%25"))["rows"] == []
    assert (await desk.served.get("/api/audit/records?day_to=2020-01-01"))["rows"] == []
    assert len((await desk.served.get("/api/audit/records?day_from=2025-11-23&day_to=2025-11-25"))["rows"]) == 1
    await desk.served.get("/api/audit/records?day_from=yesterday", status=422)
    desk.actor = STRANGER
    assert (await desk.served.get("/api/audit/records"))["rows"] == []


async def test_nothing_plays_before_the_purpose_is_said_and_the_audit_log_keeps_it(desk: Desk) -> None:
    refused = await desk.served.get(f"/api/records/{RECORD}/timeline", status=403)
    assert refused["code"] == "A01"
    await open_view(desk)
    async with desk.means.db.read() as conn:
        told = [entry async for entry in audit.entries(conn, resource=f"record:{RECORD}")]
        assert (await audit.verify_chain(conn)).ok
    viewed = next(entry for entry in told if entry.action == "record.viewed")
    assert viewed.actor == "stf_audit" and msgspec.json.decode(viewed.detail)["purpose"] == "complaint"
    desk.actor = STRANGER
    await desk.served.get(f"/api/records/{RECORD}/timeline", status=403)


async def test_the_files_of_the_timeline_play_with_every_frame(desk: Desk) -> None:
    line = await open_view(desk)
    assert line["live"] is False and line["length_ms"] == 6000 and line["coverage_percent"] == 100.0
    assert [mark["kind"] for mark in line["marks"]].count("photo") == 1
    (leg,) = line["legs"]
    (epoch,) = leg["epochs"]
    base = f"/api/epochs/{epoch['epoch']}"
    async with desk.served.session.get(f"{base}/init") as response:
        data = await response.read()
        assert response.headers["Cache-Control"] == "no-store" and response.content_type == "video/webm"
    for n, _t_ms, _d_ms, size, _keyframe in epoch["clusters"]:
        async with desk.served.session.get(f"{base}/clusters/{n}") as response:
            cluster = await response.read()
        assert len(cluster) == size
        data += cluster
    with av.open(io.BytesIO(data)) as file:
        assert sum(bool(packet.size) for packet in file.demux(video=0)) == SECONDS * rtp_source.FPS
    for wrong in (f"{base}/clusters/999", f"{base}/clusters/-1", f"{base}/clusters/x", "/api/epochs/ep_none/init"):
        await desk.served.get(wrong, status=404)


async def test_the_button_verifies_with_the_same_core_and_the_package_can_be_taken(
    desk: Desk, sealed: Sealed, tmp_path: Path
) -> None:
    await desk.served.get(f"/api/records/{RECORD}/package", status=404)
    verify = await desk.served.post(f"/api/records/{RECORD}/verify")
    pack = await desk.served.post(f"/api/records/{RECORD}/package")
    await desk.runner.run_until_idle()
    checked = await desk.served.get(f"/api/jobs/{verify['job']}")
    assert (checked["state"], checked["progress"]) == ("done", 100)
    verdict = msgspec.convert(checked["result"], PackageVerdict)
    assert checked["result"]["state"] == "pass" and verdict.state == "pass"
    done = await desk.served.get(f"/api/jobs/{pack['job']}")
    async with desk.served.session.get(f"/api/records/{RECORD}/package") as response:
        data = await response.read()
    assert len(data) == done["result"]["size"]
    path = tmp_path / "taken.tar"
    path.write_bytes(data)
    taken = await asyncio.to_thread(verify_package, path, sealed.now, sealed.trust)
    assert taken.state == "pass"
    assert list((tmp_path / "work").iterdir()) == []
    desk.actor = STRANGER
    await desk.served.get(f"/api/records/{RECORD}/package", status=403)
