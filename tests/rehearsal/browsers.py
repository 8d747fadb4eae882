"""Real browsers: one process for the phone with the numbered film as its camera, one for everybody at a desk."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright

from tests.rehearsal.camera import Film

PHONE_VIEWPORT = {"width": 390, "height": 844}
DESK_VIEWPORT = {"width": 1440, "height": 900}
PHONE_AGENT = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/156.0.0.0 Mobile Safari/537.36"
)
PHONE_GRANTS = ("camera", "microphone", "geolocation")
CHROMIUM = (
    "--headless=new",
    "--no-sandbox",  # as root, as CI and many small servers are
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Pages that nobody looks at must go on sending: all windows of a rehearsal are "in the background".
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    # Where there is only `lo`, Chromium offers no candidate at all without this.
    "--allow-loopback-in-peer-connection",
)


def chromium_path() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise FileNotFoundError("no Chromium on PATH; ./run check installs it as root on Debian")
    return found


@dataclass
class Console:
    """What a page complained about; a rehearsal with complaints is not green."""

    lines: list[str] = field(default_factory=list)

    def watch(self, page: Page, who: str) -> None:
        page.on("pageerror", lambda error: self.lines.append(f"{who}: {error}"))
        page.on(
            "console",
            lambda message: self.lines.append(f"{who}: {message.text}") if message.type == "error" else None,
        )


@dataclass
class Browsers:
    playwright: Playwright
    desk: Browser
    phone: Browser
    console: Console

    async def phone_page(
        self,
        origin: str,
        lang: str = "zh-CN",
        *,
        agent: str = PHONE_AGENT,
        granted: Sequence[str] = PHONE_GRANTS,
        cookies_of: BrowserContext | None = None,
        browser: Browser | None = None,
    ) -> Page:
        """A phone with cookies of its own, or with those of another window (``cookies_of``), in any ``browser``."""
        context = await (browser or self.phone).new_context(
            viewport=PHONE_VIEWPORT,
            user_agent=agent,
            has_touch=True,
            is_mobile=True,
            device_scale_factor=2,
            locale=lang,
            timezone_id="Asia/Shanghai",
            geolocation={"latitude": 35.9121, "longitude": 123.4211, "accuracy": 12},
            storage_state=await cookies_of.storage_state() if cookies_of else None,
        )
        await context.grant_permissions(list(granted), origin=origin)
        return await self._page(context, "phone")

    async def desk_page(self, origin: str, who: str, lang: str = "zh-CN") -> Page:
        """A window with cookies of its own, as on another person's computer."""
        context = await self.desk.new_context(
            viewport=DESK_VIEWPORT, locale=lang, timezone_id="Asia/Shanghai", accept_downloads=True
        )
        await context.grant_permissions(["camera", "microphone"], origin=origin)
        return await self._page(context, who)

    async def _page(self, context: BrowserContext, who: str) -> Page:
        context.set_default_timeout(60_000)
        page = await context.new_page()
        self.console.watch(page, who)
        return page


@asynccontextmanager
async def browsers(film: Film | None, extra: Sequence[str] = ()) -> AsyncIterator[Browsers]:
    """Both browsers; ``film`` None gives the phone Chromium's own moving test picture."""
    camera = (
        [f"--use-file-for-fake-video-capture={film.video}", f"--use-file-for-fake-audio-capture={film.audio}"]
        if film
        else []
    )
    async with async_playwright() as playwright:
        desk = await playwright.chromium.launch(executable_path=chromium_path(), args=[*CHROMIUM, *extra])
        phone = await playwright.chromium.launch(executable_path=chromium_path(), args=[*CHROMIUM, *camera, *extra])
        try:
            yield Browsers(playwright, desk, phone, Console())
        finally:
            await phone.close()
            await desk.close()
