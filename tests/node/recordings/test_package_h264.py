"""The package of a call from a phone that sends H.264: an MP4 that foreign programs decode, judged like any other."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from foundation.clock import ManualClock
from foundation.db import Database
from recordings import seal, store
from recordings.export import package_stream
from recordings.package_verdict import PackageVerdict
from recordings.replay import cluster_bytes, epoch_bytes, init_segment
from recordings.verify import verify_package
from signing.trust import trust_bundle
from tests.node.recordings.conftest import SECONDS, START, hold_call, open_means, open_record
from tests.node.recordings.test_package import changed, files_of, packed
from tests.support import h264_source
from tests.support.rtp_source import FPS
from tests.unit.signing.samples import RECORD


@pytest.mark.may_block("certificates are made on the loop")
async def test_a_call_in_h264_is_stored_replayed_packaged_and_judged_as_mp4(tmp_path: Path) -> None:
    clock = ManualClock(START)
    db = await Database.open(f"sqlite:///{tmp_path / 'test.db'}")
    await db.create_all()
    means, _ = await open_means(tmp_path, db, clock)
    async with db.begin() as conn:
        await open_record(conn, RECORD, START - timedelta(days=1))
    await hold_call(means, db, clock, tmp_path / "spool", RECORD, h264_source)
    _, cut = await seal.cut(db, RECORD, clock, final=True)
    await seal.stamp(db, means.stamps, cut)

    async with db.read() as conn:
        [row] = await store.epochs_of(conn, RECORD)
        clusters = await store.clusters_of(conn, row.epoch)
    assert (row.mime, row.closed) == ('video/mp4; codecs="avc3.42C01E,opus"', True)
    parts = (db, means.objects, means.record_key, row.epoch)
    file = b"".join([piece async for piece in epoch_bytes(*parts)])
    seen = await init_segment(*parts)
    for cluster in clusters:
        seen += await cluster_bytes(*parts, cluster.n)
    assert file.startswith(seen) and file[len(seen) + 4 :].startswith(b"mfra")

    async def silent(_percent: int) -> None:
        return None

    tar = b"".join([piece async for piece in package_stream(means, RECORD, silent)])
    trust, now = await trust_bundle(means), clock.now()
    await db.close()

    async def judged(data: bytes) -> PackageVerdict:
        path = tmp_path / "package.tar"
        path.write_bytes(data)
        return await asyncio.to_thread(verify_package, path, now, trust)

    files = files_of(tar)
    name = f"data/recordings/{row.epoch}.mp4"
    assert files[name] == file and not any(each.endswith(".webm") for each in files)
    verdict = await judged(tar)
    assert (verdict.part("recording").state, verdict.part("time").state) == ("pass", "pass")
    played = tmp_path / "played.mp4"
    played.write_bytes(files[name])
    assert h264_source.numbers(played) == list(range(SECONDS * FPS))

    at = len(files[name]) * 2 // 3
    spoiled = (await judged(packed({**files, name: changed(files[name], at)}))).part("recording")
    assert [(each.code, each.object) for each in spoiled.findings] == [("B05", name)]
    without = (await judged(packed({each: data for each, data in files.items() if each != name}))).part("recording")
    assert ("B02", name) in {(each.code, each.object) for each in without.findings}
