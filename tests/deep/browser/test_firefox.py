"""Another browser at both ends: Firefox as the phone with Chromium as the officer, and the other way round."""

import asyncio
import http.server
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from foundation.bus import Bus
from media import contract
from media.datagrams import own_addresses
from recordings import journal
from tests.browser.test_media_worker import PAGE, TRACKS, chromium, open_page
from tests.support.firefox import Firefox, FirefoxPage, firefox
from tests.support.media_worker import Node, running_worker

__all__ = ["chromium"]


@pytest.fixture
def origin() -> Iterator[str]:
    """The page, served to Firefox from loopback, where cameras are allowed."""

    class Serve(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Firefox]:
    async with firefox(tmp_path) as found:
        yield found


def reachable() -> str:
    """Firefox pairs loopback with loopback alone, and has such candidates only on a machine without a network."""
    try:
        return own_addresses("0.0.0.0")[0]
    except OSError:
        return "127.0.0.1"


async def decoded(page: Any, least: int) -> int:
    """How many pictures of some stream a page has decoded, once they are this many."""
    counted: Any = None
    for _ in range(200):
        counted = await page.evaluate("count('inbound-rtp')")
        most = max(((row.get("framesDecoded") or 0) for row in counted["rows"]), default=0)
        if most >= least:
            return most
        await asyncio.sleep(0.1)
    raise AssertionError(f"never {least} pictures: {counted}")


@pytest.mark.parametrize("phone", ["firefox", "chromium"])
async def test_each_sends_what_the_other_shows(
    phone: str, other: Firefox, chromium: Browser, origin: str, bus: Bus, tmp_path: Path
) -> None:
    async with running_worker(bus, tmp_path, host=reachable()) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        for leg in ("leg_a", "leg_b"):
            await node.open_leg(leg)
        tab: FirefoxPage = await other.page()
        await tab.goto(origin)
        mine = await open_page(chromium, camera=phone == "chromium")
        sender, viewer = (tab, mine) if phone == "firefox" else (mine, tab)

        answer = await node.publish("leg_a", await sender.evaluate("offer()"), TRACKS)
        await sender.evaluate("sdp => answered(sdp)", answer)
        await node.hears(contract.MediaFlowing, leg="leg_a", kind="camera")
        await node.hears(contract.MediaFlowing, leg="leg_a", kind="audio")

        offer = await node.subscribe("leg_b")
        slots = [contract.SlotSpec("a0", "leg_a", "audio"), contract.SlotSpec("v0", "leg_a", "camera")]
        await node.done(contract.AssignSlots("call_1", "leg_b", slots))
        await node.done(contract.SubscribeAnswer("call_1", "leg_b", await viewer.evaluate("sdp => answer(sdp)", offer)))
        before = await decoded(viewer, 20)

        # A changed address: new credentials on the same keys, in the same epoch, for the sender and for the viewer.
        reply = await node.ask(contract.RestartIce("call_1", "leg_a", "publish", await sender.evaluate("restart()")))
        assert isinstance(reply, contract.Published), reply
        await sender.evaluate("sdp => answered(sdp)", reply.answer)
        reply = await node.ask(contract.RestartIce("call_1", "leg_b", "subscribe", None))
        assert isinstance(reply, contract.Offered), reply
        again = await viewer.evaluate("sdp => answerAgain(sdp)", reply.offer)
        await node.done(contract.SubscribeAnswer("call_1", "leg_b", again))
        await decoded(viewer, before + 20)
        epochs = await node.close()
        # On a busy machine Firefox's own source of sound stands still for seconds, and that is rightly a new epoch.
        assert {each.reason for each in node.heard(contract.EpochClosed)} <= {"clock_jump", "closed"}
    path = journal.journal_path(tmp_path, "w1", "call_1", "leg_a", epochs[-1])
    records = [entry.record for entry in journal.read(path)]
    assert {record.track for record in records if isinstance(record, journal.Packet)} == {0, 1}
    assert isinstance(records[-1], journal.Closed)
