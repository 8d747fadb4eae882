"""Writers of one record in processes of their own."""

import asyncio
import os
import sys
from pathlib import Path

from foundation.db import Database
from office import store
from office.events import verify

ROOT = Path(__file__).resolve().parents[2]
WRITER = ROOT / "tests" / "node" / "office" / "writer.py"


async def write_from_processes(database: Database, url: str, record: str, names: tuple[str, ...], count: int) -> None:
    """Each process appends `count` events as fast as it can; then the chain must be whole and hold every one once."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [
        await asyncio.create_subprocess_exec(
            sys.executable, str(WRITER), url, record, name, str(count), env=environment
        )
        for name in names
    ]
    assert [await writer.wait() for writer in writers] == [0] * len(writers)
    async with database.read() as conn:
        read = await store.events(conn, record)
    verdict = verify(read)
    assert verdict.ok, verdict
    assert [event.seq for event in read] == list(range(1, count * len(names) + 1))
    for name in names:
        mine = [event.body["text"] for event in read if event.actor == name]
        assert mine == [f"{name}-{number}" for number in range(count)]
