"""What the HTTP routes of office and inspection need from the node they run on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from foundation.access import Actor, Resource
from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from office import store
from office.commands import Command
from office.notices import RecordKey

Dispatch = Callable[[str, Actor, Command], Awaitable[None]]
"""Put a command to a record's session (through its room, so that everybody present sees it).

Raises Problem if refused.
"""

Displaced = Callable[[str, str], Awaitable[None]]
"""Another device took over this record's invitation (record, invitation): end the connections of the first."""

Printable = Callable[[str], list[str]]
"""The characters of a text that no font of this installation can print, each once; empty where all can."""


def _all_print(_text: str) -> list[str]:
    return []


@dataclass(frozen=True, kw_only=True)
class Services:
    """`base_url` without a slash at its end; `secure`: cookies travel over HTTPS only."""

    db: Database
    clock: Clock
    base_url: str
    secure: bool
    record_key: RecordKey
    dispatch: Dispatch
    displaced: Displaced
    printable: Printable = _all_print

    async def record_resource(self, record: str) -> Resource:
        """The record as access decides on it. Raises S404."""
        async with self.db.read() as conn:
            row = await store.get_record(conn, record)
        if row is None:
            raise Problem("S404")
        return resource_of(row)

    async def case_resource(self, case: str) -> Resource:
        async with self.db.read() as conn:
            row = await store.get_case(conn, case)
            rounds = await store.records_of(conn, case) if row else []
        if row is None:
            raise Problem("S404")
        named = {each for record in rounds for each in (record.lead, record.assist) if each is not None}
        return Resource("case", row.id, office=row.office, people=frozenset(named))


def resource_of(row: store.Record) -> Resource:
    named = frozenset(each for each in (row.lead, row.assist) if each is not None)
    return Resource("record", row.id, office=row.office, record=row.id, people=named)
