"""What people of one record see of each other over one node."""

import asyncio

import aiohttp
import pytest
from msgspec import Raw

from foundation.access import Actor
from foundation.nats_child import NatsChild
from office import store as office_store
from office.commands import RecordSealed
from office.events import verify
from signaling import messages as m
from tests.support.people import ELSEWHERE, guest, officer
from tests.support.signaling import LI, WANG, Opened, Station, wait_in_line


async def test_an_applicant_waits_and_both_officers_see_it(station: Station, opened: Opened) -> None:
    lead = await station.join(opened.record, WANG)
    assist = await station.join(opened.record, LI)
    applicant = await station.join(opened.record, opened.applicant)
    await wait_in_line(applicant)
    for officer_ in (lead, assist):
        await officer_.sees(lambda view: view["phase"] == "waiting", "the waiting applicant")
        await officer_.sees(lambda view: len([p for p in view["people"] if p["online"]]) == 3, "three people")
    assert lead.welcome is not None and lead.welcome.you.role == "lead"
    assert assist.welcome is not None and assist.welcome.you.role == "assist"


async def test_a_command_answered_done_is_in_the_table(station: Station, opened: Opened) -> None:
    applicant = await station.join(opened.record, opened.applicant)
    done = await applicant.do("consent.give", version="7")
    room = (await station.node.gather(opened.record)).room
    assert done.result["seq"] == room.seq
    assert room.shared.consent.version == "7"


async def test_the_same_command_sent_twice_happens_once(station: Station, opened: Opened) -> None:
    applicant = await station.join(opened.record, opened.applicant)
    first = await applicant.try_("say", id="one", text="您好")
    # On another connection, as after a reconnect: the table remembers, not the socket.
    again = await station.join(opened.record, opened.applicant)
    second = await again.try_("say", id="one", text="您好")
    assert first == second
    other = await again.try_("say", id="one", text="另一句")
    assert isinstance(other, m.Refused) and other.code == "W06"
    await again.sees(lambda view: len(view["messages"]) == 1, "one message")


async def test_a_refusal_has_a_code_and_a_sentence_and_changes_nothing(station: Station, opened: Opened) -> None:
    lead = await station.join(opened.record, WANG)
    room = (await station.node.gather(opened.record)).room
    before = room.seq
    refused = await lead.try_("call.start")
    assert isinstance(refused, m.Refused)
    assert refused.code == "I05" or refused.code == "I10"
    assert refused.text
    assert room.seq == before


async def test_a_start_without_a_media_worker_is_refused_and_nothing_is_half_done(
    station: Station, opened: Opened
) -> None:
    applicant = await station.join(opened.record, opened.applicant)
    await wait_in_line(applicant)
    lead = await station.join(opened.record, WANG)
    refused = await lead.try_("call.start")
    assert isinstance(refused, m.Refused) and refused.code == "M01"
    assert lead.view["phase"] == "waiting"


async def test_a_second_device_takes_the_place_of_the_first(station: Station, opened: Opened) -> None:
    first = await station.join(opened.record, opened.applicant)
    second = await station.join(opened.record, opened.applicant)
    assert await first.gone() == m.CloseCode.REPLACED
    assert first.of(m.Replaced)
    assert second.leg != first.leg
    await second.sees(lambda view: [p["leg"] for p in view["people"] if p["online"]] == [second.leg], "one device")


async def test_forty_devices_of_one_person_leave_one(station: Station, opened: Opened) -> None:
    clients = [await station.connect(opened.record, opened.applicant) for _ in range(40)]
    await asyncio.gather(*(client.send(m.Hello(1)) for client in clients))
    last = clients[0]

    def standing() -> list[object]:
        live = [client for client in clients if not client.ws.closed and client.of(m.Welcome)]
        return [True] if len(live) == 1 and all(c.ws.closed for c in clients if c not in live) else []

    await last.wait(standing, "exactly one device", within_s=20)
    codes = {client.closed_with for client in clients if client.ws.closed}
    assert codes == {m.CloseCode.REPLACED}


async def test_who_comes_back_in_time_keeps_the_leg_and_nothing_is_written(station: Station, opened: Opened) -> None:
    first = await station.join(opened.record, opened.applicant)
    assert first.welcome is not None
    room = (await station.node.gather(opened.record)).room
    before = room.seq
    first.tear()
    again = await station.join(opened.record, opened.applicant, resume=first.welcome.resume)
    assert again.leg == first.leg
    assert room.seq == before


async def test_who_does_not_come_back_is_written_as_gone_with_the_cause(station: Station, opened: Opened) -> None:
    lead = await station.join(opened.record, WANG)
    applicant = await station.join(opened.record, opened.applicant)
    await lead.sees(lambda view: len(view["people"]) == 2, "the applicant")
    applicant.tear()
    await lead.sees(
        lambda view: [p["online"] for p in view["people"] if p["role"] == "applicant"] == [False], "that they have gone"
    )


async def test_strangers_get_no_further_than_the_door(station: Station, opened: Opened) -> None:
    other = guest("rec_00000000000000000000000000", id="inv_other")
    far = officer("stf_far", office=ELSEWHERE)
    for actor, status in ((other, 404), (far, 403), (Actor("anonymous", id="nobody"), 401)):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await station.connect(opened.record, actor)
        assert refused.value.status == status
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await station.connect("rec_nothing", WANG)
    assert refused.value.status == 404


async def test_who_only_views_is_not_there_and_may_do_nothing(station: Station, opened: Opened) -> None:
    viewer = await station.join(opened.record, WANG, view_only=True)
    assert viewer.welcome is not None and viewer.welcome.you.leg is None
    refused = await viewer.try_("say", text="看看")
    assert isinstance(refused, m.Refused) and refused.code == "S403"
    assert viewer.view["people"] == []


async def test_a_pointer_reaches_the_others_and_not_its_sender(station: Station, opened: Opened) -> None:
    lead = await station.join(opened.record, WANG)
    applicant = await station.join(opened.record, opened.applicant)
    await lead.send(m.Point(0.25, 0.75))
    pointer = await applicant.wait(lambda: applicant.of(m.Pointer), "the pointer")
    assert (pointer.x, pointer.y, pointer.from_) == (0.25, 0.75, lead.leg)
    await lead.send(m.Ping(1.0))
    await lead.wait(lambda: lead.of(m.Pong), "a pong")
    assert not lead.of(m.Pointer)


async def test_a_node_that_stops_says_so(station: Station, opened: Opened) -> None:
    client = await station.join(opened.record, opened.applicant)
    await station.node.stop()
    assert await client.gone() == m.CloseCode.GOING_AWAY
    assert client.of(m.Closing)[0].reason == "stopping"


async def test_a_login_that_ended_ends_its_connections(station: Station, opened: Opened) -> None:
    client = await station.join(opened.record, WANG)
    station.forget(WANG)
    await station.node._revalidate()
    assert await client.gone() == m.CloseCode.NOT_ALLOWED


async def test_a_sealed_record_has_nothing_left_to_say_to_its_guests(station: Station, opened: Opened) -> None:
    lead = await station.join(opened.record, WANG)
    applicant = await station.join(opened.record, opened.applicant)
    await station.node.dispatch(opened.record, Actor("system", id="system"), RecordSealed())
    assert await applicant.gone() == m.CloseCode.FINISHED
    await lead.do("say", text="存档")


async def test_a_node_that_was_started_again_knows_that_its_sockets_are_gone(
    station: Station, opened: Opened, sqlite_url: str, nats_server: NatsChild
) -> None:
    await station.join(opened.record, opened.applicant)
    await station.kill()
    again = await Station.start("node-a", sqlite_url, nats_server)
    lead = await again.join(opened.record, WANG)
    await lead.sees(
        lambda view: [p["online"] for p in view["people"] if p["role"] == "applicant"] == [False], "that they have gone"
    )
    await again.stop()


async def test_commands_of_all_at_once_are_all_kept_in_one_chain(station: Station, opened: Opened) -> None:
    lead = await station.join(opened.record, WANG)
    assist = await station.join(opened.record, LI)
    applicant = await station.join(opened.record, opened.applicant)
    people = (lead, assist, applicant)
    sent = [m.Command(f"c{n}", Raw(b'{"do":"say","text":"%d"}' % n)) for n in range(60)]
    answers = await asyncio.gather(*(people[n % 3].ask(command) for n, command in enumerate(sent)))
    assert all(isinstance(answer, m.Done) for answer in answers)
    async with station.db.read() as conn:
        events = await office_store.events(conn, opened.record)
    assert verify(events).ok
    said = [event.body["text"] for event in events if event.tag.endswith(":message:said")]
    assert sorted(said) == sorted(str(n) for n in range(60))
