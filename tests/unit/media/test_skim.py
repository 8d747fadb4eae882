"""With and without compiled code a journal gives the same recording, whatever came and however it is read."""

import random
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest

from media.rtp import build
from media.skim import skimmer
from recordings.journal import JournalHeader, JournalWriter, Track
from recordings.tail import EpochTail
from recordings.trackqueue import Skimmed
from tests.support.media_worker import LIBRARY

MS = 1_000_000
TRACKS = (Track(0, "audio", "opus", 111, 48_000), Track(1, "camera", "VP8", 96, 90_000))
HEADER = JournalHeader("rec_1", "call_1", "leg_1", "ep_1", "w1", 0, 0, TRACKS)
KEY = b"\x00\x9d\x01\x2a".rjust(6, b"\x00") + struct.pack("<HH", 1280, 720)


def traffic(seed: int) -> list[tuple[int, int, bytes]]:
    """Track, arrival and packet: pictures of several packets, sound between them; lost, late, twice, of many shapes."""
    dice = random.Random(seed)
    number, found = dice.randrange(0x10000), list[tuple[int, int, bytes]]()
    for picture in range(300):
        at_ns, size = picture * 33 * MS, dice.choice([1, 2, 7, 12])
        wide = dice.random() < 0.1
        for place in range(size):
            number += 1
            start = 0x10 if place == 0 else 0
            descriptor = struct.pack(">BBH", 0x80 | start, 0x80, 0x8000 | picture)
            body = (KEY if picture % 40 == 0 else b"\x31" + bytes(9)) if place == 0 else b""
            extension = struct.pack(">HHBHB", 0xBEDE, 1, 0x51, number & 0xFFFF, 0)
            if wide:
                extension = struct.pack(">HHBHB4x", 0xBEDE, 2, 0x51, number & 0xFFFF, 0)
            found.append(
                (
                    1,
                    at_ns + place * MS // 2,
                    build(
                        96,
                        number & 0xFFFF,
                        picture * 3000,
                        7,
                        descriptor + body + dice.randbytes(dice.choice([1, 40, 1100])),
                        marker=place == size - 1,
                        extensions=b"" if dice.random() < 0.02 else extension,
                        padding=dice.choice([0] * 30 + [5]),
                    ),
                )
            )
        found.append((0, at_ns + MS, build(111, picture & 0xFFFF, picture * 1584, 8, dice.randbytes(80))))
    found.sort(key=lambda each: each[1])
    for _ in range(20):
        place = dice.randrange(len(found))
        track, at_ns, raw = found.pop(place)
        if dice.random() < 0.5:  # late, on its repair stream
            found.insert(min(len(found), place + dice.randrange(1, 60)), (track, at_ns + 20 * MS, raw))
    for _ in range(5):
        place = dice.randrange(len(found))
        found.insert(place, found[place])
    return found


def recording(path: Path, journal: bytes, cuts: list[int], tail: EpochTail) -> list[Any]:
    """All that a tail gives of a journal that grows from cut to cut."""
    path.write_bytes(b"")
    made: list[Any] = []
    for begin, end in zip([0, *cuts], [*cuts, len(journal)], strict=True):
        with path.open("ab") as file:
            file.write(journal[begin:end])
        while tail.look() and tail.behind:
            pass
    tail.finish("end")
    for file in tail.files:
        made += [(part.data, part.row) for part in file.parts]
        made.append(msgspec.to_builtins(file.muxer.facts()))
    return [*made, tail.damaged]


@pytest.mark.parametrize("seed", range(12))
def test_a_journal_gives_the_same_recording(tmp_path: Path, seed: int) -> None:
    assert LIBRARY is not None
    dice, path = random.Random(seed), tmp_path / "written.journal"
    writer = JournalWriter(path, HEADER)
    for track, at_ns, raw in traffic(seed):
        writer.packet(track, at_ns, raw)
    writer.close("end")
    journal = bytearray(path.read_bytes())
    if seed % 3 == 0:
        journal[dice.randrange(len(journal) // 2, len(journal))] ^= 1
    cuts = sorted(dice.randrange(len(journal)) for _ in range(dice.randrange(30)))
    path = tmp_path / "read.journal"
    slow = recording(path, bytes(journal), cuts, EpochTail(path))
    skim, packets = skimmer(LIBRARY), 0

    def counted(*arguments: Any) -> Skimmed | None:
        nonlocal packets
        skimmed = skim(*arguments)
        packets += skimmed.packets if skimmed is not None else 0
        return skimmed

    fast = recording(path, bytes(journal), cuts, EpochTail(path, counted))
    assert fast == slow
    assert packets > 20
    assert len(slow) > 3
