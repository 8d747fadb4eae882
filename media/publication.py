"""A leg's publishing connection: its streams told apart, its epochs, and everything the publisher is told in return."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from foundation.ids import new_id
from media import rtcp
from media.congestion import ArrivalLog
from media.contract import Kind
from media.nack import Signal
from media.negotiation import TrackLine
from media.peer import Peer
from media.recorder import EpochRecorder, Recorder
from media.rtp import Packet, read, repaired
from media.runs import Run
from media.senderclock import SenderClock
from media.socket import MediaSocket
from media.source import Source
from recordings.journal import JournalHeader, Track

_EPOCH_MIN_NS = 2_000_000_000  # a sender that changes its SSRC all the time does not fill the disk with epochs
_SSRCS_MAX = 64  # each costs the SRTP library a stream: more is not a browser
_STALL_NS = 2_000_000_000


@dataclass(slots=True)
class Epoch:
    """One continuous stretch of a leg's publishing."""

    id: str
    began_ns: int
    recorder: EpochRecorder | None
    sources: dict[str, Source] = field(default_factory=dict)  # by mid


@dataclass(frozen=True, slots=True)
class Totals:
    """Packets of a connection so far."""

    received: int = 0
    expected: int = 0
    lost: int = 0
    recovered: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Whose connection this is, for journals and events."""

    worker: str
    session: str
    record: str
    leg: str


class Audience(Protocol):
    """Who wants to know (forwarder.Leg)."""

    def publishing(self) -> None: ...
    def publishing_ended(self, publication: "Publication", cause: str) -> None: ...
    def source_began(self, source: Source) -> None: ...
    def epoch_opened(self, epoch: Epoch) -> None: ...
    def epoch_closed(self, epoch: Epoch, reason: str) -> None: ...
    def recording_ended(self, epoch: Epoch, reason: str) -> None: ...
    def gap_seen(self, publication: "Publication") -> None: ...
    def flow_changed(self, kind: Kind, *, flowing: bool, since_ns: int) -> None: ...


class Publication:
    """Handler of a publishing peer."""

    def __init__(
        self,
        place: Place,
        audience: Audience,
        lines: Sequence[TrackLine],
        extensions: tuple[int, int],
        *,
        recorder: Recorder | None,
        socket: MediaSocket,
        clock_ns: Callable[[], int],
        wall_ns: Callable[[], int],
    ) -> None:
        self._place = place
        self._audience = audience
        self.lines = tuple(lines)
        self._by_mid = {line.mid: line for line in lines}
        self._mid_id, self._transport_cc_id = extensions
        self._recorder = recorder
        self._socket = socket
        self._clock_ns = clock_ns
        self._wall_ns, self._clock = wall_ns, SenderClock(wall_ns)
        self._sources: dict[int, Source] = {}
        self._foreign: set[int] = set()
        self._repairs: set[int] = set()  # SSRCs of RTX streams
        self._signal = Signal()
        self._arrivals = ArrivalLog()
        self._ssrc = secrets.randbits(31) | 1
        self._up_ns: int | None = None
        self._silent: set[str] = set()  # mids told to be stalled before their first packet
        self._past = Totals()
        self.epoch: Epoch | None = None
        self.peer: Peer

    # --- from the connection ------------------------------------------------------------------------------------------

    def up(self) -> None:
        self._up_ns = self._clock_ns()
        if self.peer.lane is not None:
            self.peer.lane.log_arrivals(self._transport_cc_id)
            self.peer.lane.keep_account()
        self._audience.publishing()

    def down(self, cause: str) -> None:
        self.finish(cause)
        self._audience.publishing_ended(self, cause)

    def take_rtp(self, packet: Packet, now_ns: int) -> None:
        source = self._sources.get(packet.ssrc)
        if source is None:
            line = self._line_of(packet)
            if line is not None and packet.payload_type == line.repair_type:
                self._take_repair(packet, line, now_ns)
                return
            source = self._admit(packet, line, now_ns)
            if source is None:
                return
        self._note_arrival(packet, now_ns)
        self._take(source, packet, now_ns)

    def _note_arrival(self, packet: Packet, now_ns: int) -> None:
        if self._transport_cc_id and self.peer.lane is None:  # the fast path notes them itself
            number = packet.extension(self._transport_cc_id)
            if number is not None and len(number) == 2:
                self._arrivals.add(number[0] << 8 | number[1], now_ns)

    def _take_repair(self, packet: Packet, line: TrackLine, now_ns: int) -> None:
        """What was lost comes again on the RTX stream; probes come there too and are only counted as arrivals."""
        if packet.ssrc not in self._repairs:
            self._repairs.add(packet.ssrc)
            self._check_sources()
        self._note_arrival(packet, now_ns)
        source = self.epoch.sources.get(line.mid) if self.epoch is not None else None
        if source is None:
            return
        raw = repaired(packet, source.payload_type, source.ssrc)
        if raw is None:
            return
        again = read(raw)
        if source.lacks(again.seq):  # a late one of a stream that has ended must not be taken for this one's
            self._take(source, again, now_ns)

    def _take(self, source: Source, packet: Packet, now_ns: int) -> None:
        if packet.payload_type == source.payload_type and source.take(packet, now_ns):
            self._taken(source, packet.raw, packet.payload_bytes, now_ns)

    def take_forwarded(self, raw: bytes, ssrc: int, seq: int, timestamp: int, payload_bytes: int, now_ns: int) -> None:
        source = self._sources.get(ssrc)
        if source is not None and source.note(raw, seq, timestamp, now_ns):
            self._taken(source, raw, payload_bytes, now_ns)

    def take_run(self, run: Run) -> None:
        """Noted at once where each stream simply goes on; else one by one, as something in it may end the epoch."""
        shares = [(self._sources.get(each.ssrc), each) for each in run.shares]
        for source, share in shares:
            if source is None or not source.carries_on(share.first, share.beginnings):
                for each, at_ns in run.each():
                    self.take_forwarded(each.raw, each.ssrc, each.seq, each.timestamp, each.payload_bytes, at_ns)
                return
        if self.epoch is not None and self.epoch.recorder is not None:
            self.epoch.recorder.run(run.records, run.first_ns, run.last_ns)
        for source, share in shares:
            assert source is not None
            source.note_run(share.packets, share.last_ns, share.beginnings)
            self._flows(source, share.first_ns)
            if source.gaps.waiting:
                self._audience.gap_seen(self)

    def _taken(self, source: Source, raw: bytes, payload_bytes: int, now_ns: int) -> None:
        if source.jumped:
            self._begin_epoch("clock_jump", now_ns)
        epoch = self.epoch
        if epoch is not None and epoch.recorder is not None:
            # Of a packet of mere padding the header is kept: without its number a reader would see a loss.
            kept = raw if payload_bytes else b"\x80" + raw[1:12]
            epoch.recorder.packet(source.track, now_ns, kept)  # the packet that gave a jump away opens the new epoch
        self._flows(source, now_ns)
        if source.gaps.waiting:
            self._audience.gap_seen(self)

    def _flows(self, source: Source, since_ns: int) -> None:
        if source.stalled:
            source.stalled = False
            self._audience.flow_changed(source.kind, flowing=True, since_ns=since_ns)

    def take_rtcp(self, raw: bytes, now_ns: int) -> None:
        try:
            packets = rtcp.parse(raw)
        except rtcp.RtcpError:
            return
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport):
                source = self._sources.get(packet.ssrc)
                if source is not None:
                    source.sender_report(packet, now_ns, self._clock.ours(packet))
                    if self.epoch is not None and self.epoch.recorder is not None:
                        self.epoch.recorder.sender_report(source.track, now_ns, packet.ntp, packet.rtp_timestamp)

    # --- streams and epochs -------------------------------------------------------------------------------------------

    def _admit(self, packet: Packet, line: TrackLine | None, now_ns: int) -> Source | None:
        """The first packet of an unknown SSRC, of ``line`` if of any: does a new epoch begin?"""
        epoch = self.epoch
        if (
            line is None
            or packet.payload_type != line.payload_type
            or (epoch is not None and line.mid in epoch.sources and now_ns - epoch.began_ns < _EPOCH_MIN_NS)
        ):
            self._foreign.add(packet.ssrc)
            self._check_sources()
            return None
        if epoch is None:
            epoch = self._open_epoch(now_ns)
        elif line.mid in epoch.sources:
            self._close_epoch("new_source", now_ns)
            epoch = self._open_epoch(now_ns)
        return self._begin_source(epoch, line, packet.ssrc, now_ns)

    def _check_sources(self) -> None:
        if len(self._foreign) + len(self._repairs) > _SSRCS_MAX:
            self.peer.end("too_many_sources")

    def _line_of(self, packet: Packet) -> TrackLine | None:
        """RFC 8843 §9.2: by MID, else by an SSRC the offer named, else by a payload type only one line has."""
        mid = packet.extension(self._mid_id) if self._mid_id else None
        if mid is not None:
            return self._by_mid.get(mid.decode("ascii", "replace"))
        for line in self.lines:
            if packet.ssrc in line.ssrcs:
                return line
        fitting = [line for line in self.lines if line.payload_type == packet.payload_type]
        return fitting[0] if len(fitting) == 1 else None

    def _begin_source(self, epoch: Epoch, line: TrackLine, ssrc: int, now_ns: int) -> Source:
        track = self.lines.index(line)
        source = Source(
            self._place.leg,
            line.kind,
            track,
            ssrc,
            line.payload_type,
            line.clock_rate,
            now_ns,
            self._recorder is not None,
            line.codec,
            self._signal,
            self.peer.lane.stream(ssrc, line.payload_type, track, line.codec) if self.peer.lane is not None else None,
        )
        epoch.sources[line.mid] = source
        self._sources[ssrc] = source
        self._foreign.discard(ssrc)
        self._socket.sends(ssrc, self.peer)
        self._audience.source_began(source)
        self._audience.flow_changed(line.kind, flowing=True, since_ns=now_ns)
        return source

    def _begin_epoch(self, reason: str, now_ns: int) -> None:
        """The same streams go on, in a new epoch."""
        old = self.epoch
        if old is None:
            return
        self._close_epoch(reason, now_ns)
        epoch = self._open_epoch(now_ns)
        for mid, source in old.sources.items():
            self._begin_source(epoch, self._by_mid[mid], source.ssrc, now_ns).keyframes.wish(now_ns)
        self.ask_keyframes(now_ns)

    def renew_recording(self, reason: str) -> None:
        """The disk failed, or is well again: the same streams go on in a new epoch, and viewers notice nothing."""
        old, now_ns = self.epoch, self._clock_ns()
        if old is None or (old.recorder is not None and old.recorder.fault is None):
            return
        self._audience.recording_ended(old, reason)
        self._open_epoch(now_ns).sources.update(old.sources)
        for source in old.sources.values():
            if source.is_video:
                source.keyframes.wish(now_ns)
        self.ask_keyframes(now_ns)

    def _open_epoch(self, now_ns: int) -> Epoch:
        place, identifier, recording = self._place, new_id("ep"), None
        if self._recorder is not None:
            tracks = tuple(
                Track(number, line.kind, line.codec, line.payload_type, line.clock_rate)
                for number, line in enumerate(self.lines)
            )
            header = JournalHeader(
                place.record, place.session, place.leg, identifier, place.worker, self._wall_ns(), now_ns, tracks
            )
            recording = self._recorder.begin(header)
        self.epoch = Epoch(identifier, now_ns, recording)
        self._audience.epoch_opened(self.epoch)
        return self.epoch

    def _close_epoch(self, reason: str, now_ns: int) -> None:
        epoch, self.epoch = self.epoch, None
        if epoch is None:
            return
        for source in epoch.sources.values():
            self._sources.pop(source.ssrc, None)
            self._socket.silent(source.ssrc, self.peer)
            source.end()
        self._past = self.totals(epoch)
        if epoch.recorder is not None:
            epoch.recorder.close(reason, now_ns)
        self._audience.epoch_closed(epoch, reason)

    def finish(self, reason: str) -> None:
        """No more media from this connection."""
        self._close_epoch(reason, self._clock_ns())

    # --- what the publisher is told -----------------------------------------------------------------------------------

    def sources(self) -> list[Source]:
        return list(self.epoch.sources.values()) if self.epoch is not None else []

    def totals(self, epoch: Epoch | None = None) -> Totals:
        """Packets over all epochs of this connection, the running one included."""
        past, epoch = self._past, epoch or self.epoch
        for source in epoch.sources.values() if epoch is not None else ():
            past = Totals(
                past.received + source.received,
                past.expected + source.expected,
                past.lost + source.lost,
                past.recovered + source.gaps.recovered,
            )
        return past

    def ask_missing(self, now_ns: int) -> bool:
        """NACK what is due; True while there is something left to ask for. Call it every 10 ms while True."""
        left = False
        for source in self.sources():
            due = source.gaps.due(now_ns, source.lost_nothing)
            if due.ask:
                self.peer.send_rtcp(rtcp.nack(self._ssrc, source.ssrc, [index & 0xFFFF for index in due.ask]))
            for index in due.spared:
                source.fill(index, now_ns)
                self.mark("padding_lost", {"track": source.track, "sequence": index & 0xFFFF})
            if due.lost and source.is_video:
                source.keyframes.wish(now_ns)
            left = left or source.gaps.waiting
        self.ask_keyframes(now_ns)
        return left

    def ask_keyframes(self, now_ns: int) -> None:
        """PLI to every source that owes a keyframe."""
        for source in self.sources():
            if source.is_video and source.keyframes.due(now_ns):
                self.peer.send_rtcp(rtcp.pli(self._ssrc, source.ssrc))

    def tick(self, now_ns: int) -> None:
        """Every 100 ms: congestion feedback, keyframes, stalls."""
        self.peer.tick(now_ns)
        if self.peer.state != "up":
            return
        media = next(iter(self._sources), 0)
        for body in (self.peer.lane or self._arrivals).feedback(now_ns):
            self.peer.send_rtcp(rtcp.transport_feedback(self._ssrc, media, body))
        self.ask_keyframes(now_ns)
        self._watch_flow(now_ns)

    def _watch_flow(self, now_ns: int) -> None:
        for source in self.sources():
            if not source.stalled and now_ns - source.last_ns >= _STALL_NS:
                source.stalled = True
                self._audience.flow_changed(source.kind, flowing=False, since_ns=source.last_ns)
        if self._up_ns is not None and now_ns - self._up_ns >= _STALL_NS:
            for line in self.lines:
                if line.mid not in self._silent:
                    self._silent.add(line.mid)
                    if self.epoch is None or line.mid not in self.epoch.sources:
                        self._audience.flow_changed(line.kind, flowing=False, since_ns=self._up_ns)

    def second(self, now_ns: int) -> None:
        """Every second: old packets forgotten, a receiver report, and an anchor of the clocks for the journal."""
        sources = self.sources()
        for source in sources:
            source.second()
        if sources and self.peer.state == "up":
            blocks = tuple(source.report_block(now_ns) for source in sources)
            self.peer.send_rtcp(rtcp.receiver_report(rtcp.ReceiverReport(self._ssrc, blocks)))
        if self.epoch is not None and self.epoch.recorder is not None:
            self.epoch.recorder.anchor(self._wall_ns(), now_ns)

    def mark(self, kind: str, detail: dict[str, object]) -> None:
        """Write something that is not media into the running journal."""
        if self.epoch is not None and self.epoch.recorder is not None:
            self.epoch.recorder.mark(kind, self._clock_ns(), detail)
