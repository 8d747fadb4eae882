"""Journals cut anywhere or with a bit turned over, and whether the packager makes of them all that was before."""

import asyncio
import io
import random
from pathlib import Path

import av

from foundation.clock import ManualClock
from foundation.db import Database
from foundation.keyring import Keyring
from foundation.metrics import Metrics
from foundation.objects import ObjectStore
from recordings import journal, store
from recordings.deposit import GONE_AFTER_S
from recordings.journal import JournalHeader
from recordings.muxer import EpochMuxer
from recordings.packager import Packager
from recordings.replay import epoch_bytes
from tests.support import rtp_source


async def check_broken(db: Database, objects: ObjectStore, keyring: Keyring, folder: Path, seed: int) -> None:
    """One journal of three seconds, broken at a place that the seed chooses; fails if a frame before it is missing."""
    dice, clock = random.Random(seed), ManualClock()
    head = rtp_source.header(epoch=f"ep_{seed}", record=f"rec_{seed}")
    records = rtp_source.disturbed(rtp_source.call(3), seed)
    path = await asyncio.to_thread(rtp_source.write_journal, folder, head, records)
    whole = await asyncio.to_thread(path.read_bytes)
    at = dice.randrange(len(whole))
    broken = bytearray(whole)
    if dice.random() < 0.5:
        del broken[at:]
    else:
        broken[at] ^= 1 << dice.randrange(8)
    await asyncio.to_thread(path.write_bytes, broken)
    expected = await asyncio.to_thread(_frames, head, bytes(broken))

    packager = Packager(db, objects, keyring, clock, folder, None, Metrics())
    await packager.drain()
    clock.advance(GONE_AFTER_S + 0.1)
    await packager.drain()
    async with db.read() as conn:
        row = await store.epoch_row(conn, head.epoch)
    if expected is None:
        assert row is None, "a journal without a whole header holds nothing"
        return
    assert row is not None and row.closed, seed
    assert row.facts["closed_reason"] in ("worker_died", "journal_damaged"), seed
    keys = store.RecordKeys(db, keyring, clock)
    data = b"".join([piece async for piece in epoch_bytes(db, objects, keys, head.epoch)])
    assert (seed, await asyncio.to_thread(_count, data)) == (seed, expected)


def _frames(head: JournalHeader, data: bytes) -> tuple[int, int] | None:
    """(pictures, sounds) of all whole records before the damage."""
    entries = list(journal.read(data))
    if not entries:
        return None
    muxer = EpochMuxer(head)
    for entry in entries[1:]:
        muxer.feed(entry.record)
    muxer.finish()
    facts = muxer.facts()
    return facts.video_frames, facts.audio_frames


def _count(data: bytes) -> tuple[int, int]:
    """As a player finds them."""
    if b"\x1f\x43\xb6\x75" not in data:
        return 0, 0
    found = {"video": 0, "audio": 0}
    with av.open(io.BytesIO(data)) as file:
        for packet in file.demux():
            if packet.size:
                found[packet.stream.type] += 1
    return found["video"], found["audio"]
