"""The packager on a real database and store: live, killed between any two steps, and with damaged journals."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import pytest

from foundation.clock import ManualClock
from foundation.db import Database
from foundation.keyring import Keyring
from foundation.metrics import Metrics
from foundation.objects import ObjectStore
from recordings import store
from recordings.deposit import GONE_AFTER_S, PackagingFault
from recordings.journal import JournalHeader, Packet, Record, journal_path
from recordings.journal_writer import SILENT_S, JournalWriter
from recordings.packager import Packager
from recordings.replay import epoch_bytes
from tests.support import rtp_source
from tests.support.broken_journals import check_broken


class Killed(BaseException):
    """The process is gone: nothing in the product catches this."""


class Mortal:
    """Counts the steps that reach the outside world and dies at one of them."""

    def __init__(self, at: int) -> None:
        self.left = at

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


class MortalStore(ObjectStore):
    """The real store, until its process dies before or after an operation."""

    def __init__(self, store: ObjectStore, life: Mortal) -> None:
        super().__init__(store._blobs)
        self._life = life

    def keep(self, name: str, data: bytes, key: bytes) -> None:
        self._life.step()
        super().keep(name, data, key)
        self._life.step()

    def intact(self, name: str, key: bytes) -> int:
        self._life.step()
        return super().intact(name, key)


class AwayStore(ObjectStore):
    """The real store behind a network that fails some times first."""

    def __init__(self, store: ObjectStore, fails: int) -> None:
        super().__init__(store._blobs)
        self.fails = fails

    def keep(self, name: str, data: bytes, key: bytes) -> None:
        if self.fails and not name.endswith("init"):
            self.fails -= 1
            raise ConnectionError("away")
        super().keep(name, data, key)


class MortalDatabase(Database):
    """The real database, until its process dies inside or just after a transaction."""

    life = Mortal(10**9)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        async with super().begin() as conn:
            yield conn
            self.life.step()
        self.life.step()


class AwayDatabase(Database):
    """The real database, which some transactions do not reach, and of which some answers do not come back."""

    before = after = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        if self.before:
            self.before -= 1
            raise ConnectionError("away")
        async with super().begin() as conn:
            yield conn
        if self.after:
            self.after -= 1
            raise ConnectionError("committed, and nobody was told")


async def write_journal(spool: Path, head: JournalHeader, records: list[Record], close: str | None = "left") -> Path:
    return await asyncio.to_thread(rtp_source.write_journal, spool, head, records, close)


def packager(db: Database, objects: ObjectStore, keyring: Keyring, clock: ManualClock, spool: Path) -> Packager:
    return Packager(db, objects, keyring, clock, spool, None, Metrics())


async def stored_file(db: Database, objects: ObjectStore, keyring: Keyring, epoch: str) -> bytes:
    keys = store.RecordKeys(db, keyring, ManualClock())
    return b"".join([piece async for piece in epoch_bytes(db, objects, keys, epoch)])


def count(data: bytes) -> dict[str, int]:
    with av.open(io.BytesIO(data)) as file:
        found = {"video": 0, "audio": 0}
        for packet in file.demux():
            found[packet.stream.type] += bool(packet.size)
    return found


async def test_a_closed_journal_becomes_a_playable_file_and_is_removed(
    database: Database, object_store: ObjectStore, keyring: Keyring, clock: ManualClock, tmp_path: Path
) -> None:
    path = await write_journal(tmp_path / "spool", rtp_source.header(), rtp_source.call(5))
    await packager(database, object_store, keyring, clock, tmp_path / "spool").drain()
    assert not path.exists()
    async with database.read() as conn:
        epoch = await store.epoch_row(conn, "ep_1")
        clusters = await store.clusters_of(conn, "ep_1")
    assert epoch is not None and epoch.closed and epoch.clusters == len(clusters)
    assert epoch.chain == clusters[-1].chain
    data = await stored_file(database, object_store, keyring, "ep_1")
    assert count(data) == {"video": 5 * rtp_source.FPS, "audio": 250}


@pytest.mark.may_block("the test plays the media worker too, which writes in a thread of its own")
async def test_a_running_call_can_be_replayed_a_second_and_a_half_behind(
    sqlite_database: Database, object_store: ObjectStore, keyring: Keyring, clock: ManualClock, tmp_path: Path
) -> None:
    head = rtp_source.header()
    writer = JournalWriter(journal_path(tmp_path, head.worker, head.session, head.leg, head.epoch), head)
    running = packager(sqlite_database, object_store, keyring, clock, tmp_path)
    worst_ms = 0
    records, done = rtp_source.call(8), 0
    for now_ms in range(200, 8001, 200):
        while done < len(records) and getattr(records[done], "mono_ns", 0) <= rtp_source.START_NS + now_ms * 1_000_000:
            rtp_source.append(writer, records[done])
            done += 1
        writer.flush()
        await running.drain()
        async with sqlite_database.read() as conn:
            clusters = await store.clusters_of(conn, head.epoch)
        shown_ms = clusters[-1].t_ms + clusters[-1].d_ms if clusters else 0
        worst_ms = max(worst_ms, now_ms - shown_ms)
    # One poll of 200 ms passes before each look.
    assert worst_ms + 200 <= 1800, worst_ms
    growing = await stored_file(sqlite_database, object_store, keyring, head.epoch)
    assert count(growing)["video"] >= 6 * rtp_source.FPS
    writer.close("left")
    await running.drain()
    closed = await stored_file(sqlite_database, object_store, keyring, head.epoch)
    first = growing.index(b"\x1f\x43\xb6\x75")
    assert closed[first : len(growing)] == growing[first:], "closing changes nothing from the first cluster on"


async def test_killed_between_any_two_steps_it_ends_with_the_same_bytes_and_nothing_lost(
    sqlite_url: str, object_store: ObjectStore, keyring: Keyring, clock: ManualClock, tmp_path: Path
) -> None:
    records = rtp_source.disturbed(rtp_source.call(2), seed=4)
    await write_journal(tmp_path / "spool", rtp_source.header(), records)
    database = await MortalDatabase.open(sqlite_url)
    database.life = Mortal(10**9)
    await database.create_all()
    await packager(database, object_store, keyring, clock, tmp_path / "spool").drain()
    expected = await stored_file(database, object_store, keyring, "ep_1")
    deaths = 0
    while True:
        # Another call with the same media: its own epoch, so its own names; then die at step `deaths`.
        head = rtp_source.header(epoch=f"ep_{deaths + 10}", record=f"rec_{deaths + 10}")
        path = await write_journal(tmp_path / "spool", head, records)
        life = Mortal(deaths)
        database.life = life
        try:
            await packager(database, MortalStore(object_store, life), keyring, clock, tmp_path / "spool").drain()
            break
        except Killed:
            deaths += 1
            assert path.exists(), "the journal outlives every death before the end"
        database.life = Mortal(10**9)
        await packager(database, object_store, keyring, clock, tmp_path / "spool").drain()
        assert not path.exists()
        again = await stored_file(database, object_store, keyring, head.epoch)
        # Only the identity of the file differs, which stands in the head.
        assert _media(again) == _media(expected)
        async with database.read() as conn:
            epoch = await store.epoch_row(conn, head.epoch)
            assert epoch is not None and epoch.closed
            assert [row.n for row in await store.clusters_of(conn, head.epoch)] == list(range(epoch.clusters))
        names = await object_store.list(f"records/{head.record}/")
        assert len(names) == len(await _parts(database, head.epoch)) + 3
    assert deaths > 15
    await database.close()


async def _parts(database: Database, epoch: str) -> list[store.PartRow]:
    async with database.read() as conn:
        return await store.parts_of(conn, epoch)


def _media(data: bytes) -> bytes:
    return data[data.index(b"\x1f\x43\xb6\x75") : data.rindex(b"\x1c\x53\xbb\x6b")]


async def test_a_worker_that_died_leaves_a_closed_epoch_with_all_it_had_written(
    sqlite_database: Database, object_store: ObjectStore, keyring: Keyring, clock: ManualClock, tmp_path: Path
) -> None:
    path = await write_journal(tmp_path, rtp_source.header(), rtp_source.call(3), None)
    with path.open("ab") as file:
        file.write(b"\x00\x00\x01\x00half a record")
    running = packager(sqlite_database, object_store, keyring, clock, tmp_path)
    await running.drain()
    assert path.exists(), "it may only be slow"
    clock.advance(GONE_AFTER_S + 0.1)
    await running.drain()
    assert not path.exists()
    async with sqlite_database.read() as conn:
        epoch = await store.epoch_row(conn, "ep_1")
    assert epoch is not None and epoch.closed and epoch.facts["closed_reason"] == "worker_died"
    data = await stored_file(sqlite_database, object_store, keyring, "ep_1")
    # The last picture waits for nothing more; the last sounds neither.
    assert count(data) == {"video": 3 * rtp_source.FPS, "audio": 150}


@pytest.mark.may_block("the test plays the media worker too, which writes in a thread of its own")
async def test_a_journal_is_taken_from_a_writer_that_stands_still_but_not_from_one_that_is_slow(
    sqlite_database: Database, object_store: ObjectStore, keyring: Keyring, clock: ManualClock, tmp_path: Path
) -> None:
    head, records = rtp_source.header(), rtp_source.call(3)
    path = journal_path(tmp_path, head.worker, head.session, head.leg, head.epoch)
    writer = JournalWriter(path, head)
    for record in records[:-20]:
        rtp_source.append(writer, record)
    running = packager(sqlite_database, object_store, keyring, clock, tmp_path)
    await running.drain()
    clock.advance(SILENT_S - 1)
    await running.drain()
    assert path.exists(), "its writer lives and may come back"
    for record in records[-20:-10]:
        rtp_source.append(writer, record)
    await running.drain()
    clock.advance(SILENT_S + 1)
    await running.drain()
    assert not path.exists() and not list(tmp_path.rglob("*.taken"))
    writer.packet(0, 1, b"too late")
    writer.sync()
    assert writer.fault == "journal_taken", "the writer knows that nobody reads this"
    async with sqlite_database.read() as conn:
        epoch = await store.epoch_row(conn, head.epoch)
    assert epoch is not None and epoch.closed
    kept = count(await stored_file(sqlite_database, object_store, keyring, head.epoch))
    expected = [each for each in records[:-10] if isinstance(each, Packet) and each.track == rtp_source.AUDIO]
    assert kept["audio"] == len(expected), "what it wrote before is whole"


async def test_a_journal_that_was_taken_is_packaged_by_the_next_packager(
    sqlite_database: Database, object_store: ObjectStore, keyring: Keyring, clock: ManualClock, tmp_path: Path
) -> None:
    path = await write_journal(tmp_path, rtp_source.header(), rtp_source.call(3), None)
    await asyncio.to_thread(path.rename, path.with_suffix(".taken"))  # the first one died just after
    await packager(sqlite_database, object_store, keyring, clock, tmp_path).drain()
    data = await stored_file(sqlite_database, object_store, keyring, "ep_1")
    assert count(data) == {"video": 3 * rtp_source.FPS, "audio": 150}
    assert not await asyncio.to_thread(lambda: list(tmp_path.rglob("*.taken")))


async def test_a_damaged_journal_is_packaged_up_to_the_damage_and_put_aside(
    sqlite_database: Database, object_store: ObjectStore, keyring: Keyring, clock: ManualClock, tmp_path: Path
) -> None:
    path = await write_journal(tmp_path, rtp_source.header(), rtp_source.call(3))
    data = bytearray(await asyncio.to_thread(path.read_bytes))
    data[len(data) * 2 // 3] ^= 0x10
    await asyncio.to_thread(path.write_bytes, data)
    await packager(sqlite_database, object_store, keyring, clock, tmp_path).drain()
    async with sqlite_database.read() as conn:
        epoch = await store.epoch_row(conn, "ep_1")
    assert epoch is not None and epoch.closed and epoch.facts["closed_reason"] == "journal_damaged"
    assert 1500 < epoch.length_ms < 2500
    assert count(await stored_file(sqlite_database, object_store, keyring, "ep_1"))["audio"] > 80
    assert not path.exists() and await asyncio.to_thread(path.with_suffix(".damaged").read_bytes) == bytes(data)


async def test_an_object_that_is_not_what_the_journal_gives_stops_the_epoch_and_keeps_the_journal(
    sqlite_database: Database, object_store: ObjectStore, keyring: Keyring, clock: ManualClock, tmp_path: Path
) -> None:
    path = await write_journal(tmp_path, rtp_source.header(), rtp_source.call(2))
    key = await store.RecordKeys(sqlite_database, keyring, clock)("rec_1")
    await object_store.put("records/rec_1/recordings/ep_1/000000.clusters", b"something else", key)
    with pytest.raises(PackagingFault, match="stored_differs"):
        await packager(sqlite_database, object_store, keyring, clock, tmp_path).drain()
    assert path.exists()


async def test_a_shared_screen_is_stored_as_an_epoch_of_its_own(
    sqlite_database: Database, object_store: ObjectStore, keyring: Keyring, clock: ManualClock, tmp_path: Path
) -> None:
    records: list[Record] = rtp_source.call(3, screen=True)
    assert any(isinstance(record, Packet) and record.track == rtp_source.SCREEN for record in records)
    await write_journal(tmp_path, rtp_source.header(screen=True), records)
    await packager(sqlite_database, object_store, keyring, clock, tmp_path).drain()
    async with sqlite_database.read() as conn:
        epochs = await store.epochs_of(conn, "rec_1")
    assert [(each.epoch, each.kind) for each in epochs] == [("ep_1", "camera"), ("ep_1-screen", "screen")]


async def test_only_one_packager_works_on_a_spool(
    sqlite_database: Database, object_store: ObjectStore, keyring: Keyring, clock: ManualClock, tmp_path: Path
) -> None:
    first = packager(sqlite_database, object_store, keyring, clock, tmp_path)
    second = packager(sqlite_database, object_store, keyring, clock, tmp_path)
    async with first._alone():
        with pytest.raises(RuntimeError, match="another packager"):
            await second.run()


async def test_while_the_store_is_away_the_epoch_waits_and_then_goes_on_where_it_was(
    sqlite_database: Database, object_store: ObjectStore, keyring: Keyring, clock: ManualClock, tmp_path: Path
) -> None:
    path = await write_journal(tmp_path / "spool", rtp_source.header(), rtp_source.call(3))
    away = AwayStore(object_store, fails=5)
    metrics = Metrics()
    running = Packager(sqlite_database, away, keyring, clock, tmp_path / "spool", None, metrics)
    for _ in range(40):
        await running.run_once()
        clock.advance(3)
        if not path.exists():
            break
    assert not path.exists() and away.fails == 0
    assert metrics.value("packager_faults_total", code="ConnectionError") == 5
    data = await stored_file(sqlite_database, object_store, keyring, "ep_1")
    assert count(data) == {"video": 3 * rtp_source.FPS, "audio": 150}


async def test_what_a_lost_database_did_and_did_not_note_is_noted_once(
    sqlite_url: str, object_store: ObjectStore, keyring: Keyring, clock: ManualClock, tmp_path: Path
) -> None:
    path = await write_journal(tmp_path / "spool", rtp_source.header(), rtp_source.call(3))
    away = await AwayDatabase.open(sqlite_url)
    await away.create_all()
    await store.RecordKeys(away, keyring, clock)("rec_1")
    away.before, away.after = 2, 3
    metrics = Metrics()
    running = Packager(away, object_store, keyring, clock, tmp_path / "spool", None, metrics)
    for _ in range(20):
        await running.run_once()
        clock.advance(3)
        if not path.exists():
            break
    assert not path.exists() and (away.before, away.after) == (0, 0)
    assert metrics.value("packager_faults_total", code="ConnectionError") == 5
    data = await stored_file(away, object_store, keyring, "ep_1")
    assert count(data) == {"video": 3 * rtp_source.FPS, "audio": 150}
    await away.close()


async def test_an_epoch_that_cannot_be_packaged_does_not_hold_up_the_others(
    sqlite_database: Database, object_store: ObjectStore, keyring: Keyring, clock: ManualClock, tmp_path: Path
) -> None:
    names = [f"ep_{n}" for n in range(5)]
    paths = [await write_journal(tmp_path, rtp_source.header(epoch=name), rtp_source.call(2)) for name in names]
    key = await store.RecordKeys(sqlite_database, keyring, clock)("rec_1")
    await object_store.put("records/rec_1/recordings/ep_1/000000.clusters", b"something else", key)
    metrics = Metrics()
    running = Packager(sqlite_database, object_store, keyring, clock, tmp_path, None, metrics)
    for _ in range(3):
        await running.run_once()
    assert [path.exists() for path in paths] == [name == "ep_1" for name in names]
    assert metrics.value("packager_faults_total", code="stored_differs") == 1, "it pauses before it tries again"


@pytest.mark.parametrize("seed", range(6))
async def test_a_journal_broken_anywhere_becomes_a_playable_file_of_all_before(
    sqlite_database: Database, object_store: ObjectStore, keyring: Keyring, tmp_path: Path, seed: int
) -> None:
    await check_broken(sqlite_database, object_store, keyring, tmp_path / "spool", seed)
