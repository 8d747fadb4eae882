"""HTTP routes of photographs: the phone sends them, whoever may read the record sees them."""

from datetime import datetime
from typing import Any

from aiohttp import web
from msgspec import Struct

from foundation.access import Resource
from foundation.errors import Problem
from foundation.http import Asked, Call, Route
from inspection.photos import MOST_BYTES, MOST_MB, Photos, StoredPhoto
from office.commands import PhotoTaken
from office.services import Services

SENT = ("image/jpeg", "image/png", "image/heic")
"""What phones send; stored and given as it came."""


class PhotoStored(Struct, frozen=True, kw_only=True):
    photo: str
    sha256: str


class PhotoDesk:
    """Handlers of photographs: the phone sends them, whoever may read the record sees them."""

    def __init__(self, services: Services, photos: Photos) -> None:
        self.services = services
        self.photos = photos

    async def record_resource(self, call: Call) -> Resource:
        return await self.services.record_resource(call.path["record"])

    async def photo_resource(self, call: Call) -> Resource:
        return await self.services.record_resource((await self._photo(call)).record)

    async def upload(self, call: Call) -> PhotoStored:
        record = call.path["record"]
        try:
            data = await call.read_raw()
        except Problem as problem:
            if problem.code == "S413":
                raise Problem("F01", mb=MOST_MB) from problem
            raise
        request = _id(call.query.get("request"))
        photo, fresh = await self.photos.take_in(record, data, call.query.get("sha256", ""), request or "")
        command = PhotoTaken(
            photo=photo.id,
            sha256=photo.sha256,
            bytes=photo.bytes,
            width=photo.width,
            height=photo.height,
            mime=photo.mime,
            taken_at=_taken_at(call.query.get("taken_at")),
            item=_id(call.query.get("item")),
            request=request,
        )
        async with self.photos.on_record(photo, fresh=fresh):
            await self.services.dispatch(record, call.actor, command)
        return PhotoStored(photo=photo.id, sha256=photo.sha256)

    async def original(self, call: Call) -> web.Response:
        photo = await self._photo(call)
        return _image(await self.photos.original(photo), photo.mime, photo.sha256)

    async def thumbnail(self, call: Call) -> web.Response:
        photo = await self._photo(call)
        made = await self.photos.thumbnail(photo)
        if made is None:
            raise Problem("S404")
        return _image(made, "image/jpeg", f"{photo.sha256}-small")

    async def _photo(self, call: Call) -> StoredPhoto:
        photo = await self.photos.get(call.path["photo"])
        if photo is None:
            raise Problem("S404")
        return photo


def _taken_at(text: str | None) -> datetime | None:
    """The phone's own time of taking; what cannot be read is left out rather than guessed."""
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def _id(text: str | None) -> str | None:
    return text[:80] if text else None


def _image(data: bytes, mime: str, etag: str) -> web.Response:
    # Evidence of people's premises: this browser may keep it, nobody between.
    headers = {"ETag": f'"{etag}"', "Cache-Control": "private, max-age=3600", "Content-Disposition": "inline"}
    return web.Response(body=data, content_type=mime, headers=headers)


def routes(services: Services, photos: Photos) -> list[Route]:
    pictures = PhotoDesk(services, photos)
    of_record: dict[str, Any] = {"resource": pictures.record_resource}
    of_photo: dict[str, Any] = {"resource": pictures.photo_resource}
    photo = "/api/photos/{photo}"
    return [
        Route(
            "POST",
            "/api/records/{record}/photos",
            pictures.upload,
            "record.attend",
            "Send a photograph",
            response=PhotoStored,
            body_limit=MOST_BYTES,
            raw_body=True,
            query=(
                Asked("sha256", "Hash of the bytes, made before they were sent", required=True),
                Asked("item", "Item of the checklist it shows"),
                Asked("request", "Officer's request it answers"),
                Asked("taken_at", "When the phone took it", "date-time"),
            ),
            **of_record,
        ),
        Route("GET", photo, pictures.original, "record.read", "A photograph as it was sent", gives=SENT, **of_photo),
        Route(
            "GET",
            f"{photo}/thumbnail",
            pictures.thumbnail,
            "record.read",
            "A small copy",
            gives=("image/jpeg",),
            **of_photo,
        ),
    ]
