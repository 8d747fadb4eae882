"""A leg's viewing connection: its slots, how much of the pictures its line carries, and what the viewer says back."""

from collections.abc import Callable
from random import SystemRandom
from typing import Protocol

from media import rtcp
from media.bottleneck import Bottleneck
from media.contract import SLOT_MIDS
from media.limits import TokenBucket
from media.pacing import Pacer
from media.peer import Peer
from media.rtp import Packet
from media.runs import Run
from media.sdp import Local, subscribe_offer
from media.slot import Slot
from media.source import Source

# Packets sent again to one viewer: beyond this the viewer is not repairing a loss but wasting the uplink.
_REPAIRS_PER_S, _REPAIR_BURST = 500, 500
_NARROW_REPAIRS_PER_S = 20  # where the line is full as it is
_REPORTS_KEPT = 2 * len(SLOT_MIDS)  # sender reports whose echo may still come


class Audience(Protocol):
    """Who wants to know (forwarder.Leg)."""

    def viewing(self) -> None: ...
    def viewing_ended(self, viewer: "Viewer", cause: str) -> None: ...
    def keyframe_wished(self, source: Source) -> None: ...


class Viewer:
    """Handler of a viewing peer."""

    def __init__(self, audience: Audience, clock_ns: Callable[[], int]) -> None:
        self._audience = audience
        self.now_ns = clock_ns
        self.bottleneck = Bottleneck()
        self.pacer = Pacer(self.bottleneck.pause_s)
        ssrcs = SystemRandom().sample(range(1, 1 << 31), len(SLOT_MIDS))
        self.slots = {mid: Slot(self, mid, ssrc) for mid, ssrc in zip(SLOT_MIDS, ssrcs, strict=True)}
        self.codecs: frozenset[str] = frozenset()  # what its browser decodes, as its answer says
        self.waits = False  # when a packet tells it to
        self.by_ssrc = {slot.ssrc: slot for slot in self.slots.values()}
        self._repairs = TokenBucket(_REPAIRS_PER_S, _REPAIR_BURST)
        self._narrow_repairs = TokenBucket(_NARROW_REPAIRS_PER_S, _NARROW_REPAIRS_PER_S)
        self._reports: dict[int, int | None] = {}
        self.rtt_ns: int | None = None
        self.repaired = 0
        self.expected = self.lost = 0  # sums of what the viewer reported
        self._pictures = (0, 0)  # the same of pictures alone: sound is reported too rarely to judge a line by
        self.peer: Peer

    @property
    def ready(self) -> bool:
        return self.peer.state == "up"

    def offer(self, local: Local) -> str:
        """What this viewer is offered, with our end of the connection as it is now."""
        return subscribe_offer(local, {mid: slot.ssrc for mid, slot in self.slots.items()})

    def up(self) -> None:
        for slot in self.slots.values():
            slot.open()
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
        """Every second: keyframes are wished for, and how much of the pictures the line carries. All that was forwarded
        is told.
        """
        bottleneck = self.bottleneck
        before = bottleneck.level
        pictures = [slot.target for slot in self.slots.values() if slot.is_video]
        sent = sum(target.packets for target in pictures), sum(target.octets for target in pictures)
        bottleneck.look(now_ns, *self._pictures, sent, self.rtt_ns)
        for slot in self.slots.values():
            if bottleneck.level != before:
                slot.thin(bottleneck.level)
            if slot.source is not None and slot.waits_for_keyframe(now_ns):
                self._audience.keyframe_wished(slot.source)

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
        """A sender report with these middle bits of NTP time goes out now. The echo of one that goes out twice tells
        no round trip.
        """
        self._reports[middle] = None if middle in self._reports else self.now_ns()
        if len(self._reports) > _REPORTS_KEPT:
            del self._reports[next(iter(self._reports))]

    def _note(self, block: rtcp.ReportBlock, now_ns: int) -> None:
        slot = self.by_ssrc.get(block.ssrc)
        if slot is None:
            return
        came, missed = slot.report_of(block)
        self.expected += came
        self.lost += missed
        if slot.is_video:
            self._pictures = self._pictures[0] + came, self._pictures[1] + missed
        sent_ns = self._reports.get(block.last_report) if block.last_report else None
        if sent_ns is not None:
            trip_ns = now_ns - sent_ns - block.delay * 1_000_000_000 // 65536
            if 0 <= trip_ns < 60_000_000_000:
                self.rtt_ns = trip_ns
