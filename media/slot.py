"""One m-line of a viewer, which plays whatever source it is given.

Theory of operation. A slot is one stream, with one SSRC that its offer names, for as long as the viewer's connection
lasts: browsers keep sound and picture in step only of streams that were named. What it plays are stretches of sources,
one behind the other (RFC 7667 §3.7). Numbers and times of a stretch are its source's, each with a shift, so that they
go on where the stretch before ended:

    source a  ... 7006 7007                     shift 0
    source b            51   52   53 ...        shift 6957
    viewer    ... 7006 7007 7008 7009 7010 ...

A stretch of pictures begins with a keyframe, since nothing else can be decoded behind another's; what comes before, or
belongs before it, is not sent. So no number is ever sealed with two contents. Where a source's numbers leap, the shift
takes the leap up: SRTP's count of wraps, on both ends, must never be half of them away from what it last saw.
"""

import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import msgspec

from media import layers, rtcp
from media.bottleneck import Bottleneck
from media.cache import PACKETS
from media.contract import AUDIO_SLOTS, SLOT_MIDS, Kind
from media.fastpath import set_extensions
from media.nack import JUMP, REACH
from media.pacing import Pacer
from media.peer import Peer
from media.rtp import PACKET_MAX, Packet, build, mid_extension, playout_delay, read, readdress
from media.sdp import MID_IDENTIFIER, PAYLOAD_TYPES, PLAYOUT_DELAY_IDENTIFIER, cname_of
from media.source import Source
from media.thinning import FULL, Share, Thinning

_SENDING_NS = 1_000_000_000  # a source of which something came within this time
_LEAST_NS = 20_000_000  # between the last packet of a stretch and the first of the next
_MOST_NS = 6 * 3600 * 1_000_000_000  # half of all times of pictures are 6.6 hours: later would be earlier
_32 = 0xFFFFFFFF
_NUMBER_TIME = struct.Struct("!HL")  # at 2 in an RTP header


class Line(Protocol):
    """What a slot needs of its viewer (viewer.Viewer)."""

    peer: Peer
    bottleneck: Bottleneck
    pacer: Pacer
    codecs: frozenset[str]
    waits: bool
    rtt_ns: int | None
    now_ns: Callable[[], int]

    @property
    def ready(self) -> bool: ...
    def reported(self, middle: int) -> None: ...


@dataclass(slots=True)
class Target:
    """How far a slot's stream has come, where no compiled code keeps it up (``struct fp_target``)."""

    payload_type: int = 0
    shift: int = 0
    """What is added to the numbers of the source that plays."""
    time_shift: int = 0
    number: int = 0
    """The newest that was used; it is not used again, sent or not."""
    timestamp: int = 0
    sent_ns: int = 0
    """When."""
    begun: int = 0
    """Whether there was one."""
    packets: int = 0
    octets: int = 0


class Slot:
    """One stream to one viewer."""

    __slots__ = (
        "_extensions", "_first", "_former", "_missing_before", "_rate", "_since", "_upstream", "_viewer",
        "_wait_ms", "highest", "is_video", "lost", "mid", "source", "ssrc", "target", "thinning", "wanted",
    )  # fmt: skip

    def __init__(self, viewer: Line, mid: str, ssrc: int) -> None:
        self._viewer = viewer
        self.mid = mid
        self.is_video = mid not in SLOT_MIDS[:AUDIO_SLOTS]
        self.ssrc = ssrc
        self._rate = 90_000 if self.is_video else 48_000
        self._extensions = mid_extension(MID_IDENTIFIER, mid)
        self._former: list[tuple[int, bytes]] = []  # newest packet that had them, and the extensions before these
        self._wait_ms = 0
        self.wanted: tuple[str, Kind] | None = None  # leg and kind, whether it is sending or not
        self.source: Source | None = None
        self._since = 0  # of the source's packets, before which none is for this viewer: a gate may have been closed
        self._first: int | None = None  # of the source's packets, that the present shift began with
        self.target: Any = Target()
        self.highest = 0  # as the viewer last reported
        self.lost = 0  # the most that its own line had lost
        self._upstream = 0  # what sources' lines lost before that, while they played
        self._missing_before = 0  # as source.missing, before the first
        self.thinning: Thinning | None = None  # where the viewer's line carries but some of the pictures

    def open(self) -> None:
        """The viewer's connection is up."""
        lane = self._viewer.peer.lane
        if lane is not None:
            self.target = lane.target(self.ssrc, self._extensions)

    def play(self, source: Source | None) -> None:
        """Play this source from now on, or nothing: nothing too where the viewer cannot decode it."""
        self.stop()
        if source is None or not self._viewer.ready or source.codec not in self._viewer.codecs:
            return
        self.source = source
        self.target.payload_type = PAYLOAD_TYPES[source.codec]
        self.wait(source.wait_ms)
        self._former = []
        self._since = 0 if source.newest is None else source.newest[0] + 1
        source.add(self)
        if source.is_video:
            source.thin(self)
            if (level := self._viewer.bottleneck.level) < FULL:
                self.thinning = Thinning(level, None)

    def waits_for_keyframe(self, now_ns: int) -> bool:
        """Pictures come that could not be decoded; the viewer, which gets none of them, does not ask by itself."""
        source, thinning = self.source, self.thinning
        if source is None or not self.is_video or now_ns - source.last_ns >= _SENDING_NS:
            return False
        if self._first is None:
            return True
        if thinning is None or source.keyframes.regular:
            return False
        return thinning.wider or (thinning.broken and self._viewer.bottleneck.afford(now_ns))

    def stop(self) -> None:
        """Play nothing."""
        self._upstream += self._lost_since()
        source, self.source, self._first, self.thinning = self.source, None, None, None
        if source is not None:
            source.remove(self)

    def thin(self, level: int) -> None:
        """Let through so much of the pictures (thinning.py). All that was forwarded is told."""
        source = self.source
        if source is None or not source.is_video:
            return
        if self.thinning is not None:
            self.thinning.wanted = level
        elif level < FULL:
            self.thinning = Thinning(level, source.newest if self._first is not None else None)
            source.thin(self)

    # --- what is sent -------------------------------------------------------------------------------------------------

    def forward(self, packet: Packet) -> None:
        """The next packet of the source, or one that came late."""
        source = self.source
        if source is None:
            return
        index = source.index_of(packet.seq)
        key = source.is_video and packet.payload_bytes > 0 and source.starts_keyframe(packet.body)
        whole = key and not (source.needs_before(packet.body) and any(map(source.gaps.lacks, (index - 1, index - 2))))
        if self._first is None:
            if index < self._since or (source.is_video and not whole):
                return
            self._begin(source, packet, index)
        elif index < self._first:
            self._missing_before -= 1
            return
        if self.thinning is not None and whole and self.thinning.wanted == FULL:
            self.thinning = None
            self._number_on(source, packet.seq, index)
            source.widen(self)
        thinning, pacer = self.thinning, self._viewer.pacer
        share = None
        if thinning is not None:
            share = self._share(source, thinning, packet, index, key=key)
            if share is None:
                return
        self._take_up(source, packet.seq if share is None else share.number, index)
        data = self._addressed(packet, source.codec, share)
        if len(data) > PACKET_MAX:
            return  # no number is used for what cannot be sealed
        self._use(data)
        if thinning is not None and (pacer.busy or thinning.level == 0):
            pacer.post(len(data), partial(self._send, packet, data))
        else:
            self._send(packet, data)

    def _begin(self, source: Source, packet: Packet, index: int) -> None:
        """A stretch begins with this packet."""
        target = self.target
        if target.begun:
            passed_ns = min(max(_LEAST_NS, self._viewer.now_ns() - target.sent_ns), _MOST_NS)
            time = target.timestamp + passed_ns * self._rate // 1_000_000_000
            target.time_shift = time - packet.timestamp & 0xFFFFFFFF
        self._number_on(source, packet.seq, index)
        if self.thinning is None:
            source.widen(self)
        for report in source.reports:
            self.report(report)

    def _number_on(self, source: Source, number: int, index: int, leap: int = 0) -> None:
        """This number of the source, the packet with this index, is the viewer's next; what belongs before it is not
        sent any more. ``leap``: so many numbers before it are not missed by the viewer.
        """
        target = self.target
        self._upstream += max(0, self._lost_since() - leap)
        self._first, self._missing_before = index, source.missing_before(index)
        target.shift = target.number + 1 - number & 0xFFFF if target.begun else first_shift(number)

    def _take_up(self, source: Source, number: int, index: int) -> None:
        """A leap of the source's numbers is none of the viewer's, nor a wrap of those that were left out."""
        target = self.target
        ahead = number + target.shift - target.number & 0xFFFF
        late = index != source.gaps.highest and ahead >= 0x10000 - REACH
        if target.begun and not 0 < ahead <= JUMP and not late:
            self._number_on(source, number, index, ahead - 1)

    def _use(self, data: bytes) -> None:
        """The number of this packet is used."""
        target = self.target
        number, timestamp = _NUMBER_TIME.unpack_from(data, 2)
        if not target.begun or 0 < (number - target.number & 0xFFFF) < 0x8000:
            target.number, target.timestamp, target.begun = number, timestamp, 1
            target.sent_ns = self._viewer.now_ns()

    def _send(self, packet: Packet, data: bytes) -> None:
        if self._viewer.peer.send_rtp(data):
            self.target.packets += 1
            self.target.octets += packet.payload_bytes

    def _share(self, source: Source, thinning: Thinning, packet: Packet, index: int, *, key: bool) -> Share | None:
        """What the viewer gets of the packet, if anything."""
        bottleneck = self._viewer.bottleneck
        layer = layers.temporal_layer(packet.body) if source.codec == "VP8" else 0
        asked = key or (thinning.level == 0 and layer == 0)
        share = thinning.take(
            index,
            packet.timestamp,
            layer,
            key=key,
            media=packet.payload_bytes > 0,
            afford=asked and bottleneck.afford(self._viewer.now_ns()),
        )
        if share is not None and thinning.level == 0:
            bottleneck.spend(len(packet.raw))
        return share

    def repair(self, number: int) -> None:
        """Send a packet again, as it was."""
        source = self.source
        if source is None or not source.open or self._first is None:
            return
        seq = number - self.target.shift & 0xFFFF
        sent = (source.index_of(seq), None) if self.thinning is None else self.thinning.sent(seq)
        packet = source.at(sent[0]) if sent is not None and sent[0] >= self._first else None
        if sent is None or packet is None:
            return
        self._viewer.peer.send_rtp(self._addressed(packet, source.codec, sent[1]))

    def _addressed(self, packet: Packet, codec: str, share: Share | None = None) -> bytes:
        target, extensions = self.target, self._extensions_of(packet)
        if share is not None:
            packet = _renumbered(packet, codec, share)
        return readdress(packet, self.ssrc, target.payload_type, extensions, target.shift, target.time_shift)

    def _extensions_of(self, packet: Packet) -> bytes:
        if not self._former or self.source is None:
            return self._extensions
        index = self.source.index_of(packet.seq)
        return next((before for newest, before in self._former if index <= newest), self._extensions)

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
        if not isinstance(self.target, Target):
            set_extensions(self.target, self._extensions)

    # --- reports ------------------------------------------------------------------------------------------------------

    @property
    def round_trip_ns(self) -> int | None:
        """Of the viewer's line, once it is known."""
        return self._viewer.rtt_ns

    def report(self, report: rtcp.SenderReport) -> None:
        """A pair of times of the source: sound and picture of a leg stay in step."""
        if self._first is None:
            return
        target = self.target
        time, packets, octets = report.rtp_timestamp + target.time_shift, target.packets, target.octets
        mine = rtcp.SenderReport(self.ssrc, report.ntp, time & _32, packets & _32, octets & _32)
        self._viewer.reported(report.ntp >> 16 & _32)
        self._viewer.peer.send_rtcp(rtcp.sender_report(mine) + rtcp.description(self.ssrc, cname_of(self.mid)))

    def report_of(self, block: rtcp.ReportBlock) -> tuple[int, int]:
        """How many packets the viewer should have had since its last report, and how many its own line lost of them.

        What the source's line had lost before is missing here too, and the viewer cannot tell the one from the other.
        The two are counted at moments a little apart, so only the most of all reports counts.
        """
        first, came = not self.highest, max(0, block.highest - self.highest)
        lost = max(self.lost, block.lost - self._upstream - self._lost_since())
        missed, self.highest, self.lost = lost - self.lost, block.highest, lost
        return (0, 0) if first else (came, missed)

    def _lost_since(self) -> int:
        """Packets since the first that the source's own line has lost so far."""
        return 0 if self.source is None or self._first is None else self.source.missing - self._missing_before


def first_shift(number: int) -> int:
    """A shift with which this number of a source becomes any of the lower half. A viewer that misses the first packets
    of a stream that wraps soon would count its wraps otherwise than we do, and open none of it (RFC 3711 §3.3.1).
    """
    return secrets.randbits(15) - number & 0xFFFF


def _renumbered(packet: Packet, codec: str, share: Share) -> Packet:
    """The packet as it comes after what was left out."""
    number = share.number & 0xFFFF
    if share.empty:
        return read(build(0, number, packet.timestamp, 0, b"", padding=1))
    body = layers.renumbered(packet.body, share.pictures, share.bases) if codec == "VP8" else packet.body
    return msgspec.structs.replace(packet, seq=number, raw=packet.raw[: packet.body_at] + body)
