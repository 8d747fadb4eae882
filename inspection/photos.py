"""Photographs of a record: taken in, kept sealed, given out. The phone's hash decides what counts as arrived."""

from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from foundation.objects import ObjectStore
from office.notices import RecordKey
from office.picture import recognise
from office.picture_shelf import KeptPicture, PictureShelf
from office.tables import photos

MOST_MB = 30
MOST_BYTES = MOST_MB * 1024 * 1024
"""A 108-megapixel JPEG of a phone is about 25 MB."""


class StoredPhoto(KeptPicture, frozen=True, kw_only=True):
    width: int
    height: int
    request: str


class Photos(PictureShelf[StoredPhoto]):
    """The photographs of this node's database and object store."""

    def __init__(self, db: Database, clock: Clock, objects: ObjectStore, record_key: RecordKey) -> None:
        super().__init__(db, clock, objects, record_key, table=photos, row=StoredPhoto, prefix="pho", once="request")

    async def take_in(self, record: str, data: bytes, sha256: str, request: str = "") -> tuple[StoredPhoto, bool]:
        """Check, seal and register one picture, once for each request.

        Raises F01 too large, F02 no photograph, F03 changed on the way.
        """
        if len(data) > MOST_BYTES:
            raise Problem("F01", mb=MOST_MB)
        picture = recognise(data)
        if picture is None:
            raise Problem("F02")
        return await self.keep(
            record,
            data,
            sha256,
            picture.mime,
            thumbnail=None,
            width=picture.width,
            height=picture.height,
            request=request,
        )
