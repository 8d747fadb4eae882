import pytest

from foundation.audit import Verdict, verify_chain
from tests.support.appender import append_in_two_processes


@pytest.mark.timeout(600)
async def test_ten_thousand_rows_of_two_processes_are_one_chain(database, database_url):
    await append_in_two_processes(database_url, 5_000)
    async with database.read() as conn:
        assert await verify_chain(conn) == Verdict(True, 10_000, "ok")
