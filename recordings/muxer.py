"""One epoch: journal entries in, clusters out. Pure, and a function of the entries alone.

Whoever reads the same journal, in whatever portions and however often, gets the same clusters: the only clock is the
arrival time written in the journal. That is what lets a packager die at any point and begin again.

Frames of sound and picture wait in a short queue each until nothing earlier can still come: `IDLE_NS` for a stream in
which no packet is missing, `HOLD_NS` for one that waits for a retransmission. A frame that comes later all the same is
recorded at the newest time written, so every whole frame is recorded exactly once and blocks stay in time order.

A cluster ends before a keyframe, after `CLUSTER_MS`, or when nothing came for a second.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from recordings import fmp4, webm
from recordings.container import CLUSTER_MS, USUAL_MS, Block, Container, CuePoint, ParameterSets, Shape, TrackName
from recordings.depacketize import (
    LATE_LIMIT_NS,
    Frame,
    Hole,
    LostFrame,
    Ordered,
    parse_rtp,
)
from recordings.h264 import parameter_sets
from recordings.journal import Anchor, Closed, JournalHeader, Mark, Packet, Record, SenderReport
from recordings.trackqueue import TrackQueue

IDLE_NS = 300_000_000  # 300 ms: jitter between two streams that share one path
HOLD_NS = LATE_LIMIT_NS + 100_000_000
DEFAULT_ERROR_MS = 500  # without a measured round trip the way from the camera is unknown; half a second is generous
_NO_SIZE = (1280, 720)

Stream = Literal["camera", "screen"]


class Cluster(msgspec.Struct, frozen=True):
    """A cluster of the file, whole. Times in ms of the epoch; `offset` counts from the first cluster."""

    n: int
    t_ms: int
    d_ms: int
    keyframe: bool
    video_frames: int
    audio_frames: int
    offset: int
    data: bytes


class Facts(msgspec.Struct, frozen=True):
    """What the manifest needs to know of an epoch. Runs are [from_ms, to_ms) in which frames came without a pause."""

    start_wall_ns: int
    error_ms: int
    length_ms: int
    closed_reason: str
    video_runs: tuple[tuple[int, int], ...]
    audio_runs: tuple[tuple[int, int], ...]
    marks: tuple[dict[str, Any], ...]
    lost_packets: int
    lost_frames: int
    dropped_by_sender: int
    duplicates: int
    video_frames: int
    audio_frames: int


class EpochMuxer:
    """Feed entries in order; `feed` and `finish` return the clusters that became whole.

    `stream` chooses what the file holds: `camera` (sound and camera) or `screen`, as a player shows one picture a file.
    """

    def __init__(self, header: JournalHeader, stream: Stream = "camera") -> None:
        self.header = header
        self._streams: dict[int, TrackQueue] = {}
        self._h264 = False
        self._container: Container = webm
        for track in header.tracks:
            if (track.kind == "screen") == (stream == "screen"):
                kind: TrackName = "audio" if track.kind == "audio" else "video"
                self._streams[track.track] = TrackQueue(kind, track.codec, track.clock_rate)
                if track.codec == "H264":
                    self._h264, self._container = True, fmp4
        # Of sound and picture of the same moment the sound is first.
        self._in_order = sorted(self._streams.values(), key=lambda stream: stream.kind)
        self._now_ns = header.mono_ns
        self._start_ns = header.mono_ns
        self._size: tuple[int, int] | None = None
        self._sets: ParameterSets | None = None
        self._blocks: list[Block] = []
        self._last_ms = self._due_ns = 0
        self._n = self._offset = 0
        self._cues: list[CuePoint] = []
        self._marks: list[dict[str, Any]] = []
        self._apart_ns = (header.wall_ns - header.mono_ns,) * 2  # least and most between the worker's clocks
        self._transit_ms: int | None = None
        self._kinds = {each.kind for each in self._streams.values()}
        self._uid = hashlib.sha256(f"{header.epoch}/{stream}".encode()).digest()[:16]
        self._first_shape: Shape | None = None
        self.closed_reason: str | None = None

    @property
    def empty(self) -> bool:
        """Whether the journal has no track for this file."""
        return not self._streams

    @property
    def now_ns(self) -> int:
        """The newest monotonic time the journal names."""
        return self._now_ns

    @property
    def shape(self) -> Shape:
        """The head's content as far as it is known."""
        width, height = self._size or _NO_SIZE
        return Shape(
            *("audio" in self._kinds, "video" in self._kinds, width, height, self.header.wall_ns, self._uid),
            codec="H264" if self._h264 else "VP8",
            sets=self._sets,
        )

    @property
    def head(self) -> bytes:
        """The growing file's head; fixed when the first cluster is."""
        return self._container.head(self._first_shape or self.shape)

    def feed(self, record: Record) -> list[Cluster]:
        """Take one record of the journal, in order."""
        if type(record) is Packet:
            if record.mono_ns > self._now_ns:
                self._now_ns = record.mono_ns
            stream = self._streams.get(record.track)
            if stream is None:
                return []
            found = stream.continues(record)
            if found is None:
                found = self._packet(stream, record)
            if not (found and self._wait(stream, found)):
                return []  # most packets are the middle of a picture: nothing became certain
        else:
            self._fact(record)
        for stream in self._in_order:
            if stream.reorder.waiting:
                self._take(stream, stream.reorder.advance(self._now_ns))
        return self._merge(final=False)

    def _fact(self, record: Record) -> None:
        if isinstance(record, SenderReport):
            self._now_ns = max(self._now_ns, record.mono_ns)
            self._report(record)
        elif isinstance(record, Anchor):
            self._now_ns = max(self._now_ns, record.mono_ns)
            apart_ns, (least, most) = record.wall_ns - record.mono_ns, self._apart_ns
            self._apart_ns = min(least, apart_ns), max(most, apart_ns)
        elif isinstance(record, Mark):
            self._mark(record)
        elif isinstance(record, Closed):
            self._now_ns = max(self._now_ns, record.mono_ns)
            self.closed_reason = record.reason

    def finish(self) -> list[Cluster]:
        """The journal ended: write all that waits."""
        for stream in self._streams.values():
            self._take(stream, stream.reorder.flush(self._now_ns))
            stream.lost_frames += sum(not isinstance(each, Frame) for each in stream.frames.flush())
        return self._merge(final=True) + self._cut()

    def closing(self) -> tuple[bytes, bytes]:
        """(final head, cues) of the finished file."""
        return self._container.closing(self.shape, self._cues, self._offset, self.length_ms)

    @property
    def length_ms(self) -> int:
        """To the end of the last block, of a frame's usual length."""
        return self._last_ms + 20 if self._n or self._blocks else 0

    def facts(self) -> Facts:
        """What is known so far; final after `finish`."""
        least, most = self._apart_ns
        drift_ms = (most - least) // 1_000_000
        transit_ms = DEFAULT_ERROR_MS if self._transit_ms is None else self._transit_ms
        runs = {
            kind: tuple((begin, end + 20) for s in self._streams.values() if s.kind == kind for begin, end in s.runs)
            for kind in ("video", "audio")
        }
        streams = self._streams.values()
        return Facts(
            start_wall_ns=self.header.wall_ns,
            error_ms=transit_ms + drift_ms,
            length_ms=self.length_ms,
            closed_reason=self.closed_reason or "",
            video_runs=runs["video"],
            audio_runs=runs["audio"],
            marks=tuple(self._marks),
            lost_packets=sum(stream.lost_packets for stream in streams),
            lost_frames=sum(stream.lost_frames for stream in streams),
            dropped_by_sender=sum(stream.frames.dropped for stream in streams),
            duplicates=sum(stream.reorder.duplicates for stream in streams),
            video_frames=sum(stream.written for stream in streams if stream.kind == "video"),
            audio_frames=sum(stream.written for stream in streams if stream.kind == "audio"),
        )

    def _ms(self, mono_ns: int) -> int:
        return max(0, mono_ns - self.header.mono_ns) // 1_000_000

    def _packet(self, stream: TrackQueue, packet: Packet) -> Sequence[Frame | LostFrame]:
        """What it made certain."""
        rtp = parse_rtp(packet.rtp)
        if rtp is None:
            return ()
        if not stream.reorder.follows(rtp, packet.mono_ns):
            return self._ordered(stream, stream.reorder.push(rtp, packet.mono_ns))
        found = stream.frames.push(rtp)
        stream.learn(packet.rtp)
        return found

    def _ordered(self, stream: TrackQueue, items: Sequence[Ordered | Hole]) -> list[Frame | LostFrame]:
        stream.forget()
        found: list[Frame | LostFrame] = []
        for item in items:
            if isinstance(item, Hole):
                stream.lost_packets += item.packets
            found += stream.frames.push(item)
        return found

    def _take(self, stream: TrackQueue, items: Sequence[Ordered | Hole]) -> None:
        self._wait(stream, self._ordered(stream, items))

    def _wait(self, stream: TrackQueue, found: Sequence[Frame | LostFrame]) -> bool:
        """Put frames into their stream's queue, each in its place; True if there was a whole one."""
        whole = False
        for frame in found:
            if not isinstance(frame, Frame):
                stream.lost_frames += 1
                continue
            if frame.width and self._size is None:
                self._size = frame.width, frame.height
                self._sets = parameter_sets(frame.data) if self._h264 else None
            stream.waiting.append((stream.clock.place(frame.timestamp, frame.first_ns), frame))
            whole = True
        return whole

    def _report(self, report: SenderReport) -> None:
        stream = self._streams.get(report.track)
        if stream is None:
            return
        timestamp = stream.reorder.unwrapped(report.rtp_timestamp)
        stream.sender_offset_ns = stream.clock.sender_offset_ns(report.ntp, timestamp)
        by_kind = {each.kind: each for each in self._streams.values()}
        audio, video = by_kind.get("audio"), by_kind.get("video")
        if audio and video and audio.sender_offset_ns is not None and video.sender_offset_ns is not None:
            # Sound is the master: a picture 10 ms early is not seen, a sound stretched is heard.
            video.clock.align(video.sender_offset_ns - audio.sender_offset_ns)

    def _mark(self, mark: Mark) -> None:
        self._now_ns = max(self._now_ns, mark.mono_ns)
        if mark.kind == "rtt":
            transit_ms = max(1, int(mark.detail.get("ms", DEFAULT_ERROR_MS * 2)) // 2)
            self._transit_ms = min(transit_ms, self._transit_ms or transit_ms)
            return
        if mark.kind == "padding_lost":
            stream = self._streams.get(int(mark.detail.get("track", -1)))
            if stream is not None:
                self._take(stream, stream.reorder.fill(int(mark.detail.get("sequence", 0)), mark.mono_ns))
            return
        self._marks.append({"kind": mark.kind, "t_ms": self._ms(mark.mono_ns), "detail": mark.detail})

    def _merge(self, *, final: bool) -> list[Cluster]:
        out: list[Cluster] = []
        while (first := self._earliest(final=final)) is not None:
            at_ns, frame = first.waiting.popleft()
            self._put(first, at_ns, frame, out)
        if self._blocks and self._now_ns - self._start_ns >= self._due_ns and not self._waiting():
            out += self._cut()
        return out

    def _waiting(self) -> bool:
        return any(stream.waiting for stream in self._in_order)

    def _earliest(self, *, final: bool) -> TrackQueue | None:
        """The stream whose next frame is the earliest of all, unless an earlier one may still come."""
        first: TrackQueue | None = None
        at_ns, idle = 0, False
        for stream in self._in_order:
            if not stream.waiting:
                idle = True
            elif first is None or stream.waiting[0][0] < at_ns:
                first, at_ns = stream, stream.waiting[0][0]
        if first is not None and idle and not final:
            age_ns = self._now_ns - at_ns
            for other in self._in_order:
                if not other.waiting and age_ns < (HOLD_NS if other.reorder.waiting else IDLE_NS):
                    return None
        return first

    def _put(self, stream: TrackQueue, at_ns: int, frame: Frame, out: list[Cluster]) -> None:
        t_ms = (at_ns - self._start_ns) // 1_000_000
        if t_ms < self._last_ms:
            t_ms = self._last_ms
        self._last_ms = t_ms
        if self._blocks and (t_ms - self._blocks[0].t_ms >= CLUSTER_MS or (frame.keyframe and stream.kind == "video")):
            out += self._cut(t_ms)
        if not self._blocks:
            self._due_ns = (t_ms + CLUSTER_MS) * 1_000_000 + HOLD_NS
        self._blocks.append(Block(stream.kind, t_ms, frame.keyframe, frame.data))
        stream.note(t_ms)

    def _cut(self, next_ms: int | None = None) -> list[Cluster]:
        """The cluster of all blocks that wait; `next_ms` is when the block behind them begins, if there is one."""
        if not self._blocks:
            return []
        if self._first_shape is None:
            self._first_shape = self.shape
        blocks, self._blocks = self._blocks, []
        t_ms = blocks[0].t_ms
        leading: TrackName = "video" if "video" in self._kinds else "audio"
        # A cluster is a place to seek to if its first picture needs none before it.
        first = next((block for block in blocks if block.track == leading), None)
        keyframe = first is not None and first.keyframe
        if keyframe:
            self._cues.append(CuePoint(t_ms, self._offset, leading))
        end_ms = blocks[-1].t_ms + USUAL_MS[blocks[-1].track] if next_ms is None else next_ms
        data = self._container.cluster(self._n, blocks, end_ms)
        pictures = sum(block.track == "video" for block in blocks)
        cluster = Cluster(
            self._n,
            t_ms,
            max(1, blocks[-1].t_ms - t_ms),
            keyframe,
            pictures,
            len(blocks) - pictures,
            self._offset,
            data,
        )
        self._n += 1
        self._offset += len(data)
        return [cluster]
