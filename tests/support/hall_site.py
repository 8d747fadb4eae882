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
from foundation.objects import ObjectStore
from helpdesk import file_routes, guide_routes, hall_routes, window_routes
from helpdesk.demo import read_levels
from helpdesk.files import Files
from helpdesk.live import Lines, announce
from office.commands import Command
from office.services import Services
from office.session import Effect, Party
from server import pages
from server.kinds import KINDS, subject_of
from server.login import routes as login_routes
from server.login.sessions import Login
from server.records import act_within
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

    async def put(self, record: str, party: Party, *commands: Command) -> None:
        """What a room does with commands of its sockets; no media follow."""
        for command in commands:
            async with self.hall.db.begin() as conn:
                await act_within(conn, KINDS, record, command, party, no_effect, self.hall.clock.now())


async def no_effect(_conn: AsyncConnection, _record: str, _effect: Effect) -> None:
    return None


def lead(actor: Actor) -> Party:
    return Party(id=actor.id, name=actor.name, role="lead", kind="staff")


def _party(actor: Actor) -> Party:
    if actor.kind == "staff":
        return lead(actor)
    return Party(id=actor.id, name=actor.name, role="applicant", kind="guest")


@asynccontextmanager
async def hall_site(
    hall: Hall, bus: Bus, serve: Serve, *, dist: Path | None = None, objects: ObjectStore | None = None
) -> AsyncIterator[HallSite]:
    """`dist`: the built pages; `objects`: where files of calls are kept."""

    async def key(_conn: AsyncConnection, _record: str) -> bytes:
        return b"k" * 32

    async def nothing(*_: object) -> None:
        return None

    async def no_guest(_request: web.Request) -> None:
        return None

    async def actors(request: web.Request) -> Actor:
        return site.staff.get(request.cookies.get(WHO, ""), site.actor)

    services = Services(
        db=hall.db, clock=hall.clock, base_url="https://demo.test", secure=False, record_key=key,
        dispatch=lambda record, actor, command: site.put(record, _party(actor), command), displaced=nothing,
        within=lambda conn, *of: act_within(conn, KINDS, *of, no_effect, hall.clock.now()), subject_of=subject_of,
    )  # fmt: skip
    announce(hall.db, bus)
    lines, levels = Lines(hall.db, bus), await read_levels()
    await lines.start()
    routes = [
        *guide_routes.routes(services, lines),
        *hall_routes.routes(services, lines, levels),
        *window_routes.routes(services, lines, levels),
        *login_routes.routes(Login(hall.db, hall.clock, no_guest), hall.db, secure=False),
        *(file_routes.routes(services, Files(hall.db, hall.clock, objects, key)) if objects else []),
        *(pages.routes(dist) if dist else []),
    ]
    site = HallSite(hall, lines, await serve(build_app(routes, actors=actors, clock=hall.clock)), {})
    yield site
    await lines.stop()
