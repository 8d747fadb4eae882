"""Calls over a real media worker: who sends, who gets what, what is covered, and what a dead worker or node costs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from foundation.clock import SystemClock
from foundation.db import Database
from foundation.nats_child import NatsChild
from media.worker import MediaWorker
from office import store as office_store
from signaling import messages as m
from signaling.node import Timing
from tests.support.media_worker import kill, running_worker
from tests.support.rtp_client import RtpClient
from tests.support.signaling import (
    LI,
    WANG,
    Client,
    Opened,
    Station,
    assign,
    open_office,
    open_record,
    wait_in_line,
)
from tests.support.waiting import until

BEATING = Timing(heartbeat_s=0.2, dead_after_s=6.0, grace_s=0.5, reply_within_s=2.0)
"""A worker's heart beats once a second, and slower on a machine that is busy."""
TRACKS = [m.TrackOffer("0", "audio"), m.TrackOffer("1", "camera")]


@pytest.fixture
async def stations(sqlite_url: str, nats_server: NatsChild) -> AsyncIterator[tuple[Station, Station]]:
    database = await Database.open(sqlite_url)
    await database.create_all()
    await open_office(database, SystemClock(), WANG, LI)
    await database.close()
    a = await Station.start("node-a", sqlite_url, nats_server, timing=BEATING)
    b = await Station.start("node-b", sqlite_url, nats_server, timing=BEATING)
    yield a, b
    await b.stop()
    await a.stop()


@pytest.fixture
async def worker(stations: tuple[Station, Station], tmp_path: Path) -> AsyncIterator[MediaWorker]:
    async with running_worker(stations[1].bus, tmp_path / "spool", worker_id="w1") as worker:
        yield worker


class Talk:
    """A call that has begun: the applicant on node A sends, the lead on node B receives."""

    def __init__(self, opened: Opened, applicant: Client, lead: Client) -> None:
        self.opened = opened
        self.applicant = applicant
        self.lead = lead
        self.sending = RtpClient()
        self.receiving = RtpClient()
        self._seq = 0
        self._speaking: asyncio.Task[None] | None = None

    async def publish(self) -> None:
        self.sending = RtpClient()
        answer = await self.applicant.ask(m.Publish(f"p{id(self.sending)}", self.sending.offer(), TRACKS))
        assert isinstance(answer, m.Published), answer
        await self.sending.connect(answer.answer)

    async def subscribe(self) -> None:
        self.receiving = RtpClient()
        offered = await self.lead.ask(m.Subscribe(f"s{id(self.receiving)}"))
        assert isinstance(offered, m.Offered), offered
        answer = m.SubscribeAnswer(f"a{id(self.receiving)}", self.receiving.answer(offered.offer))
        assert isinstance(await self.lead.ask(answer), m.Done)
        await self.receiving.connect(offered.offer)

    def speak(self) -> None:
        """Sound and picture every 20 ms, until `hush`."""

        async def speaking() -> None:
            while True:
                self._seq += 1
                self.sending.sound(self._seq)
                self.sending.send(self.sending.picture(self._seq, key=True))
                await asyncio.sleep(0.02)

        self._speaking = asyncio.create_task(speaking())

    async def hush(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)

    async def connect_anew(self) -> None:
        """What both pages do when the media have moved."""
        await self.hush()
        self.sending.close()
        self.receiving.close()
        await self.publish()
        self.speak()
        await self.subscribe()
        await self.hears()

    async def hears(self, more: int = 10, payload: int | None = None) -> None:
        """The lead's connection gets this many packets from now on."""

        def got() -> int:
            return sum(payload is None or packet.payload_type == payload for packet in self.receiving.packets)

        before = got()
        await self.lead.wait(lambda: [1] if got() >= before + more else [], f"{more} packets after {before}")

    async def tags(self, station: Station) -> list[str]:
        async with station.db.read() as conn:
            return [event.tag for event in await office_store.events(conn, self.opened.record)]

    async def close(self) -> None:
        await self.hush()
        self.sending.close()
        self.receiving.close()


async def begin(a: Station, b: Station) -> Talk:
    for station in (a, b):
        node = station.node
        await until(lambda node=node: None if node.directory.pick_worker() else "no worker is known")
    opened = await open_record(a.db, SystemClock())
    await assign(a, opened.record, WANG, LI)
    applicant = await a.join(opened.record, opened.applicant)
    await wait_in_line(applicant)
    lead = await b.join(opened.record, WANG)
    await lead.do("call.start")
    await applicant.sees(lambda view: view["phase"] == "live", "the call")
    talk = Talk(opened, applicant, lead)
    await talk.publish()
    talk.speak()
    await talk.subscribe()
    await talk.hears()
    return talk


def playing(client: Client) -> dict[str, str]:
    """mid → leg of the newest slots."""
    newest: list[m.Slots] = client.of(m.Slots)
    return {slot.mid: slot.leg for slot in newest[-1].slots if slot.leg is not None} if newest else {}


async def test_sound_and_picture_reach_the_lead_in_the_slots_that_were_told(
    stations: tuple[Station, Station], worker: MediaWorker
) -> None:
    a, b = stations
    talk = await begin(a, b)
    slots = playing(talk.lead)
    assert set(slots.values()) == {talk.applicant.leg}
    assert {mid[0] for mid in slots} == {"a", "v"}
    named = next(slot for slot in talk.lead.of(m.Slots)[-1].slots if slot.leg is not None)
    assert (named.name, named.role) == ("张伟", "applicant")
    tags = await talk.tags(a)
    assert tags.count("worker:leg:up") == 1
    await talk.close()


async def test_a_covered_picture_is_not_forwarded_and_the_sound_goes_on(
    stations: tuple[Station, Station], worker: MediaWorker
) -> None:
    a, b = stations
    talk = await begin(a, b)
    await talk.hears(payload=96)
    await talk.lead.do("mask.set", leg=talk.applicant.leg, on=True)
    leg = next(iter(worker._sessions.values())).legs[talk.applicant.leg]
    await talk.lead.wait(lambda: [1] if leg.closed_gates >= {"camera"} else [], "the cover")
    await talk.hears(payload=111)
    # A new connection of the same person does not lift it.
    await talk.hush()
    await talk.publish()
    assert leg.closed_gates >= {"camera", "screen"}
    await talk.lead.do("mask.set", leg=talk.applicant.leg, on=False)
    await talk.lead.wait(lambda: [1] if not leg.closed_gates else [], "the picture")
    await talk.close()


async def test_silence_is_an_interruption_and_the_first_packet_ends_it(
    stations: tuple[Station, Station], worker: MediaWorker
) -> None:
    a, b = stations
    talk = await begin(a, b)
    await talk.hush()
    await talk.lead.sees(lambda view: view["phase"] == "interrupted", "the interruption", within_s=15)
    assert talk.lead.view["interruptions"][-1]["cause"] == "media_stalled"
    talk.speak()
    await talk.lead.sees(lambda view: view["phase"] == "live", "that it goes on")
    tags = await talk.tags(a)
    assert (tags.count("worker:media:interrupted"), tags.count("worker:media:resumed")) == (1, 1)
    await talk.close()


async def test_a_killed_node_does_not_touch_the_media(stations: tuple[Station, Station], worker: MediaWorker) -> None:
    a, b = stations
    talk = await begin(a, b)
    await a.kill()
    await talk.hears(20)
    assert talk.applicant.welcome is not None
    back = await b.join(talk.opened.record, talk.opened.applicant, resume=talk.applicant.welcome.resume)
    assert back.leg == talk.applicant.leg
    await talk.hears(20)
    assert back.view["phase"] == "live"
    assert playing(talk.lead) and set(playing(talk.lead).values()) == {back.leg}
    # The connection that outlived its node is steered by the other one.
    await talk.lead.do("mask.set", leg=back.leg, on=True)
    leg = next(iter(worker._sessions.values())).legs[back.leg]
    await talk.lead.wait(lambda: [1] if "camera" in leg.closed_gates else [], "the cover")
    await talk.close()


async def test_a_dead_worker_costs_a_reconnect_and_the_record_says_so(
    stations: tuple[Station, Station], worker: MediaWorker, tmp_path: Path
) -> None:
    a, b = stations
    talk = await begin(a, b)
    async with running_worker(b.bus, tmp_path / "spool2", worker_id="w2") as second:
        await kill(worker)
        for client in (talk.applicant, talk.lead):
            moved = await client.wait(lambda client=client: client.of(m.MediaMoved), "media.moved", within_s=15)
            assert moved.reason == "worker_lost"
            assert [notice.code for notice in client.of(m.Notice)] == ["M05"]
        await talk.hush()
        await talk.lead.sees(lambda view: view["phase"] == "interrupted", "the interruption")
        await talk.connect_anew()
        assert second._sessions
        await talk.lead.sees(lambda view: view["phase"] == "live", "the call again")
        tags = await talk.tags(a)
        assert tags.count("worker:media:interrupted") == 1
        await talk.close()


async def test_a_worker_that_is_stopped_hands_its_calls_over_first(
    stations: tuple[Station, Station], worker: MediaWorker, tmp_path: Path
) -> None:
    a, b = stations
    talk = await begin(a, b)
    async with running_worker(b.bus, tmp_path / "spool2", worker_id="w2") as second:
        await until(lambda: None if worker._others else "the other worker was not heard")
        leaving = asyncio.create_task(worker.hand_over(20))
        for client in (talk.applicant, talk.lead):
            moved = await client.wait(lambda client=client: client.of(m.MediaMoved), "media.moved", within_s=15)
            assert moved.reason == "worker_drained"
        await talk.connect_anew()
        assert second._sessions
        assert await leaving, "it waited until its last session was closed"
        await talk.lead.sees(lambda view: view["phase"] == "live", "the call again")
        assert talk.lead.view["interruptions"][-1]["cause"] == "worker_drained"
        await talk.close()


async def test_a_worker_without_another_does_not_wait(stations: tuple[Station, Station], worker: MediaWorker) -> None:
    talk = await begin(*stations)
    assert not await worker.hand_over(20)
    assert not talk.applicant.of(m.MediaMoved)
    await talk.hears()
    await talk.close()


async def test_a_worker_that_was_started_again_under_its_name_is_noticed(
    stations: tuple[Station, Station], worker: MediaWorker, tmp_path: Path
) -> None:
    a, b = stations
    talk = await begin(a, b)
    await kill(worker)
    async with running_worker(b.bus, tmp_path / "spool2", worker_id="w1") as second:
        moved = await talk.applicant.wait(lambda: talk.applicant.of(m.MediaMoved), "media.moved", within_s=15)
        assert moved.reason == "session_lost"
        await talk.hush()
        await talk.publish()
        talk.speak()
        await talk.subscribe()
        await talk.hears()
        assert second._sessions
        await talk.close()


async def test_a_call_that_ends_ends_its_session(stations: tuple[Station, Station], worker: MediaWorker) -> None:
    a, b = stations
    talk = await begin(a, b)
    await talk.lead.do("close", result="suspend", note="停电")
    await talk.applicant.sees(lambda view: view["phase"] == "closing", "the result")
    await talk.hears()  # the call goes on while the sheet is read
    await talk.lead.do("call.end")
    await talk.lead.wait(lambda: [1] if not worker._sessions else [], "the end of the session")
    refused = await talk.applicant.ask(m.Subscribe("late"))
    assert isinstance(refused, m.Refused) and refused.code == "M03"
    await talk.close()


async def test_who_leaves_is_no_longer_seen(stations: tuple[Station, Station], worker: MediaWorker) -> None:
    a, b = stations
    talk = await begin(a, b)
    await talk.applicant.do("call.leave")
    await talk.lead.wait(lambda: [1] if not playing(talk.lead) else [], "empty slots")
    await talk.lead.sees(lambda view: view["phase"] == "interrupted", "the interruption")
    assert not next(iter(worker._sessions.values())).legs.get(talk.applicant.leg)
    await talk.close()


@pytest.mark.parametrize("offer", ["", "nonsense", "v=0\r\n", "v=0\r\nm=audio 9 X 0\r\n" * 400])
async def test_an_offer_that_is_none_is_refused(
    stations: tuple[Station, Station], worker: MediaWorker, offer: str
) -> None:
    a, b = stations
    talk = await begin(a, b)
    refused: Any = await talk.applicant.ask(m.Publish("bad", offer, TRACKS))
    assert isinstance(refused, m.Refused) and refused.code == "M04", refused
    await talk.hears()
    await talk.close()
