"""Signing while no time proof can be had, as the pages show it: two answers of the server are played, no more."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playwright.async_api import Page, Request, Route, expect

from tests.rehearsal.hand import tid
from tests.rehearsal.keys import SENT

if TYPE_CHECKING:
    from tests.rehearsal.play import Play

PREPARE = re.compile(r"/api/records/[^/]+/signatures$")
AGAIN_MS = 30_000
"""The page tries again by itself within twenty seconds."""


@dataclass
class TimeProofAway:
    """First somebody else's signature waits for its proof, then this person's own does, then it is there."""

    page: Page
    who: str = "applicant"
    signed: str = "done-signed"
    """Where the page says that this person is done."""
    renewed: bool = True
    """Whether it says so anew once the proof is there; a dialog stays as it is until it is closed."""
    kept: list[Request] = field(default_factory=list)

    async def begin(self) -> None:
        """Before anything watches the same requests."""

        async def keep(route: Route) -> None:
            self.kept.append(route.request)
            await _fulfil(route, own=True)

        await self.page.route(SENT, keep)

    async def others_first(self) -> None:
        """From here on somebody else is before this person."""

        async def others(route: Route) -> None:
            await _fulfil(route, own=False)

        await self.page.route(PREPARE, others)

    async def shown(self, play: Play) -> None:
        """After the tap on "sign"."""
        page = self.page
        await expect(tid(page, "sign-proof")).to_be_visible()
        await play.shown(page, f"{self.who}-sign-proof")
        await page.unroute(PREPARE)
        await expect(tid(page, self.signed)).to_be_visible(timeout=AGAIN_MS)
        await play.shown(page, f"{self.who}-done-proof")
        said = await tid(page, self.signed).inner_text()
        (request,) = self.kept
        headers: dict[str, Any] = await request.all_headers()
        plain = {name: value for name, value in headers.items() if not name.startswith(":")}
        answer = await page.context.request.post(request.url, data=request.post_data or "", headers=plain)
        assert answer.ok, await answer.text()
        if self.renewed:
            await expect(tid(page, self.signed)).not_to_have_text(said)
        lines = play.browsers.console.lines
        lines[:] = [line for line in lines if "503 (Service Unavailable)" not in line]


async def _fulfil(route: Route, *, own: bool) -> None:
    told = {"code": "G10", "status": 503, "detail": "G10", "params": {"own": own}}
    await route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(told))
