"""Two nodes on one database and one bus: what a killed node loses (nothing), and who wins a race (exactly one)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from foundation.clock import SystemClock
from foundation.db import Database
from foundation.nats_child import NatsChild
from office import store
from signaling import messages as m
from tests.support.people import officer
from tests.support.signaling import LI, WANG, Station, assign, open_office, open_record, wait_in_line

CROWD = [officer(f"stf_{n:03}", name=f"勘验员{n}") for n in range(100)]


@pytest.fixture
async def nodes(database_url: str, nats_server: NatsChild) -> AsyncIterator[tuple[Station, Station]]:
    """Nodes A and B, on SQLite and on PostgreSQL in turn."""
    database = await Database.open(database_url)
    await database.create_all()
    await open_office(database, SystemClock(), WANG, LI, *CROWD)
    await database.close()
    a = await Station.start("node-a", database_url, nats_server)
    b = await Station.start("node-b", database_url, nats_server)
    yield a, b
    await b.stop()
    await a.stop()


async def test_what_one_node_does_the_other_shows(nodes: tuple[Station, Station]) -> None:
    a, b = nodes
    opened = await open_record(a.db, SystemClock())
    await assign(a, opened.record, WANG, LI)
    lead, assist = await b.join(opened.record, WANG), await b.join(opened.record, LI)
    applicant = await a.join(opened.record, opened.applicant)
    await wait_in_line(applicant)
    await lead.sees(lambda view: view["phase"] == "waiting", "the waiting applicant")
    await lead.do("wait.message", text="马上开始")
    await applicant.sees(lambda view: view["wait_message"] is not None, "the officer's message")
    await assist.send(m.Point(0.1, 0.9))
    pointer = await applicant.wait(lambda: applicant.of(m.Pointer), "a pointer from the other node")
    assert pointer.from_ == assist.leg


async def test_a_killed_node_loses_nothing_that_was_answered(nodes: tuple[Station, Station]) -> None:
    a, b = nodes
    opened = await open_record(a.db, SystemClock())
    await assign(a, opened.record, WANG, LI)
    lead = await b.join(opened.record, WANG)
    applicant = await a.join(opened.record, opened.applicant)
    await wait_in_line(applicant)
    for n in range(20):
        await applicant.do("say", text=f"第{n}句")
    unanswered = m.Command("the-last", _raw('{"do":"say","text":"最后一句"}'))
    await applicant.send(unanswered)
    await a.kill()
    assert applicant.welcome is not None
    back = await b.join(opened.record, opened.applicant, resume=applicant.welcome.resume)
    assert back.leg == applicant.leg
    assert isinstance(await back.ask(unanswered), m.Done)
    texts = [f"第{n}句" for n in range(20)] + ["最后一句"]
    for page in (back, lead):
        await page.sees(
            lambda view: [each["text"] for each in view["messages"]] == texts, "every sentence once, in order"
        )
    async with b.db.read() as conn:
        events = await store.events(conn, opened.record)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


def _raw(text: str):  # type: ignore[no-untyped-def]
    import msgspec

    return msgspec.Raw(text.encode())


async def test_people_of_a_killed_node_who_do_not_come_back_are_written_as_gone(
    nodes: tuple[Station, Station],
) -> None:
    a, b = nodes
    opened = await open_record(a.db, SystemClock())
    await assign(a, opened.record, WANG)
    lead = await b.join(opened.record, WANG)
    await a.join(opened.record, opened.applicant)
    await lead.sees(lambda view: len(view["people"]) == 2, "the applicant")
    await a.kill()
    await lead.sees(
        lambda view: [each["online"] for each in view["people"] if each["role"] == "applicant"] == [False],
        "that the applicant has gone",
    )
    async with b.db.read() as conn:
        tags = [event.tag for event in await store.events(conn, opened.record)]
    assert tags.count("applicant:person:left") == 1


async def test_a_device_on_another_node_takes_the_place_of_the_first(nodes: tuple[Station, Station]) -> None:
    a, b = nodes
    opened = await open_record(a.db, SystemClock())
    first = await a.join(opened.record, opened.applicant)
    second = await b.join(opened.record, opened.applicant)
    assert await first.gone() == m.CloseCode.REPLACED
    assert not second.ws.closed


async def test_of_a_hundred_claims_of_one_record_one_wins_and_the_others_learn_who(
    nodes: tuple[Station, Station],
) -> None:
    a, b = nodes
    opened = await open_record(a.db, SystemClock())
    path = f"/api/records/{opened.record}/claim"
    answers = await asyncio.gather(*((a, b)[n % 2].post(path, claimant) for n, claimant in enumerate(CROWD)))
    winners = [CROWD[n] for n, (status, _body) in enumerate(answers) if status == 200]
    assert len(winners) == 1
    losers = [body for status, body in answers if status != 200]
    assert {(body["status"], body["code"]) for body in losers} == {(409, "S409")}
    assert all(winners[0].name in body["detail"] for body in losers)
    async with a.db.read() as conn:
        events = await store.events(conn, opened.record)
    assert [event.body["staff"] for event in events if event.tag == "system:officer:assigned"] == [winners[0].id]


async def test_a_hundred_officers_share_ten_waiting_applicants_one_each(nodes: tuple[Station, Station]) -> None:
    a, b = nodes
    records = []
    for _ in range(10):
        opened = await open_record(a.db, SystemClock())
        applicant = await a.join(opened.record, opened.applicant)
        await wait_in_line(applicant)
        records.append(opened.record)
    answers = await asyncio.gather(
        *((a, b)[n % 2].post("/api/queue/claim", claimant) for n, claimant in enumerate(CROWD))
    )
    taken = [body["record"] for status, body in answers if status == 200]
    assert sorted(taken) == sorted(records)
    assert {body["code"] for status, body in answers if status != 200} <= {"S409", "Q03"}


async def test_an_empty_line_is_told_as_such(nodes: tuple[Station, Station]) -> None:
    status, body = await nodes[0].post("/api/queue/claim", WANG)
    assert (status, body["code"]) == (404, "Q03")


async def test_a_lost_wake_up_costs_a_moment_only(nodes: tuple[Station, Station]) -> None:
    a, b = nodes
    opened = await open_record(a.db, SystemClock())
    lead = await b.join(opened.record, WANG)
    applicant = await a.join(opened.record, opened.applicant)
    await lead.sees(lambda view: len(view["people"]) == 2, "the applicant")
    # The bus of A is gone: it can tell nobody, and what it writes is written all the same.
    await a.bus.close()
    await applicant.do("say", text="没有人通知")
    await lead.sees(lambda view: len(view["messages"]) == 1, "the message by reading again", within_s=15)
