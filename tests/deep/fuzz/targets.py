"""What each parser promises for any bytes at all, and the honest bytes that the fuzzer starts from.

A target returns when the promise held. The exceptions a parser names are part of its promise; any other one, a hang or
growing memory is a find. What was found once lies in `corpus/<target>/` and is tried again first.
"""

from __future__ import annotations

import contextlib
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

from media import contract, h264, layers, negotiation, rtcp, sdp, stun
from media.congestion import ArrivalLog
from media.rtp import RtpError, build, mid_extension, read, readdress, repaired
from recordings import depacketize, fmp4, journal, journal_writer
from recordings import h264 as pictures
from recordings.container import Block, ParameterSets, Shape
from tests.support.offers import BASELINE, CHROMIUM_OFFER, h264_only

PASSWORD = b"0123456789abcdef01234567"


def a_check(data: bytes) -> None:
    """STUN: refused by StunError, or a request whose integrity can be asked for."""
    with contextlib.suppress(stun.StunError):
        request = stun.parse_binding_request(data)
        stun.verify_integrity(data, request, PASSWORD)
        assert len(request.transaction) == 12


def a_packet(data: bytes) -> None:
    """RTP: refused by RtpError, or forwarded with the same number, time and payload."""
    with contextlib.suppress(RtpError):
        packet = read(data)
        for identifier in range(1, 16):
            packet.extension(identifier)
        for judge in (layers.starts_picture, layers.starts_keyframe, layers.picture_id, h264.starts_keyframe):
            judge(packet.payload)
        layers.nothing_between(packet.body, packet.body)
        assert len(layers.renumbered(packet.body, 3, 2)) == len(packet.body) and layers.temporal_layer(packet.body) < 4
        sent = read(readdress(packet, 1, 96, mid_extension(4, "v0")))
        assert (sent.seq, sent.timestamp, sent.payload) == (packet.seq, packet.timestamp, packet.payload)
        again = repaired(packet, 96, 7)
        assert again is None or read(again).payload == packet.payload[2:]


def a_report(data: bytes) -> None:
    """RTCP: refused by RtcpError, or a list no longer than the datagram can hold."""
    with contextlib.suppress(rtcp.RtcpError):
        packets = rtcp.parse(data)
        assert len(packets) <= len(data) // 4
        for packet in packets:
            if isinstance(packet, rtcp.Nack):
                assert len(packet.lost) <= 17 * len(data)


def an_offer(data: bytes) -> None:
    """SDP: refused by its own errors, or answered by a description that our own reader takes."""
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(negotiation.Refusal):
        offer = negotiation.read_offer(text, {"0": "audio", "1": "camera"})
        local = sdp.Local("ufrag", PASSWORD.decode(), offer.fingerprints[0], ["192.0.2.1"], 8490)
        assert sdp.parse(offer.answer(local))
    with contextlib.suppress(sdp.SdpError):
        sdp.parse_subscribe_answer(text)


def a_request(data: bytes) -> None:
    """A message on the bus: refused by ValueError, or encoded and read again alike."""
    with contextlib.suppress(ValueError):
        request = contract.decode_request(data)
        assert contract.decode_request(contract.encode(request)) == request


def a_journal(data: bytes) -> None:
    """A journal cut or damaged anywhere: every entry before the damage, and never an exception."""
    reader = journal.Reader(data)
    last = 0
    for entry in reader:
        assert last <= entry.end <= len(data)
        last = entry.end


def a_stream(data: bytes) -> None:
    """Depacketizing what a journal may hold: pieces of the input, two bytes of length before each, as packets."""
    for frames in (depacketize.Vp8Frames(), depacketize.OpusFrames()):
        order, at, now_ns = depacketize.Reorder(), 0, 0
        while at + 2 <= len(data):
            size = struct.unpack_from("!H", data, at)[0] % 1500
            packet = depacketize.parse_rtp(data[at + 2 : at + 2 + size])
            at += 2 + size
            now_ns += 20_000_000
            items = order.push(packet, now_ns) if packet is not None else order.advance(now_ns)
            for item in items:
                frames.push(item)
        for item in order.flush(now_ns):
            frames.push(item)
        frames.flush()


def an_h264_stream(data: bytes) -> None:
    """H.264 from a journal: pieces of the input as packets, three bytes before each for size, time and what is missing.
    Every picture comes out as whole units, keyframes with what decodes them, and a fragment takes them as they are.
    """
    order, frames, at, now_ns, sequence, timestamp = depacketize.Reorder(), pictures.H264Frames(), 0, 0, 0, 0
    found: list[depacketize.Frame | depacketize.LostFrame] = []
    while at + 3 <= len(data):
        size, steps = data[at] << 2 | data[at + 1] & 3, data[at + 2]
        payload = data[at + 3 : at + 3 + size]
        at += 3 + size
        now_ns += 20_000_000
        sequence += 1 + (steps & 3 == 3)
        timestamp += 3000 * (steps >> 2 & 1)
        packet = depacketize.Rtp(sequence & 0xFFFF, timestamp, bool(steps & 0x80), payload)
        for item in order.push(packet, now_ns):
            found += frames.push(item)
    for item in order.flush(now_ns):
        found += frames.push(item)
    whole = [each for each in found + frames.flush() if isinstance(each, depacketize.Frame)]
    assert not whole or whole[0].keyframe
    for frame in whole:
        assert b"".join(len(unit).to_bytes(4, "big") + unit for unit in pictures.units_of(frame.data)) == frame.data
        assert not frame.keyframe or (frame.width and pictures.parameter_sets(frame.data))
    if whole:
        sets = pictures.parameter_sets(whole[0].data)
        assert isinstance(sets, ParameterSets)
        assert len(fmp4.head(Shape(False, True, whole[0].width, whole[0].height, 1, b"", "H264", sets))) == 2048
        blocks = [Block("video", n, frame.keyframe, frame.data) for n, frame in enumerate(whole)]
        assert fmp4.cluster(0, blocks, len(blocks)).endswith(b"".join(frame.data for frame in whole))


def some_arrivals(data: bytes) -> None:
    """Transport-wide numbers in any order: feedback never exceeds a datagram."""
    log = ArrivalLog()
    for number, at in enumerate(range(0, len(data) - 1, 2)):
        log.add(data[at] << 8 | data[at + 1], number * 7_000_000)
        if number % 16 == 15:
            assert all(len(body) < 1400 for body in log.feedback(number * 7_000_000))


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (a_check, a_packet, a_report, an_offer, a_request, a_journal, a_stream, an_h264_stream, some_arrivals)
}


def seeds() -> dict[str, list[bytes]]:
    """Honest input for each target."""
    picture = build(96, 7, 90_000, 9, b"\x90\x80\x81\x00\x10\x00picture", marker=True, extensions=mid_extension(4, "1"))
    block = rtcp.ReportBlock(7, 1, 2, 3, 4, 5, 6)
    reports = rtcp.sender_report(rtcp.SenderReport(7, 1 << 40, 90_000, 3, 400)) + rtcp.description(7, "leg")
    reports += rtcp.nack(1, 7, [3, 4, 900]) + rtcp.pli(1, 7)
    request = contract.Publish("call_1", "leg_a", CHROMIUM_OFFER, [contract.TrackSpec("0", "audio")], "rec_1")
    return {
        "a_check": [stun.binding_request(b"t" * 12, "ufrag:me", PASSWORD, use_candidate=True)],
        "a_packet": [picture, build(97, 7, 0, 9, b"\0\7" + b"again", padding=4)],
        "a_report": [reports, rtcp.receiver_report(rtcp.ReceiverReport(1, (block, block)))],
        "an_offer": [CHROMIUM_OFFER.encode(), h264_only(BASELINE).encode()],
        "a_request": [contract.encode(request), contract.encode(contract.CloseSession("call_1"))],
        "a_journal": [_a_journal(picture)],
        "a_stream": [b"".join(len(packet).to_bytes(2, "big") + packet for packet in [picture] * 4)],
        "an_h264_stream": [_an_h264_stream()],
        "some_arrivals": [bytes(range(64)), b"\xff\xfe\xff\xff\x00\x00\x00\x01" * 8],
    }


def _an_h264_stream() -> bytes:
    """Parameter sets of 640 × 360 in one packet, an IDR picture, a fragmented picture."""
    sets = bytes.fromhex("6742c01eda0280bfe584000003000400000300ca3c58ba80"), bytes.fromhex("68ce3c80")
    together = b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in sets)
    sent = [(together, 0), (b"\x65\x88\x84", 0x80), (b"\x5c\x81\x9a", 4), (b"\x5c\x41\x01", 0x80)]
    return b"".join(bytes((len(payload) >> 2, len(payload) & 3, steps)) + payload for payload, steps in sent)


def _a_journal(packet: bytes) -> bytes:
    tracks = (journal.Track(0, "camera", "VP8", 96, 90_000),)
    header = journal.JournalHeader("rec_1", "call_1", "leg_a", "ep_1", "w1", 1, 1, tracks)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.journal"
        writer = journal_writer.JournalWriter(path, header)
        for number in range(3):
            writer.packet(0, number, packet)
        writer.sender_report(0, 4, 1 << 40, 90_000)
        writer.anchor(5, 5)
        writer.mark("gate", 6, {"kind": "camera", "open": False})
        writer.close("closed", 7)
        return path.read_bytes()
