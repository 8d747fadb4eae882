import asyncio

import pytest
from sqlalchemy import select

from foundation.clock import ManualClock
from foundation.db import Database
from foundation.errors import Problem
from foundation.keyring import Keyring
from signing.certificates import der
from signing.keys import KeyStore
from signing.store import signing_keys

OFFICE_KEY = bytes(32)


def key_store(database: Database, clock: ManualClock, office_key: bytes = OFFICE_KEY) -> KeyStore:
    return KeyStore(database, Keyring(office_key), clock, "松汀区政务服务中心")


async def test_two_nodes_that_start_at_once_share_one_set_of_keys(database: Database, clock: ManualClock) -> None:
    found = await asyncio.gather(*(key_store(database, clock).server_keys() for _ in range(2)))
    assert der(found[0].event_ca.certificate) == der(found[1].event_ca.certificate)
    assert found[0].tsa.key.private_numbers() == found[1].tsa.key.private_numbers()
    again = await key_store(database, clock).server_keys()
    assert again.root.certificate == found[0].root.certificate


async def test_every_office_has_a_seal_of_its_own(sqlite_database: Database, clock: ManualClock) -> None:
    store = key_store(sqlite_database, clock)
    one, other = await store.seal("990101", "松汀区"), await store.seal("990102", "另一区")
    assert one.certificate != other.certificate
    assert await store.seal_certificates() == [der(one.certificate), der(other.certificate)]


async def test_keys_lie_sealed_in_the_database(sqlite_database: Database, clock: ManualClock) -> None:
    keys = await key_store(sqlite_database, clock).server_keys()
    secret = keys.root.key.private_numbers().private_value.to_bytes(32, "big")
    async with sqlite_database.read() as conn:
        rows = list(await conn.execute(select(signing_keys)))
    assert len(rows) == 5
    assert not any(secret in row.sealed_key or secret in row.certificate for row in rows)


async def test_another_office_key_opens_nothing(sqlite_database: Database, clock: ManualClock) -> None:
    await key_store(sqlite_database, clock).server_keys()
    with pytest.raises(Problem) as caught:
        await key_store(sqlite_database, clock, bytes([1] * 32)).server_keys()
    assert caught.value.code == "O03"


async def test_a_key_moved_under_another_name_does_not_open(sqlite_database: Database, clock: ManualClock) -> None:
    await key_store(sqlite_database, clock).server_keys()
    async with sqlite_database.begin() as conn:
        tsa = (await conn.execute(select(signing_keys).where(signing_keys.c.name == "tsa"))).one()
        changed = signing_keys.update().where(signing_keys.c.name == "system")
        await conn.execute(changed.values(sealed_key=tsa.sealed_key))
    with pytest.raises(Problem):
        await key_store(sqlite_database, clock).server_keys()
