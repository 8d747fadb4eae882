"""HTTP routes of the files in a help call: its people send and fetch them while it runs, auditors read them later."""

from typing import Any
from urllib.parse import quote

from aiohttp import web
from msgspec import Struct

from foundation.access import Resource, decide
from foundation.errors import Problem
from foundation.http import Asked, Call, Route
from foundation.rates import Rate
from helpdesk.attachment import MOST_BYTES, MOST_MB, SUFFIXES
from helpdesk.commands import FileSend
from helpdesk.files import Files, StoredFile
from office import store
from office.services import Services, resource_of
from office.session import RUNNING

_SENDS = Rate(60, 60)
"""Files from one address: a whole hall may stand behind it."""


_NOT_KEPT = {"Cache-Control": "private, no-store"}
"""Who may have a file now may not when the call is over."""


class FileStored(Struct, frozen=True, kw_only=True):
    file: str
    sha256: str


class FileDesk:
    """Handlers of sending and fetching."""

    def __init__(self, services: Services, files: Files) -> None:
        self.services = services
        self.files = files

    async def record_resource(self, call: Call) -> Resource:
        return await self.services.record_resource(call.path["record"])

    async def file_resource(self, call: Call) -> Resource:
        stored = await self.files.get(call.path["file"])
        if stored is None:
            raise Problem("S404")
        return await self.services.record_resource(stored.record)

    async def send(self, call: Call) -> FileStored:
        record = call.path["record"]
        try:
            data = await call.read_raw()
        except Problem as problem:
            if problem.code == "S413":
                raise Problem("F04", mb=MOST_MB) from problem
            raise
        asked = call.query
        stored, fresh = await self.files.take_in(
            record, data, asked.get("sha256", ""), asked.get("name", ""), call.actor.id
        )
        command = FileSend(file=stored.id, name=stored.name, sha256=stored.sha256, bytes=stored.bytes, mime=stored.mime)
        async with self.files.on_record(stored, fresh=fresh):
            await self.services.dispatch(record, call.actor, command)
        return FileStored(file=stored.id, sha256=stored.sha256)

    async def fetch(self, call: Call) -> web.Response:
        """The bytes as they were sent; never shown by the browser itself, whatever is in them (RFC 6266, RFC 8187)."""
        stored = await self._readable(call)
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(stored.name, safe='')}", **_NOT_KEPT}
        return web.Response(body=await self.files.original(stored), content_type=stored.mime, headers=headers)

    async def thumbnail(self, call: Call) -> web.Response:
        """A small copy of a picture, made by us, for whoever may have the file itself."""
        made = await self.files.thumbnail(await self._readable(call))
        if made is None:
            raise Problem("S404")
        return web.Response(body=made, content_type="image/jpeg", headers=_NOT_KEPT)

    async def _readable(self, call: Call) -> StoredFile:
        """The file, while the call runs; afterwards for those only who may replay it. Raises F08."""
        stored = await self.files.get(call.path["file"])
        if stored is None:
            raise Problem("S404")
        async with self.services.db.read() as conn:
            row = await store.get_record(conn, stored.record)
        if row is None:
            raise Problem("S404")
        if row.phase not in RUNNING and not decide(call.actor, "record.replay", resource_of(row)).allowed:
            raise Problem("F08")
        return stored


def routes(services: Services, files: Files) -> list[Route]:
    desk = FileDesk(services, files)
    of_record: dict[str, Any] = {"resource": desk.record_resource}
    return [
        Route(
            "POST",
            "/api/records/{record}/files",
            desk.send,
            "record.attend",
            "Send a file in a help call",
            response=FileStored,
            body_limit=MOST_BYTES,
            raw_body=True,
            rate=_SENDS,
            query=(
                Asked("name", "Its name; the end must fit what it is", required=True),
                Asked("sha256", "Hash of the bytes, made before they were sent", required=True),
            ),
            **of_record,
        ),
        Route(
            "GET",
            "/api/files/{file}",
            desk.fetch,
            "record.read",
            "A file as it was sent",
            gives=tuple(SUFFIXES),
            resource=desk.file_resource,
        ),
        Route(
            "GET",
            "/api/files/{file}/thumbnail",
            desk.thumbnail,
            "record.read",
            "A small copy of a picture",
            gives=("image/jpeg",),
            resource=desk.file_resource,
        ),
    ]
