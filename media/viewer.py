"""A leg's viewing connection: slots that play whatever source they are given, and what the viewer says back."""

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import msgspec

from media import layers, rtcp
from media.bottleneck import Bottleneck
from media.cache import PACKETS
from media.contract import SLOT_MIDS, Kind
from media.fastpath import set_extensions
from media.limits import TokenBucket
from media.pacing import Pacer
from media.peer import Peer
from media.rtp import Packet, build, mid_extension, playout_delay, readdress
from media.runs import Run
from media.sdp import MID_IDENTIFIER, PAYLOAD_TYPES, PLAYOUT_DELAY_IDENTIFIER
from media.source import Source
from media.thinning import FULL, Share, Thinning

# Packets sent again to one viewer: beyond this the viewer is not repairing a loss but wasting the uplink.
_REPAIRS_PER_S, _REPAIR_BURST = 500, 500
_NARROW_REPAIRS_PER_S = 20  # where the line is full as it is
_REPORTS_KEPT = 8  # sender reports whose echo may still come


class Audience(Protocol):
    """Who wants to know (forwarder.Leg)."""

    def viewing(self) -> None: ...
    def viewing_ended(self, viewer: "Viewer", cause: str) -> None: ...
    def keyframe_wished(self, source: Source) -> None: ...


class Slot:
    """One m-line of a viewer. Each stretch of each source it plays gets an SSRC of its own, so numbers and times of the
    packets need no rewriting: to the browser it is a new stream.
    """

    __slots__ = (
        "_extensions", "_former", "_octets", "_packets", "_payload_type", "_send", "_upstream", "_viewer", "_wait_ms",
        "highest", "lost", "mid", "source", "ssrc", "target", "thinning", "wanted",
    )  # fmt: skip

    def __init__(self, viewer: "Viewer", mid: str) -> None:
        self._viewer = viewer
        self.mid = mid
        self._payload_type = 0
        self._extensions = b""
        self._former: list[tuple[int, bytes]] = []  # newest packet that had them, and the extensions before these
        self._wait_ms = 0
        self.wanted: tuple[str, Kind] | None = None  # leg and kind, whether it is sending or not
        self.source: Source | None = None
        self.ssrc = 0
        self._send: Callable[[bytes], bool]
        self._packets = self._octets = 0  # sent by Python
        self.target: Any = None  # the same stream on the fast path
        self.highest = 0  # as the viewer last reported
        self.lost = 0  # the most that its own line had lost
        self._upstream = 0  # what the source's line had lost before
        self.thinning: Thinning | None = None  # where the viewer's line carries but some of the pictures

    def play(self, source: Source | None) -> None:
        """Play this source from now on, or nothing: nothing too where the viewer cannot decode it."""
        self.stop()
        if source is None or not self._viewer.ready or source.codec not in self._viewer.codecs:
            return
        self.source = source
        self._payload_type = PAYLOAD_TYPES[source.codec]
        self.ssrc = secrets.randbits(31) | 1
        self._send = self._viewer.peer.send_rtp
        self._packets = self._octets = self.highest = self.lost = self._wait_ms = 0
        self._upstream = source.lost
        self._extensions, self._former = mid_extension(MID_IDENTIFIER, self.mid), []
        lane = self._viewer.peer.lane
        if lane is not None:
            self.target = lane.target(self.ssrc, self._payload_type, self._extensions)
        self._viewer.by_ssrc[self.ssrc] = self
        self.thinning = None
        source.add(self)
        if source.is_video and (level := self._viewer.bottleneck.level) < FULL:
            self._begin_thinning(source, Thinning(level, None))

    def thin(self, level: int) -> None:
        """Let through so much of the pictures (thinning.py). All that was forwarded is told."""
        source = self.source
        if source is None or not source.is_video:
            return
        if self.thinning is not None:
            self.thinning.wanted = level
        elif level < FULL:
            self._begin_thinning(source, Thinning(level, source.newest))

    def _begin_thinning(self, source: Source, thinning: Thinning) -> None:
        self.thinning = thinning
        source.thin(self)

    def stop(self) -> None:
        """Play nothing; the stream is said to be over."""
        source, self.source = self.source, None
        if source is None:
            return
        source.remove(self)
        self._viewer.by_ssrc.pop(self.ssrc, None)
        if self._packets:
            empty = rtcp.receiver_report(rtcp.ReceiverReport(self.ssrc))
            self._viewer.peer.send_rtcp(empty + rtcp.bye([self.ssrc]))

    def forward(self, packet: Packet) -> None:
        if self.thinning is None:
            self._forward(packet, self._addressed(packet))
        elif (thinned := self._thinned(self.thinning, packet)) is not None:
            pacer = self._viewer.pacer
            if pacer.busy or (self.thinning is not None and self.thinning.level == 0):
                pacer.post(len(thinned), partial(self._forward, packet, thinned))
            else:
                self._forward(packet, thinned)

    def _forward(self, packet: Packet, data: bytes) -> None:
        if self._send(data):
            self._packets += 1
            self._octets += packet.payload_bytes
            if self._packets == 1 and self.source is not None and self.source.last_report is not None:
                self.report(self.source.last_report)

    def _thinned(self, thinning: Thinning, packet: Packet) -> bytes | None:
        """The packet as this viewer gets it, if it does."""
        source, bottleneck = self.source, self._viewer.bottleneck
        assert source is not None
        key = packet.payload_bytes > 0 and source.starts_keyframe(packet.body)
        if key and thinning.wanted == FULL:
            self.play(source)  # from here on everything, as a new stream whose numbers are the sender's own
            return self._addressed(packet)
        layer = layers.temporal_layer(packet.body) if source.codec == "VP8" else 0
        asked = key or (thinning.level == 0 and layer == 0)
        share = thinning.take(
            source.index_of(packet.seq),
            packet.timestamp,
            layer,
            key=key,
            media=packet.payload_bytes > 0,
            afford=asked and bottleneck.afford(self._viewer.now_ns()),
        )
        if share is None:
            return None
        if thinning.level == 0:
            bottleneck.spend(len(packet.raw))
        return self._numbered(packet, share)

    def _numbered(self, packet: Packet, share: Share) -> bytes:
        number, extensions = share.number & 0xFFFF, self._extensions_of(packet)
        if share.empty:
            kind = self._payload_type
            return build(kind, number, packet.timestamp, self.ssrc, b"", extensions=extensions, padding=1)
        body = packet.body
        if self.source is not None and self.source.codec == "VP8":
            body = layers.renumbered(body, share.pictures, share.bases)
        again = msgspec.structs.replace(packet, seq=number, raw=packet.raw[: packet.body_at] + body)
        return readdress(again, self.ssrc, self._payload_type, extensions)

    @property
    def sent(self) -> tuple[int, int]:
        """Packets and bytes of media sent of what plays now."""
        if self.target is None:
            return self._packets, self._octets
        return self._packets + self.target.packets, self._octets + self.target.octets

    def repair(self, seq: int) -> None:
        """Send a packet again, as it was."""
        if self.source is None or not self.source.open:
            return
        if self.thinning is None:
            packet = self.source.cached(seq)
            if packet is not None:
                self._send(self._addressed(packet))
        elif (sent := self.thinning.sent(seq)) is not None:
            packet = self.source.at(sent[0])
            if packet is not None:
                self._send(self._numbered(packet, sent[1]))

    def _addressed(self, packet: Packet) -> bytes:
        return readdress(packet, self.ssrc, self._payload_type, self._extensions_of(packet))

    def _extensions_of(self, packet: Packet) -> bytes:
        if not self._former or self.source is None:
            return self._extensions
        index = self.source.index_of(packet.seq)
        return next((before for newest, before in self._former if index <= newest), self._extensions)

    def report_of(self, block: rtcp.ReportBlock) -> tuple[int, int]:
        """How many packets the viewer should have had since its last report, and how many its own line lost of them.

        What the source's line had lost before is missing here too, and the viewer cannot tell the one from the other.
        The two are counted at moments a little apart, so only the most of all reports counts.
        """
        first, came = not self.highest, max(0, block.highest - self.highest)
        upstream = self.source.lost - self._upstream if self.source is not None else 0
        lost = max(self.lost, block.lost - upstream)
        missed, self.highest, self.lost = lost - self.lost, block.highest, lost
        return (0, 0) if first else (came, missed)

    @property
    def round_trip_ns(self) -> int | None:
        """Of the viewer's line, once it is known."""
        return self._viewer.rtt_ns

    def wait(self, milliseconds: int) -> None:
        """Have the viewer show pictures so much later than it could (patience.py). All that was forwarded is told.

        A packet that is sent again has the extensions it had: one number must never be sealed with two headers.
        """
        source = self.source
        if source is None or milliseconds == self._wait_ms or not self._viewer.waits:
            return
        newest = source.gaps.highest or 0
        self._former = [each for each in self._former if newest - each[0] < PACKETS] + [(newest, self._extensions)]
        self._wait_ms = milliseconds
        delay = PLAYOUT_DELAY_IDENTIFIER, playout_delay(milliseconds)
        self._extensions = mid_extension(MID_IDENTIFIER, self.mid, delay)
        if self.target is not None:
            set_extensions(self.target, self._extensions)

    def report(self, report: rtcp.SenderReport) -> None:
        """The publisher's own pair of times under our SSRC: sound and picture of a leg stay in step."""
        if not self._packets or self.source is None:
            return
        packets, octets = self.sent
        mine = rtcp.SenderReport(self.ssrc, report.ntp, report.rtp_timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
        self._viewer.reported(report.ntp >> 16 & 0xFFFFFFFF)
        self._viewer.peer.send_rtcp(rtcp.sender_report(mine) + rtcp.description(self.ssrc, self.source.leg))


class Viewer:
    """Handler of a viewing peer."""

    def __init__(self, audience: Audience, clock_ns: Callable[[], int]) -> None:
        self._audience = audience
        self.now_ns = clock_ns
        self.bottleneck = Bottleneck()
        self.pacer = Pacer(self.bottleneck.pause_s)
        self.slots = {mid: Slot(self, mid) for mid in SLOT_MIDS}
        self.codecs: frozenset[str] = frozenset()  # what its browser decodes, as its answer says
        self.waits = False  # when a packet tells it to
        self.by_ssrc: dict[int, Slot] = {}
        self._repairs = TokenBucket(_REPAIRS_PER_S, _REPAIR_BURST)
        self._narrow_repairs = TokenBucket(_NARROW_REPAIRS_PER_S, _NARROW_REPAIRS_PER_S)
        self._reports: dict[int, int] = {}
        self.rtt_ns: int | None = None
        self.repaired = 0
        self.expected = self.lost = 0  # sums of what the viewer reported
        self._pictures = (0, 0)  # the same of pictures alone: sound is reported too rarely to judge a line by
        self.peer: Peer

    @property
    def ready(self) -> bool:
        return self.peer.state == "up"

    def up(self) -> None:
        self._audience.viewing()

    def down(self, cause: str) -> None:
        self.finish()
        self._audience.viewing_ended(self, cause)

    def finish(self) -> None:
        """Let go of all sources."""
        self.pacer.close()
        for slot in self.slots.values():
            slot.stop()

    def take_rtp(self, packet: Packet, now_ns: int) -> None:
        """A viewer has nothing to send."""

    def take_forwarded(self, raw: bytes, ssrc: int, seq: int, timestamp: int, payload_bytes: int, now_ns: int) -> None:
        """No stream of a viewer is ever boarded."""

    def take_run(self, run: Run) -> None:
        """Nor this."""

    def take_rtcp(self, raw: bytes, now_ns: int) -> None:
        try:
            packets = rtcp.parse(raw)
        except rtcp.RtcpError:
            return
        for packet in packets:
            if isinstance(packet, rtcp.Nack):
                self._repair(packet, now_ns)
            elif isinstance(packet, rtcp.Pli):
                slot = self.by_ssrc.get(packet.media)
                if slot is not None and slot.source is not None and self._wants_keyframe(slot, slot.source):
                    self._audience.keyframe_wished(slot.source)
            elif isinstance(packet, rtcp.ReceiverReport | rtcp.SenderReport):
                for block in packet.reports:
                    self._note(block, now_ns)

    @staticmethod
    def _wants_keyframe(slot: Slot, source: Source) -> bool:
        """A viewer whose line is too narrow would ask for one all the time, to everybody's cost: it waits for those
        that come anyway."""
        return source.is_video and not (slot.thinning is not None and source.keyframes.regular)

    def second(self, now_ns: int) -> None:
        """Every second: how much of the pictures the line carries. All that was forwarded is told."""
        bottleneck = self.bottleneck
        before = bottleneck.level
        playing = [slot.sent for slot in self.slots.values() if slot.source is not None and slot.source.is_video]
        sent = sum(packets for packets, _ in playing), sum(octets for _, octets in playing)
        bottleneck.look(now_ns, *self._pictures, sent, self.rtt_ns)
        if bottleneck.level == before:
            return
        for slot in self.slots.values():
            slot.thin(bottleneck.level)
            source = slot.source if bottleneck.level > before else None
            if source is not None and source.is_video and not source.keyframes.regular:
                self._audience.keyframe_wished(source)  # more pictures begin with one

    def _repair(self, packet: rtcp.Nack, now_ns: int) -> None:
        slot = self.by_ssrc.get(packet.media)
        if slot is None:
            return
        repairs = self._repairs if slot.thinning is None else self._narrow_repairs
        for seq in packet.lost:
            if not repairs.take(now_ns):
                return
            slot.repair(seq)
            self.repaired += 1

    def reported(self, middle: int) -> None:
        """A sender report with these middle bits of NTP time goes out now."""
        self._reports[middle] = self.now_ns()
        if len(self._reports) > _REPORTS_KEPT:
            del self._reports[next(iter(self._reports))]

    def _note(self, block: rtcp.ReportBlock, now_ns: int) -> None:
        slot = self.by_ssrc.get(block.ssrc)
        if slot is None:
            return
        came, missed = slot.report_of(block)
        self.expected += came
        self.lost += missed
        if slot.source is not None and slot.source.is_video:
            self._pictures = self._pictures[0] + came, self._pictures[1] + missed
        sent_ns = self._reports.get(block.last_report) if block.last_report else None
        if sent_ns is not None:
            trip_ns = now_ns - sent_ns - block.delay * 1_000_000_000 // 65536
            if 0 <= trip_ns < 60_000_000_000:
                self.rtt_ns = trip_ns
