"""One node: pages, API and signaling, put together from the parts it is given. Two of them fit into one test."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.access import Actor
from foundation.errors import Problem
from foundation.http import Route, build_app
from foundation.ids import new_id
from foundation.routes import audit_refusals, job_routes
from foundation.telemetry import Listener
from helpdesk import file_routes, guide_routes, hall_routes, window_routes
from helpdesk.demo import read_levels
from helpdesk.files import Files
from helpdesk.live import Lines
from helpdesk.live import announce as announce_lines
from inspection import photo_routes, witnesses
from inspection import routes as inspection_routes
from inspection.photos import Photos
from office import invitations
from office import routes as office_routes
from office.commands import Command
from office.services import Services
from office.session import Party
from recordings import routes as recordings_routes
from recordings.store import RecordKeys
from recordings.timeline import Wording
from server import VERSION, draft, pages
from server.assembly import Parts
from server.composer import drafter
from server.effects import effects
from server.kinds import KINDS, subject_of, wording_of
from server.line import read_line
from server.login import routes as login_routes
from server.login.sessions import Login
from server.means import signing_means
from server.records import act_within
from signaling.ice import Relays
from signaling.node import SignalingNode, Timing
from signing import routes as signing_routes

WEB_CLIENT = Path(__file__).resolve().parent.parent / "web_client" / "dist"
BACKLOG = 1024
"""Connections that wait to be taken: of more at one moment the system drops some, which try again a second later."""


@dataclass(frozen=True)
class Node:
    """A node that is ready to be bound to a socket."""

    id: str
    app: web.Application
    signaling: SignalingNode
    lines: Lines
    routes: Sequence[Route]


async def build_node(parts: Parts, *, dist: Path | None = WEB_CLIENT, timing: Timing | None = None) -> Node:
    """``dist`` None leaves the pages out, for tests that only speak the API."""
    settings, db, clock = parts.settings, parts.db, parts.clock
    secure = settings.tls or settings.base_url.startswith("https://")
    login = Login(db, clock, lambda request: _guest(parts, request))
    node_id = new_id("node")
    on_effect = effects(clock)
    signaling = SignalingNode(
        node_id,
        db,
        parts.bus,
        clock,
        KINDS,
        metrics=parts.metrics,
        on_effect=on_effect,
        read_queue=read_line(db, clock),
        actors=login.actor_of,
        relays=Relays(settings.turn_urls, settings.turn_secret.get_secret_value() if settings.turn_secret else ""),
        duty_post=settings.duty_post,
        timing=timing or Timing(),
    )

    async def dispatch(record: str, actor: Actor, command: Command) -> None:
        acted = await signaling.dispatch(record, actor, command)
        if acted.refused is not None:
            raise Problem(acted.refused.code, **acted.refused.params)

    async def displaced(record: str, _invitation: str) -> None:
        await signaling.announce(record)

    async def within(conn: AsyncConnection, record: str, command: Command, party: Party) -> None:
        await act_within(conn, KINDS, record, command, party, on_effect, clock.now())

    async def words(record: str) -> Wording:
        async with db.read() as conn:
            return await wording_of(conn, record)

    keys = RecordKeys(db, parts.keyring, clock)
    means = await signing_means(parts, KINDS, on_effect)
    services = Services(
        db=db,
        clock=clock,
        base_url=settings.base_url.rstrip("/"),
        secure=secure,
        record_key=keys.within,
        dispatch=dispatch,
        displaced=displaced,
        printable=means.fonts.missing_glyphs,
        within=within,
        subject_of=subject_of,
    )
    announce_lines(db, parts.bus)
    lines, levels = Lines(db, parts.bus), await read_levels()
    photos = Photos(db, clock, parts.objects, keys.within)
    routes = [
        *login_routes.routes(login, db, secure=secure),
        *office_routes.routes(services),
        *inspection_routes.routes(services),
        *witnesses.routes(services),
        *photo_routes.routes(services, photos),
        *guide_routes.routes(services, lines),
        *hall_routes.routes(services, lines, levels),
        *window_routes.routes(services, lines, levels),
        *file_routes.routes(services, Files(db, clock, parts.objects, keys.within)),
        *signing_routes.routes(means, services.record_resource),
        *draft.routes(means, drafter(parts), services.record_resource),
        *recordings_routes.routes(means, services.record_resource, words),
        *job_routes(db),
        *signaling.routes(),
        *(await asyncio.to_thread(pages.routes, dist) if dist else []),
    ]
    app = build_app(
        routes,
        actors=login.actor_of,
        audit=audit_refusals(db, clock),
        clock=clock,
        metrics=parts.metrics,
        metrics_from=settings.metrics_from,
        origins=settings.origins,
        trusted_proxies=settings.trusted_proxies,
        tls=secure,
        lang=settings.lang,
        duty_post=settings.duty_post,
        duty_phone=settings.duty_phone,
        ready={"database": lambda: _database_answers(parts), "bus": lambda: _bus_answers(parts)},
        version=VERSION,
    )
    return Node(node_id, app, signaling, lines, routes)


async def start_node(node: Node, parts: Parts, stack: AsyncExitStack) -> int:
    """Bind and serve until the stack closes; gives the port."""
    settings = parts.settings
    runner = web.AppRunner(node.app, access_log=None, handle_signals=False)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await node.signaling.start()
    stack.push_async_callback(node.signaling.stop)
    listener = Listener(parts.metrics, parts.bus, parts.clock)
    await listener.start()
    stack.push_async_callback(listener.stop)
    await node.lines.start()
    stack.push_async_callback(node.lines.stop)
    tls = _tls(settings.tls_cert, settings.tls_key)
    site = web.TCPSite(runner, settings.host, settings.port, ssl_context=tls, backlog=BACKLOG)
    await site.start()
    assert site._server is not None and hasattr(site._server, "sockets")
    return int(site._server.sockets[0].getsockname()[1])


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


async def _guest(parts: Parts, request: web.Request) -> Actor | None:
    cookie = request.cookies.get(office_routes.GUEST_COOKIE)
    if not cookie:
        return None
    async with parts.db.read() as conn:
        return await invitations.guest_of(conn, cookie, parts.clock.now())


async def _database_answers(parts: Parts) -> None:
    async with parts.db.read() as conn:
        await conn.execute(text("SELECT 1"))


async def _bus_answers(parts: Parts) -> None:
    await parts.bus.flush()
