"""The two connections of a person in a bench's call: one that sends camera and microphone, one that views the others.

They behave as a browser does to a server: sender reports, receiver reports, transport-wide sequence numbers and
feedback, repairs on NACK, a keyframe on PLI. The way to the server loses ``LOSS`` of all video packets. On the way back
as many are asked for again although they came: so a server that answers no NACK for what lies before a keyframe, as is
its right, still counts as having delivered.
"""

from __future__ import annotations

import random
import re
import struct
import time
from collections import deque

from media import rtcp, sdp
from media.congestion import ArrivalLog
from media.layers import starts_keyframe
from media.rtp import build, read
from media.srtp import SrtpError
from tests.bench.call.connection import IDENTITY, Connection, ntp_now
from tests.bench.call.footage import Footage

LOSS = 0.01
AUDIO_TYPE, VIDEO_TYPE = 111, 96
_MID_ID, _TRANSPORT_ID = 4, 3
_CLOCK = {AUDIO_TYPE: 48_000, VIDEO_TYPE: 90_000}
_REPAIRABLE = 512  # packets a sender keeps: two seconds
_MID_PACKETS = 100  # the MID goes with the first packets only, until a browser knows it has been understood
_STAMP = struct.Struct("!Q")
_NACK_FIRST_NS, _NACK_AGAIN_NS, _NACK_TRIES = 10_000_000, 60_000_000, 12


class _Track:
    """One stream being sent."""

    def __init__(self, payload_type: int, mid: str, dice: random.Random) -> None:
        self.payload_type = payload_type
        self.mid = mid.encode()
        self.ssrc = dice.randrange(1, 1 << 32)
        self.seq = dice.randrange(1 << 16)
        self.timestamp = dice.randrange(1 << 32)
        self.packets = self.octets = self.frames = 0


class Sender(Connection):
    """Sends the footage from a place of its own in it."""

    def __init__(self, host: str, footage: Footage, dice: random.Random) -> None:
        super().__init__(host)
        self._dice = dice
        self._footage = footage
        self._group = dice.randrange(len(footage.groups))
        self._picture = 0
        self._sound = dice.randrange(len(footage.sounds))
        self._wide = dice.randrange(1 << 16)
        self._kept: dict[int, bytes] = {}
        self._order: deque[int] = deque()
        self._held: list[bytes] = []
        self._wanted = False
        self.audio, self.video = _Track(AUDIO_TYPE, "0", dice), _Track(VIDEO_TYPE, "1", dice)
        self.keyframes_asked = self.repaired = 0

    def offer(self) -> str:
        """As a browser offers: one sound, one picture, sent only."""
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1", "a=msid-semantic: WMS s"]
        for track, kind in ((self.audio, "audio"), (self.video, "video")):
            lines += [f"m={kind} 9 UDP/TLS/RTP/SAVPF {track.payload_type}", *self.transport_lines("actpass")]
            lines += [f"a=mid:{track.mid.decode()}", "a=sendonly", "a=rtcp-rsize", f"a=msid:s {kind}"]
            lines += [f"a=extmap:{_MID_ID} {sdp.MID_URI}", f"a=extmap:{_TRANSPORT_ID} {sdp.TRANSPORT_CC_URI}"]
            if kind == "audio":
                lines += [f"a=rtpmap:{AUDIO_TYPE} opus/48000/2", f"a=fmtp:{AUDIO_TYPE} minptime=10;useinbandfec=1"]
                lines += [f"a=rtcp-fb:{AUDIO_TYPE} transport-cc"]
            else:
                lines += [f"a=rtpmap:{VIDEO_TYPE} VP8/90000"]
                lines += [f"a=rtcp-fb:{VIDEO_TYPE} {how}" for how in ("transport-cc", "ccm fir", "nack", "nack pli")]
            lines += [f"a=ssrc:{track.ssrc} cname:bench", f"a=ssrc:{track.ssrc} msid:s {kind}"]
        return "\r\n".join(lines) + "\r\n"

    def send_sound(self) -> None:
        """The next 20 ms."""
        track = self.audio
        sound = self._footage.sounds[self._sound]
        self._sound = (self._sound + 1) % len(self._footage.sounds)
        self._send(track, sound + _STAMP.pack(time.time_ns()), marker=False)
        track.timestamp = track.timestamp + 960 & 0xFFFFFFFF
        track.frames += 1

    def send_picture(self) -> None:
        """The first half of the next picture; ``send_rest`` sends the other: a browser paces by 5 ms."""
        track = self.video
        if self._wanted:
            self._wanted = False
            if self._picture:
                self._group, self._picture = (self._group + 1) % len(self._footage.groups), 0
        pieces = self._footage.groups[self._group][self._picture]
        number = track.frames & 0x7FFF
        heads = struct.pack("!BBH", 0x90, 0x80, 0x8000 | number), struct.pack("!BBH", 0x80, 0x80, 0x8000 | number)
        payloads = [heads[n > 0] + piece for n, piece in enumerate(pieces)]
        half = len(payloads) // 2
        for payload in payloads[:half]:
            self._send(track, payload, marker=False)
        self._held = payloads[half:]
        self._picture += 1
        if self._picture == len(self._footage.groups[self._group]):
            self._group, self._picture = (self._group + 1) % len(self._footage.groups), 0

    def send_rest(self) -> None:
        """The other half."""
        track = self.video
        if not self._held:
            return
        for payload in self._held[:-1]:
            self._send(track, payload, marker=False)
        self._send(track, self._held[-1] + _STAMP.pack(time.time_ns()), marker=True)
        self._held = []
        track.timestamp = track.timestamp + 90_000 // self._footage.fps & 0xFFFFFFFF
        track.frames += 1

    def _send(self, track: _Track, payload: bytes, *, marker: bool) -> None:
        assert self.sending is not None
        wide = bytes((_TRANSPORT_ID << 4 | 1, self._wide >> 8, self._wide & 0xFF))
        self._wide = self._wide + 1 & 0xFFFF
        if track.packets < _MID_PACKETS:
            extensions = b"\xbe\xde\x00\x02" + bytes((_MID_ID << 4,)) + track.mid + wide + b"\0\0\0"
        else:
            extensions = b"\xbe\xde\x00\x01" + wide + b"\0"
        packet = build(
            track.payload_type, track.seq, track.timestamp, track.ssrc, payload, marker=marker, extensions=extensions
        )
        protected = self.sending.rtp(packet)
        if track is self.video:
            self._kept[track.seq] = protected
            self._order.append(track.seq)
            if len(self._order) > _REPAIRABLE:
                self._kept.pop(self._order.popleft(), None)
        if track is self.audio or self._dice.random() >= LOSS:
            self.raw(protected)
        track.seq = track.seq + 1 & 0xFFFF
        track.packets += 1
        track.octets += len(payload)

    def take_rtcp(self, packet: rtcp.RtcpPacket) -> None:
        if isinstance(packet, rtcp.Nack) and packet.media == self.video.ssrc:
            for seq in packet.lost:
                protected = self._kept.get(seq)
                if protected is not None:
                    self.repaired += 1
                    self.raw(protected)
        elif isinstance(packet, rtcp.Pli) and packet.media == self.video.ssrc:
            self.keyframes_asked += 1
            self._wanted = True

    def second(self) -> None:
        """Sender reports."""
        for track in (self.audio, self.video):
            if track.packets:
                report = rtcp.SenderReport(track.ssrc, ntp_now(), track.timestamp, track.packets, track.octets)
                self.send_rtcp(rtcp.sender_report(report) + rtcp.description(track.ssrc, "bench"))


class _Stream:
    """One stream being viewed."""

    __slots__ = ("counted", "frames", "highest", "last_ntp", "missing", "received", "ssrc", "video")

    def __init__(self, ssrc: int, seq: int, *, video: bool) -> None:
        self.ssrc = ssrc
        self.video = video
        self.highest = 0x10000 + seq
        self.received = self.counted = 0
        self.frames = 0  # sounds, and ends of pictures
        self.missing: dict[int, tuple[int, int]] = {}  # when to ask (next), how often asked
        self.last_ntp = (0, 0)


class Viewer(Connection):
    """Views all it is sent. ``delays_ns``: from the sender's socket to ours, of sounds and ends of pictures."""

    offers = False

    def __init__(self, host: str, dice: random.Random) -> None:
        super().__init__(host)
        self._dice = dice
        self._types: dict[int, bool] = {}  # payload type → video
        self._transport_id = 0
        self._reduced = False  # RFC 5506: feedback may go without a report before it
        self._arrivals = ArrivalLog()
        self._ssrc = dice.randrange(1, 1 << 32)
        self.streams: dict[bytes, _Stream] = {}
        self.delays_ns: list[int] = []
        self.asked = self.repeated = 0
        self.first_keyframe_ns: int | None = None  # its last packet
        self._keyframe: tuple[bytes, bytes] | None = None  # SSRC and time of the first that began

    def answer(self, offer: str) -> str:
        """Take every m-line of the server's offer."""
        for media in sdp.parse(offer, media_max=24):
            for number, codec in media.codecs.items():
                if codec.name.lower() in ("opus", "vp8"):
                    self._types[number] = media.kind == "video"
                else:  # repairs come in the stream itself on every side: the same work for all
                    offer = re.sub(rf"a=(rtpmap|fmtp|rtcp-fb):{number} .*\r\n", "", offer)
                    offer = re.sub(rf"(m={media.kind} .*) {number}\b", r"\1", offer)
            self._transport_id = self._transport_id or media.extensions.get(sdp.TRANSPORT_CC_URI, 0)
            self._reduced = self._reduced or media.reduced_size
        answer = re.sub(r"a=(candidate|ice-lite|end-of-candidates|ssrc|msid|setup|ice-|fingerprint).*\r\n", "", offer)
        answer = re.sub(r"a=send(only|recv)", "a=recvonly", answer)
        own = [line for line in self.transport_lines("active") if not line.startswith(("c=", "a=rtcp-mux"))]
        return re.sub(r"(a=mid:.*\r\n)", lambda found: found[1] + "\r\n".join(own) + "\r\n", answer)

    def take_rtp(self, data: bytes, at_ns: int) -> None:
        video = self._types.get(data[1] & 0x7F)
        if video is None or self.receiving is None:
            return
        try:
            packet = self.receiving.rtp(data)
        except SrtpError:
            self.repeated += 1  # the repair of a packet that only seemed lost
            return
        key, seq = packet[8:12], packet[2] << 8 | packet[3]
        stream = self.streams.get(key)
        if stream is None:
            stream = self.streams[key] = _Stream(int.from_bytes(key, "big"), seq, video=video)
            stream.highest -= 1
        stream.received += 1
        stream.frames += not video or packet[1] >> 7
        if self._transport_id and packet[0] & 0x10:
            self._note_wide(packet, at_ns)
        highest = stream.highest
        index = highest + ((seq - highest + 0x8000) & 0xFFFF) - 0x8000
        if index == highest + 1:
            stream.highest = index
            if video and self._dice.random() < LOSS:
                stream.missing[index] = (at_ns + _NACK_FIRST_NS, _NACK_TRIES - 1)
        elif index > highest:
            for lost in range(highest + 1, min(index, highest + 200)):
                stream.missing[lost] = (at_ns + _NACK_FIRST_NS, 0)
            stream.highest = index
        else:
            stream.missing.pop(index, None)
            return  # a repair: its delay is the loss's
        if not video:
            self.delays_ns.append(at_ns - _STAMP.unpack(packet[-8:])[0])
            return
        if packet[1] & 0x80:
            self.delays_ns.append(at_ns - _STAMP.unpack(packet[-8:])[0])
        if self.first_keyframe_ns is None:
            self._await_keyframe(packet, at_ns)

    def _await_keyframe(self, packet: bytes, at_ns: int) -> None:
        if self._keyframe is None and starts_keyframe(read(packet).body):
            self._keyframe = packet[8:12], packet[4:8]
        if self._keyframe == (packet[8:12], packet[4:8]) and packet[1] & 0x80:
            self.first_keyframe_ns = at_ns

    def _note_wide(self, packet: bytes, at_ns: int) -> None:
        at, end = 16, 16 + 4 * (packet[14] << 8 | packet[15])
        while at < end:
            name, size = packet[at] >> 4, (packet[at] & 15) + 1
            if name == self._transport_id:
                self._arrivals.add(packet[at + 1] << 8 | packet[at + 2], at_ns)
                return
            at += 1 if name == 0 else 1 + size

    def take_rtcp(self, packet: rtcp.RtcpPacket) -> None:
        if isinstance(packet, rtcp.SenderReport):
            stream = self.streams.get(packet.ssrc.to_bytes(4, "big"))
            if stream is not None:
                stream.last_ntp = packet.ntp >> 16 & 0xFFFFFFFF, time.time_ns()

    def ask(self, now_ns: int) -> None:
        """NACK for what is missing; every 20 ms."""
        for stream in self.streams.values():
            if not stream.missing:
                continue
            due = [index for index, (at_ns, _) in stream.missing.items() if at_ns <= now_ns]
            for index in due:
                tries = stream.missing[index][1] + 1
                if tries > _NACK_TRIES:
                    del stream.missing[index]
                else:
                    stream.missing[index] = (now_ns + _NACK_AGAIN_NS, tries)
            if due:
                self.asked += len(due)
                asked = rtcp.nack(self._ssrc, stream.ssrc, [index & 0xFFFF for index in sorted(due)])
                self.send_rtcp(self._prefix(stream) + asked)

    def feedback(self, now_ns: int) -> None:
        """Transport-wide feedback where the server negotiated it; every 100 ms."""
        if self._transport_id and self.streams:
            media = next(iter(self.streams.values())).ssrc
            for body in self._arrivals.feedback(now_ns):
                self.send_rtcp(rtcp.transport_feedback(self._ssrc, media, body))

    def look(self) -> None:
        """Ask for a keyframe of every picture, as on joining."""
        for stream in self.streams.values():
            if stream.video:
                self.send_rtcp(self._prefix(stream) + rtcp.pli(self._ssrc, stream.ssrc))

    def second(self) -> None:
        """A receiver report."""
        blocks = tuple(_block(stream) for stream in self.streams.values())
        if blocks:
            self.send_rtcp(rtcp.receiver_report(rtcp.ReceiverReport(self._ssrc, blocks[:31])))

    def _prefix(self, stream: _Stream) -> bytes:
        if self._reduced:
            return b""
        return rtcp.receiver_report(rtcp.ReceiverReport(self._ssrc, (_block(stream),)))


def _block(stream: _Stream) -> rtcp.ReportBlock:
    last, at_ns = stream.last_ntp
    delay = (time.time_ns() - at_ns) * 65536 // 1_000_000_000 if last else 0
    return rtcp.ReportBlock(stream.ssrc, 0, len(stream.missing), stream.highest & 0xFFFFFFFF, 0, last, delay)


__all__ = ["IDENTITY", "LOSS", "Sender", "Viewer"]
