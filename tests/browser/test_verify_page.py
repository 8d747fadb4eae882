"""The public page that verifies a sheet, in a real Chromium: what it says, and that the file stays where it is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from foundation.access import ANONYMOUS, Actor, Resource
from foundation.http import build_app
from server import pages
from signing.routes import routes
from tests.node.signing.conftest import clock, fonts, issued, scene, scene_folder
from tests.node.signing.scene import RECORD, Scene
from tests.rehearsal.browsers import CHROMIUM, PHONE_VIEWPORT
from tests.support.http import Serve

__all__ = ["clock", "fonts", "issued", "scene", "scene_folder"]
DIST = Path(__file__).resolve().parents[2] / "web_client" / "dist"


@pytest.fixture
async def page(scene: Scene, serve: Serve) -> AsyncIterator[Page]:
    async def nobody(_request: web.Request) -> Actor:
        return ANONYMOUS

    async def resource_of(record: str) -> Resource:
        return Resource("record", record)

    site = await serve(build_app([*pages.routes(DIST), *routes(scene.means, resource_of)], actors=nobody))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(CHROMIUM))
        page = await browser.new_page(base_url=site.url, viewport=PHONE_VIEWPORT, locale="zh-CN")
        yield page
        await browser.close()


@pytest.mark.may_block("reads the built pages")
async def test_a_dropped_sheet_is_judged_by_its_hash_and_never_sent(scene: Scene, page: Page, tmp_path: Path) -> None:
    await scene.everybody_signs()
    good, spoilt = tmp_path / "good.pdf", tmp_path / "spoilt.pdf"
    good.write_bytes(await scene.seal())
    spoilt.write_bytes(good.read_bytes() + b"\n")
    asked: list[tuple[str, str | None]] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append((request.method, request.post_data)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(f"/verify?record={RECORD}")
    await page.get_by_text((await scene.current()).sha256).wait_for()
    assert errors == []
    verdict = page.get_by_test_id("verify-public-verdict")
    await page.get_by_test_id("verify-file").set_input_files(good)
    await verdict.locator(".pass").wait_for()
    text = await verdict.inner_text()
    assert all(name in text for name in ("张䶮", "周岚", "李𬍛", "后厨照片偏暗"))
    await page.get_by_test_id("language").click()
    await verdict.get_by_text("The original as this office issued it, unchanged").wait_for()
    assert not await page.get_by_text("选择文件").is_visible()
    async with page.expect_file_chooser() as choosing:
        await page.get_by_text("Choose file").click()
    await (await choosing.value).set_files(spoilt)
    await verdict.locator(".fail").wait_for()
    assert {method for method, _ in asked} == {"GET"}
    assert all(body is None for _, body in asked)
