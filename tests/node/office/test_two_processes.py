"""Two processes, one record, one unbroken chain."""

from foundation.db import Database
from tests.support.chains import write_from_processes


async def test_two_processes_appending_to_one_record_give_one_unbroken_chain(
    database: Database, database_url: str
) -> None:
    await write_from_processes(database, database_url, "rec_1", ("left", "right"), 300)
