"""RTCP (RFC 3550 §6, RFC 4585, RFC 5104) and transport-wide feedback: the packets a forwarder needs, both ways.

Compound and reduced-size packets (RFC 5506) are read alike. A packet type or feedback format that is not listed here is
skipped; lengths that do not add up refuse the whole datagram.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

SR, RR, SDES, RTPFB, PSFB = 200, 201, 202, 205, 206
_NACK, _TRANSPORT_CC = 1, 15  # formats of RTPFB
_PLI, _FIR = 1, 4  # formats of PSFB

_NACKS_MAX = 1024  # sequence numbers taken from one datagram: nobody has use for more than the cache holds


class RtcpError(ValueError):
    """The bytes are not RTCP."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one source; ``lost_share`` is of 256, ``delay`` and ``last_report`` as in RFC 3550."""

    ssrc: int
    lost_share: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """NTP time (64 bit) and RTP time of the same instant at the sender, and its counters."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    ssrc: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class Nack:
    """Sequence numbers the sender of this packet lacks from ``media``."""

    ssrc: int
    media: int
    lost: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pli:
    """The sender of this packet cannot decode ``media`` without a keyframe (a FIR says the same and reads as one)."""

    ssrc: int
    media: int


RtcpPacket = SenderReport | ReceiverReport | Nack | Pli

_HEADER = struct.Struct("!BBH")
_BLOCK = struct.Struct("!LLLLLL")
_SENDER = struct.Struct("!LQLLL")
_FEEDBACK = struct.Struct("!LL")


def parse(data: bytes) -> list[RtcpPacket]:
    """All packets of a datagram that we understand, in order. Raises RtcpError."""
    packets: list[RtcpPacket] = []
    at = 0
    if not data:
        raise RtcpError("empty")
    while at < len(data):
        if at + 4 > len(data):
            raise RtcpError("header cut off")
        first, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 * (words + 1)
        if first >> 6 != 2 or end > len(data):
            raise RtcpError("version or length wrong")
        body = data[at + 4 : end]
        if first & 0x20:
            if not body or not 0 < body[-1] <= len(body):
                raise RtcpError("padding longer than the packet")
            body = body[: -body[-1]]
        _read(kind, first & 31, body, packets)
        at = end
    return packets


def _read(kind: int, count: int, body: bytes, packets: list[RtcpPacket]) -> None:
    if kind == SR:
        if len(body) < 24:
            raise RtcpError("sender report cut off")
        ssrc, ntp, timestamp, sent, octets = _SENDER.unpack_from(body)
        packets.append(SenderReport(ssrc, ntp, timestamp, sent, octets, _blocks(body, 24, count)))
    elif kind == RR:
        if len(body) < 4:
            raise RtcpError("receiver report cut off")
        packets.append(ReceiverReport(int.from_bytes(body[:4], "big"), _blocks(body, 4, count)))
    elif kind == RTPFB and count == _NACK:
        if len(body) < 8 or len(body) % 4:
            raise RtcpError("NACK cut off")
        ssrc, media = _FEEDBACK.unpack_from(body)
        packets.append(Nack(ssrc, media, _lost(body)))
    elif kind == PSFB and count == _PLI:
        if len(body) < 8:
            raise RtcpError("PLI cut off")
        packets.append(Pli(*_FEEDBACK.unpack_from(body)))
    elif kind == PSFB and count == _FIR:
        if len(body) < 8 or len(body) % 8:
            raise RtcpError("FIR cut off")
        ssrc = int.from_bytes(body[:4], "big")
        # The header's media SSRC is unused; each entry names its own (RFC 5104 §4.3.1.2).
        packets.extend(Pli(ssrc, int.from_bytes(body[at : at + 4], "big")) for at in range(8, len(body), 8))


def _blocks(body: bytes, at: int, count: int) -> tuple[ReportBlock, ...]:
    if at + 24 * count > len(body):
        raise RtcpError("report block cut off")
    blocks = []
    for start in range(at, at + 24 * count, 24):  # what follows the blocks is a profile's extension: not ours
        ssrc, loss, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, start)
        lost = loss & 0xFFFFFF
        lost -= (lost & 0x800000) << 1  # 24 bits, signed: duplicates can make it negative
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last_report, delay))
    return tuple(blocks)


def _lost(body: bytes) -> tuple[int, ...]:
    lost: list[int] = []
    for at in range(8, len(body), 4):
        seq, mask = struct.unpack_from("!HH", body, at)
        lost.append(seq)
        while mask:
            bit = (mask & -mask).bit_length()
            lost.append((seq + bit) & 0xFFFF)
            mask &= mask - 1
        if len(lost) > _NACKS_MAX:
            break
    return tuple(lost[:_NACKS_MAX])


def sender_report(report: SenderReport) -> bytes:
    """A sender report."""
    body = _SENDER.pack(report.ssrc, report.ntp, report.rtp_timestamp, report.packets, report.octets)
    return _packet(SR, len(report.reports), body + b"".join(map(_block, report.reports)))


def receiver_report(report: ReceiverReport) -> bytes:
    """A receiver report of at most 31 blocks."""
    return _packet(RR, len(report.reports), struct.pack("!L", report.ssrc) + b"".join(map(_block, report.reports)))


def _block(block: ReportBlock) -> bytes:
    lost = max(-0x800000, min(0x7FFFFF, block.lost)) & 0xFFFFFF
    return _BLOCK.pack(
        block.ssrc, block.lost_share << 24 | lost, block.highest, block.jitter, block.last_report, block.delay
    )


def description(ssrc: int, cname: str) -> bytes:
    """SDES with the CNAME, which a sender report must be sent with (RFC 3550 §6.1)."""
    name = cname.encode()[:255]
    chunk = struct.pack("!LBB", ssrc, 1, len(name)) + name + b"\0"
    return _packet(SDES, 1, chunk + bytes(-len(chunk) & 3))


def nack(ssrc: int, media: int, lost: Iterable[int]) -> bytes:
    """Ask for packets again; ``lost`` in sending order (wraps allowed), packed by 17 (RFC 4585 §6.2.1)."""
    body = b""
    first: int | None = None
    mask = 0
    for seq in lost:
        if first is not None and 1 <= (seq - first) & 0xFFFF <= 16:
            mask |= 1 << ((seq - first) & 0xFFFF) - 1
            continue
        if first is not None:
            body += struct.pack("!HH", first, mask)
        first, mask = seq & 0xFFFF, 0
    if first is not None:
        body += struct.pack("!HH", first, mask)
    return _packet(RTPFB, _NACK, _FEEDBACK.pack(ssrc, media) + body)


def pli(ssrc: int, media: int) -> bytes:
    """Ask for a keyframe (RFC 4585 §6.3.1)."""
    return _packet(PSFB, _PLI, _FEEDBACK.pack(ssrc, media))


def transport_feedback(ssrc: int, media: int, body: bytes) -> bytes:
    """Wrap a transport-wide feedback body (congestion.py), padded to whole words as RTCP wants."""
    return _packet(RTPFB, _TRANSPORT_CC, _FEEDBACK.pack(ssrc, media) + body, pad=True)


def _packet(kind: int, count: int, body: bytes, *, pad: bool = False) -> bytes:
    padding = -len(body) & 3
    if padding:
        if not pad:
            raise RtcpError("not whole words")
        body += bytes(padding - 1) + bytes([padding])
    return _HEADER.pack(0x80 | (0x20 if padding else 0) | count, kind, len(body) // 4) + body
