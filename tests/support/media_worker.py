"""A real media worker on a real bus, and the node's side of the conversation with it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from foundation.bus import Bus, Msg
from foundation.clock import Clock, SystemClock
from foundation.metrics import Metrics
from media import compiled, contract
from media.worker import EVENTS, REQUESTS, MediaWorker
from tests.support.waiting import until

E = TypeVar("E")
LIBRARY = compiled.load()
assert LIBRARY is not None, "the check needs a C compiler; ./run check installs one"


class Node:
    """What a node sees of one session: it asks, and it hears."""

    def __init__(self, bus: Bus, worker: str, session: str) -> None:
        self.bus = bus
        self.worker = worker
        self.session = session
        self.events: list[contract.Event] = []

    async def listen(self) -> None:
        async def heard(message: Msg) -> None:
            self.events.append(contract.decode_event(message.data))

        await self.bus.subscribe(EVENTS.format(self.session), heard)

    async def ask(self, request: contract.Request) -> contract.Reply:
        data = await self.bus.request(REQUESTS.format(self.worker), contract.encode(request), 5)
        return contract.decode_reply(data)

    async def open_leg(self, leg: str, *, recorded: bool = True) -> None:
        reply = await self.ask(contract.OpenLeg(self.session, "rec_1", leg, recorded))
        assert reply == contract.Done(), reply

    async def publish(self, leg: str, offer: str, tracks: list[contract.TrackSpec]) -> str:
        reply = await self.ask(contract.Publish(self.session, leg, offer, tracks))
        assert isinstance(reply, contract.Published), reply
        return reply.answer

    async def subscribe(self, leg: str) -> str:
        reply = await self.ask(contract.Subscribe(self.session, leg))
        assert isinstance(reply, contract.Offered), reply
        return reply.offer

    async def done(self, request: contract.Request) -> None:
        reply = await self.ask(request)
        assert reply == contract.Done(), reply

    async def close(self) -> list[str]:
        reply = await self.ask(contract.CloseSession(self.session))
        assert isinstance(reply, contract.SessionClosed), reply
        return reply.epochs

    def heard(self, kind: type[E], /, **fields: object) -> list[E]:
        """Events of a kind whose fields have these values."""
        found = [event for event in self.events if isinstance(event, kind)]
        return [event for event in found if all(getattr(event, name) == value for name, value in fields.items())]

    async def hears(self, kind: type[E], /, **fields: object) -> E:
        """Wait for such an event."""
        names = {type(event).__name__ for event in self.events}
        await until(lambda: None if self.heard(kind, **fields) else f"no {kind.__name__} {fields}, only {names}", 20)
        return self.heard(kind, **fields)[0]


@asynccontextmanager
async def running_worker(
    bus: Bus,
    spool: Path | Sequence[Path],
    *,
    worker_id: str = "w1",
    clock: Clock | None = None,
    host: str = "127.0.0.1",
    public_addresses: Sequence[str] = (),
    library: compiled.Library | None = LIBRARY,
) -> AsyncIterator[MediaWorker]:
    """A worker on a free port, stopped at the end. Without ``library`` it forwards in Python."""
    worker = MediaWorker(
        worker_id=worker_id,
        bus=bus,
        host=host,
        port=0,
        public_addresses=public_addresses,
        spool=spool,
        clock=clock or SystemClock(),
        metrics=Metrics(),
        library=library,
    )
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


async def kill(worker: MediaWorker) -> None:
    """End a worker as kill -9 does: no farewell, no event, no heartbeat."""
    for subscription in worker._subscriptions:
        await subscription.close()
    tasks = [*worker._tasks, *worker._recorder._tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for epoch in worker._recorder._open:
        if epoch._writer is not None and not epoch._writer.closed:
            os.close(epoch._writer._fd)  # with the process its locks go
            epoch._writer._fd = -1
    await worker._lookout.close()  # its sandbox ends with its last word
    worker._socket.close()
    worker._sessions.clear()
    worker.stop = _nothing  # type: ignore[method-assign]


async def _nothing() -> None:
    """A dead worker cannot be stopped."""


async def quiet(seconds: float, check: Callable[[], str | None]) -> None:
    """Fail if ``check`` names a reason at any time within these seconds: for what must not happen."""
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        reason = check()
        assert reason is None, reason
        await asyncio.sleep(0.02)
