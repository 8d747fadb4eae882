"""One client's WebSocket: frames in, frames out, and what is owed to a client that is slow, silent or hostile.

Four tasks at most: the reader (the HTTP handler itself), the writer, and two lanes that exist while they have work:
commands in order, and media requests in order, so that a worker's second does not delay an answer's millisecond.
Nothing here knows what a command means: happenings of `protocol` are handed to a `Host`.

A client that does not read is cut, with the reason, as soon as 256 messages or 1 MiB wait for it or one send takes ten
seconds; others never notice. Views are not queued at all: the newest is made when there is room to send it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import WSCloseCode, WSMsgType, web
from msgspec import Struct

from foundation import log
from foundation.access import Actor
from foundation.clock import Clock
from foundation.errors import Lang, Problem, sentence
from foundation.ids import new_id
from office.session import Party
from signaling import messages as m
from signaling import protocol
from signaling.protocol import Asked, Connection, Cut, Fault, Greeted, Param, Pinged, Pointed, Repeated

QUEUE_MESSAGES = 256
QUEUE_BYTES = 1024 * 1024
SEND_WITHIN_S = 10.0
CLOSE_WITHIN_S = 3.0
LANE_REQUESTS = 64
"""Requests waiting for their turn; a client with more has stopped waiting for answers."""
VIEWS_EVERY_S = 0.1
"""Ten views a second are more than an eye follows; a burst of events costs one."""
HEARTBEAT_S = 10.0
"""Ping; without a pong in half the time the connection is dead. Short enough for routers that forget idle ones."""
POINTERS_QUEUED = 32
"""Of a pointer only the newest place matters: on a full queue it is dropped, not waited for."""


class Host(Protocol):
    """Who answers for the record behind a socket (signaling.gathering)."""

    async def greet(self, socket: "Socket", hello: m.Hello) -> m.Welcome: ...
    async def command(self, socket: "Socket", message: m.Command) -> dict[str, Param]: ...
    async def media(self, socket: "Socket", message: protocol.Request) -> Struct: ...
    async def point(self, socket: "Socket", x: float, y: float) -> None: ...
    def view(self, socket: "Socket") -> m.View: ...


class Socket:
    """One connection of one person. `leg` is set once they are seated; it stays None for `view_only`."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        host: Host,
        actor: Actor,
        lang: Lang,
        clock: Clock,
        abort: Callable[[], None],
        *,
        request: str = "",
        lang_params: dict[str, str] | None = None,
    ) -> None:
        self.id = new_id("con")
        self.actor = actor
        self.lang = lang
        self.request = request
        self.party: Party | None = None
        self.leg: str | None = None
        self.slots_sent: list[m.Slot] | None = None
        self.slots_lock = asyncio.Lock()
        self.close_code = 0
        self._ws = ws
        self._host = host
        self._clock = clock
        self._abort = abort
        self._words = lang_params or {}
        self._protocol = Connection(self._now_s())
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self._view_due = False
        self._view_at = float("-inf")
        self._closing: tuple[int, str] | None = None
        self._lanes: dict[str, deque[protocol.Request]] = {"command": deque(), "media": deque()}
        self._working: dict[str, asyncio.Task[None]] = {}
        self._log = log.get("signaling.websocket")

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9

    # -- out

    @property
    def welcomed(self) -> bool:
        return self._protocol.state is protocol.State.WELCOMED

    def push(self, message: Struct) -> None:
        """Queue one message. Left out where the connection's state has no place for it any more."""
        if self._closing is not None or not self._protocol.may_send(type(message)):
            return
        if isinstance(message, m.Pointer) and len(self._queue) > POINTERS_QUEUED:
            return
        self._enqueue(self._protocol.send(message))

    def show(self) -> None:
        """The view has changed: send it when its turn comes."""
        self._view_due = True
        self._wake.set()

    def refuse(self, request_id: str | None, code: str, **params: Param) -> None:
        """Tell the client that nothing was changed, and why, in the person's language."""
        text = sentence(code, self.lang, **{**self._words, **params})
        self.push(m.Refused(request_id, code, text, params))

    def notify(self, code: str, level: str, **params: Param) -> None:
        """Tell the person something that is no answer."""
        text = sentence(code, self.lang, **{**self._words, **params})
        self.push(m.Notice(code, text, level))  # type: ignore[arg-type]

    def replaced(self) -> None:
        """Another device of the same person took over."""
        self.push(m.Replaced())
        self._end(m.CloseCode.REPLACED, "replaced")

    def cut(self, code: int, reason: str) -> None:
        """End the connection and say why."""
        self.push(m.Closing(reason))  # type: ignore[arg-type]
        self._end(code, reason)

    def _end(self, code: int, reason: str) -> None:
        if self._closing is None:
            self._closing = (code, reason)
            self._protocol.close()
            self._wake.set()

    def _enqueue(self, frame: bytes) -> None:
        self._queue.append(frame)
        self._queued_bytes += len(frame)
        if len(self._queue) > QUEUE_MESSAGES or self._queued_bytes > QUEUE_BYTES:
            self._too_slow()
        self._wake.set()

    def _too_slow(self) -> None:
        self._queue.clear()
        self._queued_bytes = 0
        self._log.info("a client that does not read was cut", connection=self.id)
        self.cut(m.CloseCode.TOO_SLOW, "too_slow")
        # A send that is stuck would keep the reason waiting for ever.
        asyncio.get_running_loop().call_later(1.0, self._abort)

    async def _write(self) -> None:
        """The writer: what is queued, then the view if one is due, then the farewell."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                frame = self._queue.popleft()
                self._queued_bytes -= len(frame)
                await self._send(frame)
            if self._closing is not None:
                code, reason = self._closing
                self.close_code = code
                await self._farewell(code, reason)
                return
            if self._view_due and self.welcomed:
                wait_s = self._view_at + VIEWS_EVERY_S - asyncio.get_running_loop().time()
                if wait_s > 0:
                    asyncio.get_running_loop().call_later(wait_s, self._wake.set)
                    continue
                self._view_due = False
                self._view_at = asyncio.get_running_loop().time()
                await self._send(self._protocol.send(self._host.view(self)))

    async def _farewell(self, code: int, reason: str) -> None:
        """The closing handshake, for as long as a peer that lives needs for it."""
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._ws.close(code=code, message=reason.encode())
        except (TimeoutError, ConnectionError, RuntimeError):
            self._abort()

    async def _send(self, frame: bytes) -> None:
        try:
            async with asyncio.timeout(SEND_WITHIN_S):
                await self._ws.send_frame(frame, WSMsgType.TEXT)
        except TimeoutError:
            self._too_slow()

    # -- in

    async def run(self) -> None:
        """Serve the connection until it ends, for whatever reason."""
        writer = asyncio.create_task(self._write())
        writer.add_done_callback(self._written)
        try:
            await self._read()
        finally:
            self._protocol.close()
            if self._closing is not None:
                # The reason is queued: give it its time, then go.
                await asyncio.wait([writer], timeout=CLOSE_WITHIN_S)
            writer.cancel()
            await asyncio.gather(writer, *self._working.values(), return_exceptions=True)
            if not self._ws.closed:
                await self._farewell(int(WSCloseCode.GOING_AWAY), "")

    def _written(self, writer: asyncio.Task[None]) -> None:
        if writer.cancelled():
            return
        error = writer.exception()
        if error is None:
            return
        if not isinstance(error, ConnectionError | RuntimeError):
            self._log.error("the writer failed", connection=self.id, error=error)
        self._abort()

    async def _read(self) -> None:
        while True:
            waiting_for_hello = self._protocol.state is protocol.State.OPENED
            try:
                async with asyncio.timeout(protocol.HELLO_WITHIN_S if waiting_for_hello else None):
                    message = await self._ws.receive()
            except TimeoutError:
                self.cut(m.CloseCode.SILENT, "silent")
                return
            if message.type is WSMsgType.TEXT:
                for happening in self._protocol.receive(message.data, self._now_s()):
                    await self._on(happening)
            elif message.type is WSMsgType.BINARY:
                self.cut(m.CloseCode.UNSUPPORTED_DATA, "protocol")
                return
            else:  # CLOSE, CLOSING, CLOSED, ERROR
                self.close_code = self.close_code or int(self._ws.close_code or 0)
                return
            if self._closing is not None:
                return

    @property
    def left_politely(self) -> bool:
        """Whether the client itself said goodbye: a page that was closed or left."""
        return self._closing is None and self.close_code in (WSCloseCode.OK, WSCloseCode.GOING_AWAY)

    async def _on(self, happening: protocol.Happening) -> None:
        match happening:
            case Pinged(t):
                self.push(m.Pong(t, self._clock.now()))
            case Pointed(x, y):
                if self.leg is not None:
                    await self._host.point(self, x, y)
            case Asked(message):
                self._line_up(message)
            case Repeated(frame):
                self._enqueue(frame)
            case Fault(request_id, code, params):
                self.refuse(request_id, code, **params)
            case Cut(code, reason):
                self.cut(code, reason)
            case Greeted(hello):
                await self._greet(hello)

    async def _greet(self, hello: m.Hello) -> None:
        try:
            welcome = await self._host.greet(self, hello)
        except Problem as problem:
            self.refuse(None, problem.code, **problem.params)
            unavailable = problem.code == "W09"
            self.cut(
                m.CloseCode.TRY_AGAIN_LATER if unavailable else m.CloseCode.NOT_ALLOWED,
                "unavailable" if unavailable else "not_allowed",
            )
            return
        except Exception:
            self._log.exception("a hello failed", connection=self.id)
            self.cut(m.CloseCode.TRY_AGAIN_LATER, "unavailable")
            return
        self.push(welcome)

    def _line_up(self, message: protocol.Request) -> None:
        lane = "command" if isinstance(message, m.Command) else "media"
        if len(self._lanes[lane]) >= LANE_REQUESTS:
            self.refuse(message.id, "W08")
            return
        self._lanes[lane].append(message)
        if lane not in self._working:
            task = asyncio.create_task(self._work(lane))
            self._working[lane] = task
            task.add_done_callback(lambda _done: self._working.pop(lane, None))

    async def _work(self, lane: str) -> None:
        """Answer the requests of one lane in order. Each gets exactly one answer, whatever happens."""
        waiting = self._lanes[lane]
        while waiting:
            message = waiting.popleft()
            try:
                self.push(await self._answer(message))
            except Problem as problem:
                self.refuse(message.id, problem.code, **problem.params)
            except Exception:
                self._log.exception("a request on the socket failed", connection=self.id, asked=type(message).__name__)
                self.refuse(message.id, "S500", request=self.request or self.id)

    def _answer(self, message: protocol.Request) -> Awaitable[Struct]:
        if isinstance(message, m.Command):
            return self._done(message)
        return self._host.media(self, message)

    async def _done(self, message: m.Command) -> Struct:
        return m.Done(message.id, await self._host.command(self, message))
