"""The media of a room's call: where they run, who sends, who gets what, what is covered.

Everything wanted is computed from rows and events and said to the worker whole; nothing is remembered that a crash of
this node could lose. The placement (call → worker) is a row with a generation: whoever finds the worker dead moves it
by one conditional statement, and every node that reads a new generation tells its own clients to connect again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import log
from foundation.clock import Clock
from foundation.db import Database, say_after_commit
from foundation.errors import Problem
from media import contract
from office.commands import MediaInterrupted
from office.session import SYSTEM
from signaling import messages as m
from signaling import store
from signaling.media_link import MediaLink, WorkerUnreachable
from signaling.nodes import Directory
from signaling.room import Proposal, Room, changed_subject
from signaling.slots import Filled, Source, slots_for
from signaling.store import Leg, Placement

MoveReason = Literal["worker_lost", "worker_drained", "session_lost"]

COVERED: tuple[contract.Kind, ...] = ("camera", "screen")
"""A mask covers pictures; who is covered is still heard."""

PROBE_WITHIN_S = 1.0
"""A worker that lives answers a question in milliseconds, a busy one in tenths."""


class Calls:
    """What one node does about the media of all its rooms."""

    def __init__(self, db: Database, clock: Clock, directory: Directory, link: MediaLink) -> None:
        self._db = db
        self._clock = clock
        self._directory = directory
        self._link = link
        self._log = log.get("signaling.calls")

    # -- placement

    async def open(self, conn: AsyncConnection, record: str, call: str) -> None:
        """Place a call that starts in this transaction. Raises Problem M01 if no worker takes calls."""
        worker = self._directory.pick_worker()
        if worker is None:
            raise Problem("M01")
        await store.insert_placement(conn, call, record, worker, self._clock.now())

    async def close(self, conn: AsyncConnection, record: str, call: str) -> None:
        """End a call in this transaction; nodes that read it close the session (`ended`)."""
        await store.end_placement(conn, call, self._clock.now())
        await store.forget_media(conn, record)

    async def ended(self, placement: Placement) -> None:
        """The call is over for this node's reading: the worker closes connections and journals. Any node may say so."""
        request = contract.CloseSession(placement.call, placement.record)
        await self._link.tell(placement.worker, request, contract.SessionClosed)

    async def move(self, room: Room, old: Placement, cause: str = "worker_lost") -> bool:
        """Give the call to a living worker and write the interruption. False: no worker takes calls."""
        worker = self._directory.pick_worker()
        if worker is None:
            return False

        async def plan(conn: AsyncConnection) -> Sequence[Proposal]:
            senders = [leg for leg in await store.legs_of(conn, room.record) if leg.tracks]
            if await store.move_placement(conn, old, worker, self._clock.now()) is None:
                return []
            await store.forget_media(conn, room.record)
            for leg in senders:
                await store.change_leg(conn, leg.leg, stalled=True)
            return [(MediaInterrupted(leg=leg.leg, cause=cause), SYSTEM) for leg in senders]

        await room.carry_out(plan)
        self._log.warning("a call moves", call=old.call, gone=old.worker, worker=worker)
        return True

    def why_moved(self, before: Placement, now: Placement) -> MoveReason:
        """What clients are told of a move; what the record says of it was written by whoever moved it."""
        if now.worker == before.worker:
            return "session_lost"
        return "worker_drained" if self._directory.worker_is_draining(before.worker) else "worker_lost"

    async def _where(self, room: Room) -> Placement:
        """The placement of the room's call on a worker that lives. Raises Problem M03 (no call), M01 (no worker)."""
        # Read first: a leg opened in a call that has just ended elsewhere would bring its session back to life.
        await room.refresh()
        placement = room.placement
        if room.shared.call is None or placement is None:
            raise Problem("M03")
        if self._directory.worker_is_late(placement.worker) and await self.session_is_lost(placement):
            if not await self.move(room, placement):
                raise Problem("M01")
            await room.refresh()
            placement = room.placement
            if placement is None:
                raise Problem("M03")
        return placement

    # -- what a client asks

    async def publish(self, room: Room, leg: str, message: m.Publish) -> str:
        """The answer to a browser's offer. The leg counts as sending from here on."""
        at = await self._where(room)
        tracks = [contract.TrackSpec(track.mid, track.kind) for track in message.tracks]
        asked = self._clock.now()
        await self._open_leg(room, at, leg)
        # The cover first: not one frame of somebody covered may slip through between two requests.
        await self._gate(room, at, leg, leg in room.shared.masks)
        request = contract.Publish(at.call, leg, message.offer, tracks, room.record)
        reply = await self._link.ask(at.worker, request, contract.Published)
        async with self._db.begin() as conn:
            kinds = frozenset(track.kind for track in message.tracks)
            await store.change_leg(conn, leg, tracks=kinds, media_since=asked)
            say_after_commit(conn, changed_subject(room.record))
        return reply.answer

    async def _open_leg(self, room: Room, at: Placement, leg: str) -> None:
        """What the inspection looks at is what the applicant shows: of that alone the worker says how good it is."""
        row = room.leg(leg)
        watched = row is not None and row.role == "applicant"
        request = contract.OpenLeg(at.call, room.record, leg, recorded=True, watched=watched)
        await self._link.ask(at.worker, request, contract.Done)

    async def subscribe(self, room: Room, leg: str) -> str:
        """The server's one offer with all slots."""
        at = await self._where(room)
        await self._open_leg(room, at, leg)
        reply = await self._link.ask(at.worker, contract.Subscribe(at.call, leg, room.record), contract.Offered)
        return reply.offer

    async def subscribe_answer(self, room: Room, leg: str, answer: str) -> None:
        """The browser's answer: from now on its slots are filled."""
        at = await self._where(room)
        request = contract.SubscribeAnswer(at.call, leg, answer, room.record)
        await self._link.ask(at.worker, request, contract.Done)
        async with self._db.begin() as conn:
            await store.change_leg(conn, leg, subscribed=True)
            say_after_commit(conn, changed_subject(room.record))

    async def restart_ice(self, room: Room, leg: str, message: m.RestartIce) -> str:
        """The SDP that belongs to the other side of this direction's ICE restart."""
        at = await self._where(room)
        request = contract.RestartIce(at.call, leg, message.direction, message.offer, room.record)
        if message.direction == "publish":
            return (await self._link.ask(at.worker, request, contract.Published)).answer
        return (await self._link.ask(at.worker, request, contract.Offered)).offer

    async def leave(self, placement: Placement, leg: str) -> None:
        """This leg is over: left on purpose, or another device took its person's place."""
        await self._link.tell(placement.worker, contract.CloseLeg(placement.call, leg, placement.record), contract.Done)

    # -- what a worker is told

    async def assign(self, room: Room, leg: str, slots: Sequence[m.Slot]) -> bool:
        """Tell the worker what this leg's slots play. False: it could not be told, and is told again."""
        at = room.placement
        if at is None:
            return False
        specs = [contract.SlotSpec(slot.mid, slot.leg or "", slot.kind or _kind_of(slot.mid)) for slot in slots]
        return await self._link.tell(at.worker, contract.AssignSlots(at.call, leg, specs, room.record), contract.Done)

    async def cover(self, room: Room, told: dict[str, bool]) -> None:
        """Close and open pictures as the record's masks say; `told` is what this node has said in this generation."""
        at = room.placement
        if at is None:
            return
        masks = room.shared.masks
        for leg in {*masks, *told}:
            covered = leg in masks
            if told.get(leg, False) != covered and await self._gate(room, at, leg, covered):
                told[leg] = covered

    async def _gate(self, room: Room, at: Placement, leg: str, covered: bool) -> bool:
        requests = [contract.Gate(at.call, leg, kind, not covered, room.record) for kind in COVERED]
        return all([await self._link.tell(at.worker, request, contract.Done) for request in requests])

    async def session_is_lost(self, placement: Placement) -> bool:
        """Ask the worker itself. Lost: it does not know the session (it was started again), the bus knows nobody of
        its name, or it has been silent for too long and does not answer either. A busy worker whose heartbeat is late
        answers, and nothing is moved."""
        try:
            probe = contract.Probe(placement.call, placement.record)
            await self._link.ask(placement.worker, probe, contract.SessionStats, within_s=PROBE_WITHIN_S)
        except WorkerUnreachable as unreachable:
            if unreachable.gone:
                self._directory.bury(placement.worker)
            return unreachable.gone or self._directory.worker_is_dead(placement.worker)
        except Problem:
            return True
        self._directory.heard_of(placement.worker)
        return False


def slots_of(room: Room, viewer: Leg) -> list[m.Slot]:
    """The slots of one leg, from the rows of all, with the names of those who play in them."""
    senders = [leg for leg in room.legs if leg.position is not None and leg.tracks]
    sources = [Source(leg.leg, leg.position or 0, leg.tracks) for leg in senders]
    return [_named(slot, room) for slot in slots_for(viewer.position, viewer.leg, sources)]


def _kind_of(mid: str) -> contract.Kind:
    return "audio" if mid.startswith("a") else "camera"


def _named(slot: Filled, room: Room) -> m.Slot:
    person = room.shared.person_of(slot.leg) if slot.leg else None
    row = room.leg(slot.leg) if slot.leg else None
    name = person.name if person is not None else row.name if row is not None else ""
    role = person.role if person is not None else row.role if row is not None else ""
    return m.Slot(slot.mid, slot.leg, slot.kind, name, role)


def time_of(at_ns: int, now: datetime) -> datetime:
    """A worker's wall clock nanoseconds as a time, never later than `now`: hosts' clocks differ by milliseconds."""
    return min(now, datetime.fromtimestamp(at_ns / 1e9, tz=now.tzinfo))
