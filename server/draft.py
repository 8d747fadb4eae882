"""The sheet as a draft, for the officers to look at before they conclude. Nothing of it is kept."""

from __future__ import annotations

import asyncio

from aiohttp import web

from foundation.access import Resource
from foundation.http import Call, Route
from signing.means import Means, ReportComposer
from signing.pdf import build_pdf
from signing.routes import PDF, ResourceOf


def routes(means: Means, compose: ReportComposer, resource_of: ResourceOf) -> list[Route]:
    async def resource(call: Call) -> Resource:
        return await resource_of(call.path["record"])

    async def draft(call: Call) -> web.Response:
        composed = await compose(call.path["record"])
        pdf = await asyncio.to_thread(build_pdf, composed.report, composed.thumbnails, composed.manifest, means.fonts)
        headers = {"Content-Disposition": 'inline; filename="draft.pdf"', "Cache-Control": "no-store"}
        return web.Response(body=pdf, content_type=PDF[0], headers=headers)

    path = "/api/records/{record}/draft.pdf"
    return [Route("GET", path, draft, "record.conclude", "The sheet so far, as a draft", resource=resource, gives=PDF)]
