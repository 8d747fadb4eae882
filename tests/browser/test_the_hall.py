"""A citizen's way through the hall in a real Chromium, from words to a rating, with the wall and the supervisor.

Server, database, bus and browser are real; the agent presses in the database, as the routes of the desk do. With
`YUANKAN_SCREENS` set, each page is also looked at and its picture kept, in both languages.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from foundation.bus import Bus
from foundation.clock import ManualClock
from foundation.db import Database
from tests.rehearsal.browsers import CHROMIUM, DESK_VIEWPORT, PHONE_AGENT, PHONE_VIEWPORT, Console, chromium_path
from tests.rehearsal.gallery import Gallery, folder, wanted
from tests.support.hall import open_hall
from tests.support.hall_site import DIST, WHO, HallSite, hall_site
from tests.support.http import Serve
from tests.support.people import staff

S1 = "990101-S01"
WORDS = {"zh-CN": "退休金怎么领", "en-GB": "pension"}
PENSION = "pension-claim"
BOSS = staff("supervisor", id="stf_boss", name="孙伟")


@asynccontextmanager
async def phone(site: HallSite, lang: str, console: Console) -> AsyncIterator[Page]:
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
        yield await opened(context, site, console)
        await browser.close()


async def opened(context: BrowserContext, site: HallSite, console: Console) -> Page:
    """A page whose clock is the hall's."""
    context.set_default_timeout(20_000)
    page = await context.new_page()
    await page.clock.install(time=site.hall.clock.now())
    console.watch(page, "page")
    return page


@pytest.mark.may_block("reads the built pages")
@pytest.mark.parametrize("lang", ["zh-CN", "en-GB"] if wanted() else ["zh-CN"])
async def test_from_words_to_a_rating(
    sqlite_database: Database, clock: ManualClock, bus: Bus, serve: Serve, lang: str
) -> None:
    gallery = Gallery(folder(), lang) if wanted() else None

    async def look(page: Page, name: str, who: str = "citizen") -> None:
        if gallery:
            await gallery.look(page, f"{who}-{name}", touch=who == "citizen")

    hall, console = await open_hall(sqlite_database, clock), Console()
    async with hall_site(hall, bus, serve, dist=DIST) as site, phone(site, lang, console) as page:
        await hall.sit(S1, "stf_liu")
        for _ in range(2):
            await hall.take(PENSION)

        wall = await opened(page.context, site, console)
        await wall.goto("/wall/990101")
        await expect(wall.get_by_test_id("wall-none")).to_be_visible()
        await page.bring_to_front()  # a page behind another one draws once a second, and every click waits for it

        await page.goto("/hall")
        await look(page, "find")
        await page.get_by_test_id("find-words").fill(WORDS[lang])
        await page.get_by_test_id(f"guide-{PENSION}").click()
        await expect(page.get_by_test_id("papers").locator("li")).to_have_count(4)
        await page.get_by_test_id("nearest").click()
        await expect(page.get_by_test_id("place-wait").first).to_contain_text("2")
        await look(page, "guide")
        await page.get_by_test_id("guide-take").click()
        await look(page, "take")
        await page.get_by_test_id("take-phone").fill("138 0000 56")
        await page.get_by_test_id("take-submit").click()
        await expect(page.get_by_test_id("problem")).to_contain_text("11")
        await page.get_by_test_id("take-phone").fill("138 0000 5678")
        await page.get_by_test_id("take-submit").click()

        await expect(page.get_by_test_id("number-label")).to_have_text("S003")
        head, standing = page.get_by_test_id("number-head"), page.get_by_test_id("standing")
        await expect(head).to_contain_text("2")
        await look(page, "number")
        await hall.do(await hall.called(S1), "serve", "finish")
        await expect(head).to_contain_text("1")

        # The line is cut, the hall goes on; what the page shows is old, and it says so.
        await page.context.set_offline(True)
        await expect(page.get_by_test_id("state-offline")).to_be_visible()
        await expect(page.get_by_test_id("number-old")).to_be_visible()
        await expect(wall.get_by_test_id("wall-old")).to_be_hidden()
        await wall.clock.fast_forward(16_000)
        await expect(wall.get_by_test_id("wall-old")).to_be_visible()
        await hall.do(await hall.called(S1), "serve", "finish")
        await page.context.set_offline(False)
        mine = await hall.called(S1)
        await expect(standing).to_have_attribute("data-state", "called")
        await expect(head).to_contain_text("S01")
        assert "S01" in await page.title()
        await expect(wall.get_by_test_id("wall-old")).to_be_hidden()
        await expect(wall.get_by_test_id("call-S003")).to_contain_text("S01")
        await expect(wall.get_by_test_id("call-S003")).to_have_class("new")
        await look(page, "called")
        await page.get_by_test_id("number-heard").click()

        # A page that was closed is opened again by its link, and finds the number where it is now.
        address = page.url
        await page.goto("/hall")
        await expect(page.get_by_test_id("mine")).to_contain_text("S003")
        mine = await hall.do(mine, "serve")
        await page.goto(address)
        await expect(standing).to_have_attribute("data-state", "serving")
        await hall.do(mine, "finish")
        await page.get_by_test_id("rate-send").click()
        await expect(page.get_by_test_id("rate-lack")).to_be_visible()
        await page.get_by_test_id("rate-2").check()
        await page.get_by_test_id("rate-send").click()
        await expect(page.get_by_test_id("rate-lack")).to_be_visible()
        await look(page, "rating")
        await page.get_by_test_id("reason-214").check()
        await page.get_by_test_id("rate-words").fill("等了很久")
        await page.get_by_test_id("rate-send").click()
        await expect(page.get_by_test_id("rated")).to_be_visible()
        await page.reload()
        await expect(page.get_by_test_id("rated")).to_be_visible()
        await look(page, "rated")

        # Whoever comes now waits too long: the supervisor is told which window would help, and reads what was said.
        await hall.take(PENSION)
        clock.advance(25 * 60)
        site.staff["boss"] = BOSS
        await page.context.add_cookies([{"name": WHO, "value": "boss", "url": site.served.url}])
        desk = await opened(page.context, site, console)
        await desk.set_viewport_size(DESK_VIEWPORT)  # type: ignore[arg-type]
        await desk.goto("/desk/lines")
        await expect(desk.get_by_test_id("alarm-990101-S")).to_contain_text("S02")
        await expect(desk.get_by_test_id("low")).to_contain_text("等了很久")
        await look(desk, "lines", "supervisor")
    assert [line for line in console.lines if "ERR_INTERNET_DISCONNECTED" not in line] == []
    assert not gallery or not gallery.faults, "\n".join(gallery.faults)
