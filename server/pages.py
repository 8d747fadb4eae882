"""The web client's built pages and files, and which address shows which page.

The pages are static: who may see what is decided when they ask the API. Files under `/assets/` carry their hash in
their name and may be kept for ever; pages are asked for anew each time, so that a new version is seen at once.
"""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from foundation.errors import Problem
from foundation.http import Call, Route

PAGES = {
    "/": "desk.html",
    "/desk": "desk.html",
    "/desk/{rest:.*}": "desk.html",
    "/i/{token}": "applicant.html",
    "/audit": "audit.html",
    "/audit/{rest:.*}": "audit.html",
}
FOR_EVER = "public, max-age=31536000, immutable"


def routes(dist: Path) -> list[Route]:
    """Raises ``FileNotFoundError`` when the client was not built."""
    for name in set(PAGES.values()):
        if not (dist / name).is_file():
            raise FileNotFoundError(f"the web client is not built: {dist / name} is missing; ./run builds it")

    def page(path: str, name: str) -> Route:
        async def show(_call: Call) -> web.StreamResponse:
            return web.FileResponse(dist / name, headers={"Cache-Control": "no-cache"})

        return Route("GET", path, show, "public", f"The page {name}")

    async def asset(call: Call) -> web.StreamResponse:
        wanted = (dist / "assets" / call.path["name"]).resolve()
        # A name with dots and slashes must not leave the folder.
        if not wanted.is_relative_to((dist / "assets").resolve()) or not wanted.is_file():
            raise Problem("S404")
        return web.FileResponse(wanted, headers={"Cache-Control": FOR_EVER})

    shown = [page(path, name) for path, name in PAGES.items()]
    return [*shown, Route("GET", "/assets/{name:.+}", asset, "public", "A file of the web client")]
