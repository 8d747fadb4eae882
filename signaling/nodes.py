"""Who is alive: nodes and media workers, by the heartbeats on the bus. Nothing is stored, nobody is elected.

Silence is death only while the bus itself is heard: every node listens for its own heartbeat too, and one that cannot
hear itself accuses nobody. A node that has just started waits as long as anybody may be silent before it judges.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

from foundation import log
from foundation.bus import Bus, Msg, Subscription
from foundation.clock import Clock
from foundation.metrics import Metrics
from media.contract import WorkerAlive, decode_heartbeat

NODE_HEARTBEAT = "signaling.heartbeat"
WORKER_HEARTBEAT = "media.heartbeat"
DEAD_AFTER_S = 3.0
"""Three heartbeats of one second. Livelier would accuse a node that collects garbage; a call has to be back in five."""


class NodeAlive(Struct, frozen=True):
    """Heartbeat of a node."""

    node: str
    sockets: int


class Liveness:
    """Pure: names, when each was heard last, and what follows at a time (monotonic seconds)."""

    def __init__(self, started_s: float, dead_after_s: float = DEAD_AFTER_S) -> None:
        self._started_s = started_s
        self._dead_after_s = dead_after_s
        self._heard: dict[str, float] = {}

    def heard(self, name: str, now_s: float) -> bool:
        """Note a heartbeat. True if the name was unknown or thought dead."""
        fresh = not self.alive(name, now_s)
        self._heard[name] = now_s
        return fresh

    def alive(self, name: str, now_s: float) -> bool:
        return now_s - self._heard.get(name, float("-inf")) <= self._dead_after_s

    def late(self, name: str, now_s: float) -> bool:
        """Silent for half of what is death: worth a question."""
        return now_s - self._heard.get(name, float("-inf")) > self._dead_after_s / 2

    def bury(self, name: str) -> None:
        """It is known to be dead, whenever it was heard last."""
        self._heard.pop(name, None)

    def dead(self, name: str, now_s: float) -> bool:
        """Silent for too long, by somebody who has listened for as long."""
        return not self.alive(name, now_s) and now_s - self._started_s > self._dead_after_s


def least_loaded(workers: dict[str, WorkerAlive], alive: Callable[[str], bool]) -> str | None:
    """The living worker with room: one that can record if any can, least busy, then fewest legs, then by name. None:
    there is none."""
    able = [worker for name, worker in workers.items() if alive(name) and not worker.draining]
    able = [worker for worker in able if worker.records] or able
    # Load is rounded so that the noise of a few per cent does not decide against fewer legs.
    best = min(able, key=lambda worker: (round(worker.load, 1), worker.legs, worker.worker), default=None)
    return best.worker if best else None


class Directory:
    """This node's knowledge of the others; tells `on_worker` when a worker appears or loses all its sessions."""

    def __init__(
        self,
        node: str,
        bus: Bus,
        clock: Clock,
        sockets: Callable[[], int],
        *,
        heartbeat_s: float = 1.0,
        dead_after_s: float = DEAD_AFTER_S,
        metrics: Metrics | None = None,
    ) -> None:
        metrics = metrics or Metrics()
        labels = ("worker", "disk")
        self._disk_fault = metrics.gauge("media_disk_fault", "1: recordings cannot be written to this disk.", labels)
        self._disk_free = metrics.gauge("media_disk_free_share", "Free space on a disk for recordings, 0 to 1.", labels)
        self._node = node
        self._bus = bus
        self._clock = clock
        self._sockets = sockets
        self._heartbeat_s = heartbeat_s
        self._nodes = Liveness(self._now_s(), dead_after_s)
        self._workers = Liveness(self._now_s(), dead_after_s)
        self._known: dict[str, WorkerAlive] = {}
        self._subscriptions: list[Subscription] = []
        self._beating: asyncio.Task[None] | None = None
        self._log = log.get("signaling.nodes")

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9

    async def start(self) -> None:
        self._subscriptions = [
            await self._bus.subscribe(NODE_HEARTBEAT, self._on_node),
            await self._bus.subscribe(WORKER_HEARTBEAT, self._on_worker),
        ]
        self._beating = asyncio.create_task(self._beat())

    async def stop(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating
        for subscription in self._subscriptions:
            await subscription.close()

    @property
    def bus_heard(self) -> bool:
        """Whether our own heartbeats come back to us."""
        return self._nodes.alive(self._node, self._now_s())

    def node_is_dead(self, node: str) -> bool:
        return self.bus_heard and node != self._node and self._nodes.dead(node, self._now_s())

    def worker_is_alive(self, worker: str) -> bool:
        return self._workers.alive(worker, self._now_s())

    def worker_is_dead(self, worker: str) -> bool:
        return self.bus_heard and self._workers.dead(worker, self._now_s())

    def worker_is_draining(self, worker: str) -> bool:
        """It lives and asks to be relieved."""
        return self.worker_is_alive(worker) and worker in self._known and self._known[worker].draining

    def worker_is_late(self, worker: str) -> bool:
        return self._workers.late(worker, self._now_s())

    def heard_of(self, worker: str) -> None:
        """It answered, which is as good as a heartbeat."""
        self._workers.heard(worker, self._now_s())

    def bury(self, worker: str) -> None:
        """The bus knows nobody of this name any more: no need to wait for its silence."""
        self._workers.bury(worker)

    def pick_worker(self) -> str | None:
        return least_loaded(self._known, self.worker_is_alive)

    def sessions_on(self, worker: str) -> int | None:
        """How many sessions the living worker says it has."""
        return self._known[worker].sessions if self.worker_is_alive(worker) and worker in self._known else None

    async def _on_node(self, message: Msg) -> None:
        with suppress(msgspec.DecodeError):
            self._nodes.heard(msgspec.json.decode(message.data, type=NodeAlive).node, self._now_s())

    async def _on_worker(self, message: Msg) -> None:
        try:
            alive = decode_heartbeat(message.data)
        except msgspec.DecodeError:
            return
        before = self._known.get(alive.worker)
        self._known[alive.worker] = alive
        self._note_disks(alive, before)
        if self._workers.heard(alive.worker, self._now_s()):
            self._log.info("media worker is there", worker=alive.worker)

    def _note_disks(self, alive: WorkerAlive, before: WorkerAlive | None) -> None:
        """For whoever runs the machines: gauges always, a line when something changes."""
        known = {disk.number: disk.fault for disk in before.disks} if before is not None else {}
        for disk in alive.disks:
            self._disk_fault.labels(alive.worker, disk.number).set(disk.fault is not None)
            self._disk_free.labels(alive.worker, disk.number).set(disk.free_share)
            if disk.fault != known.get(disk.number):
                say = self._log.error if disk.fault else self._log.warning
                say("disk for recordings", worker=alive.worker, disk=disk.number, fault=disk.fault or "none")

    async def _beat(self) -> None:
        while True:
            alive: Any = NodeAlive(self._node, self._sockets())
            try:
                await self._bus.publish(NODE_HEARTBEAT, msgspec.json.encode(alive))
            except Exception as error:
                self._log.warning("heartbeat was not sent", error=error)
            await asyncio.sleep(self._heartbeat_s)
