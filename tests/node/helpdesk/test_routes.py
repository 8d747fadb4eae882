"""The hall over real sockets: from words to a rating, live, and what a stranger or the wrong agent is told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import pytest

from foundation import access, audit
from foundation.access import Actor
from foundation.bus import Bus
from foundation.clock import ManualClock
from foundation.db import Database
from helpdesk import hall_routes, store
from helpdesk.live import Lines, Watch
from tests.support.hall import PENSION, Hall, open_hall
from tests.support.hall_site import HallSite, hall_site
from tests.support.http import Serve, Served
from tests.support.people import DISTRICT, STREET, staff

LIU = staff("agent", id="stf_liu", name="刘洋")
HAN = staff("agent", id="stf_han", name="韩梅")
FAR = staff("agent", id="stf_far", office=STREET, name="远方")
BOSS = staff("supervisor", id="stf_boss", name="孙伟")
S1, S2, T1 = "990101-S01", "990101-S02", "990101-T01"


@dataclass
class Counter:
    """The running hall, and what people do there over its routes."""

    site: HallSite

    @property
    def hall(self) -> Hall:
        return self.site.hall

    @property
    def served(self) -> Served:
        return self.site.served

    async def as_(self, actor: Actor, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        self.site.actor = actor
        try:
            return await self.served.json(method, path, body, status=status)
        finally:
            self.site.actor = access.ANONYMOUS

    async def take(self, status: int = 201, **more: Any) -> Any:
        """From a browser of its own, unless it is given one."""
        client = more.pop("client", None) or self.served.client()
        try:
            body = {"office": DISTRICT, "guide": PENSION, **more}
            async with client.post("/api/hall/tickets", json=body) as response:
                answer = await response.json()
                assert response.status == status, answer
                return answer
        finally:
            await client.close()

    async def sit(self, actor: Actor, window: str) -> Any:
        return await self.as_(actor, "POST", f"/api/windows/{window}/open", {})

    async def desk(self, actor: Actor) -> Any:
        return await self.as_(actor, "GET", "/api/desk/hall")

    async def next(self, actor: Actor, window: str, status: int = 200) -> Any:
        return await self.as_(actor, "POST", f"/api/windows/{window}/next", {}, status=status)

    async def act(self, actor: Actor, ticket: str, do: str, *, to: str | None = None, status: int = 200) -> Any:
        return await self.as_(actor, "POST", f"/api/tickets/{ticket}/acts", {"do": do, "to": to}, status=status)


@pytest.fixture
async def counter(sqlite_database: Database, clock: ManualClock, bus: Bus, serve: Serve) -> AsyncIterator[Counter]:
    async with hall_site(await open_hall(sqlite_database, clock), bus, serve) as site:
        yield Counter(site)


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[Any]:
    async for line in response.content:
        if line.startswith(b"data: "):
            yield msgspec.json.decode(line[6:])


async def until(stream: AsyncIterator[Any], what: Any) -> Any:
    """The first event that is as wanted. Fails with the last one that was not."""
    last = None
    try:
        async with asyncio.timeout(10):
            async for last in stream:
                if what(last):
                    return last
    except TimeoutError:
        pass
    raise AssertionError(last)


async def test_from_words_to_a_rating(counter: Counter) -> None:
    found = await counter.served.get("/api/hall/guides?q=退休金怎么领")
    slug = found[0]["slug"]
    guide = await counter.served.get(f"/api/hall/guides/{slug}?lat=35.91&lon=123.42")
    place = next(each for each in guide["places"] if each["office"] == DISTRICT)
    assert place["open"] and place["wait"]["officer_on_duty"] is False and place["distance_m"] < 1000
    assert [paper["name"] for paper in guide["papers"]]

    taken = await counter.take(guide=slug, name="刘桂兰", phone="138 0000 5678")
    page = f"/api/hall/tickets/{taken['token']}"
    assert taken["ticket"]["label"] == "S001" and taken["ticket"]["wait"]["ahead"] == 0
    async with counter.served.session.get(f"{page}/live") as response:
        stream = events(response)
        assert (await until(stream, lambda it: True))["wait"]["minutes_low"] is None
        await counter.sit(LIU, S1)
        assert await until(stream, lambda it: it["wait"]["officer_on_duty"])
        await counter.next(LIU, S1)
        desk = await counter.desk(LIU)
        assert (desk["at"]["label"], desk["at"]["name"], desk["waiting"]) == ("S001", "刘桂兰", [])
        shown = await until(stream, lambda it: it["state"] == "called")
        called_to = [shown["window"][word] for word in ("number", "name", "gloss")]
        assert called_to == ["S01", "社保窗", "Social insurance"] and shown["can"] == ["abandon", "call"]
        await counter.act(LIU, desk["at"]["ticket"], "serve")
        await counter.act(LIU, desk["at"]["ticket"], "finish")
        assert (await until(stream, lambda it: it["state"] == "finished"))["rated"] is False
    await counter.served.post(f"{page}/rating", {"level": 1}, status=422)
    rated = await counter.served.post(f"{page}/rating", {"level": 5, "reasons": ["517"]})
    assert rated["rated"]
    again = await counter.served.post(f"{page}/rating", {"level": 4}, status=409)
    assert again["code"] == "Q07"


async def test_the_wall_names_nobody_and_follows_the_calls(counter: Counter) -> None:
    await counter.take(name="刘桂兰")
    await counter.take(name="王建国")
    await counter.sit(LIU, S1)
    await counter.take(video=True)
    async with counter.served.session.get(f"/api/hall/walls/{DISTRICT}/live") as response:
        stream = events(response)
        # Who is helped by video is not in the hall.
        await until(stream, lambda it: any(line["next"] == ["S001", "S002"] for line in it["lines"]))
        await counter.next(LIU, S1)
        wall = await until(stream, lambda it: it["calls"])
    assert [(call["label"], call["window"]) for call in wall["calls"]] == [("S001", "S01")]
    assert "刘" not in str(wall) and "138" not in str(wall)


async def test_an_agent_s_desk_hears_of_whoever_comes(counter: Counter) -> None:
    await counter.sit(LIU, S1)
    counter.site.actor = LIU
    async with counter.served.session.get("/api/desk/hall/live") as response:
        counter.site.actor = access.ANONYMOUS
        stream = events(response)
        await until(stream, lambda it: it["waiting"] == [])
        await counter.take(name="刘桂兰", phone="13800005678", priority=True)
        seen = await until(stream, lambda it: it["waiting"])
    row = seen["waiting"][0]
    assert (row["name"], row["phone"], row["priority"]) == ("刘*", "138****5678", "priority")


async def test_two_agents_and_a_hand_over_with_the_same_number(counter: Counter) -> None:
    await counter.take()
    await counter.sit(LIU, S1)
    await counter.sit(HAN, T1)
    ticket = (await counter.next(LIU, S1))["ticket"]
    await counter.act(LIU, ticket, "serve")
    await counter.act(HAN, ticket, "finish", status=409)
    await counter.act(LIU, ticket, "hand_over", to=T1)
    offered = await counter.desk(HAN)
    assert [row["label"] for row in offered["offered"]] == ["S001"]
    await counter.act(HAN, ticket, "accept")
    taken = await counter.desk(HAN)
    assert (taken["at"]["label"], taken["at"]["state"]) == ("S001", "serving")
    assert (await counter.desk(LIU))["at"] is None
    await counter.act(LIU, ticket, "finish", status=409)
    await counter.act(HAN, ticket, "finish")


async def test_hoarding_is_refused_in_words_and_giving_back_makes_room(counter: Counter) -> None:
    async with counter.served.client() as browser:

        async def take() -> tuple[int, Any]:
            async with browser.post("/api/hall/tickets", json={"office": DISTRICT, "guide": PENSION}) as response:
                return response.status, await response.json()

        first = (await take())[1]
        await take()
        status, refused = await take()
        assert (status, refused["code"], refused["params"]) == (409, "Q01", {"count": 2})
        await counter.served.post(f"/api/hall/tickets/{first['token']}/acts", {"do": "abandon"})
        again = await counter.served.post(f"/api/hall/tickets/{first['token']}/acts", {"do": "abandon"}, status=409)
        assert again["code"] == "Q04", "a number used twice"
        assert (await take())[0] == 201


async def test_no_numbers_when_the_hall_is_closed(counter: Counter) -> None:
    counter.hall.clock.advance(12 * 3600)
    refused = await counter.take(status=409)
    assert refused["code"] == "Q08" and "9:00" in refused["params"]["opens"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"guide": "no-such-matter"}, "Q10"),
        ({"office": "nowhere"}, "Q10"),
        ({"phone": "123"}, "Q13"),
        ({"rank": 0}, "S422"),
    ],
)
async def test_what_cannot_be_meant_is_refused_whole(counter: Counter, body: dict[str, Any], code: str) -> None:
    refused = await counter.take(**body, status=404 if code == "Q10" else 422)
    assert refused["code"] == code
    assert (await counter.take())["ticket"]["label"] == "S001", "no number was used up"


async def test_only_agents_of_the_office_sit_and_call(counter: Counter) -> None:
    await counter.served.post(f"/api/windows/{S1}/open", status=401)
    for wrong in (FAR, BOSS):
        await counter.as_(wrong, "POST", f"/api/windows/{S1}/open", {}, status=403)
    await counter.sit(LIU, S1)
    assert (await counter.as_(HAN, "POST", f"/api/windows/{S1}/open", {}, status=409))["code"] == "S409"
    assert (await counter.as_(LIU, "POST", f"/api/windows/{S2}/open", {}, status=409))["code"] == "Q12"
    assert (await counter.next(HAN, S1, status=409))["code"] == "Q09"
    assert (await counter.next(LIU, S2, status=409))["code"] == "Q09"
    assert (await counter.next(LIU, S1, status=404))["code"] == "Q03"
    await counter.served.get("/api/hall/tickets/" + "x" * 43, status=404)


async def test_a_browser_that_dies_finds_its_person_again_and_a_supervisor_can_close_the_window(
    counter: Counter,
) -> None:
    await counter.take(name="刘桂兰")
    await counter.sit(LIU, S1)
    ticket = (await counter.next(LIU, S1))["ticket"]
    await counter.act(LIU, ticket, "serve")
    again = await counter.desk(LIU)
    assert (again["window"]["number"], again["at"]["label"], again["at"]["state"]) == ("S01", "S001", "serving")
    await counter.as_(HAN, "POST", f"/api/windows/{S1}/close", {}, status=409)
    await counter.as_(BOSS, "POST", f"/api/windows/{S1}/close", {})
    await counter.sit(HAN, S2)
    assert (await counter.next(HAN, S2))["label"] == "S001", "in front of everybody"
    async with counter.hall.db.read() as conn:
        noted = [(entry.actor, entry.action) async for entry in audit.entries(conn)]
    assert noted == [
        ("staff:stf_liu", "window.open"),
        ("staff:stf_boss", "window.close"),
        ("staff:stf_han", "window.open"),
    ]


async def test_the_supervisor_s_page_says_which_window_would_help(counter: Counter) -> None:
    await counter.take()
    await counter.sit(LIU, S1)
    rows = await counter.as_(BOSS, "GET", "/api/hall/lines")
    social = next(row for row in rows if row["id"] == "990101-S")
    assert (social["waiting"], social["alarm"], social["open_window"]) == (1, False, None)
    counter.hall.clock.advance(25 * 60)
    first = (await counter.as_(BOSS, "GET", "/api/hall/lines"))[0]
    assert (first["id"], first["alarm"], first["open_window"]["number"]) == ("990101-S", True, "S02")


async def test_a_supervisor_reads_what_people_said_and_an_agent_does_not(counter: Counter) -> None:
    await counter.sit(LIU, S1)
    for given in ({"level": 5}, {"level": 1, "reasons": ["115"], "words": "  叫了两遍  ", "call_back": True}):
        taken = await counter.take(name="刘桂兰", phone="13800005678")
        ticket = (await counter.next(LIU, S1))["ticket"]
        await counter.act(LIU, ticket, "serve")
        await counter.act(LIU, ticket, "finish")
        await counter.served.post(f"/api/hall/tickets/{taken['token']}/rating", given)
    await counter.as_(LIU, "GET", "/api/hall/ratings", status=403)
    said = await counter.as_(BOSS, "GET", "/api/hall/ratings")
    assert [(each["level"], each["count"]) for each in said["levels"]] == [(5, 1), (4, 0), (3, 0), (2, 0), (1, 1)]
    (low,) = said["low"]
    assert (low["label"], low["words"], low["call_back"]) == ("S002", "叫了两遍", True)
    assert [each["name"] for each in low["reasons"]] == ["服务态度差效率低"]
    assert "刘" not in str(said) and "5678" not in str(said)
    counter.hall.clock.advance(8 * 24 * 3600)
    assert (await counter.as_(BOSS, "GET", "/api/hall/ratings"))["low"] == [], "those of the last seven days"


async def test_a_wall_without_news_hears_that_its_line_lives(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hall_routes, "WALL_ROUND_S", 0.05)
    async with counter.served.session.get(f"/api/hall/walls/{DISTRICT}/live") as response:
        stream = events(response)
        first = await until(stream, lambda it: True)
        counter.hall.clock.advance(5)
        assert (await until(stream, lambda it: it["at"] != first["at"]))["calls"] == []


async def test_a_number_without_news_hears_so_in_words_that_a_page_can_hear(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hall_routes, "Watch", lambda ticket: Watch(ticket, 0.05))
    token = (await counter.take())["token"]
    async with counter.served.session.get(f"/api/hall/tickets/{token}/live") as response:
        async with asyncio.timeout(10):
            assert (await response.content.readuntil(b"\n\n")).startswith(b"data: {")
            assert await response.content.readuntil(b"\n\n") == b"event: here\ndata:-\n\n"


async def test_the_page_of_a_number_that_is_over_asks_no_more(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    found = store.slip_of_token
    monkeypatch.setattr(store, "slip_of_token", lambda *of: (asked.append(of), found(*of))[1])
    first, other = await counter.take(), await counter.take()
    async with (
        counter.served.session.get(f"/api/hall/tickets/{first['token']}/live") as of_first,
        counter.served.session.get(f"/api/hall/tickets/{other['token']}/live") as of_other,
    ):
        streams = events(of_first), events(of_other)
        for stream in streams:
            await until(stream, lambda it: it["state"] == "queued")
        await counter.served.json("POST", f"/api/hall/tickets/{first['token']}/acts", {"do": "abandon"})
        await until(streams[0], lambda it: it["state"] == "abandoned")
        await until(streams[1], lambda it: it["wait"]["ahead"] == 0)
        before = len(asked)
        await counter.served.json("POST", f"/api/hall/tickets/{other['token']}/acts", {"do": "step_away"})
        await until(streams[1], lambda it: it["away_until"] is not None)
        assert len(asked) == before + 1, "for the act itself, and for no page"


async def test_a_page_that_looks_ends_when_the_node_stops(counter: Counter, bus: Bus) -> None:
    lines = Lines(counter.hall.db, bus)
    await lines.start()
    watch = Watch()
    with lines.watching("990101-S", watch):
        waiting = asyncio.create_task(watch.wait())
        await asyncio.sleep(0)
        await lines.stop()
        await asyncio.wait_for(waiting, 5)
    assert lines.closed
