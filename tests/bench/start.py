"""How long the second start takes: from the command to an answer that says ready, with everything behind it running."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from tests.bench.figures import Figure, figure
from tests.rehearsal.installation import installation

STARTS = 3


def measure() -> list[Figure]:
    return asyncio.run(starts())


async def starts() -> list[Figure]:
    """The first start makes keys, tables and the demonstration; those after it are what an operator waits for."""
    seconds = []
    with tempfile.TemporaryDirectory(prefix="yuankan-bench-") as folder:
        for _ in range(1 + STARTS):
            began = time.monotonic()
            async with installation(Path(folder)):
                seconds.append(time.monotonic() - began)
    return [figure("start", "first_start", seconds[:1]), figure("start", "second_start", seconds[1:])]
