"""A number and its call when something goes wrong: nobody loses their place, and the citizen never begins anew."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from foundation.bus import Bus
from foundation.clock import ManualClock
from foundation.db import Database
from foundation.job_runner import JobRunner
from helpdesk.commands import Finish
from helpdesk.jobs import handlers
from helpdesk.kind import load_state
from helpdesk.queue import HAND_OVER, RECALL_PAUSE
from helpdesk.state import ServiceState
from office import invitations
from office import store as office
from office.commands import CallStart, ConsentGive, ConsentRefuse, PersonJoin, WaitEnter
from office.routes import GUEST_COOKIE
from office.session import Party
from server.kinds import KINDS
from server.records import act_within
from tests.node.helpdesk.test_routes import BOSS, HAN, LIU, S1, S2, T1, Counter
from tests.support.hall import open_hall
from tests.support.hall_site import hall_site, lead, no_effect
from tests.support.http import Serve
from tests.support.people import staff

WU = staff("agent", id="stf_wu", name="吴悦")


class Calls(Counter):
    """Numbers that are helped by video."""

    token = ""
    ticket = ""
    record = ""
    citizen: Party

    async def open(self, status: int = 200) -> tuple[Any, str]:
        """The call's page from a browser of its own; what it is told, and its cookie."""
        client = self.served.client()
        async with client.post(f"/api/hall/tickets/{self.token}/call", json={"device": "phone"}) as response:
            answer = await response.json()
            assert response.status == status, answer
            cookie = response.cookies[GUEST_COOKIE].value if status == 200 else ""
        await client.close()
        return answer, cookie

    async def come_in(self) -> None:
        taken = await self.take(name="刘桂兰", video=True)
        self.token = taken["token"]
        opened, cookie = await self.open()
        self.record = opened["record"]
        async with self.hall.db.read() as conn:
            guest = await invitations.guest_of(conn, cookie, self.hall.clock.now())
        assert guest is not None and guest.record == self.record
        self.citizen = Party(id=guest.id, name=guest.name, role="applicant", kind="guest")
        here = (PersonJoin(leg="leg_c"), ConsentGive(version="2026-1"), WaitEnter())
        await self.site.put(self.record, self.citizen, *here)

    async def start(self) -> None:
        """Called at S1 and in a call with Liu."""
        await self.come_in()
        await self.sit(LIU, S1)
        self.ticket = (await self.next(LIU, S1))["ticket"]
        assert (await self.lead(LIU))["record"] == self.record
        await self.site.put(self.record, lead(LIU), PersonJoin(leg="leg_l"), CallStart())

    async def lead(self, agent: Any, status: int = 200) -> Any:
        return await self.as_(agent, "POST", f"/api/tickets/{self.ticket}/call", {}, status=status)

    async def run_due(self) -> None:
        """What time does."""
        hall = self.hall

        async def within(conn: Any, *of: Any) -> None:
            await act_within(conn, KINDS, *of, no_effect, hall.clock.now())

        await JobRunner(hall.db, hall.clock, handlers(hall.db, hall.clock, within)).run_until_idle()

    async def phase(self) -> str | None:
        async with self.hall.db.read() as conn:
            row = await office.get_record(conn, self.record)
        return row.phase if row else None

    async def state(self) -> ServiceState:
        async with self.hall.db.read() as conn:
            return await load_state(conn, self.record)

    async def page(self) -> Any:
        return await self.served.get(f"/api/hall/tickets/{self.token}")

    async def offer(self) -> None:
        await self.sit(WU, T1)
        await self.act(LIU, self.ticket, "hand_over", to=T1)
        assert (await self.state()).offer is not None


@pytest.fixture
async def calls(sqlite_database: Database, clock: ManualClock, bus: Bus, serve: Serve) -> AsyncIterator[Calls]:
    async with hall_site(await open_hall(sqlite_database, clock), bus, serve) as site:
        yield Calls(site)


async def test_help_by_video_is_there_while_somebody_sits_there_whatever_the_hour(calls: Calls) -> None:
    calls.hall.clock.advance(12 * 3600)
    refused = await calls.take(video=True, status=409)
    assert refused["code"] == "Q16"
    await calls.sit(LIU, S1)
    await calls.take(video=True)
    assert (await calls.take(status=409))["code"] == "Q08", "the doors are shut all the same"


async def test_two_browsers_with_one_number_share_one_record_and_the_last_one_is_in_it(calls: Calls) -> None:
    await calls.come_in()
    first, one = await calls.open()
    second, other = await calls.open()
    assert first["record"] == second["record"] == calls.record
    async with calls.hall.db.read() as conn:
        now = calls.hall.clock.now()
        assert await invitations.guest_of(conn, one, now) is None
        assert await invitations.guest_of(conn, other, now) is not None


async def test_only_the_window_that_has_the_number_leads_its_call(calls: Calls) -> None:
    await calls.start()
    await calls.sit(HAN, S2)
    assert (await calls.lead(HAN, 409))["code"] == "Q04"
    await calls.as_(WU, "POST", f"/api/tickets/{calls.ticket}/call", {}, status=409)


async def test_an_agent_who_never_comes_back_costs_the_citizen_nothing(calls: Calls) -> None:
    await calls.start()
    call = (await calls.state()).session.call
    # Liu's machine died: the supervisor closes the window; the number is first in line, still in its call.
    await calls.as_(BOSS, "POST", f"/api/windows/{S1}/close", {})
    assert (await calls.page())["state"] == "queued" and (await calls.page())["wait"]["ahead"] == 0
    await calls.sit(HAN, S2)
    assert (await calls.next(HAN, S2))["ticket"] == calls.ticket
    await calls.lead(HAN)
    state = await calls.state()
    assert state.session.lead is not None and state.session.lead.id == HAN.id and state.window == "S02"
    assert state.session.call == call and state.session.phase == "live"
    assert state.session.people[calls.citizen.id].leg == "leg_c"


async def test_an_offer_to_a_window_that_closes_comes_back(calls: Calls) -> None:
    await calls.start()
    await calls.offer()
    await calls.as_(WU, "POST", f"/api/windows/{T1}/close", {})
    state = await calls.state()
    assert state.offer is None and state.passages[0].state == "returned"
    assert (await calls.page())["state"] == "serving" and (await calls.desk(LIU))["at"]["ticket"] == calls.ticket


async def test_an_offer_that_nobody_takes_comes_back_by_itself(calls: Calls) -> None:
    await calls.start()
    await calls.offer()
    hall = calls.hall
    hall.clock.advance(HAND_OVER.total_seconds() + 1)
    await calls.run_due()
    state = await calls.state()
    assert state.offer is None and state.passages[0].state == "returned"
    assert state.session.lead is not None and state.session.lead.id == LIU.id


async def test_an_end_that_was_cut_off_between_record_and_number_is_finished_by_pressing_again(calls: Calls) -> None:
    await calls.start()
    await calls.site.put(calls.record, lead(LIU), Finish(result="done"))
    assert (await calls.page())["state"] == "serving"
    await calls.act(LIU, calls.ticket, "finish")
    assert (await calls.page())["state"] == "finished" and (await calls.state()).session.phase == "closed"


async def test_who_does_not_agree_to_be_recorded_is_served_with_the_same_number(calls: Calls) -> None:
    taken = await calls.take(name="刘桂兰", video=True)
    calls.token = taken["token"]
    opened, cookie = await calls.open()
    calls.record = opened["record"]
    async with calls.hall.db.read() as conn:
        guest = await invitations.guest_of(conn, cookie, calls.hall.clock.now())
    assert guest is not None
    citizen = Party(id=guest.id, name=guest.name, role="applicant", kind="guest")
    await calls.site.put(calls.record, citizen, ConsentRefuse())
    await calls.sit(LIU, S1)
    calls.ticket = (await calls.next(LIU, S1))["ticket"]
    await calls.act(LIU, calls.ticket, "serve")
    await calls.act(LIU, calls.ticket, "finish")
    assert (await calls.page())["state"] == "finished" and (await calls.state()).session.phase == "declined"


async def test_a_number_that_is_parked_in_its_call_keeps_the_call_and_says_so_until_it_goes_on(calls: Calls) -> None:
    await calls.start()
    call = (await calls.state()).session.call
    await calls.act(LIU, calls.ticket, "park")
    state = await calls.state()
    assert state.parked and state.session.call == call and state.session.phase == "live"
    assert (await calls.page())["state"] == "parked" and "call" in (await calls.page())["can"]
    await calls.act(LIU, calls.ticket, "resume")
    state = await calls.state()
    assert not state.parked and state.session.call == call
    async with calls.hall.db.read() as conn:
        tags = [event.tag for event in await office.events(conn, calls.record)]
    assert tags[-2:] == ["officer:service:parked", "officer:service:taken"], "the record says for how long"


@pytest.mark.parametrize("waits", [True, False])
async def test_who_is_served_in_the_hall_after_all_leaves_no_record_open(calls: Calls, waits: bool) -> None:
    if waits:
        await calls.come_in()
    else:
        calls.token = (await calls.take(name="刘桂兰", video=True))["token"]
        calls.record = (await calls.open())[0]["record"]
    await calls.sit(LIU, S1)
    calls.ticket = (await calls.next(LIU, S1))["ticket"]
    await calls.act(LIU, calls.ticket, "serve")
    await calls.act(LIU, calls.ticket, "finish")
    session = (await calls.state()).session
    assert (session.phase, session.call, session.signers) == ("closed", None, ())
    assert await calls.phase() == "closed"


async def test_who_gives_the_number_back_leaves_no_record_open(calls: Calls) -> None:
    await calls.come_in()
    await calls.served.json("POST", f"/api/hall/tickets/{calls.token}/acts", {"do": "step_away"})
    assert await calls.phase() == "waiting"
    await calls.served.json("POST", f"/api/hall/tickets/{calls.token}/acts", {"do": "abandon"})
    assert (await calls.page())["state"] == "abandoned" and await calls.phase() == "closed"


@pytest.mark.parametrize("missed", [True, False])
async def test_midnight_closes_the_record_of_a_number_that_lapses_and_keeps_that_of_one_it_carries_over(
    calls: Calls, missed: bool
) -> None:
    await calls.come_in()
    if missed:
        await calls.sit(LIU, S1)
        calls.ticket = (await calls.next(LIU, S1))["ticket"]
        for what in ("recall", "recall", "miss"):
            calls.hall.clock.advance(RECALL_PAUSE.total_seconds() + 1)
            await calls.act(LIU, calls.ticket, what)
    calls.hall.clock.advance(9.6 * 3600)  # ten past midnight
    await calls.run_due()
    page = await calls.page()
    assert (page["state"], await calls.phase()) == (("abandoned", "closed") if missed else ("confirmed", "waiting"))


async def test_a_number_that_is_over_opens_no_call(calls: Calls) -> None:
    taken = await calls.take(name="刘桂兰")
    calls.token = taken["token"]
    await calls.served.json("POST", f"/api/hall/tickets/{calls.token}/acts", {"do": "abandon"})
    refused, _ = await calls.open(409)
    assert refused["code"] == "Q04"
    calls.token = "x" * 30
    assert (await calls.open(404))[0]["code"] == "L02"
