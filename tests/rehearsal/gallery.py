"""Every page looked at as a careful visitor would, in the sizes of a phone and of a desk; pictures of what was seen.

A gallery collects faults instead of stopping at the first: one run tells everything that is wrong. What it looks for
is what a picture does not show or an eye overlooks: words of the wrong language, a page that scrolls sideways at 320
pixels (WCAG 2.2, 1.4.10), targets too small for a thumb, a focus nobody sees, pale text, no title, no heading.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Page

from tests.rehearsal import wording
from tests.rehearsal.browsers import DESK_VIEWPORT, PHONE_VIEWPORT

ROOT = Path(__file__).resolve().parent.parent.parent
# Colours on their way from one state to the next are neither; a running video is no animation.
SETTLED = """() => Promise.allSettled(document.getAnimations()
  .filter((one) => one.effect?.getComputedTiming().endTime < Infinity).map((one) => one.finished)).then(() => null)"""
INSPECT = Path(__file__).with_name("inspect.js").read_text()
FOCUS = Path(__file__).with_name("focus.js").read_text()
NARROW = {"width": 320, "height": 640}
SIZES = {"phone": PHONE_VIEWPORT, "desk": DESK_VIEWPORT}
TOUCH = 48  # pixels, least height of what an applicant presses (适老化: 44; ours 48)
TOUCH_WIDTH = 44
MOST_BYTES = 120_000


def wanted() -> bool:
    """Whether pictures for the documents are asked for: then everything is played in every language."""
    return "YUANKAN_SCREENS" in os.environ


def folder() -> Path:
    """Where pictures go: ``YUANKAN_SCREENS`` (docs/screens when they are made anew), else out of the way."""
    return ROOT / os.environ.get("YUANKAN_SCREENS", "build/screens")


@dataclass
class Gallery:
    """``lang`` is a browser's locale; pictures lie in ``root/zh`` and ``root/en``."""

    root: Path
    lang: str
    faults: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    @property
    def short(self) -> str:
        return self.lang[:2]

    async def look(
        self, page: Page, name: str, *, touch: bool = False, sizes: Mapping[str, Mapping[str, int]] = SIZES
    ) -> None:
        """Look at what ``page`` shows in every size; ``touch``: a citizen's page, worked with a thumb. A page with
        ``sizes`` of its own, as a screen on a wall, is neither narrow nor worked with keys.
        """
        usual = page.viewport_size
        await page.evaluate(SETTLED)
        self.seen.add(name)
        for size, viewport in sizes.items():
            thumb = touch and size == "phone"
            await self._resize(page, dict(viewport))
            close = size == list(sizes)[-1]
            await self._inspect(page, f"{name}-{size}", viewport["width"], thumb=thumb, closely=close)
            await self._keep(page, f"{name}-{size}", device=thumb)
        if sizes is SIZES:
            await self._narrow(page, name)
        if usual is not None:
            await self._resize(page, dict(usual))

    async def _narrow(self, page: Page, name: str) -> None:
        await self._resize(page, NARROW)
        await self._inspect(page, f"{name}-320", NARROW["width"])
        await page.keyboard.press("Tab")  # from here on the browser shows the focus, as it does to those who use keys
        self._note(name, [f"focus is not seen on {bare}" for bare in await page.evaluate(FOCUS)])

    async def _resize(self, page: Page, viewport: dict[str, int]) -> None:
        if page.viewport_size != viewport:
            await page.set_viewport_size(viewport)  # type: ignore[arg-type]
            await page.evaluate("() => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))")

    async def _inspect(self, page: Page, name: str, width: int, *, thumb: bool = False, closely: bool = False) -> None:
        """``closely``: what does not depend on the size is looked at once."""
        seen = await page.evaluate(INSPECT, [width, closely])
        wrong = []
        if seen["width"] > width:
            wrong.append(f"scrolls sideways, {seen['width']} of {width} px: {'; '.join(seen['wide']) or 'unknown'}")
        if thumb:
            small = [one for one in seen["targets"] if one["height"] < TOUCH or one["width"] < TOUCH_WIDTH]
            wrong.extend(f"hard to hit: {one['name']} is {one['width']}×{one['height']}" for one in small)
        if closely:
            wrong.extend(self._wrong(seen))
        self._note(name, wrong)

    def _wrong(self, seen: dict[str, Any]) -> list[str]:
        wrong = [f"pale text: {pale}" for pale in seen["pale"]]
        if not seen["title"].strip():
            wrong.append("has no title")
        if len(seen["headings"]) != 1 or not seen["headings"][0]:
            wrong.append(f"has {len(seen['headings'])} first headings: {seen['headings']}")
        if not seen["lang"].startswith(self.short):
            wrong.append(f"says that its language is {seen['lang']!r}")
        return wrong + wording.faults(seen["words"], self.short)

    def _note(self, name: str, wrong: list[str]) -> None:
        self.faults.extend(f"{self.short}/{name} {fault}" for fault in dict.fromkeys(wrong))

    async def _keep(self, page: Page, name: str, *, device: bool) -> None:
        data = await page.screenshot(scale="device" if device else "css", animations="disabled", caret="hide")
        await asyncio.to_thread(keep, data, self.root / self.short / f"{name}.png")


def keep(data: bytes, path: Path) -> None:
    """A picture small enough to be kept with the documents: as many colours as fit, so that accents stay themselves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not wanted():
        path.write_bytes(data)  # somebody will look at it once, if at all
        return
    image = Image.open(io.BytesIO(data)).convert("RGB")
    for colours in (256, 128, 64):
        out = io.BytesIO()
        # The octree keeps rare colours (a yellow ring, a red dot on a dark page); median cut averages them away.
        image.quantize(colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
            out, "PNG", optimize=True
        )
        if out.tell() <= MOST_BYTES:
            break
    path.write_bytes(out.getvalue())
