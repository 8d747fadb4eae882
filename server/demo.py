"""The demonstration office in an empty database: people, matters, today's cases, and passwords that are shown once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from foundation.clock import SystemClock
from foundation.db import Database
from foundation.keyring import load_keyring
from foundation.settings import Settings
from helpdesk.demo import add_demo_halls, open_demo_hall, read_guides, read_halls
from inspection.demo import load_demonstration
from recordings.store import RecordKeys
from server.login import store
from server.login.sessions import hash_password

POSTS = {"officer": "勘验人员", "agent": "帮办员", "auditor": "稽查", "supervisor": "值班长", "admin": "管理员"}


@dataclass(frozen=True)
class Shown:
    """One account as the terminal shows it."""

    account: str
    password: str
    name: str
    post: str


@dataclass(frozen=True)
class Demonstration:
    """What was just made; without passwords when it had been made before."""

    passwords: tuple[Shown, ...]
    invitation: str | None

    def document(self) -> dict[str, Any]:
        accounts = [{"account": one.account, "password": one.password, "name": one.name} for one in self.passwords]
        return {"accounts": accounts, "invitation": self.invitation}


async def ensure_demonstration(settings: Settings) -> Demonstration | None:
    """Fill an empty database; None when it is not empty. The database is migrated already."""
    db = await Database.open(settings.database)
    clock = SystemClock()
    try:
        keys = RecordKeys(db, load_keyring(settings.office_key), clock)
        made = await load_demonstration(db, clock, keys.within, settings.base_url.rstrip("/"))
        if made is None:
            return None
        hashes = {account.account: await hash_password(account.password) for account in made.accounts}
        guides, halls = await read_guides(), await read_halls()
        async with db.begin() as conn:
            await add_demo_halls(conn, guides, halls)
            agents = {account.account: account.staff for account in made.accounts if "agent" in account.roles}
            await open_demo_hall(conn, guides, agents, clock.now())
            for account in made.accounts:
                await store.set_password(conn, account.account, account.staff, hashes[account.account])
    finally:
        await db.close()
    shown = tuple(
        Shown(one.account, one.password, one.name, "、".join(POSTS.get(role, role) for role in one.roles))
        for one in made.accounts
    )
    return Demonstration(shown, next((case.link for case in made.cases if case.link), None))
