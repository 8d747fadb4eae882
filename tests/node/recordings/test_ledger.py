"""Rows of many epochs in one transaction."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from foundation.db import Database
from recordings import store
from recordings.ledger import Ledger
from recordings.store import Rows
from recordings.tail import EpochTail, link_all
from tests.support import rtp_source


class CountingDatabase(Database):
    """The real database; counts its write transactions and may refuse them."""

    transactions = 0
    away = False

    @asynccontextmanager
    async def begin(self) -> Any:
        async with super().begin() as conn:
            self.transactions += 1
            if self.away:
                raise ConnectionError("away")
            yield conn


def first_part(spool: Path, epoch: str) -> Rows:
    tail = EpochTail(rtp_source.write_journal(spool, rtp_source.header(epoch=epoch), rtp_source.call(2)))
    tail.look()
    link_all(tail.files)
    part = tail.files[0].parts[0]
    return Rows(part.epoch, part.row, part.clusters)


async def test_parts_that_come_together_are_committed_together(sqlite_url: str, tmp_path: Path) -> None:
    db = await CountingDatabase.open(sqlite_url)
    await db.create_all()
    db.transactions = 0
    parts = [await asyncio.to_thread(first_part, tmp_path, f"ep_{n}") for n in range(20)]
    ledger = Ledger(db)
    await asyncio.gather(*(ledger.put([part]) for part in parts))
    assert db.transactions <= 2, "the first, and one for all who came meanwhile"
    async with db.read() as conn:
        assert [await store.parts_of(conn, f"ep_{n}") for n in range(20)] == [[part.part] for part in parts]
    await db.close()


async def test_a_transaction_that_fails_is_told_to_everyone_in_it(sqlite_url: str, tmp_path: Path) -> None:
    db = await CountingDatabase.open(sqlite_url)
    await db.create_all()
    parts = [await asyncio.to_thread(first_part, tmp_path, f"ep_{n}") for n in range(3)]
    ledger, db.away = Ledger(db), True
    told = await asyncio.gather(*(ledger.put([part]) for part in parts), return_exceptions=True)
    assert [type(one) for one in told] == [ConnectionError] * 3
    db.away = False
    await asyncio.gather(*(ledger.put([part]) for part in parts))
    await db.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"
