"""Who looks at a line hears of it when it changes: one reading of the line, whoever many look (server-sent events).

A change is said after its commit (`store.changed`), goes round on the bus, and every node reads the lines that somebody
looks at there, each at most twice a second. A message that was lost costs no more than the next round of
looking.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import log
from foundation.bus import Bus, BusUnavailable, Msg
from foundation.db import Database
from foundation.http import Call
from helpdesk.known import Known
from helpdesk.line import LineNow, read_line
from helpdesk.precedence import Precedence
from helpdesk.store import CHANGED

PACE_S = 0.4
"""Changes within this time are read as one: to call somebody, serve and finish is one change to those who wait."""

ROUND_S = 40.0
"""Every line that is looked at is read this often in any case, and a silent connection shows that it lives: within the
minute after which proxies end it.
"""

AT_ONCE = 5
"""Pages written before anything else has its turn."""

WALL_ROUND_S = 5.0
"""A wall whose data are older than fifteen seconds says so (ux.md H3): one round may be lost."""

STILL_HERE = b"event: here\ndata:-\n\n"

_logger = log.get("hall")


def announce(db: Database, bus: Bus) -> None:
    """Tell all nodes of lines that this process changed."""

    async def publish(subjects: frozenset[str]) -> None:
        for subject in subjects:
            if subject.startswith(CHANGED):
                try:
                    await bus.publish(subject, b"")
                except BusUnavailable:
                    pass  # those who look also look by themselves

    db.committed.append(publish)


class Watch:
    """Somebody looking at one line, or at one number in it; they hear something every `round_s` in any case."""

    def __init__(self, ticket: str | None = None, round_s: float = ROUND_S) -> None:
        self.ticket = ticket
        self.over = False  # the number is: nothing of its page changes any more
        self._round_s = round_s
        self._changed = asyncio.Event()

    def tell(self) -> None:
        self._changed.set()

    async def wait(self) -> bool:
        """Until the line changed since the last time, or a round is over; whether there may be something new to show.

        Whoever looks at one number hears of all that its page shows; other pages show times as well.
        """
        try:
            async with asyncio.timeout(self._round_s):
                await self._changed.wait()
        except TimeoutError:
            return self.ticket is None
        self._changed.clear()
        return True


class Lines:
    """The lines that people look at on one node."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self.closed = False
        self.known = Known()
        self.acts = Precedence()
        self._db = db
        self._bus = bus
        self._watches: dict[str, set[Watch]] = {}
        self._now: dict[str, LineNow] = {}
        self._stale: dict[str, float] = {}  # since when, in the order they changed
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self._bus.subscribe(f"{CHANGED}.*", self._on_change)
        self._tasks = [asyncio.create_task(self._read_stale()), asyncio.create_task(self._look_round())]

    async def stop(self) -> None:
        """Send everybody away; their pages connect again."""
        self.closed = True
        for watches in self._watches.values():
            for watch in watches:
                watch.tell()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @contextmanager
    def watching(self, line: str, watch: Watch) -> Iterator[None]:
        """`watch` hears of this line meanwhile."""
        self._watches.setdefault(line, set()).add(watch)
        try:
            yield
        finally:
            self._watches[line].discard(watch)
            if not self._watches[line]:
                del self._watches[line]
                self._now.pop(line, None)

    async def now(self, line: str) -> LineNow | None:
        """The line as everybody who looks at it is shown it; read now where nobody looked yet."""
        known = self._now.get(line)
        if known is None:
            known = await self.read(line)
            if known is not None and line in self._watches:
                known = self._now.setdefault(line, known)
        return known

    async def read(self, line: str) -> LineNow | None:
        """The line as it is this moment, for one answer."""

        async def look(conn: AsyncConnection) -> LineNow | None:
            known = await self.known.line(conn, line)
            return await read_line(conn, *known) if known else None

        return await self._db.look(look)

    async def _on_change(self, message: Msg) -> None:
        line = message.subject.removeprefix(f"{CHANGED}.")
        if line in self._watches:
            self._stale.setdefault(line, time.monotonic())
            self._wake.set()

    async def _look_round(self) -> None:
        while True:
            await asyncio.sleep(ROUND_S)
            self._stale = dict.fromkeys(self._watches, time.monotonic()) | self._stale
            self._wake.set()

    async def _read_stale(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(PACE_S)
            self._wake.clear()
            while self._stale:
                line, since = next(iter(self._stale.items()))
                del self._stale[line]
                before = self._now.get(line)
                await self.acts.give_way(since)
                try:
                    after = await self.read(line)
                except Exception:
                    # The database is away: the next round tries again.
                    _logger.exception("a line could not be read", line=line)
                    continue
                if after is not None and line in self._watches:
                    self._now[line] = after
                told = 0
                for watch in [each for each in self._watches.get(line, ()) if not each.over]:
                    if before is None or after is None or _differs(watch.ticket, before, after):
                        watch.tell()
                        told += 1
                        if told % AT_ONCE == 0:
                            await self.acts.give_way(since)


def _differs(ticket: str | None, before: LineNow, after: LineNow) -> bool:
    # Whoever takes a number changes nobody else's page: of those who wait there are thousands.
    return ticket is None or ticket not in after.by_id or before.shows(ticket) != after.shows(ticket)


async def stream(call: Call, lines: Lines, watch: Watch, look: Callable[[], Awaitable[bytes]]) -> web.StreamResponse:
    """Send what `look` gives whenever it gives something new, until the page or the node goes away."""
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    await response.prepare(call.request)
    last = b""
    try:
        news = True
        while not lines.closed:
            body = await look() if news else last
            # No news is said by an event of its own: a page hears no comments, and from silence it knows a dead line.
            await response.write(b"data: " + body + b"\n\n" if body != last else STILL_HERE)
            last = body
            news = await watch.wait()
    except ConnectionResetError:
        pass  # they left
    return response
