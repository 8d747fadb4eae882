"""What viewers get: how soon a sharp picture of who joins, and what one whose line is too narrow costs the recording.

Real browsers at all ends: one sends 720p in three temporal layers, one views it on a good line, one behind a relay that
carries 200 kbit/s and queues half a second. Quiet and narrow spells take turns, so that neither has the better film.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from media import contract
from tests.bench.call.yuankan import Room, Yuankan, yuankan
from tests.bench.figures import Figure, figure
from tests.browser.test_media_worker import ARGUMENTS, CHROMIUM, open_page
from tests.rehearsal import camera
from tests.support.bad_network import REDIRECT, BadNetwork

NARROW_BITS_PER_S = 200_000
BUFFER_S = 0.5
SPELLS, SPELL_S = 4, 20.0
SETTLE_S = 12.0  # from a spell to the next: until the line is known, or trusted again
JOINS = 5
SENDER, GOOD, WEAK = 0, 1, 2
SHARP = """() => new Promise(done => {
  const look = (_, seen) => seen.width >= 1280 ? done() : v0.requestVideoFrameCallback(look)
  v0.requestVideoFrameCallback(look)
})"""


def measure() -> list[Figure]:
    return asyncio.run(bench())


async def bench() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="yuankan-bench-") as name:
        folder = Path(name)
        film = await asyncio.to_thread(camera.make, folder)
        async with yuankan(folder) as side, async_playwright() as playwright:
            arguments = [*ARGUMENTS, f"--use-file-for-fake-video-capture={film.video}"]
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
            try:
                return [*await joining(side, browser), *await narrow(side, browser)]
            finally:
                await browser.close()


async def joining(side: Yuankan, browser: Browser) -> list[Figure]:
    """From the wish to join, camera and all, to the first picture of 720p at somebody who is there already."""
    runs = []
    for _ in range(JOINS):
        room = await side.room(2)
        viewer = await view(room, GOOD, await open_page(browser, camera=False))
        sharp = asyncio.ensure_future(viewer.evaluate(SHARP))
        sender = await open_page(browser, camera=True)
        began = time.monotonic()
        await send(room, sender)
        await asyncio.wait_for(sharp, 20)
        runs.append(time.monotonic() - began)
        await room.close()
        for page in (viewer, sender):
            await page.context.close()
    said("720p after joining, s", runs)
    return [figure("viewers", "hd_after_joining", runs)]


async def narrow(side: Yuankan, browser: Browser) -> list[Figure]:
    """Bit rate that the recorder gets, and pictures at both viewers, with and without the narrow line."""
    network = BadNetwork()
    async with network.open(media=side.settings.media_port, host=side.host):
        room = await side.room(3)
        sender = await open_page(browser, camera=True)
        await send(room, sender)
        good = await view(room, GOOD, await open_page(browser, camera=False))
        page = await open_page(browser, camera=False)
        await page.evaluate(f"() => {{ {REDIRECT}({network.media_port}) }}")
        weak = await view(room, WEAK, page)
        await asyncio.sleep(SETTLE_S)
        spells: dict[bool, list[tuple[float, float, float]]] = {False: [], True: []}
        for number in range(2 * SPELLS):
            cut = bool(number % 2)
            network.down.bits_per_s, network.down.buffer_s = (NARROW_BITS_PER_S if cut else None), BUFFER_S
            await asyncio.sleep(SETTLE_S)
            before = await counted(room, good, weak)
            await asyncio.sleep(SPELL_S)
            after = await counted(room, good, weak)
            share = [(now - then) / SPELL_S for now, then in zip(after, before, strict=True)]
            spells[cut].append((share[0] * 8 / 1000, share[1], share[2]))
            said(f"{'narrow' if cut else 'wide'}: kbit/s recorded, pictures/s good and weak", list(spells[cut][-1]))
        await room.close()
    wide, cut_ = (statistics.mean(each[0] for each in spells[cut]) for cut in (False, True))
    return [
        figure("viewers", "recording_lowered_by_weak_viewer", [100 * (1 - cut_ / wide)]),
        figure("viewers", "pictures_of_good_viewer", [each[1] for each in spells[True]]),
        figure("viewers", "pictures_of_weak_viewer", [each[2] for each in spells[True]]),
    ]


async def send(room: Room, page: Page) -> None:
    await page.evaluate("sdp => answered(sdp)", await room.publish(SENDER, await page.evaluate("offer()")))


async def view(room: Room, person: int, page: Page) -> Page:
    offer = await room.subscribe(person, [SENDER])
    await room.subscribed(person, await page.evaluate("sdp => answer(sdp)", offer))
    return page


async def counted(room: Room, good: Page, weak: Page) -> tuple[float, float, float]:
    """Bytes received from the sender, and pictures decoded by the good and by the weak viewer."""
    reply = await room.node.ask(contract.Probe(room.node.session))
    assert isinstance(reply, contract.SessionStats)
    sent = next(leg.bytes for leg in reply.legs if leg.direction == "publish")
    return float(sent), await decoded(good), await decoded(weak)


async def decoded(page: Page) -> float:
    """Pictures its element was given, whichever streams brought them."""
    return float(await page.evaluate("v0.getVideoPlaybackQuality().totalVideoFrames"))


def said(what: str, values: list[float]) -> None:
    """Progress, on the side that is not parsed."""
    print(f"  {what}: {json.dumps([round(value, 2) for value in values])}", file=sys.stderr, flush=True)
