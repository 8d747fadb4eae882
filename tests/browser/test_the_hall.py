"""A citizen's way through the hall in a real Chromium, from words to a rating, with the wall and the supervisor.

Server, database, bus and browser are real; the agent presses in the database, as the routes of the desk do. Each
state's picture is taken by tests/deep/browser/test_hall_screens.py.
"""

import pytest
from playwright.async_api import expect

from foundation.bus import Bus
from foundation.clock import ManualClock
from foundation.db import Database
from tests.rehearsal.browsers import Console
from tests.rehearsal.hall_visits import BOSS, S1, WORDS, citizen, desk_of, opened
from tests.support.hall import PENSION, open_hall
from tests.support.hall_site import DIST, hall_site
from tests.support.http import Serve


@pytest.mark.may_block("reads the built pages")
async def test_from_words_to_a_rating(sqlite_database: Database, clock: ManualClock, bus: Bus, serve: Serve) -> None:
    hall, console = await open_hall(sqlite_database, clock), Console()
    async with hall_site(hall, bus, serve, dist=DIST) as site, citizen(site, "zh-CN") as context:
        page = await opened(context, site, console)
        await hall.sit(S1, "stf_liu")
        for _ in range(2):
            await hall.take(PENSION)

        wall = await opened(context, site, console)
        await wall.goto("/wall/990101")
        await expect(wall.get_by_test_id("wall-none")).to_be_visible()
        await page.bring_to_front()  # a page behind another one draws once a second, and every click waits for it

        await page.goto("/hall")
        await page.get_by_test_id("find-words").fill(WORDS["zh-CN"])
        await page.get_by_test_id(f"guide-{PENSION}").click()
        await expect(page.get_by_test_id("papers").locator("li")).to_have_count(4)
        await page.get_by_test_id("nearest").click()
        await expect(page.get_by_test_id("place-wait").first).to_contain_text("2")
        await page.get_by_test_id("guide-take").click()
        await page.get_by_test_id("take-phone").fill("138 0000 56")
        await page.get_by_test_id("take-submit").click()
        await expect(page.get_by_test_id("problem")).to_contain_text("11")
        await page.get_by_test_id("take-phone").fill("138 0000 5678")
        await page.get_by_test_id("take-submit").click()

        await expect(page.get_by_test_id("number-label")).to_have_text("S003")
        head, standing = page.get_by_test_id("number-head"), page.get_by_test_id("standing")
        await expect(head).to_contain_text("2")
        await hall.do(await hall.called(S1), "serve", "finish")
        await expect(head).to_contain_text("1")

        # The line is cut, the hall goes on; what the page shows is old, and it says so.
        await context.set_offline(True)
        await expect(page.get_by_test_id("state-offline")).to_be_visible()
        await expect(page.get_by_test_id("number-old")).to_be_visible()
        await expect(wall.get_by_test_id("wall-old")).to_be_hidden()
        await wall.clock.fast_forward(16_000)
        await expect(wall.get_by_test_id("wall-old")).to_be_visible()
        await hall.do(await hall.called(S1), "serve", "finish")
        await context.set_offline(False)
        mine = await hall.called(S1)
        await expect(standing).to_have_attribute("data-state", "called")
        await expect(head).to_contain_text("S01")
        assert "S01" in await page.title()
        await expect(wall.get_by_test_id("wall-old")).to_be_hidden()
        await expect(wall.get_by_test_id("call-S003")).to_contain_text("S01")
        await expect(wall.get_by_test_id("call-S003")).to_have_class("new")
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
        await page.get_by_test_id("reason-214").check()
        await page.get_by_test_id("rate-words").fill("等了很久")
        await page.get_by_test_id("rate-send").click()
        await expect(page.get_by_test_id("rated")).to_be_visible()
        await page.reload()
        await expect(page.get_by_test_id("rated")).to_be_visible()

        # Whoever comes now waits too long: the supervisor is told which window would help, and reads what was said.
        await hall.take(PENSION)
        clock.advance(25 * 60)
        desk = await desk_of(context, site, console, BOSS)
        await desk.goto("/desk/lines")
        await expect(desk.get_by_test_id("alarm-990101-S")).to_contain_text("S02")
        await expect(desk.get_by_test_id("satisfied")).to_contain_text("1人评价")
        await expect(desk.get_by_test_id("low")).to_contain_text("等了很久")
    assert [line for line in console.lines if "ERR_INTERNET_DISCONNECTED" not in line] == []
