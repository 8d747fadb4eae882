"""What signing works with, and what it tells: handed over once by whoever puts the program together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.clock import Clock
from foundation.db import Database
from foundation.objects import ObjectStore
from signing.authority import Authority
from signing.fonts import FontSet
from signing.keys import KeyStore
from signing.report import Report
from signing.signers import Signer
from signing.timestamp import TimeStampAuthority

T = TypeVar("T")


class SigningEvent(msgspec.Struct, frozen=True):
    """Something for the record's list of events; `tag` as in `applicant:signature:made`."""

    tag: str
    actor: str
    body: dict[str, Any]


OnEvent = Callable[[AsyncConnection, str, SigningEvent], Awaitable[None]]
"""(connection of the same transaction, record, event): the event stands if and only if the signature does."""


async def no_events(_conn: AsyncConnection, _record: str, _event: SigningEvent) -> None:
    """For tests and tools without a record."""


SendCode = Callable[[AsyncConnection, str, str, str], Awaitable[str]]
"""(connection of the same transaction, party, code, language): the code leaves for the party's own number, which is
given masked."""


async def no_sending(_conn: AsyncConnection, _party: str, _code: str, _lang: str) -> str:
    """For tests and tools without people: nobody gets a code, so nobody signs by one."""
    return ""


@dataclass(frozen=True)
class Composed:
    """What a sheet is made from. `thumbnails`: JPEG or PNG by photo id; `manifest`: JSON of the recording so far."""

    report: Report
    thumbnails: dict[str, bytes]
    manifest: bytes


ReportComposer = Callable[[str], Awaitable[Composed]]


@dataclass(frozen=True)
class Means:
    """`record_key` gives the key that seals the record's objects; `stamp_certificates` are the DER certificates of the
    time stamp services in use, the only ones that verdicts believe; `seals` the keys, by office code, of offices whose
    seal is not one of our own."""

    db: Database
    objects: ObjectStore
    record_key: Callable[[str], Awaitable[bytes]]
    keys: KeyStore
    authority: Authority
    stamps: TimeStampAuthority
    stamp_certificates: tuple[bytes, ...]
    fonts: FontSet
    clock: Clock
    on_event: OnEvent = no_events
    send_code: SendCode = no_sending
    seals: Mapping[str, Signer] = field(default_factory=dict)


async def off_loop(work: Callable[..., Coroutine[Any, Any, T]], *args: Any, **named: Any) -> T:
    """Run signing's own work (0.1 s of hashing and parsing behind a coroutine) in a thread with a loop of its own, so
    that a node's calls do not wait for it."""
    return await asyncio.to_thread(lambda: asyncio.run(work(*args, **named)))
