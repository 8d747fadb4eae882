"""What a bench needs of a server it measures, and how much processor and memory its processes take."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import av

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Room(Protocol):
    """One session on a side; people are numbers from 0."""

    async def publish(self, person: int, offer: str) -> str:
        """Take a sender's offer; returns the answer."""
        ...

    async def published(self, person: int) -> None:
        """Return once the sender's connection is up."""
        ...

    async def subscribe(self, person: int, sources: Sequence[int]) -> str:
        """Make the offer for a viewer of these people."""
        ...

    async def subscribed(self, person: int, answer: str) -> None:
        """Take the viewer's answer."""
        ...

    async def close(self) -> None:
        """The session is over."""
        ...


class Side(Protocol):
    """A running server."""

    name: str
    host: str
    encodes: bool
    """Whether viewers get other packets than were sent, so that pictures and sounds are counted."""

    async def room(self, people: int) -> Room: ...

    def processor_s(self) -> float:
        """User and system seconds of all its processes so far."""
        ...

    def memory_bytes(self) -> dict[str, int]:
        """Resident memory by process."""
        ...

    async def recordings(self) -> Frames:
        """Wait until everything recorded can be played, whatever that costs."""
        ...

    async def count(self, frames: Frames, folder: Path) -> None:
        """Read what was recorded as an auditor does; apart, because watching is no cost of recording."""
        ...


class Frames:
    """Pictures and sounds in files."""

    def __init__(self) -> None:
        self.pictures = self.sounds = self.files = 0

    def count(self, path: Path) -> None:
        """Read one playable file to its end, as a player would without decoding."""
        self.files += 1
        with av.open(str(path)) as container:
            for packet in container.demux():
                if packet.size:
                    self.pictures += packet.stream.type == "video"
                    self.sounds += packet.stream.type == "audio"


def processor_s(pid: int) -> float:
    """User and system seconds of a process and all below it, those that have ended included; 0 when it is gone."""
    return sum(_own_s(one) for one in family(pid))


def _own_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS_PER_S


def memory_bytes(pid: int) -> int:
    """Resident bytes of a process and all below it, what they share counted once."""
    total = 0
    for one in family(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def family(pid: int) -> list[int]:
    """The process and its living descendants: a worker's nanny forks the one that serves, a thread of that one starts
    the one that looks at pictures."""
    found = [pid]
    for one in found:
        try:
            for thread in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


async def ended(process: asyncio.subprocess.Process, patience_s: float = 15.0) -> None:
    """Ask a process to end, and make sure."""
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), patience_s)
        except TimeoutError:
            process.kill()
            await process.wait()
