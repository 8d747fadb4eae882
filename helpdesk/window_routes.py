"""HTTP routes of agents and supervisors: sit down at a window, call the next, do what follows, see the whole hall."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta, Struct
from sqlalchemy.exc import IntegrityError

from foundation import audit
from foundation.access import Actor, Resource, covers
from foundation.errors import Problem
from foundation.http import Call, Handler, Route
from helpdesk import calling, directory, store, view
from helpdesk.call_routes import CallDesk, CallTaken, Ending, Passing, drop, give_back
from helpdesk.calling import Press
from helpdesk.commands import GiveBack
from helpdesk.directory import Window
from helpdesk.live import Lines, Watch, stream
from helpdesk.presses import presses
from helpdesk.queue import State
from helpdesk.rating import RATE_WITHIN, Level
from helpdesk.store import Slip
from office import register
from office.routes import Named
from office.services import Services
from office.session import Refused
from office.store import AsyncConnection

SHOWN = 20
"""Rows of the queue on an agent's desk: the next ones; how many there are stands above."""


class AwayRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    away: bool


class AgentAct(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`to`: the window a number is handed over to, or the line it is forwarded to; `passing` goes with a hand-over,
    `ending` with the end of a call."""

    do: Literal[
        "call", "recall", "serve", "miss", "park", "resume", "release", "forward", "hand_over", "accept", "decline",
        "finish",
    ]  # fmt: skip
    to: Annotated[str, Meta(max_length=40)] | None = None
    passing: Passing = Passing()
    ending: Ending = Ending()


class Moved(Struct, frozen=True, kw_only=True):
    """What became of a number; the desk itself hears of it by its live route."""

    ticket: str
    label: str
    state: State


class WindowDesk:
    """Handlers of the routes of staff on one node."""

    def __init__(self, services: Services, lines: Lines, levels: list[Level]) -> None:
        self.services = services
        self.lines = lines
        self.levels = levels
        self.presses = presses(services.db, services.clock, lines.known)
        self.calls = CallDesk(services)

    async def window_resource(self, call: Call) -> Resource:
        window = await self.services.db.ask(lambda conn: directory.get_window(conn, call.path["window"]))
        if window is None:
            raise Problem("S404")
        return Resource("window", window.id, office=window.office)

    async def ticket_resource(self, call: Call) -> Resource:
        office = await self.services.db.ask(lambda conn: store.office_of(conn, call.path["ticket"]))
        if office is None:
            raise Problem("S404")
        return Resource("ticket", call.path["ticket"], office=office)

    # --- the desk ---

    async def desk(self, call: Call) -> view.AgentDesk:
        return await self._desk(call.actor)

    async def _desk(self, actor: Actor) -> view.AgentDesk:
        office = actor.office or ""
        async with self.services.db.read() as conn:
            mine = await directory.window_of(conn, actor.id)
            windows = {one.id: one for one in await directory.list_windows(conn, [office])}
            lines = await directory.list_lines(conn, [office])
        now = await self.lines.read(mine.line) if mine else None
        if mine is None or now is None:
            return _standing(windows, lines)
        waiting = [one.id for one in now.waiting[:SHOWN]]
        missed = [one.id for one in now.present if one.state == "missed"]
        async with self.services.db.read() as conn:
            kept = await store.kept_by(conn, mine.id)
            slips = await store.get_slips(conn, [*waiting, *missed])
            guides = await directory.get_guides(conn, {slip.guide for slip in (*kept, *slips.values())})

        def rows(ids: Sequence[str]) -> list[view.SlipRow]:
            return [view.slip_row(slips[one], guides, windows) for one in ids if one in slips]

        def whole(slip: Slip) -> view.SlipRow:
            return view.slip_row(slip, guides, windows, whole=True)

        at = next((slip for slip in kept if slip.ticket.window == mine.id and slip.ticket.state != "parked"), None)
        return msgspec.structs.replace(
            _standing(windows, lines),
            window=view.window_card(mine),
            line=Named(name=now.line.name, gloss=now.line.gloss),
            letter=now.line.letter,
            wait=now.wait_of(),
            longest_since=now.longest_since(),
            at=whole(at) if at else None,
            waiting=rows(waiting),
            parked=[whole(slip) for slip in kept if slip.ticket.state == "parked"],
            missed=rows(missed),
            offered=[whole(slip) for slip in kept if slip.ticket.handed_to == mine.id],
        )

    async def live(self, call: Call) -> web.StreamResponse:
        watch, office = Watch(), call.actor.office or ""
        async with self.services.db.read() as conn:
            lines = await directory.list_lines(conn, [office])

        async def look() -> bytes:
            return msgspec.json.encode(await self._desk(call.actor))

        with ExitStack() as looking:
            # All of the hall: an offer comes from another line, and windows open and close.
            for line in lines:
                looking.enter_context(self.lines.watching(line.id, watch))
            return await stream(call, self.lines, watch, look)

    # --- the window ---

    async def sit_down(self, call: Call) -> view.AgentDesk:
        window, now = call.path["window"], self.services.clock.now()
        try:
            async with self.services.db.begin() as conn:
                if not await directory.sit_down(conn, window, call.actor.id, now):
                    taken = await directory.get_window(conn, window)
                    names = await register.staff_names(conn, [taken.agent or ""] if taken else [])
                    raise Problem("S409", who=next(iter(names.values()), "—"))
                await self._changed(conn, window)
                await self._note(conn, call.actor, "window.open", f"window:{window}")
        except IntegrityError as error:
            raise Problem("Q12") from error
        return await self._desk(call.actor)

    async def stand_up(self, call: Call) -> view.AgentDesk:
        """Also for a supervisor, where an agent went home."""
        window, now = call.path["window"], self.services.clock.now()
        async with self.services.db.begin() as conn:
            seen = await directory.get_window(conn, window)
            if seen is None or (seen.agent != call.actor.id and "supervisor" not in call.actor.roles):
                raise Problem("Q09")
            kept = await calling.leave_window(conn, window, str(call.actor), now)
            for slip in kept:
                await give_back(conn, self.services.within, slip, GiveBack(cause="closed"))
            labels = [slip.label for slip in kept]
            await self._note(conn, call.actor, "window.close", f"window:{window}", {"numbers": labels})
        return await self._desk(call.actor)

    async def set_away(self, call: Call) -> view.AgentDesk:
        body: AwayRequest = call.body
        async with self.services.db.begin() as conn:
            mine = await self._mine(conn, call.actor)
            if mine.id != call.path["window"]:
                raise Problem("Q09")
            await directory.set_away(conn, mine.id, body.away)
            await self._changed(conn, mine.id)
        return await self._desk(call.actor)

    async def next(self, call: Call) -> Moved:
        press = Press(call.path["window"], str(call.actor), call.actor.id)
        called = await self.presses.ask(press)
        if isinstance(called, Refused):
            raise Problem(called.code, **called.params)
        return _moved(called)

    async def act(self, call: Call) -> Moved:
        body: AgentAct = call.body
        ticket, now = call.path["ticket"], self.services.clock.now()
        if body.do == "finish":
            await self._end_call(ticket, body.ending, call.actor)

        async def carry_out(conn: AsyncConnection) -> Slip:
            mine = await self._mine(conn, call.actor)
            if body.do == "forward":
                line = await directory.get_line(conn, body.to or "")
                if line is None or line.office != mine.office:
                    raise Problem("Q13", field="to")
            done = await calling.act(conn, ticket, body.do, str(call.actor), now, window=mine.id, to=body.to)
            if isinstance(done, Refused):
                raise Problem(done.code, **done.params)
            await self._follow(conn, done, mine, body, call.actor)
            if body.do == "miss":
                # The one act that costs somebody their turn.
                await self._note(conn, call.actor, "ticket.missed", f"ticket:{ticket}", {"number": done.label})
            return done

        return _moved(await self.services.db.carry_out(carry_out))

    async def _end_call(self, ticket: str, ending: Ending, agent: Actor) -> None:
        """First the record, then the number: an end that was cut off between the two is repeated by pressing again."""

        async def look(conn: AsyncConnection) -> tuple[Window, Slip | None]:
            return await self._mine(conn, agent), await store.get_slip(conn, ticket)

        mine, slip = await self.services.db.look(look)
        if slip is not None and slip.ticket.state == "serving" and slip.ticket.window == mine.id:
            await self.calls.service.finish(slip, ending, agent)

    async def _follow(self, conn: AsyncConnection, slip: Slip, mine: Window, body: AgentAct, agent: Actor) -> None:
        """What an act on the number means for its help service, in the same transaction."""
        match body.do:
            case "accept" | "resume" | "serve":
                await self.calls.service.take_over(conn, slip, mine, agent)
            case "hand_over":
                await self.calls.service.offer(conn, slip, body.to or "", body.passing, agent)
            case "park":
                await self.calls.service.park(conn, slip, mine, agent)
            case "finish":
                await drop(conn, self.services.within, slip)
            case "decline":
                await give_back(conn, self.services.within, slip, GiveBack(cause="declined"))

    async def _mine(self, conn: AsyncConnection, actor: Actor) -> Window:
        mine = await directory.window_of(conn, actor.id)
        if mine is None:
            raise Problem("Q09")
        return mine

    async def _changed(self, conn: AsyncConnection, window: str) -> None:
        at = await directory.get_window(conn, window)
        if at is not None:
            store.changed(conn, at.line)

    async def _note(
        self, conn: AsyncConnection, actor: Actor, action: str, resource: str, detail: dict[str, object] | None = None
    ) -> None:
        await audit.append(
            conn,
            at=self.services.clock.now(),
            actor=str(actor),
            action=action,
            resource=resource,
            outcome="done",
            detail=detail or {},
        )

    # --- the supervisor ---

    async def overview(self, call: Call) -> list[Any]:
        at = self.services.clock.now()
        async with self.services.db.read() as conn:
            offices = [one.code for one in await register.list_offices(conn) if covers(call.actor.office, one.code)]
            lines = [line.id for line in await directory.list_lines(conn, offices)]
        rows = [view.line_row(now, at) for line in lines if (now := await self.lines.now(line)) is not None]
        return sorted(rows, key=lambda row: (not row.alarm, row.longest_since or at, row.id))

    async def ratings(self, call: Call) -> view.RatingsPage:
        since = self.services.clock.now() - RATE_WITHIN
        async with self.services.db.read() as conn:
            every = await register.list_offices(conn)
            offices = {one.code: one for one in every if covers(call.actor.office, one.code)}
            rated = await store.rated_since(conn, list(offices), since)
            guides = await directory.get_guides(conn, {slip.guide for slip, _ in rated})
        return view.ratings_page(rated, self.levels, offices, guides, since)


def _moved(slip: Slip) -> Moved:
    return Moved(ticket=slip.ticket.id, label=slip.label, state=slip.ticket.state)


def _standing(windows: dict[str, Window], lines: Sequence[directory.Line]) -> view.AgentDesk:
    """The desk of somebody who sits nowhere yet."""
    return view.AgentDesk(
        window=None,
        windows=[view.window_card(window) for window in windows.values()],
        line=None,
        letter="",
        wait=None,
        longest_since=None,
        at=None,
        waiting=[],
        parked=[],
        missed=[],
        offered=[],
        lines=[view.HallLine(id=line.id, name=line.name, gloss=line.gloss) for line in lines],
    )


def routes(services: Services, lines: Lines, levels: list[Level]) -> list[Route]:
    desk, serve = WindowDesk(services, lines, levels), "hall.serve"
    call_next, act = lines.acts.first(desk.next), lines.acts.first(desk.act)

    def at_window(
        what: str, handler: Handler, summary: str, permission: str = serve, request: type[Struct] | None = None
    ) -> Route:
        path, resource = f"/api/windows/{{window}}/{what}", desk.window_resource
        return Route("POST", path, handler, permission, summary, request, view.AgentDesk, resource=resource)

    return [
        Route("GET", "/api/desk/hall", desk.desk, serve, "An agent's desk", response=view.AgentDesk),
        Route("GET", "/api/desk/hall/live", desk.live, serve, "The same, live", gives=("text/event-stream",)),
        at_window("open", desk.sit_down, "Sit down at a window"),
        at_window("close", desk.stand_up, "Close a window", "hall.watch"),
        at_window("away", desk.set_away, "Step away, or be back", request=AwayRequest),
        # Whoever does not sit there is refused by the act itself.
        Route("POST", "/api/windows/{window}/next", call_next, serve, "Call the next", response=Moved),
        Route(
            "POST",
            "/api/tickets/{ticket}/acts",
            act,
            serve,
            "What an agent does with a number",
            AgentAct,
            Moved,
            resource=desk.ticket_resource,
        ),
        Route(
            "POST",
            "/api/tickets/{ticket}/call",
            desk.calls.lead,
            serve,
            "Lead the video call of a number at one's window",
            response=CallTaken,
            resource=desk.ticket_resource,
        ),
        Route(
            "GET", "/api/hall/lines", desk.overview, "hall.watch", "Lines, waits, alarms", response=list[view.LineRow]
        ),
        Route(
            "GET",
            "/api/hall/ratings",
            desk.ratings,
            "hall.ratings",
            "What people said of the last seven days' services",
            response=view.RatingsPage,
        ),
    ]
