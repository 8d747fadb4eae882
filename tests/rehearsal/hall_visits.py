"""The hall's pages in the states that citizens, the screen of a hall and its supervisor can see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from playwright.async_api import BrowserContext, Page, async_playwright, expect

from foundation.access import Actor
from helpdesk.store import Slip
from tests.rehearsal.browsers import CHROMIUM, DESK_VIEWPORT, PHONE_AGENT, PHONE_VIEWPORT, Console, chromium_path
from tests.rehearsal.desk_visits import down, held
from tests.rehearsal.gallery import Gallery
from tests.rehearsal.play import tid
from tests.support.hall import PENSION
from tests.support.hall_site import WHO, HallSite
from tests.support.people import DISTRICT, staff

S1, S2, T1 = "990101-S01", "990101-S02", "990101-T01"
WORDS = {"zh-CN": "退休金怎么领", "en-GB": "pension"}
NOTHING = {"zh-CN": "鲸鱼", "en-GB": "zzzz"}
BOSS = staff("supervisor", id="stf_boss", name="孙伟")
AGENT = staff("agent", id="stf_liu", name="李明")
WALL = {"wall": {"width": 1920, "height": 1080}}


@asynccontextmanager
async def citizen(site: HallSite, lang: str) -> AsyncIterator[BrowserContext]:
    """A phone in the hall's city."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=list(CHROMIUM))
        context = await browser.new_context(
            base_url=site.served.url,
            viewport=PHONE_VIEWPORT,  # type: ignore[arg-type]
            user_agent=PHONE_AGENT,
            has_touch=True,
            is_mobile=True,
            device_scale_factor=2,
            locale=lang,
            geolocation={"latitude": 35.9121, "longitude": 123.4211, "accuracy": 12},
            permissions=["geolocation"],
        )
        context.set_default_timeout(20_000)
        yield context
        await browser.close()


async def opened(context: BrowserContext, site: HallSite, console: Console) -> Page:
    """A page whose clock is the hall's, in front: one behind another draws once a second, and every click waits."""
    page = await context.new_page()
    await page.clock.install(time=site.hall.clock.now())
    console.watch(page, "page")
    return page


async def desk_of(context: BrowserContext, site: HallSite, console: Console, who: Actor) -> Page:
    """Somebody of the staff at their desk, logged in."""
    site.staff[who.id or ""] = who
    await context.add_cookies([{"name": WHO, "value": who.id or "", "url": site.served.url}])
    page = await opened(context, site, console)
    await page.set_viewport_size(DESK_VIEWPORT)  # type: ignore[arg-type]
    return page


@dataclass
class HallVisits:
    site: HallSite
    gallery: Gallery
    context: BrowserContext
    console: Console

    @property
    def lang(self) -> str:
        return self.gallery.lang

    async def look(self, page: Page, name: str) -> None:
        await self.gallery.look(page, f"citizen-{name}", touch=True)

    async def all(self) -> None:
        hall = self.site.hall
        page = await opened(self.context, self.site, self.console)
        await self.search(page)
        for window, agent in ((S1, "stf_liu"), (T1, "stf_han")):
            await hall.sit(window, agent)
        before = [await hall.take(PENSION) for _ in range(4)]
        await self.guide(page)
        await self.number(page, before)
        await self.walls()
        await self.supervisor()
        await self.closed(page)

    async def search(self, page: Page) -> None:
        async with held(page, "**/api/hall/guides?*"):
            await page.goto("/hall")
            await self.look(page, "find")
            await tid(page, "find-words").fill(WORDS[self.lang])
            await page.clock.fast_forward(1000)
            await expect(tid(page, "state-loading")).to_be_visible()
            await page.clock.fast_forward(4000)
            await expect(tid(page, "retry")).to_be_visible()
            await self.look(page, "find-slow")
        await expect(tid(page, f"guide-{PENSION}")).to_be_visible()
        await self.look(page, "find-found")
        await tid(page, "find-words").fill(NOTHING[self.lang])
        await expect(tid(page, "find-count")).to_contain_text(NOTHING[self.lang])
        await self.look(page, "find-none")
        async with down(page, "**/api/hall/guides?*"):
            await tid(page, "find-words").fill(NOTHING[self.lang] * 2)
            await expect(tid(page, "problem")).to_be_visible()
            await self.look(page, "find-fault")
        await tid(page, "text-size").click()
        await tid(page, "text-size-4").click()
        await tid(page, "find-words").fill(WORDS[self.lang])
        await expect(tid(page, f"guide-{PENSION}")).to_be_visible()
        await self.look(page, "find-largest")
        await tid(page, "text-size-1").click()

    async def guide(self, page: Page) -> None:
        await page.goto("/hall/guides/no-such-matter")
        await expect(tid(page, "state-problem")).to_be_visible()
        await self.look(page, "guide-missing")
        async with down(page, "**/api/hall/guides/*"):
            await page.goto(f"/hall/guides/{PENSION}")
            await expect(tid(page, "state-problem")).to_be_visible()
            await self.look(page, "guide-fault")
        await page.goto(f"/hall/guides/{PENSION}")
        await expect(tid(page, "nearest")).to_be_visible()
        await self.look(page, "guide")
        await page.goto(f"/hall/guides/{PENSION}/take?office={DISTRICT}")
        await self.look(page, "take")
        await tid(page, "take-phone").fill("138")
        await tid(page, "take-submit").click()
        await expect(tid(page, "problem")).to_be_visible()
        await self.look(page, "take-wrong")
        await page.goto(f"/hall/guides/{PENSION}/take?office={DISTRICT}&video")
        await self.look(page, "take-video")

    async def closed(self, page: Page) -> None:
        """In the night."""
        self.site.hall.clock.advance(12 * 3600)
        await page.goto(f"/hall/guides/{PENSION}")
        await expect(tid(page, "place-nearest")).to_be_visible()
        await self.look(page, "guide-closed")

    async def number(self, page: Page, before: list[Slip]) -> None:
        hall = self.site.hall
        await page.goto(f"/hall/guides/{PENSION}/take?office={DISTRICT}")
        await tid(page, "take-phone").fill("138 0000 5678")
        await tid(page, "take-submit").click()
        await expect(tid(page, "number-label")).to_have_text("S005")
        await self.look(page, "number")
        await tid(page, "number-step_away").click()
        await expect(tid(page, "number-come_back")).to_be_visible()
        await self.look(page, "number-away")
        await tid(page, "number-come_back").click()
        for _ in before:
            await hall.do(await hall.called(S1), "serve", "finish")
        await expect(tid(page, "number-near")).to_be_visible()
        await self.look(page, "number-next")
        await tid(page, "number-abandon").click()
        await expect(tid(page, "number-abandon-yes")).to_be_visible()
        await self.look(page, "number-give-up")
        await tid(page, "number-abandon-no").click()
        await self.context.set_offline(True)
        await expect(tid(page, "number-old")).to_be_visible()
        await self.look(page, "number-offline")
        await self.context.set_offline(False)
        await expect(tid(page, "number-old")).to_be_hidden()
        slip = await hall.called(S1)
        await self.state(page, "called")
        await tid(page, "text-size").click()
        await tid(page, "text-size-4").click()
        await self.look(page, "number-called-largest")
        await tid(page, "text-size-1").click()
        await tid(page, "text-size").click()
        for _ in range(2):
            hall.clock.advance(25)
            slip = await hall.do(slip, "recall")
        hall.clock.advance(25)
        await hall.do(slip, "miss")
        await self.state(page, "missed")
        await tid(page, "number-come_back").click()
        await expect(tid(page, "standing")).to_have_attribute("data-state", "queued")
        slip = await hall.do(await hall.called(S1), "serve")
        await self.state(page, "serving")
        slip = await hall.do(slip, "hand_over", window=S1, to=T1)
        await self.state(page, "transferred")
        slip = await hall.do(slip, "decline", window=T1)
        slip = await hall.do(slip, "park", window=S1)
        await self.state(page, "parked")
        slip = await hall.do(slip, "resume", window=S1)
        await hall.do(slip, "finish", window=S1)
        await expect(tid(page, "rate-1")).to_be_visible()
        await self.look(page, "rating-none")
        await tid(page, "rate-2").check()
        await tid(page, "rate-send").click()
        await expect(tid(page, "rate-lack")).to_be_visible()
        await self.look(page, "rating")
        await tid(page, "reason-214").check()
        await tid(page, "rate-send").click()
        await expect(tid(page, "rated")).to_be_visible()
        await self.look(page, "rated")
        await page.goto("/n/no-such-number")
        await expect(tid(page, "state-problem")).to_be_visible()
        await self.look(page, "number-missing")
        await page.goto(f"/hall/guides/{PENSION}/take?office={DISTRICT}&video")
        await tid(page, "take-submit").click()
        await expect(tid(page, "number-label")).to_be_visible()
        await self.look(page, "number-video")
        await hall.called(S1)
        await self.state(page, "called", "video-called")
        await page.context.clear_cookies()

    async def state(self, page: Page, state: str, name: str = "") -> None:
        await expect(tid(page, "standing")).to_have_attribute("data-state", state)
        await self.look(page, f"number-{name or state}")

    async def walls(self) -> None:
        hall = self.site.hall
        for _ in range(7):
            await hall.take(PENSION)
        page = await opened(self.context, self.site, self.console)
        await page.goto("/wall/nowhere")
        await expect(tid(page, "wall-missing")).to_be_visible()
        await self.gallery.look(page, "wall-missing", sizes=WALL)
        await page.goto(f"/wall/{DISTRICT}")
        await expect(tid(page, "line-S")).to_be_visible()
        await hall.sit(S2, "stf_wu")
        await hall.take("medical-remote")
        await hall.called(S2)
        await expect(page.locator("li.new")).to_be_visible()
        await self.gallery.look(page, "wall-called", sizes=WALL)
        await self.context.set_offline(True)
        await page.clock.fast_forward(16_000)
        await expect(tid(page, "wall-old")).to_be_visible()
        await self.gallery.look(page, "wall-old", sizes=WALL)
        await self.context.set_offline(False)
        await expect(tid(page, "wall-old")).to_be_hidden()
        await page.close()

    async def supervisor(self) -> None:
        page = await desk_of(self.context, self.site, self.console, BOSS)
        async with held(page, "**/api/hall/lines"):
            await page.goto("/desk/lines")
            await page.clock.fast_forward(5000)
            await expect(tid(page, "retry").or_(tid(page, "state-loading"))).to_be_visible()
            await self.gallery.look(page, "supervisor-slow")
        await expect(tid(page, "low")).to_be_visible()
        await self.gallery.look(page, "supervisor-lines")
        self.site.hall.clock.advance(25 * 60)
        await page.clock.fast_forward(25 * 60 * 1000)
        await expect(tid(page, "alarms").locator(".bad")).to_have_count(1)
        await self.gallery.look(page, "supervisor-alarm")
        async with down(page, "**/api/hall/*"):
            await page.goto("/desk/lines")
            await expect(tid(page, "state-fault").first).to_be_visible()
            await self.gallery.look(page, "supervisor-fault")
        agent = await desk_of(self.context, self.site, self.console, AGENT)
        await agent.goto("/desk/lines")
        await expect(tid(agent, "totals")).to_be_visible()
        await self.gallery.look(agent, "agent-lines")
