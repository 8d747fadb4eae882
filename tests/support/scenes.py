"""What a phone may show, made: a lit room, at dusk, smeared, out of focus, behind a finger; and its keyframes."""

import functools
from collections.abc import Iterable
from fractions import Fraction

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.frame import PictureType

from foundation.clock import Clock
from media.rtp import build
from tests.support import h264_source
from tests.support.rtp_client import VIDEO_SSRC, RtpClient

Picture = npt.NDArray[np.uint8]
WIDTH, HEIGHT = 1280, 720


@functools.cache
def room(seed: int = 1, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """A lit room with things and labels in it, BGR."""
    dice = np.random.default_rng(seed)
    wall = np.linspace(110, 170, width)[None, :, None] * np.ones((height, 1, 1)) * np.array([1.0, 0.97, 0.93])
    made = wall.astype(np.uint8)
    made[height * 2 // 3 :] = (made[height * 2 // 3 :] * 0.7).astype(np.uint8)
    for _ in range(40):
        x, y = int(dice.integers(0, width * 0.95)), int(dice.integers(0, height * 0.95))
        corner = x + int(dice.integers(width // 40, width // 6)), y + int(dice.integers(height // 24, height // 4))
        cv2.rectangle(made, (x, y), corner, [int(value) for value in dice.integers(30, 230, 3)], -1)
        cv2.rectangle(made, (x, y), corner, (40, 40, 40), max(1, width // 640))
    for number in range(12):
        place = int(dice.integers(0, width * 0.85)), int(dice.integers(height // 16, height))
        size = float(dice.uniform(0.5, 1.6)) * width / 1280
        cv2.putText(made, f"TEMP {number} C", place, cv2.FONT_HERSHEY_SIMPLEX, size, (20, 20, 20), max(1, width // 640))
    return made


def aside(picture: Picture, pixels: int) -> Picture:
    """The same place from a step to the side."""
    return np.roll(picture, pixels, axis=1)


def lit(picture: Picture, share: float) -> Picture:
    """With this share of the light."""
    return (picture * share).astype(np.uint8)


def smeared(picture: Picture, pixels: int) -> Picture:
    """As a swung phone takes it."""
    return np.asarray(cv2.filter2D(picture, -1, np.full((1, pixels), 1 / pixels, np.float32)), np.uint8)


def out_of_focus(picture: Picture, sigma: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def covered(blue: int = 40, green: int = 50, red: int = 150, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """A finger on the lens: evenly what comes through it, darker to the corners. The default is before a lamp."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return ((1 - 0.25 * (x * x + y * y))[..., None] * np.array([blue, green, red])).astype(np.uint8)


def cellar() -> Picture:
    """No light but one lamp."""
    made = np.full((HEIGHT, WIDTH, 3), 6, np.uint8)
    cv2.circle(made, (900, 200), 40, (220, 240, 255), -1)
    return np.asarray(cv2.add(made, cv2.GaussianBlur(made, (0, 0), 60)), np.uint8)


def noisy(picture: Picture, seed: int, sigma: float = 2.0) -> Picture:
    """With a sensor's noise."""
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def keyframes(pictures: Iterable[Picture], kbps: int = 1500) -> list[bytes]:
    """Each picture as one VP8 keyframe, by the encoder that browsers have."""
    found: list[bytes] = []
    context = None
    for number, picture in enumerate(pictures):
        if context is None:
            context = av.CodecContext.create("libvpx", "w")
            context.height, context.width, context.pix_fmt = *picture.shape[:2], "yuv420p"
            context.time_base, context.framerate = Fraction(1, 15), Fraction(15, 1)
            context.bit_rate = kbps * 1000
            context.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"}
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        # Half a second apart in the encoder's time: room enough in its budget for a keyframe each.
        frame.pts, frame.pict_type = number * 8, PictureType.I
        found += [bytes(packet) for packet in context.encode(frame)]
    return found


MOVED = b"\x11" + bytes(20)
"""A picture of VP8 that is no keyframe."""


def h264_keyframes(pictures: Iterable[Picture], *, full_range: bool = False) -> list[bytes]:
    """Each picture as one IDR picture with its parameter sets, a byte stream; `full_range` as some phones encode."""
    found: list[bytes] = []
    for picture in pictures:
        context = av.CodecContext.create("libx264", "w")
        context.height, context.width = picture.shape[:2]
        context.pix_fmt = "yuvj420p" if full_range else "yuv420p"
        context.time_base = Fraction(1, 15)
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "crf": "20",
            "x264-params": "threads=1:repeat-headers=1",
        }
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format=context.pix_fmt)
        found.append(b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)]))
    return found


class Sender:
    """Sends keyframes on a scripted browser's camera, cut as RFC 7741 says and stamped with this clock. With a payload
    type they are H.264, cut as RFC 6184 says.
    """

    def __init__(self, client: RtpClient, clock: Clock, h264: int | None = None) -> None:
        self._h264 = h264
        self.moved = MOVED
        self.client = client
        self._clock = clock
        self._seq = 100
        self._number = 0

    def packets(self, frame: bytes) -> list[bytes]:
        """One picture; each has a time stamp of its own even if the clock stands."""
        self._number += 1
        if self._h264 is not None:
            return self._h264_packets(frame, self._h264)
        pieces = [frame[at : at + 1100] for at in range(0, len(frame), 1100)]
        timestamp = self._clock.monotonic_ns() * 90 // 1_000_000 + self._number & 0xFFFFFFFF
        out = []
        for place, piece in enumerate(pieces):
            self._seq += 1
            descriptor = bytes((0x90 if place == 0 else 0x80, 0x80, 0x80 | self._number >> 8, self._number & 0xFF))
            last = place == len(pieces) - 1
            out.append(build(96, self._seq & 0xFFFF, timestamp, VIDEO_SSRC, descriptor + piece, marker=last))
        return out

    def _h264_packets(self, stream: bytes, payload_type: int) -> list[bytes]:
        timestamp = self._clock.monotonic_ns() * 90 // 1_000_000 + self._number & 0xFFFFFFFF
        cut, out = h264_source.payloads(h264_source.units(stream)), []
        for place, payload in enumerate(cut):
            self._seq += 1
            last = place == len(cut) - 1
            out.append(build(payload_type, self._seq & 0xFFFF, timestamp, VIDEO_SSRC, payload, marker=last))
        return out

    def send(self, frame: bytes) -> int:
        """Send a picture; gives the number of its packets."""
        packets = self.packets(frame)
        for packet in packets:
            self.client.send(packet)
        return len(packets)
