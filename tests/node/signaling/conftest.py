"""One node on SQLite; tests that are about two nodes or both engines live in tests/cluster."""

from collections.abc import AsyncIterator

import pytest

from foundation.clock import SystemClock
from foundation.db import Database
from foundation.nats_child import NatsChild
from tests.support.signaling import LI, WANG, Opened, Station, assign, open_office, open_record


@pytest.fixture
async def station(sqlite_url: str, nats_server: NatsChild) -> AsyncIterator[Station]:
    """A node whose office has two officers."""
    database = await Database.open(sqlite_url)
    await database.create_all()
    await open_office(database, SystemClock(), WANG, LI)
    await database.close()
    station = await Station.start("node-a", sqlite_url, nats_server)
    yield station
    await station.stop()


@pytest.fixture
async def opened(station: Station) -> Opened:
    """A record with both officers booked."""
    opened = await open_record(station.db, SystemClock())
    await assign(station, opened.record, WANG, LI)
    return opened
