"""Passwords and server keys from the command line, for the operator."""

from __future__ import annotations

from foundation.clock import SystemClock
from foundation.db import Database
from foundation.keyring import load_keyring
from office import store as office
from office.demo import new_password
from server.login import store
from server.login.sessions import hash_password
from server.means import ORGANISATION
from server.preflight import read_settings
from server.schema import migrate_database
from server.supervise import CannotStart
from signing.certificates import pem
from signing.keys import ROTATED, KeyStore


async def reset_password(account: str) -> None:
    """Give ``account`` a new random password and print it. Raises CannotStart when nobody has that account."""
    settings = read_settings()
    await migrate_database(settings)
    db = await Database.open(settings.database)
    password = new_password()
    try:
        password_hash = await hash_password(password)
        async with db.begin() as conn:
            person = await office.staff_by_account(conn, account)
            if person is None:
                raise CannotStart(f"没有账号“{account}”。\nThere is no account {account!r}.")
            await store.set_password(conn, account, person.id, password_hash)
    finally:
        await db.close()
    print(password)


async def rotate_key(kind: str) -> None:
    """Make a new key of this kind and print its certificate; it is in use from each process's next start."""
    if kind not in ROTATED:
        raise CannotStart(f"{', '.join(ROTATED)}: 只有这些密钥可以更换。\nOnly these keys can be replaced.")
    settings = read_settings()
    await migrate_database(settings)
    db = await Database.open(settings.database)
    try:
        keys = KeyStore(db, load_keyring(settings.office_key), SystemClock(), ORGANISATION)
        print(pem([await keys.rotate(kind)]))
    finally:
        await db.close()
