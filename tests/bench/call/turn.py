"""One turn of a bench: sessions of people on one side for some seconds, and what came of it."""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.bench.call.footage import Footage
from tests.bench.call.people import Sender, Viewer
from tests.bench.call.side import Room, Side

REPAIR_S = 1.0  # after the last packet: time for the last repairs
WHOLE = 0.999  # of what was sent must be delivered, and recorded: else a turn is void
_PACE_S = 0.005
_ASK_S, _FEEDBACK_S = 0.02, 0.1
_OVERDUE_MAX = 32  # tasks done without a look at what came in: a late generator must not be a deaf one


@dataclass(frozen=True)
class _Task:
    """Something to be done again and again, until a time of the loop's clock."""

    work: Callable[[], None]
    every_s: float
    until: float


def _now(work: Callable[[int], None]) -> None:
    work(time.time_ns())


@dataclass
class Turn:
    """Figures of one turn. ``processor``: share of a core over the media's time, to the playable file."""

    side: str
    seconds: float
    processor: float = 0.0
    delivered: float = 0.0
    recorded: float = 0.0
    delays_ms: list[float] = field(default_factory=list)
    memory: dict[str, int] = field(default_factory=dict)
    generator: float = 0.0  # share of a core of the generator itself
    late_ms: float = 0.0  # the generator's own worst lateness at the 99th percentile
    packets_in: int = 0
    packets_out: int = 0

    @property
    def whole(self) -> bool:
        return self.delivered >= WHOLE and self.recorded >= WHOLE


class Call:
    """Sessions of people on one side."""

    def __init__(self, side: Side, footage: Footage, seed: int) -> None:
        self.side = side
        self.rooms: list[Room] = []
        self.senders: list[list[Sender]] = []
        self.viewers: list[list[Viewer]] = []
        self.lateness_s: list[float] = []
        self.dice = random.Random(seed)
        self._footage = footage

    async def join(self, people: int, senders_count: int | None = None) -> None:
        """Open one more session and connect everybody; with a count, only the first ones send and the others view."""
        sending = people if senders_count is None else senders_count
        room = await self.side.room(people)
        senders = [Sender(self.side.host, self._footage, self.dice) for _ in range(sending)]
        viewers = [Viewer(self.side.host, self.dice) for _ in range(people)]
        self.rooms.append(room)
        self.senders.append(senders)
        self.viewers.append(viewers)
        for person, sender in enumerate(senders):
            await sender.connect(await room.publish(person, sender.offer()))
            await room.published(person)
        for person, viewer in enumerate(viewers):
            seen = [other for other in range(sending) if other != person]
            if not seen:
                continue
            offer = await room.subscribe(person, seen)
            answer = viewer.answer(offer)
            await room.subscribed(person, answer)
            await viewer.connect(offer)

    async def media(self, seconds: float) -> None:
        """Everybody sends for so long, each from a moment of their own on; then time for the last repairs."""
        loop, dice = asyncio.get_running_loop(), self.dice
        began = loop.time() + 0.05
        ends = began + seconds
        due: list[tuple[float, int, _Task]] = []

        def plan(at: float, work: Callable[[], None], every_s: float, *, until: float = float("inf")) -> None:
            heapq.heappush(due, (at, len(due), _Task(work, every_s, until)))

        for sender in (sender for senders in self.senders for sender in senders):
            picture_s = 1 / self._footage.fps
            phase = dice.random() * picture_s
            plan(began + phase, sender.send_picture, picture_s, until=ends)
            plan(began + phase + _PACE_S, sender.send_rest, picture_s, until=ends + _PACE_S)
            plan(began + dice.random() * 0.02, sender.send_sound, 0.02, until=ends)
            plan(began + dice.random() + 0.2, sender.second, 1.0)
        for viewer in (viewer for viewers in self.viewers for viewer in viewers):
            plan(began + 0.5, viewer.look, float("inf"))
            plan(began + dice.random() * _ASK_S, partial(_now, viewer.ask), _ASK_S)
            plan(began + dice.random() * _FEEDBACK_S, partial(_now, viewer.feedback), _FEEDBACK_S)
            plan(began + dice.random() + 0.5, viewer.second, 1.0)
        overdue = 0
        while due[0][0] < ends + REPAIR_S:
            at, tie, task = due[0]
            late_s = loop.time() - at
            overdue = overdue + 1 if late_s >= 0 else 0
            if late_s < 0 or overdue % _OVERDUE_MAX == 0:
                await asyncio.sleep(max(0.0, -late_s))
                continue
            if at >= task.until:
                heapq.heappop(due)
                continue
            heapq.heapreplace(due, (at + task.every_s, tie, task))
            task.work()
            if task.until < float("inf"):
                self.lateness_s.append(late_s)

    def sent(self) -> int:
        return sum(s.audio.packets + s.video.packets for senders in self.senders for s in senders)

    def frames(self) -> int:
        return sum(s.audio.frames + s.video.frames for senders in self.senders for s in senders)

    def delivered(self) -> float:
        """Share of packets that reached those who view, or of pictures and sounds: the worst session's."""
        shares = []
        for senders, viewers in zip(self.senders, self.viewers, strict=True):
            tracks = [track for sender in senders for track in (sender.audio, sender.video)]
            streams = [stream for viewer in viewers for stream in viewer.streams.values()]
            sent = sum(track.frames if self.side.encodes else track.packets for track in tracks)
            came = sum(stream.frames if self.side.encodes else stream.received for stream in streams)
            shares.append(came / max(1, sent * (len(viewers) - 1)))  # never oneself
        return min(shares)

    async def leave(self) -> None:
        for room in self.rooms:
            await room.close()
        for people in (*self.senders, *self.viewers):
            for person in people:
                person.close()


async def turn(
    side: Side,
    footage: Footage,
    sessions: int,
    people: int,
    seconds: float,
    folder: Path,
    *,
    senders: int | None = None,
) -> Turn:
    """One turn on a fresh side. Processor time counts from the first packet until all files play."""
    call = Call(side, footage, seed=sessions * 100 + people)
    for _ in range(sessions):
        await call.join(people, senders)
    await asyncio.sleep(0.5)
    before_s, own_s = side.processor_s(), time.process_time()
    await call.media(seconds)
    memory, own_s = side.memory_bytes(), time.process_time() - own_s
    await call.leave()
    frames = await side.recordings()
    used_s = side.processor_s() - before_s
    await side.count(frames, folder)
    delays = [delay / 1e6 for viewers in call.viewers for viewer in viewers for delay in viewer.delays_ns]
    lateness = sorted(call.lateness_s)
    return Turn(
        side.name,
        seconds,
        processor=used_s / seconds,
        delivered=call.delivered(),
        recorded=(frames.pictures + frames.sounds) / call.frames(),
        delays_ms=[] if side.encodes else delays,
        memory=memory,
        generator=own_s / (seconds + REPAIR_S),
        late_ms=lateness[int(len(lateness) * 0.99)] * 1000,
        packets_in=call.sent(),
        packets_out=call.sent() * (people - 1),
    )
