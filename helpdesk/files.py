"""The files that people of a help call sent each other: kept sealed, each with who sent it and by what name."""

import asyncio

from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from foundation.objects import ObjectStore
from helpdesk.attachment import judge
from office.notices import RecordKey
from office.picture_shelf import KeptPicture, PictureShelf
from office.session import Refused
from office.tables import files


class StoredFile(KeptPicture, frozen=True, kw_only=True):
    """`sender`: the staff or invitation that sent it."""

    name: str
    sender: str


class Files(PictureShelf[StoredFile]):
    """The files of this node's database and object store."""

    def __init__(self, db: Database, clock: Clock, objects: ObjectStore, record_key: RecordKey) -> None:
        super().__init__(db, clock, objects, record_key, table=files, row=StoredFile, prefix="fil", once="sender")

    async def take_in(self, record: str, data: bytes, sha256: str, name: str, sender: str) -> tuple[StoredFile, bool]:
        """Judge, seal and register one file, once for each sender.

        Raises F03 changed on the way, and what `attachment.judge` refuses.
        """
        judged = await asyncio.to_thread(judge, name, data)
        if isinstance(judged, Refused):
            raise Problem(judged.code, **judged.params)
        clean, mime = judged
        return await self.keep(record, data, sha256, mime, thumbnail=None, name=clean, sender=sender)
