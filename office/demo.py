"""The demonstration's offices, matters and staff: an invented city with real rules (office/demo_data/README.md)."""

import asyncio
import secrets
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.ids import new_id
from office import store
from office.matter import LOADER, Matter, load_matter
from office.store import Office, Staff

DATA = Path(__file__).with_name("demo_data")
DISTRICT = "990101"

_TEAM = (
    ("liming", "李明", ("officer",)),
    ("zhoulan", "周岚", ("officer",)),
    ("chenyu", "陈宇", ("officer",)),
    ("zhangmin", "张敏", ("agent",)),
    ("wuyue", "吴悦", ("agent",)),
    ("hejing", "何静", ("auditor",)),
    ("sunwei", "孙伟", ("supervisor", "officer")),
    ("guanli", "管理员", ("admin",)),
)
"""Account, name, roles; all at the district's service centre."""

# Without the letters and digits that are mistaken for one another on a printed slip.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class DemoAccount(Struct, frozen=True, kw_only=True):
    """Shown once, at the first start; only a hash of the password is kept."""

    account: str
    password: str
    staff: str
    name: str
    roles: tuple[str, ...]


def new_password() -> str:
    """Twelve letters in three groups, 59 bits: `k7mq-2xwd-9fpt`."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))


async def read_matters() -> list[Matter]:
    """All matters of the demonstration. Raises MatterError for data that do not fit the schema."""
    return list(await asyncio.to_thread(_matters))


@cache
def _matters() -> tuple[Matter, ...]:
    # Frozen values of shipped files: reading them takes a second of a core, and once is enough.
    return tuple(load_matter(path.read_text("utf-8")) for path in sorted((DATA / "matters").glob("*.yaml")))


@cache
def _offices() -> dict[str, Any]:
    return dict(yaml.load((DATA / "offices.yaml").read_text("utf-8"), Loader=LOADER))


async def offices_document() -> dict[str, Any]:
    """offices.yaml whole, for those who take other parts of it."""
    return await asyncio.to_thread(_offices)


async def read_offices() -> list[Office]:
    """The office tree, each office after its parent."""
    data = await offices_document()
    return [
        Office(
            code=each["code"],
            parent=each["parent"],
            level=each["level"],
            name=each["name"],
            gloss=each["gloss"],
            short=each["short"],
            address=each["address"],
            lat=each["location"]["lat"],
            lon=each["location"]["lon"],
            phone=each["phone"],
            hours=each["hours"],
            inspection_matters=each["inspection_matters"],
            help_matters=each["help_matters"],
        )
        for each in sorted(data["offices"], key=lambda each: len(each["code"]))
    ]


async def add_demo_office(
    conn: AsyncConnection, offices: list[Office], matters: list[Matter], now: datetime
) -> list[DemoAccount]:
    """Offices, matters and staff. The accounts that are new, with the passwords that the caller sets and shows once."""
    for office in offices:
        await store.add_office(conn, office)
    for matter in matters:
        await store.add_matter(conn, matter, at=now)
    accounts: list[DemoAccount] = []
    for account, name, roles in _TEAM:
        if await store.staff_by_account(conn, account) is not None:
            continue
        member = Staff(
            id=new_id("stf"),
            account=account,
            name=name,
            office=DISTRICT,
            roles=list(roles),
            active=True,
            created_at=now,
        )
        await store.add_staff(conn, member)
        accounts.append(DemoAccount(account=account, password=new_password(), staff=member.id, name=name, roles=roles))
    return accounts
