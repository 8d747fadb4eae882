"""The officers' and auditors' pages in the states that need no call: full, empty, refused, slow, offline, not there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, Route, expect

from tests.rehearsal.hand import tid
from tests.rehearsal.play import Play

# A record that nobody has: right in form, wrong in fact.
NOWHERE = "0" * 26
LOGIN_COOKIE = "yk_session"


@asynccontextmanager
async def held(page: Page, pattern: str) -> AsyncIterator[None]:
    """Nothing that matches ``pattern`` is answered inside: a network that has stopped, as the page sees it."""
    go_on = asyncio.Event()
    answered: list[asyncio.Future[None]] = []

    async def wait(route: Route) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        answered.append(done)
        await go_on.wait()
        with suppress(PlaywrightError):  # a page that has been left asks no longer
            await route.continue_()
        done.set_result(None)

    await page.route(pattern, wait)
    try:
        yield
    finally:
        go_on.set()
        await asyncio.gather(*answered)
        await page.unroute(pattern, wait)


@asynccontextmanager
async def down(page: Page, pattern: str) -> AsyncIterator[None]:
    """A gateway whose server is gone answers for it, as gateways do."""

    async def answer(route: Route) -> None:
        await route.fulfill(status=502, content_type="text/html", body="<h1>502 Bad Gateway</h1>")

    await page.route(pattern, answer)
    try:
        yield
    finally:
        await page.unroute(pattern, answer)


@dataclass
class DeskVisits:
    """``lead`` is the account of the officer who inspects ``play.business``."""

    play: Play
    lead: str

    @property
    def url(self) -> str:
        return self.play.installation.url

    async def all(self) -> str:
        """Every page of the desk; gives a link that has been replaced by a newer one, for the phone to open."""
        await self.entrance()
        officer = await self.play.log_in(self.lead)
        await self.day(officer)
        old_link = await self.cases(officer)
        await self.refused(officer)
        await self.idle(officer)
        await self.archive()
        return old_link

    async def entrance(self) -> None:
        page = await self.play.browsers.desk_page(self.url, "nobody", self.play.lang)
        await page.goto(f"{self.url}/")
        await expect(tid(page, "login-submit")).to_be_visible()
        await self.play.shown(page, "officer-login")
        await tid(page, "login-submit").click()
        await expect(tid(page, "login-error")).to_be_visible()
        await self.play.shown(page, "officer-login-empty")
        await tid(page, "login-account").fill(self.lead)
        await tid(page, "login-password").fill("not the password")
        await tid(page, "login-submit").click()
        await expect(tid(page, "login-error")).to_contain_text(re.compile("E101"))
        await self.play.shown(page, "officer-login-wrong")
        async with down(page, "**/api/me"):
            await page.reload()
            await expect(tid(page, "state-fault")).to_be_visible()
            await self.play.shown(page, "officer-fault")
        await page.goto(f"{self.url}/verify")
        await self.play.shown(page, "public-verify")
        await page.context.close()

    async def day(self, page: Page) -> None:
        await expect(page.locator("[data-testid^=case-row-]").first).to_be_visible()
        await self.play.shown(page, "officer-day")
        await tid(page, "day-search").fill("没有这一家")
        await self.play.shown(page, "officer-day-no-match")
        await tid(page, "day-search").fill("")
        await page.locator("[data-testid^=assign-]").first.click()
        await expect(tid(page, "assist-submit")).to_be_visible()
        await self.play.shown(page, "officer-assign")
        await page.keyboard.press("Escape")
        async with held(page, "**/api/cases?*"):
            await tid(page, "day-previous").click()
            await expect(tid(page, "state-loading")).to_be_visible()
            await self.play.shown(page, "officer-day-loading")
            await expect(tid(page, "state-loading").get_by_role("button")).to_be_visible(timeout=10_000)
            await self.play.shown(page, "officer-day-slow")
        await expect(tid(page, "day-empty")).to_be_visible()
        await self.play.shown(page, "officer-day-empty")
        await page.context.set_offline(True)
        await tid(page, "day-previous").click()
        await expect(tid(page, "state-offline")).to_be_visible()
        await self.play.shown(page, "officer-day-offline")
        await page.context.set_offline(False)
        await expect(tid(page, "state-offline")).to_be_hidden(timeout=15_000)
        await tid(page, "day-today").click()
        await tid(page, "case-new").click()
        await expect(tid(page, "new-submit")).to_be_visible()
        await self.play.shown(page, "officer-new-case")
        await tid(page, "new-submit").click()
        await expect(tid(page, "new-errors")).to_be_visible()
        await self.play.shown(page, "officer-new-case-errors")
        await page.keyboard.press("Escape")

    async def cases(self, page: Page) -> str:
        """A case whose link was never sent, and one whose link is replaced."""
        await page.goto(f"{self.url}/desk")
        await self._open(page, "听潮客栈")
        await expect(tid(page, "invite-send")).to_be_visible()
        await self.play.shown(page, "officer-case-no-message")
        await page.goto(f"{self.url}/desk")
        await self._open(page, self.play.business)
        before = await tid(page, "invite-link").get_attribute("href")
        await tid(page, "invite-send").click()
        await expect(tid(page, "invite-link")).not_to_have_attribute("href", before or "")
        await self.play.shown(page, "officer-case")
        await tid(page, "case-enter").click()
        await expect(tid(page, "call-start")).to_be_visible()
        await self.play.shown(page, "officer-before-call")
        await tid(page, "keys-help").click()
        await expect(tid(page, "keys-list")).to_be_visible()
        await self.play.shown(page, "officer-keys")
        assert before
        return before

    async def link_of(self, page: Page, business: str) -> str:
        """The link that the case page of ``business`` shows, sent if none was; the page stays open there."""
        await page.goto(f"{self.url}/desk")
        await self._open(page, business)
        if not await tid(page, "invite-link").count():
            await tid(page, "invite-send").click()
        link = await tid(page, "invite-link").get_attribute("href")
        assert link, f"{business} has been sent a link"
        return link

    async def _open(self, page: Page, business: str) -> None:
        row = page.locator("[data-testid^=case-row-]", has_text=business)
        await tid(row, "case-open").click()
        await expect(tid(page, "case-number")).to_be_visible()

    async def refused(self, page: Page) -> None:
        await page.goto(f"{self.url}/desk/records/rec_{NOWHERE}")
        await expect(tid(page, "state-missing")).to_be_visible(timeout=15_000)
        await self.play.shown(page, "officer-record-missing")
        await page.goto(f"{self.url}/desk/cases/cas_{NOWHERE}")
        await expect(tid(page, "state-missing")).to_be_visible()
        await self.play.shown(page, "officer-case-missing")
        await page.goto(f"{self.url}/desk/nowhere")
        await expect(tid(page, "state-missing")).to_be_visible()
        await self.play.shown(page, "officer-page-missing")
        await page.goto(f"{self.url}/audit")
        await expect(tid(page, "state-refused")).to_be_visible()
        await self.play.shown(page, "auditor-refused")

    async def idle(self, page: Page) -> None:
        await page.goto(f"{self.url}/desk")
        await expect(page.locator("[data-testid^=case-row-]").first).to_be_visible()
        await page.context.clear_cookies(name=LOGIN_COOKIE)
        await expect(tid(page, "login-idle")).to_be_visible(timeout=15_000)
        await self.play.shown(page, "officer-login-idle")
        await page.context.close()

    async def archive(self) -> None:
        page = await self.play.log_in("hejing")
        await page.goto(f"{self.url}/audit")
        await expect(tid(page, "audit-empty").or_(page.locator("[data-testid^=audit-row-]")).first).to_be_visible()
        await self.play.shown(page, "auditor-find")
        await tid(page, "audit-search").fill("没有这一家")
        await tid(page, "audit-submit").click()
        await expect(tid(page, "audit-empty")).to_be_visible()
        await self.play.shown(page, "auditor-find-empty")
        await page.goto(f"{self.url}/audit/records/rec_{NOWHERE}")
        await tid(page, "purpose-go").click()
        await expect(tid(page, "purpose-error")).to_be_visible()
        await self.play.shown(page, "auditor-purpose-missing")
        await tid(page, "purpose-sample").check()
        await tid(page, "purpose-go").click()
        await expect(tid(page, "purpose-error")).to_contain_text(re.compile("S40"))
        await self.play.shown(page, "auditor-record-missing")
        await page.context.close()
