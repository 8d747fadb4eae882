"""What every person of a bench sends: VP8 of 720p30 and about 1.9 Mbit/s, or light, and Opus; encoded once and kept.

A moving picture of patches, so that the encoder has work in every frame and pictures have the sizes of a hand-held
camera's. A keyframe every two seconds; a viewer who asks for one gets it with the next picture, as the sender then
goes on with the next group of pictures.
"""

from __future__ import annotations

import pickle
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SECONDS = 10
GROUP_S = 2  # from keyframe to keyframe
PAYLOAD_MAX = 1100  # bytes of a picture in one packet, as Chromium cuts them
STAMP_BYTES = 8
_CACHE = "yuankan-bench-footage-4-{}.pickle"


@dataclass(frozen=True)
class Format:
    """Pixels, pictures a second, bits a second."""

    width: int
    height: int
    fps: int
    bitrate: int


CAMERA = Format(1280, 720, 30, 1_900_000)
HALF = Format(960, 540, 30, 1_000_000)
"""The most that a server which decodes and encodes can carry on two cores without falling behind."""
LIGHT = Format(640, 360, 10, 200_000)
"""For many people: the generator, too, has to fit on two cores."""


@dataclass(frozen=True)
class Footage:
    """``groups`` of pictures, each picture cut for packets; ``sounds``: Opus packets of 20 ms.

    Every sound and every last piece of a picture leaves room for a stamp where decoders do not look: behind the coded
    data of a VP8 partition (RFC 6386 §9.5 gives its length, what follows is not read), and in Opus padding (RFC 6716
    §3.2.5).
    """

    groups: tuple[tuple[tuple[bytes, ...], ...], ...]
    sounds: tuple[bytes, ...]
    fps: int = CAMERA.fps

    @property
    def packets_per_s(self) -> float:
        pictures = [picture for group in self.groups for picture in group]
        return sum(len(picture) for picture in pictures) / len(pictures) * self.fps + 50


def footage(made_as: Format = CAMERA) -> Footage:
    """The footage, from the file of an earlier run if there is one."""
    cache = Path(tempfile.gettempdir()) / _CACHE.format(made_as.height)
    if cache.exists():
        with cache.open("rb") as file:
            return Footage(*pickle.load(file), fps=made_as.fps)
    made = Footage(_pictures(made_as), _sounds(), made_as.fps)
    fresh = cache.with_suffix(".new")
    fresh.write_bytes(pickle.dumps((made.groups, made.sounds)))
    fresh.replace(cache)
    return made


def _pictures(made_as: Format) -> tuple[tuple[tuple[bytes, ...], ...], ...]:
    group = GROUP_S * made_as.fps
    context = av.CodecContext.create("libvpx", "w")
    context.width, context.height, context.pix_fmt = made_as.width, made_as.height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, made_as.fps), Fraction(made_as.fps, 1)
    context.bit_rate, context.gop_size = made_as.bitrate, group
    rate = str(made_as.bitrate)
    context.options = {
        "deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0", "keyint_min": str(group),
        "maxrate": rate, "minrate": rate, "bufsize": str(made_as.bitrate // 4),
    }  # fmt: skip
    noise = np.random.default_rng(1).integers(0, 255, (made_as.height // 40, made_as.width // 40, 3), dtype=np.uint8)
    still = np.kron(noise, np.ones((40, 40, 1), dtype=np.uint8)) // 3 + 80
    groups: list[list[tuple[bytes, ...]]] = []
    for n in range(SECONDS * made_as.fps):
        moved = np.roll(still, n * 3, axis=1)
        frame = av.VideoFrame.from_ndarray(moved, format="rgb24")
        frame.pts, frame.time_base = n, context.time_base
        for packet in context.encode(frame):
            if packet.is_keyframe:
                groups.append([])
            data = bytes(packet)
            count = -(-(len(data) + STAMP_BYTES) // PAYLOAD_MAX)
            size = -(-len(data) // count)
            groups[-1].append(tuple(data[at : at + size] for at in range(0, len(data), size)))
    return tuple(tuple(group) for group in groups)


def _sounds() -> tuple[bytes, ...]:
    context = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format, context.bit_rate = 48_000, "stereo", "s16", 32_000
    noise = np.random.default_rng(2)
    sounds: list[bytes] = []
    for n in range(SECONDS * 50):
        at = np.arange(960) + n * 960
        tone = np.sin(at * 2 * np.pi * 440 / 48_000) * 8000 + noise.normal(0, 600, 960)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone.astype(np.int16), 2)[None, :], format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, n * 960, Fraction(1, 48_000)
        for packet in context.encode(frame):
            data = bytes(packet)
            assert data[0] & 3 == 0, "one frame in the packet"
            # Code 3, one frame, padded: table of contents, count with padding bit, length of the padding, frame.
            sounds.append(bytes((data[0] | 3, 0x41, STAMP_BYTES)) + data[1:])
    return tuple(sounds)
