"""Our own side: NATS, a media worker and a packager as `yuankan serve` starts them, each a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from foundation.bus import Bus, Msg
from foundation.clock import SystemClock
from foundation.db import Database
from foundation.ids import new_id
from foundation.keyring import load_keyring
from foundation.nats_child import NatsChild
from foundation.objects import open_store
from foundation.settings import Settings
from media import contract
from media.contract import AUDIO_SLOTS, SLOT_MIDS
from media.datagrams import own_addresses
from recordings import replay, store
from recordings.tail import journals_below
from server.schema import migrate_database
from tests.bench.call import side
from tests.rehearsal.installation import ROOT, free_port
from tests.support.media_worker import Node

TRACKS = [contract.TrackSpec("0", "audio"), contract.TrackSpec("1", "camera")]
_PLAYABLE_S = 60.0


class Room:
    """A session on the worker; every room is a record of its own."""

    def __init__(self, node: Node, record: str) -> None:
        self.node = node
        self.record = record

    async def publish(self, person: int, offer: str) -> str:
        return await self.node.publish(f"leg_{person}", offer, TRACKS)

    async def published(self, person: int) -> None:
        await self.node.hears(contract.LegUp, leg=f"leg_{person}", direction="publish")

    async def subscribe(self, person: int, sources: Sequence[int]) -> str:
        leg = f"leg_{person}"
        offer = await self.node.subscribe(leg)
        slots = []
        for place, source in enumerate(sources):
            slots.append(contract.SlotSpec(SLOT_MIDS[place], f"leg_{source}", "audio"))
            slots.append(contract.SlotSpec(SLOT_MIDS[AUDIO_SLOTS + place], f"leg_{source}", "camera"))
        await self.node.done(contract.AssignSlots(self.node.session, leg, slots))
        return offer

    async def subscribed(self, person: int, answer: str) -> None:
        await self.node.done(contract.SubscribeAnswer(self.node.session, f"leg_{person}", answer))

    async def close(self) -> None:
        await self.node.close()


class Yuankan:
    """The running processes. ``records`` are those of the rooms so far."""

    name = "yuankan"
    encodes = False

    def __init__(self, settings: Settings, worker: str, bus: Bus, db: Database) -> None:
        self.settings = settings
        self.db = db
        self.host = settings.media_host
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.records: list[str] = []
        self.bus = bus
        self._worker = worker

    async def room(self, people: int) -> Room:
        node = Node(self.bus, self._worker, new_id("call"))
        await node.listen()
        room = Room(node, new_id("rec"))
        self.records.append(room.record)
        for person in range(people):
            # One of them is the applicant, whose pictures are looked at.
            request = contract.OpenLeg(node.session, room.record, f"leg_{person}", recorded=True, watched=person == 0)
            reply = await node.ask(request)
            assert reply == contract.Done(), reply
        return room

    def processor_s(self) -> float:
        return sum(side.processor_s(process.pid) for process in self.processes.values())

    def memory_bytes(self) -> dict[str, int]:
        return {name: side.memory_bytes(process.pid) for name, process in self.processes.items()}

    async def epochs(self) -> list[store.Epoch]:
        async with self.db.read() as conn:
            return [epoch for record in self.records for epoch in await store.epochs_of(conn, record)]

    async def playable(self) -> None:
        """Return once every journal has become a closed file."""
        deadline = asyncio.get_running_loop().time() + _PLAYABLE_S
        while journals_below(self.settings.spool):
            assert asyncio.get_running_loop().time() < deadline, "recordings were not packaged in time"
            await asyncio.sleep(0.05)
        assert all(epoch.closed for epoch in await self.epochs())

    async def recordings(self) -> side.Frames:
        await self.playable()
        return side.Frames()

    async def count(self, frames: side.Frames, folder: Path) -> None:
        """Fetch every file as an auditor does, and count what it holds; apart, as watching is no cost of recording."""
        objects = await asyncio.to_thread(open_store, self.settings.objects, self.settings)
        keyring = await asyncio.to_thread(load_keyring, self.settings.office_key)
        keys = store.RecordKeys(self.db, keyring, SystemClock())
        for epoch in await self.epochs():
            path = folder / f"{epoch.epoch}.webm"
            with path.open("wb") as file:
                async for piece in replay.epoch_bytes(self.db, objects, keys, epoch.epoch):
                    file.write(piece)
            await asyncio.to_thread(frames.count, path)
            path.unlink()


@asynccontextmanager
async def yuankan(folder: Path) -> AsyncIterator[Yuankan]:
    """Start with everything in ``folder``; ended in good order."""
    child = await NatsChild.start(folder)
    port = free_port()
    values = {
        "DATA_DIR": str(folder / "data"),
        "NATS_URL": child.url,
        "NATS_TOKEN": child.token,
        "MEDIA_HOST": own_addresses("0.0.0.0")[0],
        "MEDIA_PORT": str(port),
    }
    settings = Settings(**{name.lower(): value for name, value in values.items()})  # type: ignore[arg-type]
    settings.data_dir.mkdir(parents=True)
    await migrate_database(settings)
    await asyncio.to_thread(load_keyring, settings.office_key)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("YUANKAN_")}
    environment |= {f"YUANKAN_{name}": value for name, value in values.items()} | {"PYTHONPATH": str(ROOT)}
    bus = await Bus.connect(child.url, child.token)
    db = await Database.open(settings.database)
    running: Yuankan | None = None
    try:
        processes = {}
        for role in ("media", "packager"):
            with (folder / f"{role}.log").open("wb") as log:
                processes[role] = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "server.cli", role),
                    cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=log,
                )  # fmt: skip
        alive: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def heard(message: Msg) -> None:
            if not alive.done():
                alive.set_result(contract.decode_heartbeat(message.data).worker)

        heartbeat = await bus.subscribe("media.heartbeat", heard)
        for role, process in processes.items():
            assert process.stdout is not None
            said = await asyncio.wait_for(process.stdout.readline(), 30)
            assert said.strip() == b"ready", f"{role}: {said!r} {(folder / f'{role}.log').read_text()[-2000:]}"
        worker = await asyncio.wait_for(alive, 10)
        await heartbeat.close()
        running = Yuankan(settings, worker, bus, db)
        running.processes = processes
        yield running
    finally:
        for process in processes.values():
            await side.ended(process)
        await db.close()
        await bus.close()
        await child.stop()
