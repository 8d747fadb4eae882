"""One stream from a publisher: what came, what is missing, and the last second of it for whoever lost a packet."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from media import h264, layers, rtcp
from media.cache import Cache, PacketCache, enough_ns
from media.contract import Kind
from media.drift import ClockWatch
from media.fastpath import Stream
from media.keyframes import KeyframeRequests
from media.nack import Arrival, GapList, Signal
from media.patience import Patience
from media.rtp import FIRST_INDEX, Packet, build, read
from media.runs import Beginning
from recordings.journal import Codec

_NEIGHBOURS_MAX = 64  # packets of one probe for bandwidth


class Sink(Protocol):
    """Somebody who gets the stream: a viewer's slot."""

    target: Any
    """Itself on the fast path, where there is one."""

    @property
    def round_trip_ns(self) -> int | None: ...
    def forward(self, packet: Packet) -> None: ...
    def report(self, report: rtcp.SenderReport) -> None: ...
    def wait(self, milliseconds: int) -> None: ...


class Source:
    """The state of one SSRC. ``take`` and ``note`` are the hot path."""

    def __init__(
        self,
        leg: str,
        kind: Kind,
        track: int,
        ssrc: int,
        payload_type: int,
        clock_rate: int,
        now_ns: int,
        recorded: bool,
        codec: Codec,
        signal: Signal,
        stream: Stream | None = None,
    ) -> None:
        self.leg = leg
        self.codec: Codec = codec
        judge = h264 if codec == "H264" else layers  # what a packet tells of its pictures
        self.starts_keyframe: Callable[[bytes], bool] = judge.starts_keyframe
        self.needs_before: Callable[[bytes], bool] = judge.needs_before
        self._nothing_between: Callable[[bytes, bytes], bool] = judge.nothing_between
        self.kind: Kind = kind
        self.track = track
        self.ssrc = ssrc
        self.payload_type = payload_type
        self.is_video = kind != "audio"
        self.open = True
        self._sinks: list[Sink] = []
        self._thinned: set[Sink] = set()  # who gets but some of it: while there are such, no packet goes the fast path
        self._stream = stream
        self._signal = signal
        self.gaps = GapList()
        self.keyframes = KeyframeRequests(now_ns, recorded=recorded)
        self.last_ns = now_ns
        self.stalled = False
        self.jumped = False  # the RTP clock and time have parted: the epoch must end
        self.received = 0
        self._filled = 0  # numbers of lost padding that were given to viewers all the same
        self.wait_ms = 0  # how much later than they could viewers show pictures
        self.first_index: float = math.inf
        self.keyframe_index: int | None = None  # of the first packet of the newest (media.lookout)
        self.reports: deque[rtcp.SenderReport] = deque(maxlen=2)  # the newest, on our clock
        self._last_report = 0, 0  # the middle bits of its own time, and when it came
        self._watch = ClockWatch(clock_rate)
        self._cache: Cache = stream or PacketCache()
        self.bare = 0  # layers, as layers.synced; the stream keeps it up where there is one
        self._clock_rate = clock_rate
        self._jitter = 0.0
        self._transit = 0
        self._timestamp = -1  # of the newest packet
        self._reported = (0, 0)  # expected, received at the last report
        self._patience = Patience()
        self._judged = (0, 0)  # missed, expected a second ago

    def add(self, sink: Sink) -> None:
        """One more who gets the stream."""
        self._sinks.append(sink)
        self._off_board()

    def remove(self, sink: Sink) -> None:
        """One who gets it no longer, if so far."""
        if sink in self._sinks:
            self._sinks.remove(sink)
            self._thinned.discard(sink)
            self._off_board()

    def thin(self, sink: Sink) -> None:
        """This one decides from now on which packets it sends."""
        self._thinned.add(sink)
        self._off_board()

    def widen(self, sink: Sink) -> None:
        """This one gets everything from now on."""
        self._thinned.discard(sink)

    def end(self) -> None:
        """The stream is over: nobody gets it any more."""
        self._sinks.clear()
        self._thinned.clear()
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.end()

    def _off_board(self) -> None:
        if self._stream is not None:
            self._stream.leave()

    def _send_on(self, packet: Packet) -> None:
        if self.open:
            for sink in self._sinks:
                sink.forward(packet)

    def take(self, packet: Packet, now_ns: int) -> bool:
        """Note a packet and pass it on; False when it is one too many (a duplicate, or older than the cache)."""
        return self._note(packet.raw, packet.seq, packet.timestamp, now_ns, packet)

    def note(self, raw: bytes, seq: int, timestamp: int, now_ns: int) -> bool:
        """The same for a packet that the fast path has passed on."""
        return self._note(raw, seq, timestamp, now_ns, None)

    def _note(self, raw: bytes, seq: int, timestamp: int, now_ns: int, to_send: Packet | None) -> bool:
        highest, arrival = self.gaps.highest, Arrival.NEW
        self._signal.heard(now_ns)
        if highest is not None and seq == highest + 1 & 0xFFFF:  # nearly always
            self.gaps.highest = index = highest + 1
        else:
            index = FIRST_INDEX + seq if highest is None else self.index_of(seq)
            arrival = self.gaps.arrived(index, now_ns, swallowed=self.last_ns <= self._signal.lost_ns)
            if arrival is Arrival.DUPLICATE:
                return False
        self.last_ns = now_ns
        self.received += 1
        if index < self.first_index:
            self.first_index = index
        if to_send is not None:
            shown = self._synced(to_send, newest=arrival is not Arrival.RECOVERED)
            self._cache.keep(index, shown.raw, now_ns)
            self._send_on(shown)
        # Of VP8 a keyframe's first packet brings a new time; H.264's parameter sets may follow another of the same.
        if timestamp != self._timestamp or arrival is not Arrival.NEW or self.codec == "H264":
            self._note_beginning(to_send or read(raw), index, arrival, now_ns)
        if to_send is not None and self._stream is not None and not self._thinned:
            self._stream.board(self._sinks, self.gaps.highest or 0, self._timestamp)
        return True

    def _synced(self, packet: Packet, *, newest: bool) -> Packet:
        """The packet as viewers get it; what is recorded stays as it came. A late one says nothing of what follows."""
        if self.codec != "VP8":
            return packet
        came, keeper = packet.body, self._stream or self
        body, bare = layers.synced(came, keeper.bare)
        if newest:
            keeper.bare = bare
        return packet if body is came else replace(packet, raw=packet.raw[: packet.body_at] + body)

    def carries_on(self, first: int, beginnings: Sequence[Beginning]) -> bool:
        """Whether packets from this number on are the next, and nothing in them speaks of a clock that jumped."""
        highest = self.gaps.highest
        return (
            highest is not None
            and first == highest + 1 & 0xFFFF
            and all(self._watch.agrees(each.timestamp, each.arrival_ns) for each in beginnings)
        )

    def note_run(self, count: int, last_ns: int, beginnings: Sequence[Beginning]) -> None:
        """So many packets that the fast path has passed on, the next ones in order (``carries_on``); as ``note``."""
        self._signal.heard(last_ns)
        highest = self.gaps.highest or 0
        for each in beginnings:
            if each.timestamp != self._timestamp:
                self._note_time(each.timestamp, each.arrival_ns)
                if each.keyframe:
                    self.keyframes.seen(each.arrival_ns)
                    self.keyframe_index = highest + (each.seq - highest & 0xFFFF)
        self.gaps.highest = highest + count
        self.last_ns = last_ns
        self.received += count

    def _note_beginning(self, packet: Packet, index: int, arrival: Arrival, now_ns: int) -> None:
        """A packet that may be the first of a picture."""
        if packet.timestamp != self._timestamp and arrival is not Arrival.RECOVERED:
            self._note_time(packet.timestamp, now_ns)  # the packets of a picture leave together: one tells the time
        if not self.is_video:
            return
        if arrival is Arrival.JUMP:
            self.keyframes.wish(now_ns, unheard=True)
        if self.starts_keyframe(packet.body):
            self.keyframes.seen(now_ns)
            self.keyframe_index = index

    def _note_time(self, timestamp: int, now_ns: int) -> None:
        first, self._timestamp = self._timestamp < 0, timestamp
        if self._watch.disagrees(timestamp, now_ns):
            self.jumped = True
        # Interarrival jitter as RFC 3550 A.8 has it, for the receiver report.
        transit = (now_ns * self._clock_rate // 1_000_000_000 - timestamp) & 0xFFFFFFFF
        if not first:
            step = (transit - self._transit + 0x80000000 & 0xFFFFFFFF) - 0x80000000
            self._jitter += (abs(step) - self._jitter) / 16
        self._transit = transit

    def lacks(self, seq: int) -> bool:
        """True while the packet with this 16-bit number is missing: only such a one may come on the repair stream."""
        return self.gaps.lacks(self.index_of(seq))

    def second(self) -> None:
        """Every second: old packets are let go of; on a line that loses, keyframes become rare and viewers are told how
        long to wait for late packets.
        """
        self._cache.forget(self.gaps.highest or 0, enough_ns(sink.round_trip_ns for sink in self._sinks))
        if self.is_video:
            missed, expected = self.gaps.missed - self._judged[0], self.expected - self._judged[1]
            self._judged = self.gaps.missed, self.expected
            self.wait_ms = self._patience.second(missed, expected, self.gaps.late_ns, self.gaps.retry_ns)
            self.gaps.late_ns = 0
            self.keyframes.lossy = self._patience.losing
            for sink in self._sinks:
                sink.wait(self.wait_ms)

    def at(self, index: int) -> Packet | None:
        """The packet with this index, if it is still there."""
        raw = self._cache.kept(index)
        return read(raw) if raw is not None else None

    def lost_nothing(self, index: int) -> bool:
        """True when what lies around a missing packet shows that it carried no picture."""
        if not self.is_video:
            return False
        before, after = self._neighbour(index, -1), self._neighbour(index, 1)
        if before is None or after is None or not before.marker:
            return False
        return self._nothing_between(before.body, after.body)

    def fill(self, index: int, now_ns: int) -> None:
        """Padding in place of lost padding, so that no viewer asks for what nobody has. ``GapList`` takes the original
        for a duplicate from now on: one number must never be encrypted with two contents.
        """
        before = self._neighbour(index, -1)
        if before is None:
            return
        raw = build(self.payload_type, index & 0xFFFF, before.timestamp, self.ssrc, b"", padding=1)
        self._cache.keep(index, raw, now_ns)
        self._filled += 1
        self._send_on(read(raw))

    def _neighbour(self, index: int, step: int) -> Packet | None:
        """The nearest packet with media before (-1) or after (1) an index."""
        for near in range(index + step, index + step * _NEIGHBOURS_MAX, step):
            packet = self.at(near)
            if packet is not None and packet.payload_bytes:
                return packet
        return None

    def index_of(self, seq: int) -> int:
        """The index that this 16-bit number has next to the newest packet."""
        highest = self.gaps.highest or 0
        return highest + ((seq - highest + 0x8000) & 0xFFFF) - 0x8000

    def sender_report(self, report: rtcp.SenderReport, now_ns: int, ours: rtcp.SenderReport) -> None:
        """The publisher's clock pair, and the same on our clock: kept, and passed on at once."""
        self._last_report = report.ntp >> 16 & 0xFFFFFFFF, now_ns
        self._watch.reported(report.ntp, report.rtp_timestamp, now_ns)
        self.reports.append(ours)
        if self.open:
            for sink in self._sinks:
                sink.report(ours)

    @property
    def newest(self) -> tuple[int, int] | None:
        """Index and time stamp of the newest packet that came."""
        return (self.gaps.highest, self._timestamp) if self.gaps.highest is not None else None

    @property
    def expected(self) -> int:
        """Packets that should have come so far."""
        highest = self.gaps.highest
        return 0 if highest is None else highest - int(self.first_index) + 1

    @property
    def lost(self) -> int:
        """Packets that have not come, so far."""
        return max(0, self.expected - self.received)

    @property
    def missing(self) -> int:
        """A count of what viewers cannot have: what it grows by is how many packets are missing since."""
        return (self.gaps.highest or 0) - self.received - self._filled

    def missing_before(self, index: int) -> int:
        """The same count as it would be if this packet, the last that came, had been the newest."""
        return index - self.received - self._filled

    def report_block(self, now_ns: int) -> rtcp.ReportBlock:
        """Our view of the stream since the last report (RFC 3550 A.3)."""
        expected, received = self.expected, self.received
        interval = expected - self._reported[0]
        lost = interval - (received - self._reported[1])
        self._reported = expected, received
        share = min(255, lost * 256 // interval) if interval > 0 and lost > 0 else 0
        last, at_ns = self._last_report
        delay = min(0xFFFFFFFF, (now_ns - at_ns) * 65536 // 1_000_000_000) if at_ns else 0
        highest = (self.gaps.highest or 0) & 0xFFFFFFFF
        return rtcp.ReportBlock(
            self.ssrc, share, expected - received, highest, int(self._jitter) & 0xFFFFFFFF, last, delay
        )
