"""The applicant's pages before the call, each good and in the faults that a phone, a browser or a link can have."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.async_api import Browser, Page, expect

from tests.rehearsal.browsers import CHROMIUM, PHONE_AGENT, chromium_path
from tests.rehearsal.call_visits import Line
from tests.rehearsal.desk_visits import held
from tests.rehearsal.hand import tid
from tests.rehearsal.play import Play, playing

QQ_AGENT = f"{PHONE_AGENT} MQQBrowser/13.0 QQ/9.0.0"
NO_WEBRTC = "delete window.RTCPeerConnection"
TORN_LINK = "/i/AbCdEf"


@dataclass
class PhoneVisits:
    play: Play

    @property
    def url(self) -> str:
        return self.play.installation.url

    async def all(self, link: str, old_link: str, desk: Page, line: Line) -> Page:
        """Every page up to the waiting room; ``desk`` shows the outbox. Gives the phone that waits there."""
        await self.links(link, old_link)
        phone = await self.arrive(link, desk)
        await self.devices(link, phone)
        await line.lay(phone)
        return await self.wait(link, phone)

    async def links(self, link: str, old_link: str) -> None:
        page = await self.play.browsers.phone_page(self.url, self.play.lang)
        for address, name in ((f"{self.url}{TORN_LINK}", "applicant-link-torn"), (old_link, "applicant-link-expired")):
            await page.goto(address)
            await expect(tid(page, "state-problem")).to_be_visible()
            await self.play.shown(page, name)
        async with held(page, "**/api/invitations/*"):
            await page.goto(link)
            await expect(tid(page, "state-loading").locator(".line").first).to_be_visible()
            await self.play.shown(page, "applicant-loading")
            await expect(tid(page, "retry")).to_be_visible(timeout=10_000)
            await self.play.shown(page, "applicant-slow")
        await page.context.close()
        await self._unable(link, "applicant-no-video-app", agent=QQ_AGENT)
        await self._unable(link, "applicant-old-browser", script=NO_WEBRTC)

    async def _unable(self, link: str, name: str, *, agent: str = PHONE_AGENT, script: str = "") -> None:
        page = await self.play.browsers.phone_page(self.url, self.play.lang, agent=agent)
        if script:
            await page.add_init_script(script)
        await page.goto(link)
        await expect(tid(page, "no-video-app")).to_be_visible()
        await self.play.shown(page, name)
        await page.context.close()

    async def arrive(self, link: str, desk: Page) -> Page:
        phone = await self.play.browsers.phone_page(self.url, self.play.lang)
        await phone.goto(link)
        await expect(tid(phone, "landing-start")).to_be_visible()
        await tid(phone, "landing-novideo").click()
        await self.play.shown(phone, "applicant-landing")
        await tid(phone, "text-size").click()
        await tid(phone, "text-size-4").click()
        await self.play.shown(phone, "applicant-landing-largest")
        await tid(phone, "text-size-1").click()
        await tid(phone, "text-size").click()
        await tid(phone, "landing-start").click()
        await tid(phone, "code-input").fill("000000")
        await tid(phone, "code-submit").click()
        await expect(tid(phone, "problem")).to_be_visible()
        await self.play.shown(phone, "applicant-code-wrong")
        await tid(phone, "code-input").fill(await self.play.code_from_outbox(desk))
        await tid(phone, "code-submit").click()
        await expect(tid(phone, "next")).to_be_visible()
        await self.play.shown(phone, "applicant-steps")
        await tid(phone, "next").click()
        await self.play.shown(phone, "applicant-consent")
        await tid(phone, "consent-agree").click()
        await expect(tid(phone, "check-start")).to_be_visible()
        await self.play.shown(phone, "applicant-check-before")
        return phone

    async def devices(self, link: str, phone: Page) -> None:
        """The same person's phone without a camera, and without permission to use it."""
        await phone.goto("about:blank")  # one device at a time
        playwright = self.play.browsers.playwright
        without = [flag for flag in CHROMIUM if "fake-device" not in flag]
        bare = await playwright.chromium.launch(executable_path=chromium_path(), args=without)
        try:
            await self._fault(link, phone, "C01", "applicant-check-no-camera", browser=bare)
        finally:
            await bare.close()
        asking = [flag for flag in CHROMIUM if "fake-ui" not in flag]
        strict = await playwright.chromium.launch(executable_path=chromium_path(), args=asking)
        try:
            await self._fault(
                link, phone, "C02", "applicant-check-not-allowed", browser=strict, granted=["geolocation"]
            )
        finally:
            await strict.close()

    async def _fault(
        self,
        link: str,
        phone: Page,
        code: str,
        name: str,
        *,
        browser: Browser | None = None,
        granted: list[str] | None = None,
    ) -> None:
        page = await self.play.browsers.phone_page(
            self.url,
            self.play.lang,
            browser=browser,
            cookies_of=phone.context,
            granted=["camera", "microphone", "geolocation"] if granted is None else granted,
        )
        await page.goto(link)
        await tid(page, "check-start").click()
        await expect(tid(page, "check-camera")).to_contain_text(code)
        await expect(tid(page, "check-place")).not_to_have_attribute("data-mark", "running", timeout=20_000)
        await self.play.shown(page, name)
        await page.context.close()

    async def wait(self, link: str, phone: Page) -> Page:
        await phone.goto(link)
        await tid(phone, "check-start").click()
        await expect(tid(phone, "wait-enter")).to_be_enabled()
        await self.play.shown(phone, "applicant-check")
        await tid(phone, "wait-enter").click()
        await expect(tid(phone, "wait")).to_be_visible()
        await playing(tid(phone, "wait").locator("video"))
        await self.play.shown(phone, "applicant-wait")
        other = await self.play.browsers.phone_page(self.url, self.play.lang)
        await other.goto(link)
        await expect(tid(other, "landing-start")).to_be_visible()
        await self.play.shown(other, "applicant-second-phone")
        await other.context.close()
        await phone.context.set_offline(True)
        await expect(tid(phone, "state-offline")).to_be_visible()
        await self.play.shown(phone, "applicant-offline")
        await phone.context.set_offline(False)
        await expect(tid(phone, "state-offline")).to_be_hidden()
        return phone

    async def replaced(self, link: str, phone: Page, desk: Page) -> None:
        """The link is taken over by a second phone; the first says so."""
        other = await self.play.browsers.phone_page(self.url, self.play.lang)
        await other.goto(link)
        await tid(other, "landing-start").click()
        await tid(other, "code-input").fill(await self.play.code_from_outbox(desk))
        await tid(other, "code-submit").click()
        await expect(tid(phone, "replaced")).to_be_visible()
        await self.play.shown(phone, "applicant-replaced")
        await other.context.close()

    async def decline(self, link: str, desk: Page) -> None:
        """Somebody who does not want to be recorded."""
        phone = await self.play.browsers.phone_page(self.url, self.play.lang)
        await phone.goto(link)
        await tid(phone, "landing-start").click()
        await tid(phone, "code-input").fill(await self.play.code_from_outbox(desk))
        await tid(phone, "code-submit").click()
        await tid(phone, "next").click()
        await tid(phone, "consent-refuse").click()
        await expect(tid(phone, "declined")).to_be_visible()
        await self.play.shown(phone, "applicant-declined")
        await phone.context.close()
