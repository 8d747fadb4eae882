"""What a bad network does to an inspection: a real phone page behind a relay that loses, delays, queues and cuts.

The phone and the officers are the product's own pages in Chromium; the figures are the viewer's `getStats` and, for
the queue, the relay's own clock. One call is used for all rows of a line that comes and goes. Another, of 480 lines
that one officer alone watches, is for rows of a line that loses. The browsers share the machine, and now and then the
phone's takes no picture for a moment, lossy line or not: the time stamps that it sends say so, and as many freezes are
not laid to the line. Where the picture freezes more often although nothing is lost, the row is void.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, Page

from tests.bench.figures import Figure, figure
from tests.rehearsal import camera
from tests.rehearsal.browsers import CHROMIUM, Browsers, browsers, chromium_path
from tests.rehearsal.installation import free_port, installation
from tests.rehearsal.play import Play
from tests.support.bad_network import REDIRECT, BadNetwork

WATCHED_S = 60
_SOUND_STEP = 960  # of Opus: 20 ms of 48,000 a second
NARROW_BITS_PER_S = 800_000
NARROW_S = 40
MOVES, SHORT_OUTAGES = 5, 5
PATIENCE_S = 30

# In the officer's page before its own code: keeps the peer connections and adds up what came of the phone's picture
# (the officers send 360 lines) and of the sound beside it. Streams that have ended keep their counts.
VIEWER = """(() => {
  const peers = [], seen = new Map()
  const Original = window.RTCPeerConnection
  window.RTCPeerConnection = class extends Original { constructor(...all) { super(...all); peers.push(this) } }
  window.received = async () => {
    for (const peer of peers) {
      if (peer.connectionState === 'closed') continue
      const rows = [...(await peer.getStats()).values()].filter(row => row.type === 'inbound-rtp')
      for (const row of rows.filter(row => row.kind === 'video' && row.frameHeight > 360)) {
        seen.set(row.ssrc, row)
        const sound = rows.filter(other => other.mid === row.mid.replace('v', 'a'))
        for (const other of sound) seen.set(other.ssrc, other)
      }
    }
    const sum = name => [...seen.values()].reduce((total, row) => total + (row[name] ?? 0), 0)
    return {frames: sum('framesDecoded'), freezes: sum('freezeCount'), frozen_s: sum('totalFreezesDuration'),
      heard: sum('totalSamplesReceived'), concealed: sum('concealedSamples') - sum('silentConcealedSamples'),
      streams: seen.size}
  }
})()"""


class BehindRelay(Browsers):
    """The phone's pages reach the media port through the relay; the desks' pages are counted in."""

    relay: BadNetwork

    async def _page(self, context: BrowserContext, who: str) -> Page:
        page = await super()._page(context, who)
        await page.add_init_script(f"{REDIRECT}({self.relay.media_port})" if who == "phone" else VIEWER)
        return page


class Witness(BadNetwork):
    """The relay, and what the phone sent into it: the time stamps of its pictures are not encrypted."""

    def __init__(self) -> None:
        super().__init__()
        self._streams: dict[bytes, list[int]] = {}

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if data[0] >> 6 == 2 and not 192 <= data[1] <= 223:  # RTP, not RTCP
            times, time = self._streams.setdefault(data[8:12], []), int.from_bytes(data[4:8], "big")
            if not times or 0 < time - times[-1] & 0xFFFFFFFF < 1 << 31:
                times.append(time)
        super().datagram_received(data, addr)

    def pictures(self) -> list[int]:
        """Time stamps of all pictures so far, in units of 1/90,000 s; sound has more of them, with shorter steps."""
        filmed = [times for times in self._streams.values() if len(times) > 1 and times[1] - times[0] != _SOUND_STEP]
        return max(filmed, key=len, default=[])


def pauses(times: Sequence[int]) -> int:
    """How often a camera stood still, by the rule by which a viewer's `freezeCount` grows (W3C webrtc-stats): a step
    longer than three of the last thirty, and by 150 ms longer than one of them.
    """
    steps = [(later - time & 0xFFFFFFFF) / 90 for time, later in pairwise(times)]
    means = [statistics.fmean(steps[max(0, place - 30) : place]) for place in range(1, len(steps))]
    return sum(step > max(3 * mean, mean + 150) for step, mean in zip(steps[1:], means, strict=True))


Rows = Callable[["Viewer", Witness], Awaitable[list[Figure]]]


def measure(only: str | None = None) -> list[Figure]:
    """All rows, or those of one call: `comes_and_goes`, `loses`."""
    figures = []
    for rows, width, height, watching in ((comes_and_goes, 1280, 720, 2), (loses, 848, 480, 1)):
        if only in (None, rows.__name__):
            figures += asyncio.run(call(rows, width, height, watching))
    return figures


async def call(rows: Rows, width: int, height: int, watching: int) -> list[Figure]:
    """What `rows` finds in one call whose phone films in this size; so many of the two officers stay in it."""
    media = free_port()
    with tempfile.TemporaryDirectory(prefix="yuankan-bench-") as name:
        folder = Path(name)
        film = camera.make(folder, width=width, height=height)
        async with (
            installation(folder, {"YUANKAN_MEDIA_PORT": str(media)}) as server,
            Witness().open(media=media, web=int(server.url.rpartition(":")[2])) as relay,
            browsers(None) as opened,
        ):
            phones = await opened.playwright.chromium.launch(
                executable_path=chromium_path(),
                args=[
                    *CHROMIUM,
                    f"--use-file-for-fake-video-capture={film.video}",
                    f"--use-file-for-fake-audio-capture={film.audio}",
                    # Same address in the page, so that the server's rules about origins hold; another way to it.
                    f"--host-resolver-rules=MAP {server.url.removeprefix('http://')} 127.0.0.1:{relay.web_port}",
                ],
            )
            behind = BehindRelay(opened.playwright, opened.desk, phones, opened.console)
            behind.relay = relay
            play = Play(server, behind)
            lead, assist = await play.log_in("liming"), await play.log_in("zhoulan")
            phone = await play.prepare_phone(await play.open_case(lead), lead)
            await play.enter_call(lead, assist, phone)
            if watching == 1:
                await assist.close()
            await asyncio.sleep(5)
            return await rows(Viewer(lead), relay)


async def comes_and_goes(viewer: Viewer, relay: Witness) -> list[Figure]:
    """Another address, no signal, little room."""
    figures = []
    moves = []
    for _ in range(MOVES):
        relay.change_address()
        moves.append(await viewer.pictures_again())
        await asyncio.sleep(5)
    said("after an address change", moves)
    figures.append(figure("network", "after_address_change", moves))

    short = [await outage(viewer, relay, 3) for _ in range(SHORT_OUTAGES)]
    said("after 3 s without signal", short)
    figures.append(figure("network", "after_3_s_without_signal", short))
    long = [await outage(viewer, relay, 20)]
    said("after 20 s without signal", long)
    figures.append(figure("network", "after_20_s_without_signal", long))

    relay.up.bits_per_s = NARROW_BITS_PER_S
    relay.up.queued.clear()
    await asyncio.sleep(NARROW_S)
    queued = [seconds for _, seconds in relay.up.queued]
    relay.up.bits_per_s = None
    p95 = statistics.quantiles(queued, n=20)[-1] * 1000
    said(f"queue of {len(queued)} datagrams, p95 in ms", [p95])
    figures.append(figure("network", "queue_on_narrow_uplink_p95", [p95]))
    return figures


async def loses(viewer: Viewer, relay: Witness) -> list[Figure]:
    """A round trip of 60 ms, and a part of what the phone sends lost, then of what it gets too; before and after,
    nothing.
    """
    relay.up.delay_s = relay.down.delay_s = 0.030
    found: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for up, down in ((0, 0), (5, 0), (15, 0), (5, 5), (15, 15), (0, 0)):
        relay.up.loss, relay.down.loss = up / 100, down / 100
        await asyncio.sleep(5)
        before = len(relay.pictures())
        freezes, sound = await viewer.watch(WATCHED_S)
        paused = pauses(relay.pictures()[before:])
        what = f"{up} and {down} % lost: freezes, pauses of the phone's camera, share of sound"
        said(what, [freezes, paused, sound])
        found.setdefault((up, down), []).append((max(0, freezes - paused), sound))
    still = all(freezes == 0 for freezes, _ in found.pop((0, 0)))
    figures = []
    for (up, down), [(freezes, sound)] in found.items():
        line = f"at_{up}_percent" + ("_both_ways" if down else "")
        figures.append(figure("network", f"freezes_{line}", [freezes] if still else []))
        figures.append(figure("network", f"sound_{line}", [sound]))
    return figures


async def outage(viewer: Viewer, relay: BadNetwork, seconds: float) -> float:
    """Seconds from the signal's return to the next picture."""
    relay.lose_signal()
    await asyncio.sleep(seconds)
    relay.regain_signal()
    again = await viewer.pictures_again()
    await asyncio.sleep(8)
    return again


class Viewer:
    """What the officer's page receives of the phone."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def received(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._page.evaluate("received()")
        return found

    async def pictures_again(self) -> float:
        """Seconds from now until pictures are decoded that were not before; PATIENCE_S if there are none.

        A picture that lay in the browser's buffer does not count: three must follow.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(0.3)  # what was on its way arrives
        before = (await self.received())["frames"]
        while loop.time() - began < PATIENCE_S:
            now = await self.received()
            if now["frames"] >= before + 3:
                return loop.time() - began
            await asyncio.sleep(0.05)
        return PATIENCE_S

    async def watch(self, seconds: float) -> tuple[float, float]:
        """Freezes (W3C webrtc-stats: freezeCount) and the share of sound that was really heard in this time."""
        before = await self.received()
        await asyncio.sleep(seconds)
        after = await self.received()
        heard = after["heard"] - before["heard"]
        concealed = after["concealed"] - before["concealed"]
        return after["freezes"] - before["freezes"], 100 * (1 - concealed / heard) if heard else 0.0


def said(what: str, values: list[float]) -> None:
    """Progress, on the side that is not parsed."""
    print(f"  {what}: {json.dumps([round(value, 3) for value in values])}", file=sys.stderr, flush=True)
