"""What a hand does on a page: it finds a thing by its name for tests, draws a signature, fills in a number."""

import re

from playwright.async_api import Locator, Page, expect


def tid(where: Page | Locator, name: str) -> Locator:
    return where.locator(f"[data-testid={name}]")


async def draw(page: Page) -> None:
    """A signature by pointer: three strokes across the pad."""
    pad = tid(page, "sign-pad")
    await expect(pad).to_be_visible()
    await pad.scroll_into_view_if_needed()
    box = await pad.bounding_box()
    assert box is not None
    for start, end in (((0.2, 0.3), (0.8, 0.35)), ((0.5, 0.15), (0.45, 0.85)), ((0.25, 0.6), (0.75, 0.8))):
        await page.mouse.move(box["x"] + box["width"] * start[0], box["y"] + box["height"] * start[1])
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] * end[0], box["y"] + box["height"] * end[1], steps=8)
        await page.mouse.up()


async def number_within(article: Locator) -> str:
    """A number that conforms, read from the limit that the page shows (应为 …)."""
    shown = await article.locator(".measured").inner_text()
    numbers = [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", shown)]
    if not numbers:
        return "1"
    if len(numbers) >= 2:
        return f"{(numbers[0] + numbers[1]) / 2:g}"
    return f"{numbers[0]:g}"
