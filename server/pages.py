"""The web client's built pages and files, and which address shows which page.

The pages are static: who may see what is decided when they ask the API. Files under `/assets/` carry their hash in
their name and may be kept for ever; pages are asked for anew each time, so that a new version is seen at once.
"""

from __future__ import annotations

import re
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
    # The citizen's side of the hall: what they need, a guide, a number.
    "/hall": "hall.html",
    "/hall/{rest:.*}": "hall.html",
    "/n/{token}": "hall.html",
    "/wall/{office}": "wall.html",
    # Where the code on a printed sheet leads.
    "/verify": "verify.html",
}
HASHED = re.compile(r"-[\w-]{8}\.\w+$")
FOR_EVER = "public, max-age=31536000, immutable"


def routes(dist: Path) -> list[Route]:
    """Reads the folder, so call it from a thread. Raises ``FileNotFoundError`` when the client was not built."""
    for name in set(PAGES.values()):
        if not (dist / name).is_file():
            raise FileNotFoundError(f"the web client is not built: {dist / name} is missing; ./run builds it")

    def page(path: str, name: str) -> Route:
        async def show(_call: Call) -> web.StreamResponse:
            return web.FileResponse(dist / name, headers={"Cache-Control": "no-cache"})

        return Route("GET", path, show, "public", f"The page {name}")

    # What may be asked for is what was built: a path with dots leads nowhere.
    assets = {
        path.relative_to(dist / "assets").as_posix(): path for path in (dist / "assets").rglob("*") if path.is_file()
    }

    async def asset(call: Call) -> web.StreamResponse:
        wanted = assets.get(call.path["name"])
        if wanted is None:
            raise Problem("S404")
        # Only names that carry a hash change with their content.
        kept = FOR_EVER if HASHED.search(wanted.name) else "no-cache"
        return web.FileResponse(wanted, headers={"Cache-Control": kept})

    shown = [page(path, name) for path, name in PAGES.items()]
    return [*shown, Route("GET", "/assets/{name:.+}", asset, "public", "A file of the web client")]
