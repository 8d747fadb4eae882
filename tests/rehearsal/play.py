"""The whole path as people walk it, page by page: an applicant's phone, two officers, an auditor.

Every step is a method; its time is noted. Nothing here reaches behind the pages: what cannot be done by a person with
a browser is not done. (witness.js watches the phone's camera and counters, and touches nothing.)
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.rehearsal import keys
from tests.rehearsal.browsers import Browsers
from tests.rehearsal.gallery import Gallery
from tests.rehearsal.hand import draw, number_within, tid
from tests.rehearsal.installation import Installation
from tests.rehearsal.proof_visits import TimeProofAway

# Ends a hopeless wait and says nothing about speed: two cores run server, browsers and whatever else there is.
expect.set_options(timeout=20_000)
BUSINESS = "青禾餐馆"
PHOTO_ROW = ".photos [data-testid^=photo-]"
QUEUE_MS = 4_000
WITNESS = Path(__file__).with_name("witness.js")


@dataclass
class Step:
    name: str
    seconds: float


@dataclass
class Play:
    """State of one rehearsal; ``gallery`` looks at every page on the way, None for nobody."""

    installation: Installation
    browsers: Browsers
    gallery: Gallery | None = None
    lang: str = "zh-CN"
    business: str = BUSINESS
    steps: list[Step] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)
    case_page: str = ""
    record: str = ""
    witness: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    call_started_at: datetime | None = None

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        began = time.monotonic()
        yield
        self.steps.append(Step(name, round(time.monotonic() - began, 2)))

    async def shown(self, page: Page, name: str) -> None:
        if self.gallery is not None:
            await self.gallery.look(page, name, touch=name.startswith("applicant-"))

    # -- before the call

    async def log_in(self, who: str) -> Page:
        async with self.step(f"log in {who}"):
            account = self.installation.accounts[who]
            page = await self.browsers.desk_page(self.installation.url, who, self.lang)
            await page.goto(f"{self.installation.url}/")
            await tid(page, "login-account").fill(account.account)
            await tid(page, "login-password").fill(account.password)
            await tid(page, "login-submit").click()
            await expect(tid(page, "me")).to_be_visible()
        return page

    async def open_case(self, officer: Page) -> str:
        """The officer finds the case in the day's list, opens it and sends the link; gives the link."""
        async with self.step("open the case and send the link"):
            row = officer.locator("[data-testid^=case-row-]", has_text=self.business)
            await expect(row).to_be_visible()
            await self.shown(officer, "officer-day")
            self.record = (await row.get_attribute("data-testid") or "").removeprefix("case-row-")
            await tid(row, "case-open").click()
            before = await tid(officer, "invite-link").get_attribute("href")
            await tid(officer, "invite-send").click()
            # A link that is sent again replaces the one before.
            await expect(tid(officer, "invite-link")).not_to_have_attribute("href", before or "")
            link = await tid(officer, "invite-link").get_attribute("href")
            await self.shown(officer, "officer-case")
            self.case_page = officer.url
        assert link, "the case page shows the link"
        return link

    async def prepare_phone(self, link: str, officer: Page) -> Page:
        """Landing, code, what will happen, consent, check, waiting room."""
        origin = self.installation.url
        phone = await self.browsers.phone_page(origin, self.lang)
        await phone.add_init_script(path=WITNESS)
        async with self.step("the applicant opens the link"):
            await phone.goto(link)
            await expect(tid(phone, "landing-start")).to_be_visible()
            await self.shown(phone, "applicant-landing")
            await tid(phone, "landing-start").click()
            await expect(tid(phone, "code-input")).to_be_visible()
        async with self.step("the code arrives and is entered"):
            code = await self.code_from_outbox(officer)
            await tid(phone, "code-input").fill(code)
            await self.shown(phone, "applicant-code")
            await tid(phone, "code-submit").click()
        async with self.step("what will happen, consent"):
            await tid(phone, "next").click()
            await self.shown(phone, "applicant-consent")
            await tid(phone, "consent-agree").click()
        async with self.step("the phone checks itself"):
            await tid(phone, "check-start").click()
            await expect(tid(phone, "wait-enter")).to_be_enabled()
            await self.shown(phone, "applicant-check")
            await tid(phone, "wait-enter").click()
            await playing(tid(phone, "wait").locator("video"))
            await self.shown(phone, "applicant-wait")
        return phone

    async def prepare_witness(self, officer: Page) -> Page:
        """The officer names a witness, who comes by a link of their own and then waits for the sheet."""
        async with self.step("a witness comes by a link of their own"):
            await tid(officer, "witness-name").fill("王五")
            await tid(officer, "witness-phone").fill("19900000077")
            await tid(officer, "witness-add").click()
            link = await tid(officer, "witness-link").get_attribute("href")
            await self.shown(officer, "officer-case-witness")
            page = await self.browsers.phone_page(self.installation.url, self.lang)
            await page.goto(link or "")
            await expect(tid(page, "landing-witness")).to_be_visible()
            await self.shown(page, "applicant-witness-landing")
            await tid(page, "landing-start").click()
            await tid(page, "code-input").fill(await self.code_from_outbox(officer))
            await tid(page, "code-submit").click()
            await expect(tid(page, "witness-wait")).to_be_visible()
            await self.shown(page, "applicant-witness-wait")
        return page

    async def code_from_outbox(self, officer: Page) -> str:
        """The text message with the code, as the desk's outbox shows it."""
        for _ in range(40):
            await officer.reload()
            messages = await tid(officer, "invite-message").all_inner_texts()
            for text in messages:
                found = re.search(r"(?:验证码|Code )(\d{6})", text)
                if found and found[1] not in self.codes:
                    self.codes.add(found[1])
                    return found[1]
            await officer.wait_for_timeout(250)
        raise AssertionError("no code in the outbox")

    # -- the call

    async def enter_call(self, lead: Page, assist: Page, phone: Page) -> None:
        async with self.step("the officers enter, the lead starts"):
            for page in (lead, assist):
                await page.goto(f"{self.installation.url}/desk/records/{self.record}")
            await expect(tid(lead, "call-start")).to_be_enabled()
            await tid(lead, "call-start").click()
            self.call_started_at = datetime.now(UTC)
        async with self.step("the applicant's picture is on the desk"):
            await tid(phone, "call-enter").click()
            await expect(tid(phone, "call")).to_be_visible()
            for page in (lead, assist):
                await playing(tid(page, "stage").locator("video").first)
        await self.shown(lead, "officer-live")
        await self.shown(phone, "applicant-call")

    async def procedure(self, lead: Page) -> None:
        async with self.step("identity, credentials, notice"):
            for name in ("identity", "show_credentials", "tell_rights"):
                await tid(lead, f"step-{name}").click()
                await tid(lead, "step-mark").click()
                await expect(tid(lead, f"step-{name}")).to_have_class(re.compile("done"))

    async def photographs(self, lead: Page, phone: Page) -> int:
        """Every photograph that the list demands; gives how many. Standing consent lets the phone take them itself."""
        taken = 0
        async with self.step("the photographs"):
            for item in await self._items(lead, "[data-testid^=item-]:has(.warn-ink:text('★'))"):
                article = await self._open_item(lead, item)
                while await article.locator(".tags .warn-ink").count():
                    before = await lead.locator(PHOTO_ROW).count()
                    await tid(lead, "photo-ask").click()
                    await tid(phone, "photo-take").click()
                    if taken == 0:
                        await self.shown(phone, "applicant-photo")
                    await expect(lead.locator(PHOTO_ROW)).to_have_count(before + 1, timeout=20_000)
                    taken += 1
        return taken

    async def _items(self, lead: Page, selector: str) -> list[str]:
        found = lead.locator(f"article{selector}")
        names = [await found.nth(i).get_attribute("data-testid") for i in range(await found.count())]
        return [(name or "").removeprefix("item-") for name in names]

    async def _open_item(self, lead: Page, item: str) -> Locator:
        article = tid(lead, f"item-{item}")
        line = article.locator("button.line")
        if await line.get_attribute("aria-expanded") != "true":
            await line.click()
        return article

    async def answer_all(self, lead: Page) -> int:
        """Every open item of the list gets its answer; gives how many."""
        async with self.step("the checklist"):
            identifiers = await self._items(lead, "[data-testid^=item-]")
            for identifier in identifiers:
                await self._answer(lead, identifier)
            await self.shown(lead, "officer-checklist")
        return len(identifiers)

    async def _answer(self, lead: Page, item: str) -> None:
        article = await self._open_item(lead, item)
        measured, text = tid(article, "answer-measured"), tid(article, "answer-text")
        choices = article.locator("[data-testid^=choice-]")
        conforms = tid(article, "answer-conforms")
        if not await conforms.count() or not await conforms.is_enabled():
            return  # the item does not apply to this case
        if await measured.count():
            await measured.fill(await number_within(article))
            await measured.press("Enter")
        if await choices.count():
            await choices.first.click()
        if await text.count():
            await text.fill("按要求")
            await text.blur()
        await conforms.click()
        await expect(article.locator("button.line .sign.conforms")).to_be_visible()

    async def close(self, lead: Page) -> None:
        async with self.step("close with a result"):
            await tid(lead, "close-open").click()
            await self.shown(lead, "officer-close")
            await tid(lead, "close-result-pass").check()
            await tid(lead, "close-submit").click()
            await expect(tid(lead, "signers")).to_be_visible()

    # -- the sheet

    async def sign(self, lead: Page, assist: Page, phone: Page, witness: Page) -> None:
        async with self.step("the sheet is made"):
            await expect(tid(phone, "sheet-sign")).to_be_visible(timeout=60_000)
            await self.shown(phone, "applicant-sheet")
        async with self.step("the applicant signs"):
            await tid(phone, "sheet-sign").click()
            await draw(phone)
            await self.shown(phone, "applicant-sign")
            away = TimeProofAway(phone) if self.gallery is not None else None
            if away is not None:
                await away.begin()
            async with keys.watched(phone, self.keys, "applicant"):
                await self.sign_by_code(phone, lead, "applicant", away)
                await expect(tid(phone, "done")).to_be_visible(timeout=60_000)
            await expect(tid(phone, "done-title")).to_have_attribute("data-settled", "false")
            await self.shown(phone, "applicant-done-others")
        async with self.step("the witness signs"):
            await expect(tid(witness, "sign-submit")).to_be_visible(timeout=60_000)
            await tid(witness, "sign-refuse").click()
            await tid(witness, "refuse-send").click()
            await expect(tid(witness, "refuse-problem")).to_be_visible()  # without a reason nothing is refused
            await self.shown(witness, "applicant-witness-refuse")
            await witness.keyboard.press("Escape")
            await expect(tid(witness, "refuse-send")).to_be_hidden()
            await draw(witness)
            await self.shown(witness, "applicant-witness-sign")
            async with keys.watched(witness, self.keys, "witness1"):
                await self.sign_by_code(witness, lead, "applicant-witness")
                await expect(tid(witness, "witness-done")).to_be_visible(timeout=60_000)
            await self.shown(witness, "applicant-witness-done")
            await witness.context.close()
        for page, role in ((lead, "lead"), (assist, "assist")):
            async with self.step(f"the {role} officer signs"):
                await tid(page, "sign-open").click()
                await draw(page)
                away = None
                if self.gallery is not None and role == "lead":
                    away = TimeProofAway(page, "officer", "sign-done", renewed=False)
                    await away.begin()
                    await away.others_first()
                async with keys.watched(page, self.keys, role):
                    await tid(page, "sign-submit").click()
                    if away is not None:
                        await away.shown(self)
                    await expect(tid(page, "sign-done")).to_be_visible(timeout=60_000)
                await page.keyboard.press("Escape")
        async with self.step("the office's seal"):
            await expect(tid(lead, "signer-seal").locator(".signed")).to_be_visible(timeout=60_000)
            await expect(tid(phone, "done-title")).to_have_attribute("data-settled", "true")
            await self.shown(phone, "applicant-done")
            await self.shown(lead, "officer-signed")

    async def sign_by_code(self, phone: Page, lead: Page, shot: str, away: TimeProofAway | None = None) -> None:
        """The code of a signature: a wrong one first, then the one that came; the desk stays in the call."""
        await tid(phone, "sign-submit").click()
        await tid(phone, "sign-code-input").fill("000000")
        await tid(phone, "sign-code-submit").click()
        await expect(tid(phone, "sign-code-problem")).to_be_visible()
        await self.shown(phone, f"{shot}-sign-code")
        outbox = await lead.context.new_page()
        await outbox.goto(self.case_page)
        await tid(phone, "sign-code-input").fill(await self.code_from_outbox(outbox))
        await outbox.close()
        if away is not None:
            await away.others_first()
        await tid(phone, "sign-code-submit").click()
        if away is not None:
            await away.shown(self)

    async def end(self, lead: Page, phone: Page) -> None:
        async with self.step("end the call"):
            self.witness = await phone.evaluate("() => window.rehearsal.report()")
            # The browser counts a picture as sent when it is packed; a busy one has it in its queue for a while yet.
            await phone.wait_for_timeout(QUEUE_MS)
            await tid(lead, "call-end").click()
            await tid(lead, "call-end-confirm").click()
            await expect(tid(lead, "call-ended")).to_be_visible()

    # -- the auditor

    async def audit(self, auditor: Page, folder: Path) -> tuple[Path, str]:
        """Find, say why, replay, jump to an answer, verify, take the package away; gives its path and the verdict."""
        await self.find_and_replay(auditor, 3)
        async with self.step("an answer is one click from its moment"):
            await tid(auditor, "tab-checklist").click()
            answer = tid(auditor, "answers").locator("[data-testid^=answer-mark-]").last
            await answer.click()
            await playing(tid(auditor, "screen-applicant").locator("video").first)
            await self.shown(auditor, "auditor-answer")
        return await self.take_away(auditor, folder)

    async def find_and_replay(self, auditor: Page, people: int) -> None:
        """The record by its business or citizen, and everybody of the call in step."""
        async with self.step("the auditor finds the record"):
            await auditor.goto(f"{self.installation.url}/audit")
            await tid(auditor, "audit-search").fill(self.business)
            await tid(auditor, "audit-submit").click()
            await tid(auditor, f"audit-open-{self.record}").click()
            await self.shown(auditor, "auditor-purpose")
            await tid(auditor, "purpose-sample").check()
            await tid(auditor, "purpose-go").click()
        async with self.step("everybody is replayed in step"):
            screens = auditor.locator("[data-testid^=screen-]")
            await expect(screens).to_have_count(people)
            await tid(auditor, "replay-play").click()
            await playing(tid(auditor, "screen-applicant").locator("video").first)
            await self.shown(auditor, "auditor-replay")

    async def take_away(self, auditor: Page, folder: Path) -> tuple[Path, str]:
        """Verify by the button, then the package; gives its path and the button's verdict."""
        async with self.step("verify"):
            await tid(auditor, "tab-verify").click()
            verdict = await self._verdict(auditor)
            await self.shown(auditor, "auditor-verdict")
        async with self.step("the package"):
            await tid(auditor, "tab-export").click()
            await tid(auditor, "package-make").click()
            await expect(tid(auditor, "package-download")).to_be_visible(timeout=120_000)
            async with auditor.expect_download() as waiting:
                await tid(auditor, "package-download").click()
            path = folder / "package.tar"
            await (await waiting.value).save_as(path)
        return path, verdict

    async def _verdict(self, auditor: Page) -> str:
        """The verdict once the record is sealed: until then the button says, rightly, that it cannot judge yet."""
        state = ""
        for _ in range(8):
            await tid(auditor, "verify-run").click()
            shown = tid(auditor, "verify-verdict")
            await expect(shown).to_be_visible(timeout=120_000)
            state = await shown.get_attribute("data-verdict") or ""
            if state != "undecided":
                break
            await auditor.wait_for_timeout(2_000)
        return state


async def playing(video: Locator) -> None:
    """Until the element shows moving pictures: two different moments of its own clock."""
    # Slots are told and filled one after the other, which takes long where all runs on one busy machine.
    await expect(video).to_be_visible(timeout=60_000)
    await video.evaluate(
        """async (video) => {
             const until = performance.now() + 20000
             while (!(video.videoWidth > 0 && video.currentTime > 0)) {
               if (performance.now() > until) throw new Error('no picture: ' + video.readyState)
               await new Promise((next) => setTimeout(next, 50))
             }
           }"""
    )
