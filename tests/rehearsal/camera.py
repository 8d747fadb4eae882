"""The film that the emulated phone's camera shows, and the sound its microphone hears.

Fifteen numbered pictures a second, a flash with each full second and, in the sound, a 1 kHz beep at the same moment.
Chromium plays both files in a loop, so numbers return to zero after a round. YUV4MPEG2 because its header carries the
rate (Motion JPEG is always played at 30) and because reading it costs no decoding on a small machine.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tests.rehearsal import codes

FRAMES_PER_SECOND = 15
SAMPLE_RATE = 48_000
BEEP_HERTZ = 1_000
BEEP_SECONDS = 0.08
FLASH_FRAMES = 1
ROUND_SECONDS = 20  # long enough that no gap that the system may make is mistaken for a round


@dataclass(frozen=True)
class Film:
    video: Path
    audio: Path
    frames: int


def make(folder: Path, *, width: int = 1280, height: int = 720, seconds: int = ROUND_SECONDS) -> Film:
    """Write ``camera.y4m`` and ``microphone.wav`` into ``folder``; the same film each time."""
    film = Film(folder / "camera.y4m", folder / "microphone.wav", seconds * FRAMES_PER_SECOND)
    # A still ground as soft as a room out of focus and one moving bar: work for an encoder, yet small keyframes, so
    # that a slow machine's estimate of its uplink does not decide how many pictures are sent.
    noise = np.random.default_rng(7).integers(40, 110, (height // 60, width // 60), dtype=np.uint8)
    ground = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    colour = np.full((height // 2, width // 2), 128, np.uint8).tobytes() * 2
    with film.video.open("wb") as out:
        out.write(f"YUV4MPEG2 W{width} H{height} F{FRAMES_PER_SECOND}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(film.frames):
            luma = ground.copy()
            left = (number * 32) % width
            luma[height // 3 : height // 2, left : left + 120] = 90
            codes.draw(luma, number, flash=number % FRAMES_PER_SECOND < FLASH_FRAMES)
            out.write(b"FRAME\n" + luma.tobytes() + colour)
    moments = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    sound = np.where(moments % 1 < BEEP_SECONDS, np.sin(2 * np.pi * BEEP_HERTZ * moments), 0.0)
    with wave.open(str(film.audio), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes((sound * 16_000).astype("<i2").tobytes())
    return film
