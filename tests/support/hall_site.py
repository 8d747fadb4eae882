"""A hall behind real sockets, with its pages where they are asked for; routes, database, bus and lines are real."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.access import ANONYMOUS, Actor
from foundation.bus import Bus
from foundation.http import build_app
from helpdesk import hall_routes, window_routes
from helpdesk.demo import read_levels
from helpdesk.live import Lines, announce
from office.services import Services
from server import pages
from server.login import routes as login_routes
from server.login.sessions import Login
from tests.support.hall import Hall
from tests.support.http import Serve, Served

DIST = Path(__file__).resolve().parents[2] / "web_client" / "dist"
WHO = "who"


@dataclass
class HallSite:
    """`actor` is who the next request is from, unless its cookie `who` names one of `staff`."""

    hall: Hall
    lines: Lines
    served: Served
    staff: dict[str, Actor]
    actor: Actor = ANONYMOUS


@asynccontextmanager
async def hall_site(hall: Hall, bus: Bus, serve: Serve, *, dist: Path | None = None) -> AsyncIterator[HallSite]:
    async def no_key(conn: AsyncConnection, record: str) -> bytes:
        raise LookupError(record)

    async def nobody(*_: object) -> None:
        raise LookupError("no records here")

    async def no_guest(_request: web.Request) -> None:
        return None

    async def actors(request: web.Request) -> Actor:
        return site.staff.get(request.cookies.get(WHO, ""), site.actor)

    services = Services(
        db=hall.db, clock=hall.clock, base_url="https://demo.test", secure=False, record_key=no_key, dispatch=nobody,
        displaced=nobody,
    )  # fmt: skip
    announce(hall.db, bus)
    lines, levels = Lines(hall.db, bus), await read_levels()
    await lines.start()
    routes = [
        *hall_routes.routes(services, lines, levels),
        *window_routes.routes(services, lines, levels),
        *login_routes.routes(Login(hall.db, hall.clock, no_guest), hall.db, secure=False),
        *(pages.routes(dist) if dist else []),
    ]
    site = HallSite(hall, lines, await serve(build_app(routes, actors=actors, clock=hall.clock)), {})
    yield site
    await lines.stop()
