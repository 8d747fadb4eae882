"""The one place that knows which engines stand behind the product: alone on one machine, or many.

Everything else gets a `Database`, a `Bus` and an `ObjectStore` and does not ask where they are. A part is opened once
per process and closed in reverse order; nothing is global, so two nodes and two workers run inside one test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from foundation import jobs
from foundation.bus import Bus
from foundation.clock import Clock, SystemClock
from foundation.db import Database
from foundation.keyring import Keyring, load_keyring
from foundation.metrics import Metrics
from foundation.objects import ObjectStore, open_store
from foundation.settings import Settings
from server.bus import open_bus


@dataclass(frozen=True)
class Parts:
    """What a process of the product stands on."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    bus: Bus
    db: Database
    objects: ObjectStore
    keyring: Keyring


@asynccontextmanager
async def open_parts(settings: Settings, name: str, clock: Clock | None = None) -> AsyncIterator[Parts]:
    """Database, bus, objects and keys as the settings say. The database must be migrated already."""
    async with open_bus(settings, name) as bus:
        db = await Database.open(settings.database)
        jobs.announce(db, bus)
        try:
            yield Parts(
                settings=settings,
                clock=clock or SystemClock(),
                metrics=Metrics(),
                bus=bus,
                db=db,
                objects=await asyncio.to_thread(open_store, settings.objects, settings),
                keyring=await asyncio.to_thread(load_keyring, settings.office_key),
            )
        finally:
            await db.close()
