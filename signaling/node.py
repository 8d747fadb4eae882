"""One signaling node: the live connections of the records that people have opened on it. Nodes share a table and a bus.

Read next: `websocket` (one client), `gathering` (one record's clients here), `room` (one record's state),
`attendance` (who is there), `calls` (their media), `sweep` (what happens by itself), `nodes` (who else is alive).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import log
from foundation.access import Actor, Resource, decide
from foundation.bus import Bus, BusUnavailable, Msg, Subscription
from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import DUTY_POST, Problem
from foundation.http import Asked, Call, Route
from foundation.metrics import Metrics
from media import contract
from office import store as office_store
from office.commands import Command
from office.session import CloseCall, Effect, Gate, OpenCall, SessionKind
from signaling import messages as m
from signaling.attendance import Attendance
from signaling.calls import Calls
from signaling.gathering import Gathering, ReadQueue
from signaling.ice import Relays
from signaling.media_link import REPLY_WITHIN_S, MediaLink
from signaling.nodes import DEAD_AFTER_S, Directory
from signaling.presence import GRACE_S
from signaling.room import Acted, OnEffect, Room
from signaling.routes import claim_routes
from signaling.sweep import Sweep
from signaling.websocket import HEARTBEAT_S, Socket

STOP_WITHIN_S = 5.0
"""Farewells take three seconds at most; then the process may go."""


class Timing(Struct, frozen=True):
    """Seconds; the defaults are reasoned where they are defined. Tests shorten them."""

    heartbeat_s: float = 1.0
    dead_after_s: float = DEAD_AFTER_S
    grace_s: float = GRACE_S
    reply_within_s: float = REPLY_WITHIN_S
    ping_s: float = HEARTBEAT_S


class _Pointed(Struct, frozen=True):
    """A pointer on its way to other nodes."""

    node: str
    connection: str
    pointer: m.Pointer


Actors = Callable[[web.Request], Awaitable[Actor]]


async def _no_effect(_conn: AsyncConnection, _record: str, _effect: Effect) -> None:
    return None


class SignalingNode:
    """All live records of one node.

    node_id     unique among nodes that live; a restarted one may keep its name
    kinds       every kind of session by name
    on_effect   what effects other than media need, in the transaction of their events (jobs, notices)
    actors      who a request is, asked again each minute for every open socket
    """

    def __init__(
        self,
        node_id: str,
        db: Database,
        bus: Bus,
        clock: Clock,
        kinds: Mapping[str, SessionKind[Any, Any]],
        *,
        metrics: Metrics,
        on_effect: OnEffect = _no_effect,
        read_queue: ReadQueue | None = None,
        actors: Actors | None = None,
        relays: Relays = Relays(),  # noqa: B008 - frozen
        duty_post: str = "",
        timing: Timing = Timing(),  # noqa: B008 - frozen
    ) -> None:
        self.node_id = node_id
        self._db = db
        self._bus = bus
        self._clock = clock
        self._kinds = kinds
        self._on_effect = on_effect
        self._read_queue = read_queue
        self._actors = actors
        self._relays = relays
        self._duty_post = duty_post
        self._timing = timing
        self._gatherings: dict[str, Gathering] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._sockets: dict[str, tuple[Socket, web.Request, str]] = {}
        self._subscriptions: list[Subscription] = []
        self._stopping = False
        self.directory = Directory(
            node_id,
            bus,
            clock,
            lambda: len(self._sockets),
            heartbeat_s=timing.heartbeat_s,
            dead_after_s=timing.dead_after_s,
            metrics=metrics,
        )
        self._attendance = Attendance(node_id, db, clock)
        self._calls = Calls(db, clock, self.directory, MediaLink(bus, reply_within_s=timing.reply_within_s))
        self._sweep = Sweep(
            node_id,
            db,
            clock,
            self.directory,
            self._attendance,
            self._calls,
            self._gatherings,
            self.gather,
            self._forget,
            self._revalidate,
            grace_s=timing.grace_s,
        )
        self._open_sockets = metrics.gauge("signaling_sockets", "Open live connections.")
        self._rooms = metrics.gauge("signaling_rooms", "Records with a copy on this node.")
        self._closed = metrics.counter("signaling_closed", "Live connections that ended, by close code.", ("code",))
        self._log = log.get("signaling")

    # -- life

    async def start(self) -> None:
        """Listen to the bus and begin to sweep. Raises BusUnavailable."""
        self._db.committed.append(self._committed)
        self._bus.on_reconnect(self._heard_nothing)
        self._subscriptions = [
            await self._bus.subscribe("record.*.changed", self._on_changed),
            await self._bus.subscribe("record.*.pointer", self._on_pointer),
            await self._bus.subscribe("media.events.*", self._on_media),
        ]
        await self.directory.start()
        self._sweep.start()

    async def stop(self) -> None:
        """Say goodbye to every client (they connect to another node) and let go."""
        self._stopping = True
        for socket, _request, _record in list(self._sockets.values()):
            socket.cut(m.CloseCode.GOING_AWAY, "stopping")
        for _ in range(round(STOP_WITHIN_S / 0.02)):
            if not self._sockets:
                break
            await asyncio.sleep(0.02)
        await self.abandon()

    async def abandon(self) -> None:
        """Stop at once, as a killed process does: nobody is told and no row is changed."""
        self._stopping = True
        if self._committed in self._db.committed:
            self._db.committed.remove(self._committed)
        await self._sweep.stop()
        await self.directory.stop()
        for subscription in self._subscriptions:
            await subscription.close()
        for gathering in list(self._gatherings.values()):
            await gathering.stop()

    # -- what HTTP handlers and jobs use

    def routes(self) -> list[Route]:
        """The WebSocket and the two ways to take a waiting applicant."""
        return [
            *claim_routes(self, self._db),
            Route(
                "GET",
                "/api/ws",
                self._handle,
                "record.read",
                "Live connection of one record (docs/protocol.md)",
                resource=self._resource,
                query=(Asked("record", "The record it is about", required=True),),
            ),
        ]

    async def dispatch(self, record: str, actor: Actor, command: Command) -> Acted:
        """Carry out a command for an HTTP handler or a job: `events` were stored, or `refused` says why not.

        Permission is the caller's business, as every route and job names its own. Raises Problem S404 (no such
        record) and W09 (nothing can be stored now).
        """
        gathering = await self.gather(record)
        return await gathering.act(command, actor)

    async def announce(self, record: str) -> None:
        """Something of this record was stored without `say_after_commit`: everybody reads again."""
        await self._committed(frozenset({f"record.{record}.changed"}))

    async def gather(self, record: str) -> Gathering:
        """This node's gathering of a record, read from the table if it is not there yet. Raises Problem S404."""
        found = self._gatherings.get(record)
        if found is not None:
            found.idle_since = self._clock.now()
            return found
        async with self._opening.setdefault(record, asyncio.Lock()):
            try:
                if record not in self._gatherings:
                    self._gatherings[record] = await self._open(record)
            finally:
                self._opening.pop(record, None)
        return self._gatherings[record]

    async def _open(self, record: str) -> Gathering:
        async with self._db.read() as conn:
            row = await office_store.get_record(conn, record)
            if row is None or row.kind not in self._kinds:
                raise Problem("S404")
            kind = self._kinds[row.kind]
            facts = await kind.load(conn, record)
        resource = Resource(row.resource, record, office=row.office, record=record)
        room = Room(record, kind, facts, resource, self._db, self._clock, self._effect)
        await room.refresh()
        self._rooms.set(len(self._gatherings) + 1)
        return Gathering(
            room,
            self._attendance,
            self._calls,
            self._clock,
            self._relay,
            self._read_queue,
            self._relays,
        )

    async def _forget(self, record: str) -> None:
        gathering = self._gatherings.pop(record, None)
        if gathering is not None:
            await gathering.stop()
        self._rooms.set(len(self._gatherings))

    async def _effect(self, conn: AsyncConnection, record: str, effect: Effect) -> None:
        match effect:
            case OpenCall(call):
                await self._calls.open(conn, record, call)
            case CloseCall(call):
                await self._calls.close(conn, record, call)
                await self._on_effect(conn, record, effect)
            case Gate():
                pass  # covers are computed from the state by every node that reads it (Calls.cover)
            case _:
                await self._on_effect(conn, record, effect)

    # -- the socket

    async def _resource(self, call: Call) -> Resource:
        record = call.query.get("record", "")
        return await self.resource(record)

    async def resource(self, record: str) -> Resource:
        """A record as `decide` sees it. Raises Problem S404."""
        return (await self.gather(record)).resource

    async def _handle(self, call: Call) -> web.StreamResponse:
        """One WebSocket from upgrade to end."""
        if self._stopping:
            raise Problem("S503", minutes=1, phone="")
        ws = web.WebSocketResponse(
            heartbeat=self._timing.ping_s,
            max_msg_size=m.SDP_MESSAGE_LIMIT_BYTES + 1,
            compress=False,  # a compressed bomb would pass the limit, and views are small
            timeout=2.0,
        )
        if not ws.can_prepare(call.request).ok:
            raise Problem("S426")
        record = call.query.get("record", "")
        await ws.prepare(call.request)
        gathering = await self.gather(record)
        transport = call.request.transport
        socket = Socket(
            ws,
            gathering,
            call.actor,
            call.lang,
            self._clock,
            transport.abort if transport is not None else lambda: None,
            request=str(call.request.get("yuankan.request", "")),
            lang_params={"post": self._duty_post or DUTY_POST[call.lang]},
        )
        self._sockets[socket.id] = (socket, call.request, record)
        self._open_sockets.set(len(self._sockets))
        try:
            await socket.run()
        finally:
            gathering.sockets.pop(socket.id, None)
            await self._lose(socket)
            # Last: whoever stops this node waits until nothing of its sockets is left to write.
            self._sockets.pop(socket.id, None)
            self._open_sockets.set(len(self._sockets))
            self._closed.labels(str(socket.close_code or "none")).inc()
        return ws

    async def _lose(self, socket: Socket) -> None:
        if socket.leg is None:
            return
        try:
            await self._attendance.lose(socket.leg, socket.id, "closed" if socket.left_politely else "lost")
        except (SQLAlchemyError, OSError) as error:
            # The sweep finds a row of ours without a socket and does it then.
            self._log.warning("a lost socket was not noted", error=error)

    async def _revalidate(self) -> None:
        """Ask again who each socket's request is: a login that ended ends its connections (ASVS 5 7.4)."""
        if self._actors is None:
            return
        for socket, request, record in list(self._sockets.values()):
            gathering = self._gatherings.get(record)
            try:
                actor = await self._actors(request)
            except Problem:
                actor = Actor("anonymous")
            same = actor.kind == socket.actor.kind and actor.id == socket.actor.id
            if gathering is not None and same and decide(actor, "record.read", gathering.resource).allowed:
                continue
            socket.cut(m.CloseCode.NOT_ALLOWED, "not_allowed")

    # -- the bus

    async def _committed(self, subjects: frozenset[str]) -> None:
        """Our own commits: wake our rooms at once, and everybody else's over the bus."""
        for subject in subjects:
            self._wake(subject)
            try:
                await self._bus.publish(subject, self.node_id.encode())
            except BusUnavailable as error:
                # Others read again by themselves within seconds.
                self._log.warning("a wake-up was not sent", error=error)

    def _wake(self, subject: str) -> None:
        gathering = self._gatherings.get(subject.split(".")[1])
        if gathering is not None:
            gathering.wake()

    async def _on_changed(self, message: Msg) -> None:
        if message.data != self.node_id.encode():
            self._wake(message.subject)

    async def _heard_nothing(self) -> None:
        """The bus was away: whatever was said meanwhile, read it."""
        for gathering in list(self._gatherings.values()):
            gathering.wake()

    async def _relay(self, record: str, pointer: m.Pointer, connection: str) -> None:
        message = msgspec.json.encode(_Pointed(self.node_id, connection, pointer))
        try:
            await self._bus.publish(f"record.{record}.pointer", message)
        except BusUnavailable:
            pass  # a pointer that comes late is wrong; it is not repeated

    async def _on_pointer(self, message: Msg) -> None:
        gathering = self._gatherings.get(message.subject.split(".")[1])
        if gathering is None:
            return
        try:
            pointed = msgspec.json.decode(message.data, type=_Pointed)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return
        if pointed.node != self.node_id:
            gathering.show_pointer(pointed.pointer, pointed.connection)

    async def _on_media(self, message: Msg) -> None:
        try:
            event = contract.decode_event(message.data)
        except ValueError:
            return
        for gathering in list(self._gatherings.values()):
            placement = gathering.room.placement
            if placement is not None and placement.call == event.session:
                gathering.hear(event)
