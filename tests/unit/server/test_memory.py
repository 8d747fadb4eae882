"""What the processes that carry media hold, and give back."""

import os
from pathlib import Path

from server import memory
from tests.support.waiting import until

PIECE, HELD_OF = 9000, 50  # bytes, as a picture; of so many one is held
PIECES = 5000


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_what_is_free_between_held_pieces_goes_back_to_the_system() -> None:
    pieces = [os.urandom(PIECE) for _ in range(PIECES)]
    held = pieces[::HELD_OF]
    full = resident()
    pieces.clear()

    def why_not() -> str | None:
        left = full - resident()
        return None if left > PIECE * PIECES // 2 else f"only {left} bytes went back, {len(held)} pieces are held"

    assert why_not(), "freeing alone gave it back: then nothing is shown here"
    async with memory.returned(every_s=0.01):
        await until(why_not)
