"""Messages between processes over NATS core: at most once, nothing kept, nothing owed.

What must not be lost is a row (jobs, events); a message only says that it is there. A subscriber that reads slowly
loses its oldest messages, not the sender's time. Subjects are dotted, `>` and `*` as in NATS.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg as NatsMsg
from nats.aio.subscription import Subscription as NatsSubscription
from nats.errors import Error as NatsError

from foundation import log

# Messages a slow handler may lag behind before the oldest are dropped.
_PENDING = 8192
_RECONNECT_WAIT_S = 0.1
_logger = log.get("bus")


class BusUnavailable(Exception):
    """The bus did not answer, or nobody listens on that subject; the caller decides whether to repeat."""


class Msg:
    """One message as its handler gets it."""

    def __init__(self, message: NatsMsg) -> None:
        self._message = message

    @property
    def subject(self) -> str:
        return str(self._message.subject)

    @property
    def data(self) -> bytes:
        return bytes(self._message.data)

    @property
    def wants_reply(self) -> bool:
        """Whether somebody waits in `Bus.request`."""
        return bool(self._message.reply)

    async def respond(self, data: bytes) -> None:
        """Answer the one who asked; nothing happens if nobody did."""
        if self._message.reply:
            await self._message.respond(data)


Handler = Callable[[Msg], Awaitable[None]]


class _Desk:
    """Handles the messages of one subscription, one after another, in tasks that only we end.

    The client library cancels whatever waits for its message when a subscription or the connection closes. Cut off
    inside a transaction a handler would leave a broken database connection behind, so the library gets a wait that it
    may cancel, and the handler runs on.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._work: asyncio.Task[None] | None = None
        self.closed = False

    async def take(self, message: NatsMsg) -> None:
        if self.closed:
            return
        self._work = asyncio.create_task(self._handle(message))
        await asyncio.shield(self._work)

    async def _handle(self, message: NatsMsg) -> None:
        try:
            await self._handler(Msg(message))
        except Exception:
            _logger.exception("a message's handler failed", subject=message.subject)

    async def close(self) -> None:
        """Take no more; return when the message being handled is finished."""
        self.closed = True
        work = self._work
        # A handler may close its own subscription: it cannot wait for its own end.
        if work is not None and work is not asyncio.current_task():
            await asyncio.wait([work])


class Subscription:
    """A subscription that lives until `close`, across reconnects."""

    def __init__(self, subscription: NatsSubscription, desk: _Desk) -> None:
        self._subscription = subscription
        self._desk = desk

    async def close(self) -> None:
        """Stop; a message being handled is finished first."""
        try:
            await self._subscription.unsubscribe()
        except NatsError:
            pass  # the connection is closed or closing, and so is the subscription
        await self._desk.close()


class Bus:
    """One connection to NATS. It reconnects for ever; messages sent meanwhile are kept up to 8 MB, then refused."""

    def __init__(self) -> None:
        self._client: Client = Client()
        self._reconnected: list[Callable[[], Awaitable[None]]] = []
        self._last_error = ""
        self._desks: list[_Desk] = []

    @classmethod
    async def connect(cls, url: str, token: str | None = None, *, name: str = "yuankan") -> "Bus":
        """Connect, waiting up to ten seconds for a server that is just starting. Raises BusUnavailable.

        A refused token ends the wait in the same way: it may be a server that is being given its new one.
        """
        bus = cls()
        options: dict[str, Any] = {"reconnect_time_wait": _RECONNECT_WAIT_S}
        if token:
            options["token"] = token
        try:
            async with asyncio.timeout(10):
                await bus._client.connect(
                    servers=[part.strip() for part in url.split(",")],
                    name=name,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    connect_timeout=2,
                    ping_interval=5,  # a dead peer is noticed in two missed pings: ten seconds
                    max_outstanding_pings=2,
                    pending_size=8 * 1024 * 1024,
                    reconnected_cb=bus._on_reconnected,
                    disconnected_cb=bus._on_disconnected,
                    error_cb=bus._on_error,
                    **options,
                )
        except (NatsError, OSError, TimeoutError) as error:
            await bus._client.close()
            raise BusUnavailable(bus._last_error or type(error).__name__) from error
        return bus

    @property
    def connected(self) -> bool:
        return bool(self._client.is_connected)

    async def publish(self, subject: str, message: bytes) -> None:
        """Send to whoever listens now. Raises BusUnavailable when the connection is closed or its buffer full."""
        try:
            await self._client.publish(subject, message)
        except NatsError as error:
            raise BusUnavailable(str(error)) from error

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> Subscription:
        """Call `handler` for each message, one after another; with a `queue` name one member of it gets each.

        A handler's exception is logged and the next message comes. The subscription stands at the server on return.
        """

        desk = _Desk(handler)
        try:
            subscription = await self._client.subscribe(subject, queue, cb=desk.take, pending_msgs_limit=_PENDING)
            await self._client.flush(timeout=5)
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(str(error)) from error
        self._desks = [known for known in self._desks if not known.closed] + [desk]
        return Subscription(subscription, desk)

    async def request(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        """The answer of one listener. Raises BusUnavailable when none listens or none answers in time."""
        try:
            reply = await self._client.request(subject, data, timeout=timeout_s)
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(f"{subject}: {type(error).__name__}") from error
        return bytes(reply.data)

    async def flush(self) -> None:
        """Wait until the server has all that was published. Raises BusUnavailable."""
        try:
            await self._client.flush(timeout=5)
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(str(error)) from error

    def on_reconnect(self, action: Callable[[], Awaitable[None]]) -> None:
        """Run `action` after each reconnect: whatever was said meanwhile was not heard."""
        self._reconnected.append(action)

    async def close(self) -> None:
        """End the connection; messages being handled are finished, and can still answer and publish."""
        for desk in self._desks:
            await desk.close()
        if not self._client.is_closed:
            await self._client.close()

    async def _on_reconnected(self) -> None:
        self._last_error = ""
        _logger.info("reconnected")
        for action in self._reconnected:
            try:
                await action()
            except Exception:
                _logger.exception("an action after reconnecting failed")

    async def _on_disconnected(self) -> None:
        if not self._client.is_closed:
            _logger.warning("disconnected")

    async def _on_error(self, error: Exception) -> None:
        # While the server is away the same error comes ten times a second.
        if (text := f"{type(error).__name__}: {error}") != self._last_error:
            self._last_error = text
            _logger.warning("bus error", error=error)
