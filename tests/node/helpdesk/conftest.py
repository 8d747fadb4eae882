"""The district's hall on each database in turn."""

import pytest

from foundation.clock import ManualClock
from foundation.db import Database
from tests.support.hall import Hall, open_hall


@pytest.fixture
async def hall(database: Database, clock: ManualClock) -> Hall:
    return await open_hall(database, clock)
