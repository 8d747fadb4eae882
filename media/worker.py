"""The media worker: requests from the bus, sessions on one port, events and a heartbeat back.

One event loop does everything but disk writes. Requests are handled one after another and never wait for anything, so a
request sees no half-done state of another; events go out in the order they happened, by one task.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from foundation import log
from foundation.bus import Bus, BusUnavailable, Msg, Subscription
from foundation.clock import Clock
from foundation.metrics import Metrics
from media import contract
from media.compiled import Library
from media.datagrams import own_addresses
from media.dtls import Identity
from media.forwarder import Session
from media.leg import Engine
from media.lookout import Lookout
from media.negotiation import Refusal
from media.recorder import Recorder
from media.socket import MediaSocket
from recordings.journal import ENDED, JournalHeader

TICK_S = 0.1  # congestion feedback, as browsers do among each other: twice as often tells the estimator nothing more
_TICKS_PER_SECOND = 10
_HEARD_NS = 3_000_000_000  # three heartbeats: as the nodes judge it
_EVENTS_MAX = 10_000  # told while the bus is away; a node that was away asks for the present state instead
REQUESTS = "media.worker.{}"
EVENTS = "media.events.{}"
HEARTBEAT = "media.heartbeat"

_log = log.get("media")


class MediaWorker:
    """One worker. ``start`` binds the port and listens to the bus; ``stop`` ends every session in good order.

    Without ``public_addresses`` browsers are told the address it binds, or those of the default routes if it binds all.
    Of several folders of ``spool`` the first that can be written to is used. ``watch_pictures``: look at what watched
    legs' cameras show. ``library``: the compiled fast path; without it Python forwards every packet.
    """

    def __init__(
        self,
        *,
        worker_id: str,
        bus: Bus,
        host: str,
        port: int,
        public_addresses: Sequence[str],
        spool: Path | Sequence[Path],
        clock: Clock,
        metrics: Metrics,
        watch_pictures: bool = True,
        library: Library | None = None,
    ) -> None:
        self.worker_id = worker_id
        self._watches = watch_pictures
        self._bus = bus
        self._host = host
        self._bind_port = port
        self._addresses = tuple(public_addresses) or own_addresses(host)
        self._clock = clock
        self._clock_ns: Callable[[], int] = clock.monotonic_ns
        self._socket = MediaSocket(self._clock_ns, library)
        self._recorder = Recorder([spool] if isinstance(spool, Path) else spool, worker_id, self)
        self._lookout = Lookout(worker_id, self._emit, self._wall_ns, metrics)
        self._sessions: dict[str, Session] = {}
        self._events: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_EVENTS_MAX)
        self._subscriptions: list[Subscription] = []
        self._others: dict[str, int] = {}  # workers that take sessions, and when they were heard last
        self._tasks: list[asyncio.Task[None]] = []
        self._draining = False
        self._cpu = (0.0, 0.0)
        self._engine: Engine | None = None
        self._refused = metrics.gauge("media_datagrams_refused", "Datagrams the port's filter dropped", ["worker"])
        self._faults = metrics.gauge("media_datagram_errors", "Datagrams that met a fault of ours", ["worker"])
        self._count = metrics.gauge("media_sessions", "Sessions on this worker", ["worker"])
        self._lost = metrics.counter("recording_faults", "Legs that were not recorded any more", ["worker", "code"])
        self._load = metrics.gauge("media_load", "Share of one core in use", ["worker"])

    @property
    def port(self) -> int:
        """The port in force, once started."""
        return self._socket.port

    async def start(self) -> None:
        """Bind the port and take requests. Raises OSError when the port is taken, BusUnavailable without a bus."""
        await self._socket.open(self._host, self._bind_port)
        self._engine = Engine(
            self.worker_id, self._socket, Identity.generate(), self._recorder, self._addresses, self._clock_ns,
            self._wall_ns, self._emit,
        )  # fmt: skip
        self._recorder.start()
        self._tasks = [asyncio.create_task(work) for work in (self._keep_time(), self._tell_events())]
        self._subscriptions = [
            await self._bus.subscribe(REQUESTS.format(self.worker_id), self._on_request),
            await self._bus.subscribe(HEARTBEAT, self._on_heartbeat),
        ]
        await self._beat(0.0)

    def drain(self) -> None:
        """Take no new session; those there are go on."""
        self._draining = True

    async def hand_over(self, within_s: float) -> bool:
        """Take no new session and wait until the nodes have moved those there are; True when none is left.

        Returns at once where no other worker could take them: to wait would be to keep everybody for nothing.
        """
        self.drain()
        await self._beat(0.0)
        deadline_ns = self._clock_ns() + int(within_s * 1e9)
        while self._sessions and self._elsewhere() and self._clock_ns() < deadline_ns:  # noqa: ASYNC110 - three things
            await asyncio.sleep(TICK_S)
        return not self._sessions

    def _elsewhere(self) -> bool:
        heard_since_ns = self._clock_ns() - _HEARD_NS
        return any(at_ns >= heard_since_ns for at_ns in self._others.values())

    async def _on_heartbeat(self, message: Msg) -> None:
        """Who else there is, for the day this worker has to go."""
        with suppress(ValueError):
            other = contract.decode_heartbeat(message.data)
            if other.worker == self.worker_id:
                return
            if other.draining:
                self._others.pop(other.worker, None)
            else:
                self._others[other.worker] = self._clock_ns()

    async def stop(self) -> None:
        """End every session, write every journal, free the port."""
        self._draining = True
        for subscription in self._subscriptions:
            await subscription.close()
        self._socket.settle()
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._lookout.close()
        await self._recorder.stop()
        while not self._events.empty():
            await self._publish(*self._events.get_nowait())
        self._socket.close()

    # --- requests -----------------------------------------------------------------------------------------------------

    async def _on_request(self, message: Msg) -> None:
        try:
            request = contract.decode_request(message.data)
        except ValueError as error:
            await message.respond(contract.encode(contract.MediaRefused("bad_request", str(error))))
            return
        await message.respond(contract.encode(self.handle(request)))

    def handle(self, request: contract.Request) -> contract.Reply:
        """Carry out one request; never raises."""
        self._socket.settle()  # what came before it belongs to the time before it
        try:
            return self._carry_out(request)
        except Refusal as refusal:
            return contract.MediaRefused(refusal.code, str(refusal))
        except Exception as error:
            _log.exception("request failed", request=type(request).__name__)
            return contract.MediaRefused("fault", type(error).__name__)

    def _carry_out(self, request: contract.Request) -> contract.Reply:
        if isinstance(request, contract.OpenLeg):
            watched = request.watched and self._watches
            self._open(request).open_leg(request.leg, recorded=request.recorded, watched=watched)
            return contract.Done()
        if isinstance(request, contract.CloseSession):
            closing = self._sessions.pop(request.session, None)
            self._recorder.forget(request.session)
            self._lookout.forget(request.session)
            return contract.SessionClosed(closing.close() if closing is not None else [])
        session = self._sessions.get(request.session)
        if session is None:
            raise Refusal("unknown_session", request.session)
        match request:
            case contract.Publish():
                return contract.Published(session.publish(request.leg, request.offer, request.tracks))
            case contract.Subscribe():
                return contract.Offered(session.subscribe(request.leg))
            case contract.SubscribeAnswer():
                session.subscribe_answer(request.leg, request.answer)
            case contract.AssignSlots():
                session.assign(request.leg, request.slots)
            case contract.Gate():
                session.gate(request.leg, request.kind, is_open=request.open)
            case contract.RestartIce(direction="publish"):
                return contract.Published(session.restart_ice(request.leg, "publish", request.offer))
            case contract.RestartIce():
                return contract.Offered(session.restart_ice(request.leg, "subscribe", None))
            case contract.CloseLeg():
                session.close_leg(request.leg)
            case contract.Probe():
                return contract.SessionStats(session.stats(), list(session.epochs))
        return contract.Done()

    def _open(self, request: contract.OpenLeg) -> Session:
        session = self._sessions.get(request.session)
        if session is None:
            if self._draining or self._engine is None:
                raise Refusal("draining", "this worker takes no new session")
            for name in (request.session, request.record, request.leg):
                _check_name(name)
            session = self._sessions[request.session] = Session(self._engine, request.session, request.record)
        _check_name(request.leg)
        return session

    # --- events -------------------------------------------------------------------------------------------------------

    def _emit(self, session: str, event: contract.Event) -> None:
        self._queue(EVENTS.format(session), contract.encode(event))

    # recorder.Owner

    def settle(self) -> None:
        self._socket.settle()

    def recording_lost(self, header: JournalHeader, code: str) -> None:
        _log.error("not recorded", session=header.session, leg=header.leg, epoch=header.epoch, fault=code)
        self._lost.labels(self.worker_id, code).inc()
        fault = contract.RecordingFault(header.session, header.leg, code, self._wall_ns())
        self._emit(header.session, fault)

    def recording_back(self, header: JournalHeader) -> None:
        _log.warning("recorded again", session=header.session, leg=header.leg, epoch=header.epoch)
        self._emit(header.session, contract.RecordingResumed(header.session, header.leg, self._wall_ns()))

    def journals_ended(self) -> None:
        self._queue(ENDED, b"")

    def renew_recording(self, session: str, leg: str, reason: str) -> None:
        found = self._sessions.get(session)
        if found is not None:
            found.renew_recording(leg, reason)

    def _queue(self, subject: str, data: bytes) -> None:
        try:
            self._events.put_nowait((subject, data))
        except asyncio.QueueFull:
            _log.error("event lost: the bus has been away too long", subject=subject)

    async def _tell_events(self) -> None:
        while True:
            await self._publish(*await self._events.get())

    async def _publish(self, subject: str, data: bytes) -> None:
        try:
            await self._bus.publish(subject, data)
        except BusUnavailable as error:
            _log.warning("message lost: no bus", subject=subject, error=error)
        except Exception:
            _log.exception("message lost", subject=subject)

    # --- time ---------------------------------------------------------------------------------------------------------

    def _wall_ns(self) -> int:
        now = self._clock.now()
        return int(now.timestamp()) * 1_000_000_000 + now.microsecond * 1000

    async def _keep_time(self) -> None:
        loop = asyncio.get_running_loop()
        ticks, due_s = 0, loop.time()
        while True:
            # Late ticks are caught up, so that a busy second has ten of them too; after a standstill they are not.
            due_s = max(due_s + TICK_S, loop.time() - 1.0)
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            ticks += 1
            self._socket.settle()
            now_ns = self._clock_ns()
            if ticks % _TICKS_PER_SECOND == 0:
                self._guarded(self._look_out, now_ns)
            self._guarded(self._lookout.tick, now_ns)
            for session in list(self._sessions.values()):
                self._guarded(session.tick, now_ns)
                if ticks % _TICKS_PER_SECOND == 0:
                    self._guarded(session.second, now_ns)
                if ticks % (2 * _TICKS_PER_SECOND) == 0:
                    self._guarded(partial(self._weigh, session), now_ns)
            if ticks % _TICKS_PER_SECOND == 0:
                await self._beat(self._measure_load())

    def _weigh(self, session: Session, now_ns: int) -> None:
        self._lookout.interval(session.id, session.quality(now_ns), now_ns)

    def _look_out(self, now_ns: int) -> None:
        self._lookout.second(((session.id, session.legs.values()) for session in self._sessions.values()), now_ns)

    @staticmethod
    def _guarded(work: Callable[[int], Any], now_ns: int) -> None:
        """One session's fault is not the others'."""
        try:
            work(now_ns)
        except Exception:
            _log.exception("session failed")

    def _measure_load(self) -> float:
        before_cpu, before_s = self._cpu
        self._cpu = time.process_time(), self._clock_ns() / 1e9
        return (self._cpu[0] - before_cpu) / max(1e-3, self._cpu[1] - before_s) if before_s else 0.0

    async def _beat(self, load: float) -> None:
        legs = sum(len(session.legs) for session in self._sessions.values())
        self._refused.labels(self.worker_id).set(self._socket.refused)
        self._faults.labels(self.worker_id).set(self._socket.errors)
        self._count.labels(self.worker_id).set(len(self._sessions))
        self._load.labels(self.worker_id).set(load)
        disks = tuple(
            contract.Disk(number, round(volume.free_share, 3), volume.trouble)
            for number, volume in enumerate(self._recorder.volumes)
        )
        alive = contract.WorkerAlive(
            self.worker_id, self._wall_ns(), len(self._sessions), legs, load, self._draining, disks
        )
        await self._publish(HEARTBEAT, contract.encode(alive))


def _check_name(name: str) -> None:
    """Session, record and leg become folder names and subjects."""
    if not 0 < len(name) <= 64 or not all(c.isascii() and (c.isalnum() or c in "_-") for c in name):
        raise Refusal("bad_request", "names are 1 to 64 letters, digits, - and _")
