"""What has to happen without anybody asking: graces that end, nodes and workers that died, wake-ups that were lost.

Every node sweeps; each finding is written by a conditional statement, so two sweeps of one moment write it once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from foundation import log
from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from signaling import store
from signaling.attendance import Attendance
from signaling.calls import Calls
from signaling.gathering import Gathering
from signaling.nodes import Directory
from signaling.presence import due
from signaling.store import Leg

SWEEP_EVERY_S = 0.5
"""A grace of three seconds is then over after three and a half at most."""
READ_AGAIN_EVERY_S = 5.0
"""A lost wake-up costs at most this much, and a waiting applicant's place in line is as old as this."""
FORGET_EVERY_S = 600.0
IDLE_ROOM_S = 30.0

Gather = Callable[[str], Awaitable[Gathering]]


class Sweep:
    """The periodic duties of one node."""

    def __init__(
        self,
        node: str,
        db: Database,
        clock: Clock,
        directory: Directory,
        attendance: Attendance,
        calls: Calls,
        gatherings: Mapping[str, Gathering],
        gather: Gather,
        forget: Callable[[str], Awaitable[None]],
        revalidate: Callable[[], Awaitable[None]],
        *,
        grace_s: float,
    ) -> None:
        self._node = node
        self._db = db
        self._clock = clock
        self._directory = directory
        self._attendance = attendance
        self._calls = calls
        self._gatherings = gatherings
        self._gather = gather
        self._forget = forget
        self._revalidate = revalidate
        self._grace = timedelta(seconds=grace_s)
        self._next: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._log = log.get("signaling.sweep")

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Finish the sweep that runs: one that is cut off in a transaction would hold the database's connection."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.once()
            except (SQLAlchemyError, OSError, Problem) as error:
                self._log.warning("a sweep was not finished", error=error)
            except Exception:
                self._log.exception("a sweep failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_EVERY_S):
                    await self._stopping.wait()

    async def once(self) -> None:
        """All duties that are due now."""
        await self._people()
        await self._workers()
        if self._is_time("read", READ_AGAIN_EVERY_S):
            for gathering in list(self._gatherings.values()):
                gathering.wake()
            await self._tell_ended()
            await self._drop_idle()
        if self._is_time("revalidate", 60.0):
            await self._revalidate()
        if self._is_time("forget", FORGET_EVERY_S):
            async with self._db.begin() as conn:
                await store.drop_old_answers(conn, self._clock.now())

    def _is_time(self, duty: str, every_s: float) -> bool:
        now_s = self._clock.monotonic_ns() / 1e9
        if now_s < self._next.get(duty, 0.0):
            return False
        self._next[duty] = now_s + every_s
        return True

    async def _people(self) -> None:
        """Legs whose socket, node or media have gone, or whose media are back."""
        async with self._db.read() as conn:
            present = await store.legs_present(conn)
        for leg in present:
            if self._is_orphan(leg):
                # We have no such socket: the row was written by us before we were started again.
                await self._attendance.lose(leg.leg, leg.connection, "lost")
        silent: dict[str, datetime | None] = {
            leg: flow.silent_since
            for gathering in self._gatherings.values()
            for leg, flow in gathering.room.flows.items()
            if flow.known
        }
        found = due(
            present,
            self._clock.now(),
            grace=self._grace,
            node_is_dead=self._directory.node_is_dead,
            silent_since=silent,
        )
        for each in found:
            try:
                gathering = await self._gather(each.leg.record)
            except Problem:
                # The record was destroyed: there is nothing to write to, and nobody to be gone from it.
                await self._attendance.leave(each.leg.record, each.leg.person)
                continue
            await self._attendance.write(gathering.room, each)

    def _is_orphan(self, leg: Leg) -> bool:
        if leg.node != self._node or leg.state != "up":
            return False
        gathering = self._gatherings.get(leg.record)
        return gathering is None or not gathering.has(leg.connection)

    async def _workers(self) -> None:
        """Calls of our rooms whose worker died, asks to be relieved, or was started again and knows nothing of them."""
        # Together: one wedged worker would otherwise delay the others' calls by a second each.
        await asyncio.gather(*(self._worker_of(gathering) for gathering in list(self._gatherings.values())))

    async def _worker_of(self, gathering: Gathering) -> None:
        at = gathering.room.placement
        if at is None or not gathering.sockets:
            return
        if self._directory.worker_is_draining(at.worker):
            if await self._calls.move(gathering.room, at, "worker_drained"):
                await self._calls.ended(at)
            return
        doubtful = self._directory.worker_is_late(at.worker) or self._is_empty(at.worker, gathering)
        if doubtful and await self._calls.session_is_lost(at):
            await self._calls.move(gathering.room, at)

    def _is_empty(self, worker: str, gathering: Gathering) -> bool:
        """Whether the worker says it has no session at all, though somebody of this room sends to it."""
        sends = any(leg.publishing for leg in gathering.room.legs)
        return sends and self._directory.sessions_on(worker) == 0

    async def _tell_ended(self) -> None:
        async with self._db.read() as conn:
            ended = await store.just_ended(conn, self._clock.now())
        for placement in ended:
            if self._directory.worker_is_alive(placement.worker):
                await self._calls.ended(placement)

    async def _drop_idle(self) -> None:
        now = self._clock.now()
        for record, gathering in list(self._gatherings.items()):
            if gathering.sockets:
                gathering.idle_since = now
            elif (now - gathering.idle_since).total_seconds() > IDLE_ROOM_S:
                await self._forget(record)
