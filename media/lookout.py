"""Which camera is looked at when, and what is told of it.

Theory of operation. Nothing here is in a packet's way. A source notes the index of its newest keyframe's first packet,
nothing else; once a second every watched camera that is due is put in a line, those longest unseen first, and ten times
a second the first of them that has a new keyframe is looked at: it is put together from the packets that its source
keeps for a moment anyway. The sandbox reads one picture at a time in a thread of its own, and only when it has answered
comes the next. No keyframe is asked for: a recorded camera sends one every two seconds (eight where packets are lost).

A stranger whose picture kills the sandbox costs the others a pause. Its own camera is left alone for a minute, and
twice as long each time.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from foundation import log
from foundation.metrics import Metrics
from media import contract
from media.contract import Direction, LegStats, PictureFinding
from media.leg import Leg
from media.quality import Line, Measures, Standing
from media.reading import Reader, Resting, SandboxDied
from media.source import Source
from media.still import keyframe_of

LOOK_NS = 2_000_000_000  # between two looks while something is wrong or may be
GLANCE_NS = 4_000_000_000  # while all is well: half the cost, and advice two seconds later
REPEAT_NS = 20_000_000_000  # a node that did not hear is told again
SHUN_NS = 60_000_000_000

_log = log.get("media.pictures")
Emit = Callable[[str, contract.Event], None]


@dataclass(slots=True)
class _Camera:
    """One watched leg's camera, through all its sources."""

    number: int
    standing: Standing = field(default_factory=Standing)
    looked_ns: int | None = None
    told_ns: int | None = None
    index: int | None = None  # of the keyframe that was looked at, or seen to be broken
    ssrc: int = 0
    seen: bool = False
    since_ns: int = 0
    shunned_until_ns: int = 0
    shun_ns: int = SHUN_NS


@dataclass(slots=True)
class _Verdict:
    line: Line = field(default_factory=Line)
    since_ns: int = 0
    told_ns: int | None = None


class Lookout:
    """Looks for one worker. `second` and `interval` are called by its clock; all else happens by itself."""

    def __init__(self, worker: str, emit: Emit, wall_ns: Callable[[], int], metrics: Metrics) -> None:
        self._emit = emit
        self._wall_ns = wall_ns
        self._reader = Reader()
        self._thread = ThreadPoolExecutor(1, "pictures")
        self._cameras: dict[tuple[str, str], _Camera] = {}
        self._lines: dict[str, dict[tuple[str, Direction], _Verdict]] = {}  # by session
        self._due: list[tuple[str, str, Source]] = []
        self._busy = False
        self._closed = False
        self._numbers = 0
        self._looks = metrics.counter("picture_looks", "Keyframes looked at, by what came of it", ["worker", "outcome"])
        self._worker = worker

    # --- by the clock -------------------------------------------------------------------------------------------------

    def second(self, sessions: Iterable[tuple[str, Iterable[Leg]]], now_ns: int) -> None:
        """Once a second: who is there, who is due. `sessions`: the worker's, with their legs."""
        due: list[tuple[int, str, str, Source]] = []
        there = set()
        for session, legs in sessions:
            for leg in legs:
                if not leg.watched:
                    continue
                there.add((session, leg.id))
                camera = self._cameras.get((session, leg.id))
                source = _shown(leg)
                if camera is None:
                    self._numbers += 1
                    camera = self._cameras[session, leg.id] = _Camera(self._numbers, since_ns=self._wall_ns())
                if source is None:
                    self._unseen(session, leg.id, camera, now_ns)
                elif self._is_due(camera, source, now_ns):
                    due.append((camera.looked_ns or 0, session, leg.id, source))
                self._repeat(session, leg.id, camera, now_ns)
        for gone in self._cameras.keys() - there:
            del self._cameras[gone]
        due.sort(key=lambda each: each[0])
        self._due = [(session, leg, source) for _, session, leg, source in due]

    def tick(self, now_ns: int) -> None:
        """Ten times a second: is there a keyframe to look at?"""
        if self._busy or self._closed:
            return
        begun = next((place for place, due in enumerate(self._due) if self._begins(*due, now_ns)), None)
        if begun is not None:
            del self._due[begun]

    def interval(self, session: str, stats: Iterable[LegStats], now_ns: int) -> None:
        """Every two seconds, for each session: what its lines did."""
        known, there = self._lines.get(session, {}), {}
        for each in stats:
            if not each.connected:
                continue
            key = each.leg, each.direction
            verdict = there[key] = known.get(key) or _Verdict(since_ns=self._wall_ns())
            changed = verdict.line.interval(each, camera=self._sees(session, each.leg))
            if changed:
                verdict.since_ns = self._wall_ns()
            if changed or _again(verdict.told_ns, now_ns):
                verdict.told_ns = now_ns
                judged = contract.LineJudged(session, each.leg, each.direction, verdict.line.weak, verdict.since_ns)
                self._emit(session, judged)
        self._lines[session] = there

    def forget(self, session: str) -> None:
        """This session is over."""
        self._lines.pop(session, None)

    async def close(self) -> None:
        """End the sandbox and its thread."""
        self._closed = True
        self._due.clear()
        self._reader.interrupt()  # whoever stops a worker does not wait for a picture
        await asyncio.get_running_loop().run_in_executor(self._thread, self._reader.close)
        self._thread.shutdown(wait=False)

    # --- one look -----------------------------------------------------------------------------------------------------

    def _is_due(self, camera: _Camera, source: Source, now_ns: int) -> bool:
        if now_ns < camera.shunned_until_ns:
            return False
        pause_ns = GLANCE_NS if camera.seen and camera.standing.settled else LOOK_NS
        # Who is due is found once a second, and it is the next keyframe that is looked at.
        return camera.looked_ns is None or now_ns - camera.looked_ns >= pause_ns - LOOK_NS // 2

    def _begins(self, session: str, leg: str, source: Source, now_ns: int) -> bool:
        """Look at this camera, if it shows a keyframe that was not looked at and has come whole."""
        camera = self._cameras.get((session, leg))
        if camera is None or not source.open or (source.ssrc, source.keyframe_index) == (camera.ssrc, camera.index):
            return False
        still = keyframe_of(source)
        if still is None:
            return False
        camera.ssrc, camera.index, camera.looked_ns = source.ssrc, source.keyframe_index, now_ns
        self._busy = True
        looking = asyncio.get_running_loop().run_in_executor(self._thread, self._reader.read, camera.number, still)
        looking.add_done_callback(partial(self._looked, session, leg, camera, now_ns))
        return True

    def _looked(
        self, session: str, leg: str, camera: _Camera, now_ns: int, done: asyncio.Future[Measures | None]
    ) -> None:
        self._busy = False
        if done.cancelled() or self._closed:
            return
        error = done.exception()
        outcome = "read"
        if isinstance(error, SandboxDied):
            outcome = "died"
            camera.shunned_until_ns = now_ns + camera.shun_ns
            camera.shun_ns *= 2
        elif isinstance(error, Resting):
            outcome = "resting"
        elif error is not None:
            outcome = "failed"
            _log.warning("no picture was looked at", error=error)
        elif (seen := done.result()) is None:
            outcome = "unreadable"
        elif self._cameras.get((session, leg)) is camera:
            camera.seen, camera.shun_ns = True, SHUN_NS
            if camera.standing.look(seen):
                self._changed(session, leg, camera, now_ns)
        self._looks.labels(self._worker, outcome).inc()
        self.tick(now_ns)

    # --- what is told -------------------------------------------------------------------------------------------------

    def _sees(self, session: str, leg: str) -> bool:
        camera = self._cameras.get((session, leg))
        return camera is not None and camera.seen and camera.standing.latest not in ("covered", "dark")

    def _unseen(self, session: str, leg: str, camera: _Camera, now_ns: int) -> None:
        """No camera, one covered on an officer's order, or one from which nothing comes: nothing is said of it."""
        stood, camera.standing, camera.seen = camera.standing.finding, Standing(), False
        if stood != "good":
            self._changed(session, leg, camera, now_ns)

    def _changed(self, session: str, leg: str, camera: _Camera, now_ns: int) -> None:
        camera.since_ns = self._wall_ns()
        self._tell(session, leg, camera.standing.finding, camera, now_ns)

    def _repeat(self, session: str, leg: str, camera: _Camera, now_ns: int) -> None:
        if _again(camera.told_ns, now_ns):
            self._tell(session, leg, camera.standing.finding, camera, now_ns)

    def _tell(self, session: str, leg: str, finding: PictureFinding, camera: _Camera, now_ns: int) -> None:
        camera.told_ns = now_ns
        self._emit(session, contract.PictureJudged(session, leg, finding, camera.since_ns))


def _again(told_ns: int | None, now_ns: int) -> bool:
    return told_ns is None or now_ns - told_ns >= REPEAT_NS


def _shown(leg: Leg) -> Source | None:
    """The leg's camera, if pictures come from it and may be seen."""
    if leg.publication is None:
        return None
    cameras = [source for source in leg.publication.sources() if source.kind == "camera"]
    return next((source for source in cameras if source.open and not source.stalled), None)
