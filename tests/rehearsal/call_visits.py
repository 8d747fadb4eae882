"""The states of a call that a smooth inspection does not meet: alone, asked, muted, masked, cut off, left."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from playwright.async_api import Page, WebSocketRoute, expect

from tests.rehearsal.hand import tid
from tests.rehearsal.play import Play, playing


@dataclass
class Line:
    """The phone's WebSocket, which can be cut as a lift cuts it."""

    cut: bool = False
    open: list[tuple[WebSocketRoute, WebSocketRoute]] = field(default_factory=list)

    async def lay(self, page: Page) -> None:
        await page.route_web_socket(re.compile("/api/ws"), self._take)

    async def _take(self, here: WebSocketRoute) -> None:
        if self.cut:
            await here.close()
        else:
            self.open.append((here, here.connect_to_server()))

    async def break_(self) -> None:
        self.cut = True
        for here, there in self.open:
            await there.close()
            await here.close()
        self.open.clear()


@dataclass
class CallVisits:
    play: Play

    async def all(self, lead: Page, phone: Page, line: Line) -> None:
        """``lead`` shows the case, ``phone`` the waiting room."""
        await tid(lead, "case-enter").click()
        await expect(tid(lead, "call-start")).to_be_enabled()
        await self.play.shown(lead, "officer-applicant-waits")
        await tid(lead, "call-start").click()
        await expect(tid(phone, "called")).to_be_visible()
        await self.play.shown(phone, "applicant-called")
        await tid(phone, "call-enter").click()
        await playing(tid(lead, "stage").locator("video").first)
        await self.alone(lead)
        await self.asked(lead, phone)
        await self.cut_off(lead, phone, line)
        await self.left(phone)

    async def alone(self, lead: Page) -> None:
        await expect(tid(lead, "alone")).to_be_visible()
        await tid(lead, "step-identity").click()
        await self.play.shown(lead, "officer-alone")
        await tid(lead, "step-identity").click()
        await tid(lead, "close-open").click()
        await expect(tid(lead, "close-reasons")).to_be_visible()
        await self.play.shown(lead, "officer-cannot-close")
        await lead.keyboard.press("Escape")

    async def asked(self, lead: Page, phone: Page) -> None:
        # A busy machine may have cut the call for a moment; then the tools wait for the applicant, and so do we.
        await expect(tid(phone, "lost")).to_be_hidden(timeout=60_000)
        await expect(tid(lead, "photo-ask")).not_to_have_attribute("aria-disabled", "true", timeout=60_000)
        await tid(lead, "photo-ask").click()
        await expect(tid(phone, "photo-take")).to_be_visible()
        await self.play.shown(phone, "applicant-photo-asked")
        await tid(phone, "photo-refuse").click()
        await tid(phone, "type").click()
        await expect(tid(phone, "say-input")).to_be_visible()
        await self.play.shown(phone, "applicant-type")
        await phone.keyboard.press("Escape")
        await tid(lead, "tool-maskpicture").click()
        await expect(tid(lead, "stage-masked")).to_be_visible()
        await expect(tid(phone, "advice")).to_be_visible()
        await self.play.shown(lead, "officer-masked")
        await self.play.shown(phone, "applicant-masked")
        await tid(lead, "tool-maskpicture").click()
        await tid(phone, "mute").click()
        await expect(tid(phone, "mute")).to_have_attribute("aria-pressed", "true")
        await self.play.shown(phone, "applicant-muted")

    async def cut_off(self, lead: Page, phone: Page, line: Line) -> None:
        await line.break_()
        await expect(tid(phone, "lost")).to_be_visible(timeout=20_000)
        await self.play.shown(phone, "applicant-lost")
        await expect(tid(lead, "stage-lost")).to_be_visible(timeout=30_000)
        await self.play.shown(lead, "officer-applicant-lost")
        line.cut = False
        await expect(tid(phone, "lost")).to_be_hidden(timeout=30_000)

    async def left(self, phone: Page) -> None:
        await tid(phone, "call-leave").click()
        await expect(tid(phone, "leave-go")).to_be_visible()
        await self.play.shown(phone, "applicant-leave")
        await tid(phone, "leave-go").click()
        await expect(tid(phone, "left")).to_be_visible()
        await self.play.shown(phone, "applicant-left")
