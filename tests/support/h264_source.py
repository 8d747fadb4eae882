"""H.264 as a phone would send it: pictures with numbers, encoded once, cut into RTP packets by RFC 6184."""

import functools
import subprocess
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np

from recordings.journal import Anchor, JournalHeader, Packet, Record, Track
from tests.rehearsal import codes
from tests.support import rtp_source
from tests.support.rtp_source import AUDIO, FPS, START_NS, VIDEO, WALL_NS

TRACKS = (Track(AUDIO, "audio", "opus", 111, 48_000), Track(VIDEO, "camera", "H264", 102, 90_000))
Picture = tuple[bytes, ...]
"""The NAL units of one picture, without start codes."""


@functools.cache
def pictures(seconds: int, width: int = 640, height: int = 360, first: int = 0) -> tuple[Picture, ...]:
    """Numbered pictures in constrained baseline, an IDR with its parameter sets every 2 s."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate, context.gop_size = Fraction(1, FPS), Fraction(FPS, 1), 2 * FPS
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "crf": "26",
        "x264-params": "sliced-threads=0:threads=1:repeat-headers=1:keyint=50:scenecut=0",
    }
    encoded: list[bytes] = []
    for n in range(seconds * FPS):
        drawn = np.roll(np.tile(np.linspace(60, 180, width, dtype=np.uint8), (height, 1)), n * 3, axis=1).copy()
        codes.draw(drawn, first + n, flash=False)
        frame = av.VideoFrame.from_ndarray(drawn, format="gray").reformat(format="yuv420p")
        frame.pts, frame.time_base = n, context.time_base
        encoded += [bytes(packet) for packet in context.encode(frame)]
    encoded += [bytes(packet) for packet in context.encode(None)]
    return tuple(tuple(units(data)) for data in encoded)


def units(stream: bytes) -> list[bytes]:
    """The NAL units of a byte stream with start codes (ITU-T H.264 annex B)."""
    found = [piece.rstrip(b"\0") for piece in stream.split(b"\0\0\1")]
    return [unit for unit in found if unit]


def payloads(picture: Sequence[bytes], mtu: int = 1100) -> list[bytes]:
    """Packets of one picture: small units that follow each other in a STAP-A, a large one in FU-As, others alone."""
    out: list[bytes] = []
    small: list[bytes] = []
    for unit in [*picture, None]:
        if unit is not None and sum(map(len, small)) + len(unit) + 2 * len(small) + 3 <= mtu:
            small.append(unit)
            continue
        if len(small) == 1:
            out.append(small[0])
        elif small:
            head = max(each[0] & 0x60 for each in small) | 24
            out.append(bytes((head,)) + b"".join(len(each).to_bytes(2, "big") + each for each in small))
        small = []
        if unit is None:
            break
        if len(unit) <= mtu:
            small = [unit]
            continue
        parts = [unit[at : at + mtu - 2] for at in range(1, len(unit), mtu - 2)]
        for place, part in enumerate(parts):
            marks = (0x80 if place == 0 else 0) | (0x40 if place == len(parts) - 1 else 0)
            out.append(bytes((unit[0] & 0xE0 | 28, marks | unit[0] & 31)) + part)
    return out


def packets(
    frames: Iterable[Sequence[bytes]],
    *,
    sequence: int = 65_500,
    timestamp: int = 2**32 - 90_000,
    start_ns: int = START_NS,
    mtu: int = 1100,
) -> list[Packet]:
    """Packets of pictures at `FPS`; sequence and time stamp wrap early by default."""
    out: list[Packet] = []
    for n, picture in enumerate(frames):
        cut = payloads(picture, mtu)
        for place, payload in enumerate(cut):
            data = rtp_source.rtp(
                sequence, timestamp + n * 90_000 // FPS, place == len(cut) - 1, payload, TRACKS[1].payload_type
            )
            out.append(Packet(VIDEO, start_ns + n * 1_000_000_000 // FPS + place * 100_000, data))
            sequence += 1
    return out


def header(epoch: str = "ep_1", record: str = "rec_1", leg: str = "leg_1") -> JournalHeader:
    return JournalHeader(record, "call_1", leg, epoch, "worker_1", WALL_NS, START_NS, TRACKS)


def call(seconds: int, *, sound: bool = True) -> list[Record]:
    """What a worker notes of an undisturbed call, in the order of arrival, without the header."""
    records: list[Record] = [
        Anchor(WALL_NS + n * 1_000_000_000, START_NS + n * 1_000_000_000) for n in range(1, seconds + 1)
    ]
    records += packets(pictures(seconds))
    records += rtp_source.audio_packets(rtp_source.sounds(seconds)) if sound else []
    return sorted(records, key=lambda record: getattr(record, "mono_ns", 0))


def stored(picture: Sequence[bytes]) -> bytes:
    """A picture as the file should hold it."""
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in picture)


def numbers(path: Path, *, seek_s: float | None = None) -> list[int | None]:
    """The numbers of all pictures (or those from a time on) that a foreign ffmpeg decodes from a file."""
    seek = [] if seek_s is None else ["-ss", str(seek_s)]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-xerror", *seek, "-i", str(path), "-map", "0:v"]
    raw = [
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "1:90000",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "gray",
        "-s",
        "640x360",
        "-",
    ]
    done = subprocess.run([*command, *raw], capture_output=True, check=True)
    assert not done.stderr, done.stderr.decode()
    decoded = np.frombuffer(done.stdout, np.uint8).reshape(-1, 360, 640)
    return [codes.read(picture) for picture in decoded]
