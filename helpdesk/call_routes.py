"""HTTP routes by which a number becomes a call: the citizen's page opens it, the agent at the number's window leads it.

Number and record stay one story: whatever concerns both is one transaction, or can be repeated until it is.
"""

from datetime import datetime
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import audit
from foundation.access import Actor
from foundation.errors import Problem
from foundation.http import Call, Route, answer
from foundation.rates import Rate
from helpdesk import calling, directory, opening, store
from helpdesk.commands import Drop, Finish, GiveBack, Offer, Park, Result, TakeOver
from helpdesk.directory import Window
from helpdesk.queue import OVER
from helpdesk.store import Slip
from office import store as office
from office.commands import Line, Text
from office.routes import give_seat
from office.secret import hash_token
from office.services import Services, Within
from office.session import BEFORE, IN_CALL, SYSTEM, Party, Refused

_KNOCKS = Rate(60, 60)
"""Calls opened from one address: a whole hall may stand behind it."""


class CallOpened(Struct, frozen=True, kw_only=True):
    """`path`: the page of the call on this server."""

    record: str
    path: str


class CallRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device: Annotated[str, Meta(max_length=120)] = ""


class CallTaken(Struct, frozen=True, kw_only=True):
    record: str


class Passing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes with a number to another window."""

    note: Text = ""
    papers: Annotated[tuple[Line, ...], Meta(max_length=20)] = ()


class Ending(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    result: Result = "done"
    note: Text = ""


class Service:
    """The help service of numbers: what the desk's acts mean for the record."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def take_over(self, conn: AsyncConnection, slip: Slip, window: Window, agent: Actor) -> None:
        """The agent at this window leads the number's record from now on."""
        if slip.record is not None and not await self._over(conn, slip.record):
            command = TakeOver(staff=agent.id, name=agent.name, window=window.number)
            await self._services.within(conn, slip.record, command, SYSTEM)

    async def offer(self, conn: AsyncConnection, slip: Slip, to: str, passing: Passing, agent: Actor) -> None:
        """Its way to another window is on record, with what the next agent needs to know."""
        window = await directory.get_window(conn, to)
        if slip.record is None or window is None or await self._over(conn, slip.record):
            return
        command = Offer(window=window.number, note=passing.note, papers=passing.papers)
        lead = Party(id=agent.id, name=agent.name, role="lead", kind="staff")
        await self._services.within(conn, slip.record, command, lead)

    async def finish(self, slip: Slip, ending: Ending, agent: Actor) -> None:
        """End call and record, if a call runs. Repeating it after a crash finds it ended."""
        if slip.record is None:
            return
        async with self._services.db.read() as conn:
            row = await office.get_record(conn, slip.record)
        if row is not None and row.phase in IN_CALL:
            await self._services.dispatch(slip.record, agent, Finish(result=ending.result, note=ending.note))

    async def park(self, conn: AsyncConnection, slip: Slip, window: Window, agent: Actor) -> None:
        """It is put aside while its call runs; who waits in it is told so."""
        row = await office.get_record(conn, slip.record) if slip.record is not None else None
        if row is not None and row.phase in IN_CALL:
            lead = Party(id=agent.id, name=agent.name, role="lead", kind="staff")
            await self._services.within(conn, row.id, Park(window=window.number), lead)

    async def _over(self, conn: AsyncConnection, record: str) -> bool:
        row = await office.get_record(conn, record)
        return row is None or row.phase in ("declined", "closing", "closed")


async def give_back(conn: AsyncConnection, within: Within, slip: Slip, command: GiveBack) -> None:
    """An offer is over; the record says so where there is one."""
    if slip.record is not None:
        await within(conn, slip.record, command, SYSTEM)


async def drop(conn: AsyncConnection, within: Within, slip: Slip) -> None:
    """Where the number is over, a record whose call never began has nothing left to wait for."""
    if slip.record is None or slip.ticket.state not in OVER:
        return
    row = await office.get_record(conn, slip.record)
    if row is not None and row.phase in BEFORE:
        await within(conn, row.id, Drop(), SYSTEM)


class CallDesk:
    """Handlers of the two ways into a call on one node."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.service = Service(services)

    async def open(self, call: Call) -> web.StreamResponse:
        """The citizen's browser; the number's own token says whose it is."""
        body: CallRequest = call.body
        now = self.services.clock.now()
        async with self.services.db.begin() as conn:
            found = await store.slip_of_token(conn, hash_token(call.path["token"]))
            slip = await store.get_slip(conn, found.ticket.id, lock=True) if found else None
            if slip is None:
                raise Problem("L02")
            if slip.record is None and slip.ticket.state in OVER:
                raise Problem("Q04", state=slip.ticket.state)
            slip = await opening.open_service(conn, slip, "citizen", now)
            record = slip.record or ""
            invitation, token, joined = await opening.let_in(conn, slip, self.services.record_key, body.device, now)
            await self._note(conn, f"guest:{invitation.id}", "link.join", record, now, {"displaced": joined.displaced})
        if joined.displaced:
            await self.services.displaced(record, invitation.id)
        response = answer(CallOpened(record=record, path=f"/i/{token}"))
        give_seat(response, invitation, joined, now, secure=self.services.secure)
        return response

    async def lead(self, call: Call) -> CallTaken:
        """The agent whose window has the number: it is being served from now on, and they lead its record."""
        ticket, now = call.path["ticket"], self.services.clock.now()
        async with self.services.db.begin() as conn:
            mine = await directory.window_of(conn, call.actor.id)
            if mine is None:
                raise Problem("Q09")
            slip = await store.get_slip(conn, ticket, lock=True)
            if slip is None or slip.ticket.window != mine.id:
                raise Problem("Q04", state=slip.ticket.state if slip else "")
            if slip.ticket.state == "called":
                served = await calling.act(conn, ticket, "serve", str(call.actor), now, window=mine.id)
                if isinstance(served, Refused):
                    raise Problem(served.code, **served.params)
                slip = served
            if slip.ticket.state not in ("serving", "transferred"):
                raise Problem("Q04", state=slip.ticket.state)
            if slip.record is None:
                slip = await opening.open_service(conn, slip, call.actor.id, now)
                await self._note(conn, str(call.actor), "service.open", slip.record or "", now, {"number": slip.label})
            if slip.ticket.state == "serving":
                await self.service.take_over(conn, slip, mine, call.actor)
        return CallTaken(record=slip.record or "")

    async def _note(
        self, conn: AsyncConnection, actor: str, action: str, record: str, at: datetime, detail: dict[str, object]
    ) -> None:
        await audit.append(conn, at=at, actor=actor, action=action, resource=record, outcome="done", detail=detail)


def citizen_routes(services: Services) -> list[Route]:
    desk = CallDesk(services)
    return [
        Route(
            "POST",
            "/api/hall/tickets/{token}/call",
            desk.open,
            "public",
            "Open the video call of a number",
            CallRequest,
            CallOpened,
            rate=_KNOCKS,
        ),
    ]
