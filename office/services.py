"""What the HTTP routes of office, inspection and helpdesk need from the node they run on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.access import Actor, Resource
from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from office import store
from office.commands import Command
from office.notices import RecordKey
from office.session import Party

Dispatch = Callable[[str, Actor, Command], Awaitable[None]]
"""Put a command to a record's session (through its room, so that everybody present sees it).

Raises Problem if refused.
"""

Displaced = Callable[[str, str], Awaitable[None]]
"""Another device took over this record's invitation (record, invitation): end the connections of the first."""

Printable = Callable[[str], list[str]]
"""The characters of a text that no font of this installation can print, each once; empty where all can."""


class Subject(Struct, frozen=True, kw_only=True):
    """What a record is about, as its link tells it: an inspection's matter, a help service's guide."""

    name: str
    gloss: str
    minutes: int
    documents: tuple[tuple[str, str], ...]


Within = Callable[[AsyncConnection, str, Command, Party], Awaitable[None]]
"""Put a command to a record inside the caller's transaction: both stand or fall together.

Raises Problem if refused. Not for commands that open or close a call: those go through `Dispatch`.
"""

SubjectOf = Callable[[AsyncConnection, store.Record, store.Case], Awaitable[Subject | None]]


async def matter_of(conn: AsyncConnection, record: store.Record, case: store.Case) -> Subject | None:
    """The subject of an inspection."""
    matter = await store.get_matter(conn, case.matter, record.matter_version)
    if matter is None:
        return None
    documents = tuple((material.name, material.gloss) for material in matter.materials)
    return Subject(name=matter.name, gloss=matter.gloss, minutes=matter.procedure.typical_minutes, documents=documents)


async def _not_within(_conn: AsyncConnection, record: str, _command: Command, _party: Party) -> None:
    raise LookupError(record)


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
    within: Within = _not_within
    subject_of: SubjectOf = matter_of

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
    return Resource(row.resource, row.id, office=row.office, record=row.id, people=named)
