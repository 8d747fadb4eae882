"""A disk that fills up in a call: the officers are told, the record and the audit log say so, and what follows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foundation import audit
from office import store as office_store
from signaling import messages as m
from tests.node.signaling.test_media import begin, stations
from tests.support.disks import Disk, small_disk, unable
from tests.support.media_worker import running_worker
from tests.support.signaling import Station
from tests.support.waiting import until

__all__ = ["stations"]

pytestmark = pytest.mark.skipif(unable() is not None, reason=f"no disks can be made: {unable()}")


@pytest.fixture
async def disk(stations: tuple[Station, Station], tmp_path: Path) -> AsyncIterator[Disk]:
    async with small_disk(tmp_path / "spool") as disk, running_worker(stations[1].bus, disk.folder, worker_id="w1"):
        yield disk


def _alarm(station: Station) -> float | None:
    """What /metrics of a node says of the disk, by what it heard from the worker."""
    [gauge] = station.node.directory._disk_fault.collect()
    return next((sample.value for sample in gauge.samples if sample.labels == {"worker": "w1", "disk": "0"}), None)


async def test_officers_are_told_that_nothing_is_recorded_and_when_it_is_again(
    stations: tuple[Station, Station],
    disk: Disk,
) -> None:
    a, b = stations
    talk = await begin(a, b)
    assert talk.lead.view["recording"]
    await disk.fill()
    told = await talk.lead.wait(lambda: [each for each in talk.lead.of(m.Notice) if each.code == "M06"], "the notice")
    assert told.level == "error"
    await talk.lead.sees(lambda view: not view["recording"], "that it is not recorded")
    await talk.applicant.sees(lambda view: not view["recording"], "that it is not recorded")
    await talk.hears()
    await until(lambda: None if _alarm(a) else "no alarm")
    await disk.make_room()
    await talk.lead.sees(lambda view: view["recording"], "that it is recorded again")
    await talk.lead.wait(lambda: [each for each in talk.lead.of(m.Notice) if each.code == "M08"], "the good news")
    async with a.db.read() as conn:
        events = await office_store.events(conn, talk.opened.record)
        log = [entry async for entry in audit.entries(conn)]
    said = [(event.tag, event.body.get("cause")) for event in events if ":recording:" in event.tag]
    assert said == [("worker:recording:lost", "disk_full"), ("worker:recording:resumed", None)]
    [entry] = [entry for entry in log if entry.action == "recording.lost"]
    assert entry.resource == talk.opened.record and "disk_full" in entry.detail
    await talk.close()
