"""A room and this node's sockets in it: what clients ask is carried out, what changed is shown to them.

All changes arrive as one thing: "read again" (`wake`). It comes from our own commits, from other nodes over the bus and
every few seconds without any cause. The pump reads, compares with what was said before, and says the difference: a new
view, other slots, a cover, a worker that changed, a device that took over.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from foundation import log
from foundation.access import Actor, Resource, decide
from foundation.clock import Clock
from foundation.errors import Problem
from media import contract
from office.commands import CallLeave, Command, PointerMoved
from office.session import OFFICERS, word_of
from signaling import messages as m
from signaling import protocol
from signaling.attendance import Attendance
from signaling.calls import Calls, slots_of, time_of
from signaling.ice import Relays
from signaling.protocol import Param, clean_text
from signaling.room import Acted, Once, Room, party_of
from signaling.store import Placement
from signaling.websocket import Socket

POINTER_EVENT_EVERY_S = 1.0
"""A pointer is a gesture, not a statement: the record gets one event a second of it."""
STOP_WITHIN_S = 6.0
"""Longer than a worker is given for a reply."""

ReadQueue = Callable[[str], Awaitable[Any]]
"""The place in line of a record's waiting applicant (office.queue.Queue), or None."""
Relay = Callable[[str, m.Pointer, str], Awaitable[None]]
"""Pass a pointer to the other nodes: record, pointer, connection it came from."""


class Gathering:
    """What one node does for one record while it has sockets of it. Implements `websocket.Host`."""

    def __init__(
        self,
        room: Room,
        attendance: Attendance,
        calls: Calls,
        clock: Clock,
        relay: Relay,
        read_queue: ReadQueue | None,
        relays: Relays,
    ) -> None:
        self.room = room
        self.sockets: dict[str, Socket] = {}
        self.arriving: set[str] = set()
        self.idle_since: datetime = clock.now()
        self._attendance = attendance
        self._calls = calls
        self._clock = clock
        self._relay = relay
        self._read_queue = read_queue
        self._relays = relays
        self._commands: msgspec.json.Decoder[Any] = msgspec.json.Decoder(room.kind.commands)
        self._stale = False
        self._pump: asyncio.Task[None] | None = None
        self._heard: deque[contract.Event] = deque()
        self._hearing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._queue: Any = None
        self._shown: Any = None
        self._placed: Placement | None = room.placement
        self._covered: dict[str, bool] = {}
        self._pointed_s = float("-inf")
        self._log = log.get("signaling.gathering")

    # -- what clients ask (websocket.Host)

    async def greet(self, socket: Socket, hello: m.Hello) -> m.Welcome:
        """Seat the person, or let them look. Raises Problem S403, W09, W10."""
        view_only = hello.view_only
        if not decide(socket.actor, "record.read" if view_only else "record.attend", self.resource).allowed:
            raise Problem("S403")
        self.arriving.add(socket.id)
        try:
            await self.room.refresh()
            socket.party = party_of(socket.actor, self.room.shared)
            resume = ""
            if not view_only:
                joined = await self._attendance.join(self.room, socket.party, socket.id, hello.resume)
                socket.leg, resume = joined.leg.leg, joined.resume
                if joined.replaced is not None and self.room.placement is not None:
                    self._spawn(self._calls.leave(self.room.placement, joined.replaced))
            await self._look()
        except (SQLAlchemyError, OSError) as error:
            self._log.warning("the database could not be reached", error=error)
            raise Problem("W09") from error
        finally:
            self.arriving.discard(socket.id)
        self.sockets[socket.id] = socket
        self.wake()
        you = m.You(socket.party.id, socket.leg, socket.party.role, socket.party.name)
        shown = self.view(socket)
        relays = self._relays.servers(socket.leg, self._clock.now())
        return m.Welcome(m.PROTOCOL_VERSION, you, resume, shown.view, shown.seq, relays)

    async def command(self, socket: Socket, message: m.Command) -> dict[str, Param]:
        """Carry out one command; what the client is told of it. Raises Problem."""
        raw = bytes(message.command)
        try:
            command: Command = self._commands.decode(raw)
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, ValueError) as error:
            raise Problem("W07") from error
        if not clean_text(msgspec.to_builtins(command)):
            raise Problem("W07")
        self._allow(socket, command)
        once = Once(socket.actor.id, message.id, hashlib.sha256(raw).hexdigest())
        acted = await self.act(command, socket.actor, once)
        if acted.refused is not None:
            raise Problem(acted.refused.code, **acted.refused.params)
        return acted.result

    def _allow(self, socket: Socket, command: Command) -> None:
        permission = self.room.kind.permissions.get(word_of(command), "record.attend")
        if not decide(socket.actor, permission, self.resource).allowed:
            raise Problem("S403")
        if socket.leg is None:
            # A connection that only looks carries no command: nobody would know that this person was there.
            raise Problem("S403")

    async def act(self, command: Command, actor: Actor, once: Once | None = None) -> Acted:
        """One command of one actor, for sockets, HTTP handlers and jobs alike. Raises Problem W09."""
        try:
            acted = await self.room.act(command, party_of(actor, self.room.shared), once=once)
            if acted.refused is None and isinstance(command, CallLeave):
                await self._leave(actor.id)
        except (SQLAlchemyError, OSError) as error:
            self._log.warning("a command could not be stored", record=self.room.record, error=error)
            raise Problem("W09") from error
        return acted

    async def _leave(self, person: str) -> None:
        leg = next((leg for leg in self.room.legs if leg.person == person), None)
        await self._attendance.leave(self.room.record, person)
        if leg is not None and self.room.placement is not None:
            self._spawn(self._calls.leave(self.room.placement, leg.leg))

    async def media(self, socket: Socket, message: protocol.Request) -> Struct:
        """One media request; its answer. Raises Problem M01–M04, S403 for a connection that only looks."""
        if socket.leg is None:
            raise Problem("S403")
        leg = socket.leg
        match message:
            case m.Publish():
                return m.Published(message.id, await self._calls.publish(self.room, leg, message))
            case m.Subscribe():
                socket.slots_sent = None
                return m.Offered(message.id, await self._calls.subscribe(self.room, leg))
            case m.SubscribeAnswer():
                await self._calls.subscribe_answer(self.room, leg, message.answer)
                return m.Done(message.id, {})
            case m.RestartIce():
                sdp = await self._calls.restart_ice(self.room, leg, message)
                if message.direction == "publish":
                    return m.Published(message.id, sdp)
                return m.Offered(message.id, sdp)
        raise TypeError(type(message).__name__)

    async def point(self, socket: Socket, x: float, y: float) -> None:
        """Show a pointer to everybody else, here and on other nodes; write down an officer's once a second."""
        pointer = m.Pointer(x, y, socket.leg or socket.actor.id)
        self.show_pointer(pointer, socket.id)
        await self._relay(self.room.record, pointer, socket.id)
        now_s = self._clock.monotonic_ns() / 1e9
        party = party_of(socket.actor, self.room.shared)
        if party.role in OFFICERS and now_s - self._pointed_s >= POINTER_EVENT_EVERY_S:
            self._pointed_s = now_s
            self._spawn(self._write_pointer(PointerMoved(x=x, y=y), socket.actor))

    async def _write_pointer(self, command: PointerMoved, actor: Actor) -> None:
        try:
            await self.act(command, actor)
        except Problem as problem:
            self._log.info("a pointer was not written", problem=problem.code)

    def view(self, socket: Socket) -> m.View:
        """What this person may see now."""
        party = party_of(socket.actor, self.room.shared)
        seen = self.room.kind.view(self.room.state, party, self._clock.now(), self._queue)
        return m.View(msgspec.Raw(msgspec.json.encode(seen)), self.room.seq)

    # -- what is shown to them

    @property
    def resource(self) -> Resource:
        """The record as `decide` sees it, with those who are named on it by now."""
        shared = self.room.shared
        named = {officer.id for officer in (shared.lead, shared.assist) if officer is not None}
        known = self.room.resource
        return replace(known, people=known.people | named)

    def wake(self) -> None:
        """Something may have changed: read again, once for however many reasons."""
        self._stale = True
        if self._pump is None or self._pump.done():
            self._pump = self._spawn(self._pumping())

    async def _pumping(self) -> None:
        while self._stale:
            self._stale = False
            try:
                await self.room.refresh()
                await self._look()
            except (SQLAlchemyError, OSError) as error:
                # Read again at the next wake-up; what is shown is old, not wrong.
                self._log.warning("a room could not be read", record=self.room.record, error=error)
                return
            self._settle()

    async def _look(self) -> None:
        """The place in line, while somebody waits in it."""
        if self._read_queue is not None and self.room.shared.phase == "waiting":
            self._queue = await self._read_queue(self.room.record)
        else:
            self._queue = None

    def _settle(self) -> None:
        """Say what is different from what was said before."""
        room = self.room
        shown = (room.seq, room.legs, room.placement, self._queue)
        changed, self._shown = shown != self._shown, shown
        for socket in list(self.sockets.values()):
            row = next((leg for leg in room.legs if leg.person == socket.actor.id), None)
            if socket.leg is not None and row is not None and row.connection != socket.id:
                socket.replaced()
            elif changed:
                socket.show()
        self._settle_placement()
        if room.placement is not None:
            self._spawn(self._calls.cover(room, self._covered))
            for socket in self.sockets.values():
                if socket.leg is not None:
                    self._spawn(self._fill_slots(socket))
        if room.shared.sealed:
            for socket in self.sockets.values():
                if socket.actor.kind == "guest" and socket.welcomed:
                    socket.push(self.view(socket))
                    socket.cut(m.CloseCode.FINISHED, "finished")

    def _settle_placement(self) -> None:
        before, now = self._placed, self.room.placement
        self._placed = now
        if before is None or now == before:
            return
        self._covered.clear()
        self.room.flows.clear()
        for socket in self.sockets.values():
            socket.slots_sent = None
        if now is None or now.call != before.call:
            self._spawn(self._calls.ended(before))
            return
        reason = self._calls.why_moved(before, now)
        for socket in self.sockets.values():
            if socket.leg is not None:
                socket.push(m.MediaMoved(now.call, reason))
                socket.notify("M05", "warning")

    async def _fill_slots(self, socket: Socket) -> None:
        """Bring one viewer's slots up to date, at the worker first, then on the page."""
        async with socket.slots_lock:
            leg = self.room.leg(socket.leg or "")
            if leg is None or not leg.subscribed or leg.connection != socket.id:
                return
            wanted = slots_of(self.room, leg)
            if wanted == socket.slots_sent:
                return
            if await self._calls.assign(self.room, leg.leg, wanted):
                socket.slots_sent = wanted
                socket.push(m.Slots(wanted))

    def show_pointer(self, pointer: m.Pointer, but: str) -> None:
        """To all sockets here except the one it came from."""
        for socket in self.sockets.values():
            if socket.id != but:
                socket.push(pointer)

    # -- what the media worker tells

    def hear(self, event: contract.Event) -> None:
        """Take one event of the call's session; they are worked through in order, in a task of our own. The bus's
        would be cut off inside a transaction when the subscription ends."""
        self._heard.append(event)
        if self._hearing is None or self._hearing.done():
            self._hearing = self._spawn(self._work_through())

    async def _work_through(self) -> None:
        while self._heard:
            await self._on_media(self._heard.popleft())

    async def _on_media(self, event: contract.Event) -> None:
        now = self._clock.now()
        flow = self.room.flow(event.leg)
        match event:
            case contract.MediaFlowing():
                flow.flowing(event.kind)
            case contract.MediaStalled():
                flow.stalled(event.kind, time_of(event.since_ns, now))
                self._tell_stalled(event)
            case contract.LegUp():
                await self._attendance.media_up(self.room, event)
            case contract.LegDown():
                if event.direction == "publish" and event.cause != "replaced":
                    flow.ended(time_of(event.at_ns, now))
                await self._attendance.media_down(self.room, event)
            case contract.RecordingFault():
                self._tell_officers("M06", "error", name=self._name(event.leg))
                await self._attendance.recording_lost(self.room, event)
            case contract.RecordingResumed():
                self._tell_officers("M08", "info", name=self._name(event.leg))
                await self._attendance.recording_back(self.room, event.leg)
            case contract.EpochOpened():
                # As good as the word that it is recorded again, should that have been lost.
                await self._attendance.recording_back(self.room, event.leg)
            case contract.PictureJudged() | contract.LineJudged():
                await self._attendance.judged(self.room, event)

    def _name(self, leg: str) -> str:
        person = self.room.shared.person_of(leg)
        return person.name if person is not None else ""

    def _tell_officers(self, code: str, level: str, **params: Param) -> None:
        for socket in self.sockets.values():
            if party_of(socket.actor, self.room.shared).role in OFFICERS:
                socket.notify(code, level, **params)

    def _tell_stalled(self, event: contract.MediaStalled) -> None:
        person = self.room.shared.person_of(event.leg)
        if event.kind == "camera" and person is not None and not person.muted_video:
            self._tell_officers("M07", "warning", name=person.name)

    # -- housekeeping

    def has(self, connection: str) -> bool:
        """Whether this node has the socket with this id."""
        return connection in self.sockets or connection in self.arriving

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (SQLAlchemyError, OSError, Problem) as error:
            self._log.warning("left for the next reading", record=self.room.record, error=error)
        except Exception:
            self._log.exception("work for a room failed", record=self.room.record)

    async def stop(self) -> None:
        """Wait for what still runs for this record: it is short, and cutting off a transaction is not."""
        self._heard.clear()
        while self._tasks:
            _done, late = await asyncio.wait(set(self._tasks), timeout=STOP_WITHIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
