"""A desk on a real socket: the routes of office and inspection over a real database and object store."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import access
from foundation.access import Actor
from foundation.clock import ManualClock
from foundation.db import Database
from foundation.errors import Problem
from foundation.http import build_app
from foundation.objects import ObjectStore
from inspection import photo_routes, witnesses
from inspection import routes as inspection_routes
from inspection.demo import Demonstration, load_demonstration
from inspection.photos import Photos
from inspection.procedure import apply
from inspection.store import load_state
from office import routes as office_routes
from office import store
from office.commands import Command
from office.services import Services
from office.session import SYSTEM, Party, Refused
from signing.fonts import open_fonts
from tests.support.http import Serve, Served


@dataclass
class Desk:
    """The running desk. `actor` is who the next request is from, unless it carries a guest's cookie."""

    services: Services
    photos: Photos
    demo: Demonstration
    served: Served
    clock: ManualClock
    who: dict[str, Actor]
    displaced: list[tuple[str, str]] = field(default_factory=list)
    actor: Actor = access.ANONYMOUS

    def as_staff(self, account: str) -> None:
        self.actor = self.who[account]

    def as_guest(self) -> None:
        self.actor = access.ANONYMOUS

    async def dispatch(self, record: str, actor: Actor, command: Command) -> None:
        """What a room does, without keeping one."""
        party = (
            SYSTEM
            if actor.kind == "system"
            else Party(id=actor.id, name=actor.name, role=self.role(actor), kind="guest")
        )
        async with self.services.db.begin() as conn:
            await store.lock_record(conn, record)
            state = await load_state(conn, record)
            outcome = apply(state, command, party, self.clock.now())
            if isinstance(outcome, Refused):
                raise Problem(outcome.code, **outcome.params)
            await store.append(conn, record, state.session.seq, outcome.events, at=self.clock.now())

    @staticmethod
    def role(actor: Actor) -> Any:
        return actor.role

    async def act(self, record: str, party: Party, *commands: Command) -> None:
        for command in commands:
            async with self.services.db.begin() as conn:
                state = await load_state(conn, record)
                outcome = apply(state, command, party, self.clock.now())
                assert not isinstance(outcome, Refused), outcome
                await store.append(conn, record, state.session.seq, outcome.events, at=self.clock.now())


@pytest.fixture
async def desk(
    sqlite_database: Database, clock: ManualClock, object_store: ObjectStore, serve: Serve
) -> AsyncIterator[Desk]:
    """The demonstration's district at work."""
    async for running in _open(sqlite_database, clock, object_store, serve):
        yield running


@pytest.fixture
async def desk_on_both(
    database: Database, clock: ManualClock, object_store: ObjectStore, serve: Serve
) -> AsyncIterator[Desk]:
    """The same on each database in turn, for tests of what is stored."""
    async for running in _open(database, clock, object_store, serve):
        yield running


async def _open(database: Database, clock: ManualClock, object_store: ObjectStore, serve: Serve) -> AsyncIterator[Desk]:
    keys: dict[str, bytes] = {}

    async def record_key(conn: AsyncConnection, record: str) -> bytes:
        return keys.setdefault(record, secrets.token_bytes(32))

    async def dispatch(record: str, actor: Actor, command: Command) -> None:
        await running.dispatch(record, actor, command)

    async def displaced(record: str, invitation: str) -> None:
        running.displaced.append((record, invitation))

    demo = await load_demonstration(database, clock, record_key, "https://demo.test")
    assert demo is not None
    fonts = await asyncio.to_thread(open_fonts)
    services = Services(
        db=database, clock=clock, base_url="https://demo.test", secure=False,
        record_key=record_key, dispatch=dispatch, displaced=displaced, printable=fonts.missing_glyphs,
    )  # fmt: skip
    photos = Photos(database, clock, object_store, record_key)

    async def actors(request: web.Request) -> Actor:
        return (
            running.actor
            if running.actor.kind != "anonymous"
            else (await office_routes.guest_actor(services, request) or access.ANONYMOUS)
        )

    routes = [
        *office_routes.routes(services),
        *inspection_routes.routes(services),
        *witnesses.routes(services),
        *photo_routes.routes(services, photos),
    ]
    served = await serve(build_app(routes, actors=actors, clock=clock))
    who = {
        each.account: Actor("staff", each.staff, each.name, "990101", frozenset(each.roles)) for each in demo.accounts
    }
    running = Desk(services, photos, demo, served, clock, who)
    yield running
