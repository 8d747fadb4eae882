"""What a phone's camera and line are worth, from real keyframes to the views of both sides and the record."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import media.worker
from foundation.clock import SystemClock
from media.worker import MediaWorker
from office import store as office_store
from office.events import StoredEvent
from tests.node.signaling.test_media import Talk, begin, stations, worker
from tests.support.scenes import Sender, aside, keyframes, lit, noisy, room
from tests.support.signaling import Client, Station

__all__ = ["stations", "worker"]  # fixtures

SIZE = 640, 360
LIT = keyframes([noisy(aside(room(1, *SIZE), 90 * n), n) for n in range(4)])
DARK = keyframes([noisy(lit(aside(room(1, *SIZE), 90 * n), 0.2), n) for n in range(4)])


class Filming:
    """The phone's camera: a keyframe a second, as a recorded one sends them, and sound."""

    def __init__(self, talk: Talk) -> None:
        self._sender = Sender(talk.sending, SystemClock())
        self._talk = talk
        self.frames: Sequence[bytes] = LIT
        self.losing = False
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        seq = 0
        while True:
            for packet in self._sender.packets(self.frames[seq // 50 % len(self.frames)]):
                self._talk.sending.send(packet)
            for _ in range(50):
                seq += 1
                if not (self.losing and seq % 3 == 0):
                    self._talk.sending.sound(seq)
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose seconds are shorter: what it says of pictures it says after a number of them."""
    monkeypatch.setattr(media.worker, "TICK_S", 0.04)


@pytest.fixture
async def talk(stations: tuple[Station, Station], worker: MediaWorker, tmp_path: Path) -> AsyncIterator[Talk]:
    """A call in which the phone has not sent a picture yet: what `begin` sends is none."""
    made = await begin(*stations)
    await made.hush()
    made.sending.close()
    await made.publish()
    yield made
    await made.close()


async def told(client: Client, leg: str, about: str, finding: str | None) -> None:
    """Wait until this client's view has this finding, or none."""

    def found(view: Any) -> bool:
        now = [each["finding"] for each in view["quality"] if (each["leg"], each["about"]) == (leg, about)]
        return now == ([finding] if finding else [])

    await client.sees(found, f"{finding} {about} of {leg}", within_s=60)


async def quality_events(station: Station, record: str) -> list[StoredEvent]:
    async with station.db.read() as conn:
        events = await office_store.events(conn, record)
    return [event for event in events if event.tag == "worker:quality:changed"]


@pytest.mark.usefixtures("quick")
async def test_a_dark_room_is_advice_at_both_sides_until_there_is_light(
    stations: tuple[Station, Station], talk: Talk
) -> None:
    filming = Filming(talk)
    leg = talk.applicant.leg
    filming.frames = DARK
    await told(talk.applicant, leg, "picture", "dark")
    await told(talk.lead, leg, "picture", "dark")
    filming.frames = LIT
    await told(talk.applicant, leg, "picture", None)
    await told(talk.lead, leg, "picture", None)
    await filming.stop()
    # Two nodes heard it, and the record has it once.
    events = await quality_events(stations[0], talk.opened.record)
    assert [event.body["finding"] for event in events if event.body["about"] == "picture"] == ["dark", "good"]
    assert {event.body["leg"] for event in events if event.body["about"] == "picture"} == {leg}


async def test_a_line_that_loses_is_told_to_both_sides(stations: tuple[Station, Station], talk: Talk) -> None:
    filming = Filming(talk)
    filming.losing = True
    leg = talk.applicant.leg
    await told(talk.applicant, leg, "sending", "weak")
    await told(talk.lead, leg, "sending", "weak")
    filming.losing = False
    await told(talk.lead, leg, "sending", None)
    await filming.stop()


@pytest.mark.usefixtures("quick")
async def test_who_stops_sending_is_not_called_dark_any_more(stations: tuple[Station, Station], talk: Talk) -> None:
    filming = Filming(talk)
    filming.frames = DARK
    await told(talk.lead, talk.applicant.leg, "picture", "dark")
    await filming.stop()
    await told(talk.lead, talk.applicant.leg, "picture", None)
