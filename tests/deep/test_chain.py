"""Ten thousand events from two processes: too long for every day, right before a release."""

import pytest

from foundation.db import Database
from tests.support.chains import write_from_processes


@pytest.mark.timeout(1200)
async def test_ten_thousand_events_from_two_processes_give_one_unbroken_chain(
    database: Database, database_url: str
) -> None:
    await write_from_processes(database, database_url, "rec_1", ("left", "right"), 5_000)
