"""A help service as people walk it: a citizen's phone, two agents at their windows, an auditor.

The citizen says in their own words what they need, asks for help by video, is called and helped, sends and gets files,
is handed over to another window in the call, goes on at a computer whose screen the agent draws on and sends back as a
marked still, and rates the service.
Nothing reaches behind the pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from office.picture import recognise
from tests.rehearsal.play import Play, playing, tid
from tests.support.documents import PDF, picture

CITIZEN = "刘桂兰"
WORDS = {"zh-CN": "退休金怎么领", "en-GB": "pension"}
GUIDE = "pension-claim"
TO_WINDOW = "990101-T01"


async def seen(image: Locator, width: int = 1) -> None:
    """Until the element shows a picture of at least this width, in its own pixels."""
    await expect(image).to_be_visible()
    await image.evaluate("image => image.decode()")
    assert await image.evaluate("image => image.naturalWidth") >= width


@dataclass
class HelpPlay(Play):
    """One service of the demonstration's hall; ``number_page`` is the address of the citizen's number."""

    number_page: str = ""

    async def shown(self, page: Page, name: str) -> None:
        # The replay looks as an inspection's, whose pictures the documents have.
        if self.gallery is not None and not name.startswith("auditor-"):
            await self.gallery.look(page, name, touch=name.startswith("citizen-"))

    async def whole(self, folder: Path) -> tuple[Path, str]:
        first, second = await self.log_in("zhangmin"), await self.log_in("wuyue")
        number = await self.ask()
        await self.come_in(number)
        await self.call(first, number)
        await self.card(first, number)
        await self.files(first, number)
        await self.hand_over(first, second, number)
        computer = await self.at_a_computer(second)
        await self.finish(second, computer)
        await self.rate(computer)
        auditor = await self.log_in("hejing")
        await self.find_and_replay(auditor, 4)
        await expect(tid(auditor, "mark-file")).to_have_count(3)
        await self.drawn_again(auditor)
        return await self.take_away(auditor, folder)

    async def ask(self) -> Page:
        """From words to a number that is helped by video; gives the phone."""
        phone = await self.browsers.phone_page(self.installation.url, self.lang)
        async with self.step("the citizen asks for help by video"):
            await phone.goto(f"{self.installation.url}/hall")
            await tid(phone, "find-words").fill(WORDS[self.lang])
            await tid(phone, f"guide-{GUIDE}").click()
            await tid(phone, "guide-video-take").click()
            await tid(phone, "take-name").fill(self.business)
            await tid(phone, "take-submit").click()
            await expect(tid(phone, "number-label")).to_be_visible()
            await self.shown(phone, "citizen-video-number")
            self.number_page = phone.url
        return phone

    async def come_in(self, phone: Page) -> None:
        """The call's page from the number's: consent, check, waiting."""
        async with self.step("the number leads into its call"):
            await tid(phone, "number-call").click()
            await tid(phone, "next").click()
            await self.shown(phone, "citizen-consent")
            await tid(phone, "consent-agree").click()
            await tid(phone, "check-start").click()
            await expect(tid(phone, "wait-enter")).to_be_enabled()
            await tid(phone, "wait-enter").click()
            await playing(tid(phone, "wait").locator("video"))
            await self.shown(phone, "citizen-wait")

    async def call(self, agent: Page, phone: Page) -> None:
        async with self.step("the agent calls the number and starts the call"):
            await expect(tid(agent, "queue")).to_contain_text("*")
            await self.shown(agent, "agent-queue")
            await tid(agent, "next").click()
            await tid(agent, "video").click()
            await expect(tid(agent, "call-start")).to_be_enabled()
            await tid(agent, "call-start").click()
        async with self.step("both see each other"):
            await tid(phone, "call-enter").click()
            await expect(tid(phone, "call")).to_be_visible()
            await playing(tid(agent, "stage").locator("video").first)
            await playing(tid(phone, "officers").locator("video").first)
            self.record = await tid(agent, "call").get_attribute("data-record") or ""

    async def card(self, agent: Page, phone: Page) -> None:
        async with self.step("a step card is pushed and ticked, words are said"):
            await tid(agent, "card-title").fill("准备材料" if self.lang == "zh-CN" else "Get ready")
            steps = "拿出身份证\n打开手机银行" if self.lang == "zh-CN" else "Take your ID card\nOpen the bank's app"
            await tid(agent, "card-steps").fill(steps)
            await tid(agent, "card-send").click()
            await expect(tid(phone, "share")).to_have_count(0)  # a phone shares no screen
            await tid(phone, "card-step-0").check()
            await expect(tid(agent, "card_1")).to_contain_text("1/2")
            await tid(agent, "say-input").fill("请看步骤卡" if self.lang == "zh-CN" else "Please look at the card")
            await tid(agent, "say-send").click()
            await expect(tid(phone, "said")).to_be_visible()
            await self.shown(phone, "citizen-call")
            await self.shown(agent, "agent-call")

    async def files(self, agent: Page, phone: Page) -> None:
        """One each way, as it was sent."""
        async with self.step("citizen and agent send each other files"):
            await tid(phone, "type").click()
            scan = {"name": "户口本.jpg", "mimeType": "image/jpeg", "buffer": picture(size=(1280, 960))}
            await tid(phone, "attach").set_input_files(scan)
            await expect(tid(phone, "chat-file")).to_have_count(1)
            await seen(tid(phone, "chat-picture").locator("img"))
            await self.shown(phone, "citizen-files")
            await tid(phone, "chat-picture").click()
            await seen(tid(phone, "whole-picture").locator("img"), width=1280)
            await self.shown(phone, "citizen-picture")
            await phone.keyboard.press("Escape")
            await expect(tid(phone, "whole-picture")).to_have_count(0)
            await expect(tid(phone, "chat-picture")).to_be_focused()
            await phone.keyboard.press("Escape")
            await expect(tid(phone, "chat-picture")).to_be_hidden()
            async with agent.expect_download() as saved:
                await tid(agent, "chat-file").click()
            got = await saved.value
            assert got.suggested_filename == scan["name"] and Path(await got.path()).read_bytes() == scan["buffer"]
            form = {"name": "申请表.pdf", "mimeType": "application/pdf", "buffer": PDF}
            await tid(agent, "attach").set_input_files(form)
            async with phone.expect_download() as saved:
                await tid(phone, "file-save").click()
            assert Path(await (await saved.value).path()).read_bytes() == PDF

    async def hand_over(self, first: Page, second: Page, phone: Page) -> None:
        """The citizen does nothing: the same page, the same call, another agent."""
        async with self.step("the call is handed over to another window"):
            await tid(first, "transfer").click()
            await tid(first, "hand-to").select_option(TO_WINDOW)
            await tid(first, "hand-note").fill(
                "社保已核对，缺个税信息" if self.lang == "zh-CN" else "Tax record missing"
            )
            await tid(first, "hand-papers").fill("身份证 已看" if self.lang == "zh-CN" else "ID card seen")
            await self.shown(first, "agent-transfer")
            await tid(first, "hand-send").click()
            await expect(tid(phone, "passage")).to_be_visible()
            await expect(tid(second, "offer")).to_be_visible()
            await self.shown(second, "agent-offer")
            await tid(second, "offer-accept").click()
            await playing(tid(second, "stage").locator("video").first)
            await expect(tid(first, "call")).to_be_hidden()
            await playing(tid(phone, "officers").locator("video").first)
            await self.shown(phone, "citizen-handed-over")

    async def at_a_computer(self, agent: Page) -> Page:
        """The number's page, opened there, takes the call along; what the citizen shares, the agent draws on."""
        computer = await self.browsers.desk_page(self.installation.url, "citizen", self.lang)
        async with self.step("the citizen goes on at a computer and shares its screen"):
            await computer.goto(self.number_page)
            await tid(computer, "number-call").click()
            await tid(computer, "call-enter").click()
            await playing(tid(agent, "stage").locator("video").first)
            await tid(computer, "share").click()
            await playing(tid(agent, "shared-screen").locator("video"))
        async with self.step("the agent's mark is on the citizen's screen"):
            await tid(agent, "tool-point").click()
            await tid(agent, "shared-screen").drag_to(
                tid(agent, "shared-screen"), source_position={"x": 150, "y": 60}, target_position={"x": 260, "y": 90}
            )
            await expect(tid(computer, "mark")).to_have_count(1)
            await self.shown(agent, "agent-screen")
            await self.shown(computer, "citizen-screen")
        async with self.step("the agent sends a still of the screen, marked up"):
            await tid(agent, "tool-still").click()
            await tid(agent, "still").drag_to(
                tid(agent, "still"), source_position={"x": 100, "y": 60}, target_position={"x": 220, "y": 110}
            )
            await expect(tid(agent, "still-undo")).to_be_enabled()
            await self.shown(agent, "agent-still")
            await tid(agent, "still-send").click()
            await expect(tid(agent, "still")).to_be_hidden()
            async with computer.expect_download() as saved:
                await tid(computer, "file-save").click()
            taken = recognise(Path(await (await saved.value).path()).read_bytes())
            assert taken is not None and taken.mime == "image/jpeg" and taken.width >= 640, taken
            await tid(agent, "tool-clear").click()
            await expect(tid(computer, "mark")).to_have_count(0)
            await tid(computer, "share").click()
            await expect(tid(agent, "shared-screen")).to_be_hidden()
        return computer

    async def finish(self, agent: Page, phone: Page) -> None:
        async with self.step("the service ends"):
            await tid(agent, "finish").click()
            await tid(agent, "end-done").check()
            await self.shown(agent, "agent-finish")
            await tid(agent, "end-send").click()
            await expect(tid(phone, "done")).to_be_visible()
            await expect(tid(agent, "call")).to_be_hidden()
            await self.shown(phone, "citizen-done")

    async def drawn_again(self, auditor: Page) -> None:
        """At its moment the agent's line lies over the film of the screen."""
        async with self.step("the agent's mark is drawn in the replay"):
            words = "在屏幕上标注" if self.lang == "zh-CN" else "marked the screen"
            await tid(auditor, "events").get_by_text(words).first.click()
            await expect(tid(auditor, "screen-screen").get_by_test_id("drawing")).to_have_count(1)
            row = auditor.get_by_role("slider", name="共享屏幕" if self.lang == "zh-CN" else "Shared screen")
            await expect(row.locator("rect.live")).not_to_have_count(0)
            await self.shown(auditor, "auditor-drawing")

    async def rate(self, phone: Page) -> None:
        async with self.step("the last page leads to the rating"):
            await tid(phone, "done-rate").click()
            await tid(phone, "rate-5").check()
            await tid(phone, "rate-send").click()
            await expect(tid(phone, "rated")).to_be_visible()
