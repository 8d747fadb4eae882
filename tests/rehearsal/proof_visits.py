"""Signing while no time proof can be had, as the pages show it: two answers of the server are played, no more."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Page, Request, Route, expect

from tests.rehearsal.keys import SENT
from tests.rehearsal.play import Play, tid

PREPARE = re.compile(r"/api/records/[^/]+/signatures$")
AGAIN_MS = 30_000
"""The page tries again by itself within twenty seconds."""


@dataclass
class TimeProofAway:
    """First somebody else's signature waits for its proof, then this person's own does, then it is there."""

    phone: Page
    kept: list[Request] = field(default_factory=list)

    async def begin(self) -> None:
        """Before anything watches the same requests."""

        async def others(route: Route) -> None:
            await _fulfil(route, own=False)

        async def keep(route: Route) -> None:
            self.kept.append(route.request)
            await _fulfil(route, own=True)

        await self.phone.route(PREPARE, others)
        await self.phone.route(SENT, keep)

    async def shown(self, play: Play) -> None:
        """After the tap on "sign"."""
        phone = self.phone
        await expect(tid(phone, "sign-proof")).to_be_visible()
        await play.shown(phone, "applicant-sign-proof")
        await phone.unroute(PREPARE)
        await expect(tid(phone, "done-signed")).to_be_visible(timeout=AGAIN_MS)
        await play.shown(phone, "applicant-done-proof")
        said = await tid(phone, "done-signed").inner_text()
        (request,) = self.kept
        headers: dict[str, Any] = await request.all_headers()
        plain = {name: value for name, value in headers.items() if not name.startswith(":")}
        answer = await phone.context.request.post(request.url, data=request.post_data or "", headers=plain)
        assert answer.ok, await answer.text()
        await expect(tid(phone, "done-signed")).not_to_have_text(said)
        lines = play.browsers.console.lines
        lines[:] = [line for line in lines if "503 (Service Unavailable)" not in line]


async def _fulfil(route: Route, *, own: bool) -> None:
    told = {"code": "G10", "status": 503, "detail": "G10", "params": {"own": own}}
    await route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(told))
