"""What Chromium's encoder makes of a lit room, of dusk, a finger on the lens and a swung phone is judged rightly."""

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from playwright.async_api import async_playwright

from foundation.bus import Bus
from media import contract
from media.contract import PictureFinding
from tests.browser.test_media_worker import ARGUMENTS, CHROMIUM, TRACKS, open_page
from tests.support.media_worker import Node, running_worker
from tests.support.scenes import Picture, aside, covered, lit, noisy, room, smeared
from tests.support.waiting import until

RATE, SECONDS = 15, 6
Scene = Callable[[int], Picture]
SCENES: dict[PictureFinding, Scene] = {
    # A phone in the hand: it turns slowly, so that no two pictures are the same.
    "good": lambda number: aside(room(), 7 * number),
    "dark": lambda number: lit(aside(room(), 7 * number), 0.2),
    "covered": lambda number: covered(),
    "fast": lambda number: smeared(aside(room(), 90 * number), 40),
}


def film(path: Path, scene: Scene) -> None:
    """The scene as a camera's film (YUV4MPEG2), with a sensor's noise."""
    with path.open("wb") as out:
        for number in range(RATE * SECONDS):
            picture = noisy(scene(number), number)
            if number == 0:
                height, width = picture.shape[:2]
                out.write(f"YUV4MPEG2 W{width} H{height} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
            out.write(b"FRAME\n" + cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).tobytes())


@pytest.mark.parametrize("finding", SCENES)
async def test_what_the_camera_shows_is_told(finding: PictureFinding, bus: Bus, tmp_path: Path) -> None:
    film(tmp_path / "camera.y4m", SCENES[finding])
    arguments = [*ARGUMENTS, f"--use-file-for-fake-video-capture={tmp_path / 'camera.y4m'}"]
    async with async_playwright() as playwright, running_worker(bus, tmp_path / "spool") as worker:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        request = contract.OpenLeg("call_1", "rec_1", "leg_a", recorded=True, watched=True)
        assert await node.ask(request) == contract.Done()
        sender = await open_page(browser, camera=True)
        answer = await node.publish("leg_a", await sender.evaluate("offer()"), TRACKS)
        await sender.evaluate("sdp => answered(sdp)", answer)
        if finding != "good":
            await node.hears(contract.PictureJudged, leg="leg_a", finding=finding)
        read = worker._lookout._looks.labels("w1", "read")._value
        await until(lambda: None if read.get() >= 4 else f"{read.get()} pictures were looked at", 60)
        told = {event.finding for event in node.heard(contract.PictureJudged)}
        # A swing that comes round to the same place between two looks is smeared and seems not to have moved.
        allowed = {"good", finding, "blurred"} if finding == "fast" else {"good", finding}
        assert finding in told and told <= allowed, told
        await browser.close()
