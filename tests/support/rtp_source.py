"""Media as a phone would send it: pictures and tones encoded once, cut into RTP packets by RFC 7741 and 7587."""

import functools
import os
import random
import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from recordings import journal
from recordings.journal import Anchor, JournalHeader, Packet, Record, SenderReport, Track
from recordings.journal_writer import JournalWriter

FPS = 25
START_NS = 5_000_000_000
WALL_NS = 1_764_000_000_000_000_000
AUDIO, VIDEO, SCREEN = 0, 1, 2
TRACKS = (Track(AUDIO, "audio", "opus", 111, 48_000), Track(VIDEO, "camera", "VP8", 96, 90_000))
SCREEN_TRACK = Track(SCREEN, "screen", "VP8", 96, 90_000)


@functools.cache
def pictures(seconds: int, width: int = 320, height: int = 240, seed: int = 1) -> tuple[tuple[bytes, bool], ...]:
    """Encoded VP8 frames (data, keyframe), a keyframe every 2 s; the picture moves."""
    context = av.CodecContext.create("libvpx", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS, 1)
    context.bit_rate, context.gop_size = 600_000, 2 * FPS
    context.options = {"deadline": "realtime", "cpu-used": "12", "lag-in-frames": "0", "auto-alt-ref": "0"}
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    out: list[tuple[bytes, bool]] = []
    for n in range(seconds * FPS):
        frame = av.VideoFrame.from_ndarray(np.roll(noise // 4 + 90, n * 3, axis=1).astype(np.uint8), format="rgb24")
        frame.pts, frame.time_base = n, context.time_base
        out += [(bytes(packet), packet.is_keyframe) for packet in context.encode(frame)]
    return tuple(out)


@functools.cache
def sounds(seconds: int) -> tuple[bytes, ...]:
    """Opus packets of 20 ms: a tone."""
    context = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format = 48_000, "stereo", "s16"
    context.bit_rate = 32_000
    out: list[bytes] = []
    for n in range(seconds * 50):
        at = np.arange(960) + n * 960
        tone = (np.sin(at * 2 * np.pi * 440 / 48_000) * 8000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None, :], format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, n * 960, Fraction(1, 48_000)
        out += [bytes(packet) for packet in context.encode(frame)]
    return tuple(out)


def rtp(sequence: int, timestamp: int, marker: bool, payload: bytes, payload_type: int) -> bytes:
    head = struct.pack(">BBHII", 0x80, marker << 7 | payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 7)
    return head + payload


def video_packets(
    frames: Iterable[tuple[bytes, bool]],
    *,
    track: int = VIDEO,
    sequence: int = 65_500,
    timestamp: int = 2**32 - 90_000,
    start_ns: int = START_NS,
    mtu: int = 1100,
) -> list[Packet]:
    """Packets of pictures at `FPS`, with picture ids; sequence and time stamp wrap early by default."""
    out: list[Packet] = []
    for n, (data, _) in enumerate(frames):
        pieces = [data[at : at + mtu] for at in range(0, len(data), mtu)]
        for index, piece in enumerate(pieces):
            descriptor = bytes((0x90 if index == 0 else 0x80, 0x80, 0x80 | n >> 8 & 0x7F, n & 0xFF))
            last = index == len(pieces) - 1
            data_out = rtp(sequence, timestamp + n * 90_000 // FPS, last, descriptor + piece, 96)
            out.append(Packet(track, start_ns + n * 1_000_000_000 // FPS + index * 100_000, data_out))
            sequence += 1
    return out


def audio_packets(
    frames: Iterable[bytes], *, sequence: int = 65_530, timestamp: int = 2**32 - 48_000, start_ns: int = START_NS
) -> list[Packet]:
    return [
        Packet(AUDIO, start_ns + n * 20_000_000, rtp(sequence + n, timestamp + n * 960, n == 0, data, 111))
        for n, data in enumerate(frames)
    ]


def header(epoch: str = "ep_1", record: str = "rec_1", leg: str = "leg_1", screen: bool = False) -> JournalHeader:
    tracks = (*TRACKS, SCREEN_TRACK) if screen else TRACKS
    return JournalHeader(record, "call_1", leg, epoch, "worker_1", WALL_NS, START_NS, tracks)


def call(seconds: int, *, sound: bool = True, picture: bool = True, screen: bool = False) -> list[Record]:
    """What a worker notes of an undisturbed call, in the order of arrival, without the header."""
    records: list[Record] = [
        Anchor(WALL_NS + n * 1_000_000_000, START_NS + n * 1_000_000_000) for n in range(1, seconds + 1)
    ]
    if sound:
        records += audio_packets(sounds(seconds))
    if picture:
        records += video_packets(pictures(seconds))
        ntp = (WALL_NS << 32) // 1_000_000_000
        records.append(SenderReport(VIDEO, START_NS + 400_000_000, ntp, 2**32 - 90_000))
        if sound:
            records.append(SenderReport(AUDIO, START_NS + 900_000_000, ntp, 2**32 - 48_000))
    if screen:
        records += video_packets(pictures(seconds, seed=2), track=SCREEN, start_ns=START_NS + 500_000_000)
    return sorted(records, key=lambda record: getattr(record, "mono_ns", 0))


def disturbed(records: list[Record], seed: int, loss: float = 0.05, late: float = 0.05) -> list[Record]:
    """The same with packets lost, doubled, and brought late by retransmission (up to 400 ms)."""
    dice = random.Random(seed)
    out: list[tuple[int, int, Record]] = []
    for n, record in enumerate(records):
        at = getattr(record, "mono_ns", 0)
        if isinstance(record, Packet):
            if dice.random() < loss:
                continue
            if dice.random() < late:
                at += dice.randrange(400_000_000)
                record = Packet(record.track, at, record.rtp)
            if dice.random() < 0.05:
                out.append((at + 1_000_000, n, Packet(record.track, at + 1_000_000, record.rtp)))
        out.append((at, n, record))
    return [record for *_, record in sorted(out, key=lambda each: each[:2])]


def write_journal(spool: Path, head: JournalHeader, records: Iterable[Record], close: str | None = "left") -> Path:
    """A journal file as a worker leaves it; `close=None` for a worker that died."""
    path = journal.journal_path(spool, head.worker, head.session, head.leg, head.epoch)
    writer = JournalWriter(path, head)
    for record in records:
        append(writer, record)
    writer.flush()
    if close is not None:
        writer.close(close)
    else:
        os.close(writer._fd)  # the dead hold no lock
    return path


def append(writer: JournalWriter, record: Record) -> None:
    if isinstance(record, Packet):
        writer.packet(record.track, record.mono_ns, record.rtp)
    elif isinstance(record, SenderReport):
        writer.sender_report(record.track, record.mono_ns, record.ntp, record.rtp_timestamp)
    elif isinstance(record, Anchor):
        writer.anchor(record.wall_ns, record.mono_ns)
    elif isinstance(record, journal.Mark):
        writer.mark(record.kind, record.mono_ns, record.detail)
    writer.flush()
