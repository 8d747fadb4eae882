"""HTTP routes of citizens: take a number, follow it, rate; and the wall of a hall.

Nobody needs an account. A number's page is opened by its token; a cookie remembers the browser, so that nobody hoards.
"""

from contextlib import ExitStack
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from foundation.errors import Problem
from foundation.http import Call, Route, answer
from foundation.ids import new_token
from foundation.rates import Rate
from helpdesk import call_routes, calling, directory, store, view
from helpdesk.guide import Guide
from helpdesk.hours import gives_numbers, next_opening
from helpdesk.known import Place
from helpdesk.line import LineNow
from helpdesk.live import WALL_ROUND_S, Lines, Watch, stream
from helpdesk.queue import OVER
from helpdesk.rating import MOST_REASONS, MOST_WORDS, Level, fault_of, levels_for
from helpdesk.store import Slip
from office import register
from office.notices import short_time
from office.person import normalise_phone
from office.register import Office
from office.secret import hash_token
from office.services import Services
from office.session import Refused
from office.store import AsyncConnection

HOLDER_COOKIE = "yk_hall"
_A_DAY_S = 24 * 3600

_TAKES = Rate(60, 60)
"""Numbers taken from one address: a whole hall may stand behind it."""


class TakeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`priority`: the holder says that they are over 65, disabled, pregnant or serve; the window looks. `video`:
    helped by video now, without a visit."""

    office: Annotated[str, Meta(min_length=1, max_length=20)]
    guide: Annotated[str, Meta(min_length=1, max_length=60)]
    name: Annotated[str, Meta(max_length=80)] = ""
    phone: Annotated[str, Meta(max_length=40)] = ""
    priority: bool = False
    video: bool = False


class Taken(Struct, frozen=True, kw_only=True):
    """`token` opens the number's page; it is told this once."""

    token: str
    ticket: view.TicketPage


class HolderAct(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    do: Literal["arrive", "step_away", "come_back", "abandon"]


class RatingRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    level: Annotated[int, Meta(ge=1, le=5)]
    reasons: Annotated[list[Annotated[str, Meta(max_length=10)]], Meta(max_length=MOST_REASONS)] = []
    words: Annotated[str, Meta(max_length=MOST_WORDS)] = ""
    call_back: bool = False


class HallDesk:
    """Handlers of the citizens' routes on one node."""

    def __init__(self, services: Services, lines: Lines, levels: list[Level]) -> None:
        self.services = services
        self.lines = lines
        self.levels = levels_for(levels, "hall")

    # --- numbers ---

    async def take(self, call: Call) -> web.StreamResponse:
        body: TakeRequest = call.body
        phone = normalise_phone(body.phone) if body.phone.strip() else None
        if body.phone.strip() and phone is None:
            raise Problem("Q13", field="phone")
        now = self.services.clock.now()
        holder = call.request.cookies.get(HOLDER_COOKIE) or new_token()

        place = await self._place(body)
        await self._require_taken(place, body.video, now, call.lang)
        taken = await self.services.db.carry_out(
            lambda conn: calling.take(
                conn,
                place.line,
                place.guide,
                priority="priority" if body.priority else "ordinary",
                name=body.name.strip(),
                phone=phone,
                lang=call.lang,
                holder=holder,
                now=now,
                video=body.video,
            )
        )
        if isinstance(taken, Refused):
            raise Problem(taken.code, **taken.params)
        # Where it stands was counted with it; the rest of the line may be as others saw it a moment ago.
        now_there = await self._line_now(taken.slip)
        page = view.ticket_page(
            taken.slip, now_there.standing_for(taken.slip.ticket.id, taken.standing), place.guide, False
        )
        response = answer(Taken(token=taken.token, ticket=page), 201)
        response.set_cookie(
            HOLDER_COOKIE,
            holder,
            max_age=_A_DAY_S,
            httponly=True,
            samesite="Lax",
            secure=self.services.secure,
            path="/",
        )
        return response

    async def _place(self, body: TakeRequest) -> Place:
        known, db = self.lines.known, self.services.db
        kept = known.kept_place(body.office, body.guide)
        place = kept or await db.look(lambda conn: known.place(conn, body.office, body.guide))
        if place is None:
            raise Problem("Q10")
        return place

    async def _require_taken(self, place: Place, video: bool, now: datetime, lang: str) -> None:
        """Help by video is there whenever somebody sits at a window of the line, whatever the doors' hours."""
        office, db = place.office, self.services.db
        if video and any(
            window.line == place.line.id and window.agent is not None
            for window in await db.ask(lambda conn: directory.list_windows(conn, [office.code]))
        ):
            return
        if video and not gives_numbers(office.hours, now):
            opens = next_opening(office.hours, now)
            raise Problem("Q16", opens=short_time(opens, lang) if opens else "—")
        self._require_open(office, now, lang)

    def _require_open(self, office: Office, now: datetime, lang: str) -> None:
        if not gives_numbers(office.hours, now):
            opens = next_opening(office.hours, now)
            raise Problem("Q08", opens=short_time(opens, lang) if opens else "—")

    async def _held(self, call: Call) -> Slip:
        return await self.services.db.ask(lambda conn: self._slip(conn, call))

    async def _slip(self, conn: AsyncConnection, call: Call) -> Slip:
        slip = await store.slip_of_token(conn, hash_token(call.path["token"]))
        if slip is None:
            raise Problem("L02")
        return slip

    async def _page(self, slip: Slip, guide: Guide | None = None, *, fresh: bool = False) -> view.TicketPage:
        rated = False
        # A page that only follows its line asks the database nothing: thousands do, at every call.
        if guide is None or slip.ticket.state == "finished":
            async with self.services.db.read() as conn:
                guide = guide or await directory.get_guide(conn, slip.guide)
                rated = await store.get_rating(conn, slip.ticket.id) is not None
        return view.ticket_page(slip, await self._line_now(slip, fresh=fresh), guide, rated)

    async def _line_now(self, slip: Slip, *, fresh: bool = False) -> LineNow:
        line = slip.ticket.queue
        now = await (self.lines.read(line) if fresh else self.lines.now(line))
        if now is None:
            raise Problem("L02")
        return now

    async def ticket(self, call: Call) -> view.TicketPage:
        return await self._page(await self._held(call), fresh=True)

    async def live(self, call: Call) -> web.StreamResponse:

        async def find(conn: AsyncConnection) -> tuple[Slip, Guide | None]:
            slip = await self._slip(conn, call)
            return slip, await directory.get_guide(conn, slip.guide)

        slip, guide = await self.services.db.look(find)
        watch = Watch(slip.ticket.id)
        with ExitStack() as looking:
            looking.enter_context(self.lines.watching(slip.ticket.queue, watch))
            watched = {slip.ticket.queue}

            async def look() -> bytes:
                nonlocal slip
                now = await self.lines.now(slip.ticket.queue)
                if now is None or slip.ticket.id not in now.by_id:
                    # Not in that line any more: over, carried over, or forwarded to another one.
                    slip = await self._held(call)
                    watch.over = slip.ticket.state in OVER
                    if slip.ticket.queue not in watched:
                        looking.enter_context(self.lines.watching(slip.ticket.queue, watch))
                        watched.add(slip.ticket.queue)
                return msgspec.json.encode(await self._page(slip, guide))

            return await stream(call, self.lines, watch, look)

    async def act(self, call: Call) -> view.TicketPage:
        body: HolderAct = call.body
        slip, now = await self._held(call), self.services.clock.now()

        async def carry_out(conn: AsyncConnection) -> Slip | Refused:
            if body.do == "arrive":
                office = await register.get_office(conn, slip.ticket.office)
                if office is not None:
                    self._require_open(office, now, call.lang)
            done = await calling.act(conn, slip.ticket.id, body.do, "citizen", now)
            if isinstance(done, Slip):
                await call_routes.drop(conn, self.services.within, done)
            return done

        done = await self.services.db.carry_out(carry_out)
        if isinstance(done, Refused):
            raise Problem(done.code, **done.params)
        return await self._page(done, fresh=True)

    # --- rating ---

    async def scale(self, call: Call) -> list[Any]:
        return list(self.levels)

    async def rate(self, call: Call) -> view.TicketPage:
        body: RatingRequest = call.body
        fault = fault_of(self.levels, body.level, body.reasons, body.words)
        if fault is not None:
            raise Problem("Q13", field=fault)
        slip = await self._held(call)
        given = store.Rating(
            ticket=slip.ticket.id,
            at=self.services.clock.now(),
            level=body.level,
            reasons=body.reasons,
            words=body.words.strip(),
            call_back=body.call_back,
        )
        async with self.services.db.begin() as conn:
            refused = await calling.rate(conn, slip, given)
        if refused is not None:
            raise Problem(refused.code, **refused.params)
        return await self._page(slip)

    # --- the wall ---

    async def _wall_lines(self, call: Call) -> list[str]:
        async with self.services.db.read() as conn:
            lines = await directory.list_lines(conn, [call.path["office"]])
        if not lines:
            raise Problem("S404")
        return [line.id for line in lines]

    async def _wall(self, lines: list[str]) -> view.Wall:
        found = [now for line in lines if (now := await self.lines.now(line)) is not None]
        return view.wall(found, self.services.clock.now())

    async def wall(self, call: Call) -> view.Wall:
        return await self._wall(await self._wall_lines(call))

    async def wall_live(self, call: Call) -> web.StreamResponse:
        lines, watch = await self._wall_lines(call), Watch(round_s=WALL_ROUND_S)

        async def look() -> bytes:
            return msgspec.json.encode(await self._wall(lines))

        with ExitStack() as looking:
            for line in lines:
                looking.enter_context(self.lines.watching(line, watch))
            return await stream(call, self.lines, watch, look)


def routes(services: Services, lines: Lines, levels: list[Level]) -> list[Route]:
    desk = HallDesk(services, lines, levels)
    act = lines.acts.first(desk.act)
    events = ("text/event-stream",)
    ticket = "/api/hall/tickets/{token}"
    return [
        Route(
            "POST",
            "/api/hall/tickets",
            lines.acts.first(desk.take),
            "public",
            "Take a number",
            TakeRequest,
            Taken,
            status=201,
            rate=_TAKES,
        ),
        Route("GET", ticket, desk.ticket, "public", "A number's page", response=view.TicketPage),
        Route("GET", f"{ticket}/live", desk.live, "public", "The same, whenever it changes", gives=events),
        *call_routes.citizen_routes(services),
        Route("POST", f"{ticket}/acts", act, "public", "What its holder does", HolderAct, view.TicketPage),
        Route("POST", f"{ticket}/rating", desk.rate, "public", "Rate the service", RatingRequest, view.TicketPage),
        Route("GET", "/api/hall/rating", desk.scale, "public", "Levels and reasons", response=list[Level]),
        Route("GET", "/api/hall/walls/{office}", desk.wall, "public", "The wall of a hall", response=view.Wall),
        Route("GET", "/api/hall/walls/{office}/live", desk.wall_live, "public", "The same, live", gives=events),
    ]
