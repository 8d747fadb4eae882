"""The connection to NATS as the settings say; apart from the database, which a media worker does not have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from foundation.bus import Bus
from foundation.settings import Settings


class BusMissing(Exception):
    """A role was started by itself without saying where NATS is."""


@asynccontextmanager
async def open_bus(settings: Settings, name: str) -> AsyncIterator[Bus]:
    """A connection to NATS. Raises `BusMissing` without a URL, `BusUnavailable` when nothing answers."""
    if settings.nats_url is None:
        raise BusMissing("YUANKAN_NATS_URL is not set: `./run` starts a server of its own, a single role joins yours")
    token = settings.nats_token.get_secret_value() if settings.nats_token else None
    bus = await Bus.connect(settings.nats_url, token, name=name)
    try:
        yield bus
    finally:
        await bus.close()
