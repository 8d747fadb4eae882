"""Passwords from the command line, for the operator."""

from __future__ import annotations

from foundation.db import Database
from office import store as office
from office.demo import new_password
from server.login import store
from server.login.sessions import hash_password
from server.preflight import read_settings
from server.schema import migrate_database
from server.supervise import CannotStart


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
