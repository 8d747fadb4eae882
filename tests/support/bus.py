"""The real bundled NATS server, one for the session; a connection for each test."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from foundation.bus import Bus
from foundation.nats_child import NatsChild


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nats_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsChild]:
    """Its `url` and `token` connect any number of buses. A test that kills a server starts its own."""
    child = await NatsChild.start(tmp_path_factory.mktemp("nats"))
    yield child
    await child.stop()


@pytest.fixture
async def bus(nats_server: NatsChild) -> AsyncIterator[Bus]:
    connection = await Bus.connect(nats_server.url, nats_server.token)
    yield connection
    await connection.close()
