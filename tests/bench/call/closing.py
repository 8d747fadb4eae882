"""How soon a long call plays after its end: the packager alone, on journals as a worker leaves them.

The journals have every picture and sound of an hour, pictures of a kilobyte in place of eight: the end of a file is a
matter of its clusters and their index, and an hour of six full cameras is five gigabytes.
"""

from __future__ import annotations

import asyncio
import struct
import time
from pathlib import Path

from recordings.journal import ENDED, JournalHeader, Track, journal_path
from recordings.journal_writer import JournalWriter
from tests.bench.call.yuankan import Yuankan, yuankan

PEOPLE, SECONDS = 6, 3600
_TRACKS = (Track(0, "audio", "opus", 111, 48_000), Track(1, "camera", "VP8", 96, 90_000))
_PACKAGED_S = 1800.0
_KEYFRAME = b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 1280, 720) + bytes(1000)
_PICTURE = b"\x31\x00\x00" + bytes(1000)


async def close_s(folder: Path) -> float:
    """Seconds from the last entry of six journals until every file is closed and plays."""
    async with yuankan(folder) as side:
        writers = [await asyncio.to_thread(_hour, side.settings.spool, person) for person in range(PEOPLE)]
        side.records.append("rec_hour")
        await _caught_up(side)
        for writer in writers:
            await asyncio.to_thread(writer.close, "left")
        await side.bus.publish(ENDED, b"")  # as a worker does
        began = time.monotonic()
        while not all(epoch.closed for epoch in await side.epochs()):
            await asyncio.sleep(0.01)
        return time.monotonic() - began


def _hour(spool: Path, person: int) -> JournalWriter:
    start_ns = time.monotonic_ns() - SECONDS * 1_000_000_000
    wall_ns = time.time_ns() - SECONDS * 1_000_000_000
    head = JournalHeader("rec_hour", "call_hour", f"leg_{person}", f"ep_{person}", "w1", wall_ns, start_ns, _TRACKS)
    writer = JournalWriter(journal_path(spool, "w1", "call_hour", f"leg_{person}", f"ep_{person}"), head)
    for second in range(SECONDS):
        begin_ns = start_ns + second * 1_000_000_000
        writer.anchor(wall_ns + second * 1_000_000_000, begin_ns)
        for tick in range(150):  # sound every third, a picture every fifth
            at_ns = begin_ns + tick * 1_000_000_000 // 150
            if tick % 3 == 0:
                n = second * 50 + tick // 3
                writer.packet(
                    0, at_ns, struct.pack(">BBHII", 0x80, 111, n & 0xFFFF, n * 960 & 0xFFFFFFFF, 7) + bytes(80)
                )
            if tick % 5 == 0:
                n = second * 30 + tick // 5
                header = struct.pack(">BBHII", 0x80, 0xE0, n & 0xFFFF, n * 3000 & 0xFFFFFFFF, 8)
                writer.packet(1, at_ns, header + b"\x10" + (_PICTURE if n % 60 else _KEYFRAME))
        writer.flush()
    writer.sync()
    return writer


async def _caught_up(side: Yuankan) -> None:
    """Until the packager has stored all but the last seconds, as it has in a running call."""
    deadline = time.monotonic() + _PACKAGED_S
    while True:
        epochs = await side.epochs()
        if len(epochs) == PEOPLE and all(epoch.length_ms > (SECONDS - 5) * 1000 for epoch in epochs):
            await asyncio.sleep(2)
            return
        assert time.monotonic() < deadline, "not packaged in time"
        await asyncio.sleep(1)
