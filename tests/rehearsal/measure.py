"""What a published recording really holds, read by a foreign ffmpeg: frame numbers, flashes, beeps."""

from __future__ import annotations

import hashlib
import re
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.rehearsal import codes

READ_WIDTH, READ_HEIGHT = 320, 180
READ_RATE = 8_000


@dataclass(frozen=True)
class Recording:
    """One leg's file as a stranger's player sees it. Times are seconds on the file's own clock."""

    frames: int
    numbers: list[int | None]
    frame_times: list[float]
    flashes: list[float]
    beeps: list[float]

    @property
    def unreadable(self) -> int:
        return sum(number is None for number in self.numbers)

    @property
    def length_s(self) -> float:
        return self.frame_times[-1] - self.frame_times[0] if self.frame_times else 0.0

    def sound_after_picture_ms(self, start_ms: float, flashes: list[float], beeps: list[float]) -> list[float]:
        """How much later than the picture the sound comes, against the capture's own moments; empty if unknown.

        ``start_ms`` is the wall clock of the file's beginning, ``flashes`` and ``beeps`` those at which the phone
        captured them. An emulated camera that runs late is late in both, and cancels out.
        """
        picture = lateness([start_ms + at * 1000 for at in self.flashes], flashes)
        sound = lateness([start_ms + at * 1000 for at in self.beeps], beeps)
        return [sound - picture] if picture is not None and sound is not None else []


def lateness(recorded: list[float], captured: list[float]) -> float | None:
    """Median distance (ms) of what was recorded from the capture next to it; None when there is nothing to compare."""
    near = [min((at - one for one in captured), key=abs) for at in recorded if captured]
    near = [distance for distance in near if abs(distance) < 450]
    return statistics.median(near) if near else None


def read(path: Path, ffmpeg: str = "ffmpeg") -> Recording:
    """Decode every frame and all sound of ``path``. Raises ``RuntimeError`` with ffmpeg's words when it cannot."""
    show = f"showinfo=checksum=0,scale={READ_WIDTH}:{READ_HEIGHT}"
    raw = ["-vsync", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    video = run([ffmpeg, "-v", "info", "-nostats", "-i", str(path), "-map", "0:v:0", "-vf", show, *raw])
    times = [float(found) for found in re.findall(rb"pts_time:\s*([0-9.]+)", video.stderr)]
    pictures = np.frombuffer(video.stdout, np.uint8).reshape(-1, READ_HEIGHT, READ_WIDTH)
    lit = [codes.is_flash(picture) for picture in pictures]
    flashes = [times[i] for i in range(1, len(lit)) if lit[i] and not lit[i - 1]]
    return Recording(len(pictures), [codes.read(picture) for picture in pictures], times, flashes, beeps(path, ffmpeg))


def beeps(path: Path, ffmpeg: str = "ffmpeg") -> list[float]:
    """Moments at which the beep sets in: the first loud 5 ms after at least 300 ms of quiet."""
    raw = ["-ac", "1", "-ar", str(READ_RATE), "-f", "s16le", "-"]
    sound = run([ffmpeg, "-v", "error", "-i", str(path), "-map", "0:a:0", "-af", "aresample=async=1:first_pts=0", *raw])
    samples = np.frombuffer(sound.stdout, "<i2").astype(np.float64)
    window = READ_RATE // 200
    levels = np.sqrt((samples[: len(samples) // window * window].reshape(-1, window) ** 2).mean(axis=1))
    if not len(levels):
        return []
    loud = levels > max(levels.max() * 0.3, 200)
    found: list[float] = []
    quiet = 0
    for i, is_loud in enumerate(loud):
        if is_loud and quiet >= 60:
            found.append(i * window / READ_RATE)
        quiet = 0 if is_loud else quiet + 1
    return found


def run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace")[-2_000:])
    return done


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
