"""Chromium publishes a 720p camera through a real worker, and a second page sees it through the worker's one offer."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.async_api import Browser, Page, async_playwright

from foundation.bus import Bus
from media import contract
from recordings import journal
from recordings.muxer import EpochMuxer
from tests.support.media_worker import Node, running_worker
from tests.support.relay import relay

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
]
PAGE = """<!doctype html><meta charset=utf-8><video id=v0 autoplay muted playsinline></video><script>
let pc
async function offer(configuration, only) {
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 1280, height: 720}})
  const [sound] = stream.getAudioTracks(), [picture] = stream.getVideoTracks()
  pc = new RTCPeerConnection(configuration)
  pc.addTransceiver(sound, {direction: 'sendonly'})
  const camera = pc.addTransceiver(picture, {
    direction: 'sendonly', sendEncodings: [{maxBitrate: 2500000, scalabilityMode: 'L1T3'}]})
  const known = RTCRtpSender.getCapabilities('video').codecs
  if (only) camera.setCodecPreferences(known.filter(({mimeType}) => [only, 'video/rtx'].includes(mimeType)))
  const parameters = camera.sender.getParameters()
  parameters.degradationPreference = 'maintain-resolution'
  await camera.sender.setParameters(parameters)
  pc.createDataChannel('unwanted')
  await pc.setLocalDescription()
  return pc.localDescription.sdp
}
const answered = sdp => pc.setRemoteDescription({type: 'answer', sdp})
async function answer(sdp) {
  pc = new RTCPeerConnection()
  window.started = performance.now()
  pc.ontrack = ({track, transceiver}) => {
    if (!['a0', 'v0'].includes(transceiver.mid)) return
    v0.srcObject ??= new MediaStream()
    v0.srcObject.addTrack(track)
    if (transceiver.mid === 'a0') return
    v0.requestVideoFrameCallback(() => { window.firstPicture = performance.now() - window.started })
  }
  await pc.setRemoteDescription({type: 'offer', sdp})
  await pc.setLocalDescription()
  return pc.localDescription.sdp
}
async function answerAgain(sdp) {
  await pc.setRemoteDescription({type: 'offer', sdp})
  await pc.setLocalDescription()
  return pc.localDescription.sdp
}
async function restart() {
  await pc.setLocalDescription(await pc.createOffer({iceRestart: true}))
  return pc.localDescription.sdp
}
const count = async kind => {
  const rows = [...(await pc.getStats()).values()]
  return {state: pc.connectionState, first_ms: window.firstPicture ?? null,
    rows: rows.filter(row => row.type === kind), pairs: rows.filter(row => row.type === 'candidate-pair')}
}
</script>"""
TRACKS = [contract.TrackSpec("0", "audio"), contract.TrackSpec("1", "camera")]


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


async def open_page(browser: Browser, *, camera: bool) -> Page:
    context = await browser.new_context(permissions=["camera", "microphone"] if camera else [])
    page = await context.new_page()
    # A page of our own at a secure origin, without any server.
    await page.route("**/*", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    await page.goto("https://worker.test/")
    return page


async def row(page: Page, kind: str, media: str) -> dict[str, Any]:
    counted = await page.evaluate(f"count('{kind}')")
    rows = [row for row in counted["rows"] if row["kind"] == media]
    best: dict[str, Any] = max(rows, key=lambda row: row.get("packetsReceived", 0), default={})
    return {**best, "state": counted["state"], "first_ms": counted["first_ms"]}


async def wait_for(page: Page, kind: str, media: str, field: str, least: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(120):
        found = await row(page, kind, media)
        if (found.get(field) or 0) >= least:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"{media} {field} never reached {least}: {found}")


async def test_a_browser_sends_and_another_sees_hears_and_the_journal_keeps_it(
    chromium: Browser, bus: Bus, tmp_path: Path
) -> None:
    async with running_worker(bus, tmp_path) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        for leg in ("leg_a", "leg_b"):
            await node.open_leg(leg)

        sender = await open_page(chromium, camera=True)
        answer = await node.publish("leg_a", await sender.evaluate("offer()"), TRACKS)
        assert "m=application 0 " in answer, "the data channel must be refused"
        await sender.evaluate("sdp => answered(sdp)", answer)
        await node.hears(contract.LegUp, leg="leg_a", direction="publish")
        await node.hears(contract.MediaFlowing, leg="leg_a", kind="camera")

        viewer = await open_page(chromium, camera=False)
        offer = await node.subscribe("leg_b")
        slots = [contract.SlotSpec("a0", "leg_a", "audio"), contract.SlotSpec("v0", "leg_a", "camera")]
        await node.done(contract.AssignSlots("call_1", "leg_b", slots))
        answer = await viewer.evaluate("sdp => answer(sdp)", offer)
        await node.done(contract.SubscribeAnswer("call_1", "leg_b", answer))
        await node.hears(contract.LegUp, leg="leg_b", direction="subscribe")

        seen = await wait_for(viewer, "inbound-rtp", "video", "framesDecoded", 20)
        heard = await wait_for(viewer, "inbound-rtp", "audio", "packetsReceived", 50)
        sent = await row(sender, "outbound-rtp", "video")
        print(
            f"first picture {seen['first_ms']:.0f} ms, {seen['frameWidth']}x{seen['frameHeight']}, "
            f"sent as {sent['scalabilityMode']} {sent['frameHeight']}p at {sent['targetBitrate']:.0f} bit/s"
        )
        assert (seen["frameWidth"], seen["frameHeight"]) == (1280, 720)
        assert heard["packetsReceived"] >= 50

        # A mask: nothing more is forwarded, the recording goes on.
        await node.done(contract.Gate("call_1", "leg_a", "camera", False))
        await asyncio.sleep(0.2)
        before = (await row(viewer, "inbound-rtp", "video"))["packetsReceived"]
        await asyncio.sleep(0.4)
        assert (await row(viewer, "inbound-rtp", "video"))["packetsReceived"] == before
        # Lifted: the same stream goes on, without a word of SDP.
        decoded = (await row(viewer, "inbound-rtp", "video"))["framesDecoded"]
        await node.done(contract.Gate("call_1", "leg_a", "camera", True))
        for _ in range(80):
            shown = await row(viewer, "inbound-rtp", "video")
            if shown["framesDecoded"] >= decoded + 5:
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError(f"no picture after the mask was lifted: {shown}")
        assert shown["ssrc"] == seen["ssrc"]

        # A changed address: new ICE credentials on the same keys and in the same epoch.
        reply = await node.ask(contract.RestartIce("call_1", "leg_a", "publish", await sender.evaluate("restart()")))
        assert isinstance(reply, contract.Published), reply
        await sender.evaluate("sdp => answered(sdp)", reply.answer)
        reply = await node.ask(contract.Probe("call_1"))
        assert isinstance(reply, contract.SessionStats)
        arrived = next(leg for leg in reply.legs if leg.direction == "publish").packets

        async def packets() -> int:
            probe = await node.ask(contract.Probe("call_1"))
            assert isinstance(probe, contract.SessionStats)
            return next(leg for leg in probe.legs if leg.direction == "publish").packets

        await asyncio.sleep(0.5)
        assert await packets() > arrived
        [epoch] = await node.close()

    path = journal.journal_path(tmp_path, "w1", "call_1", "leg_a", epoch)
    records = [entry.record for entry in journal.read(path)]
    kept = [r for r in records if isinstance(r, journal.Packet)]
    assert {r.track for r in kept} == {0, 1}
    assert any(isinstance(r, journal.SenderReport) and r.track == 1 for r in records)
    assert [r.detail["open"] for r in records if isinstance(r, journal.Mark)] == [False, True]
    assert isinstance(records[-1], journal.Closed) and records[-1].reason == "closed"
    pictures = [r.rtp for r in kept if r.track == 1]
    numbers = sorted(int.from_bytes(rtp[2:4], "big") for rtp in pictures)
    assert len(set(numbers)) == len(numbers) > seen["framesDecoded"]


async def test_a_browser_that_sends_only_h264_is_seen_and_its_recording_plays(
    chromium: Browser, bus: Bus, tmp_path: Path
) -> None:
    async with running_worker(bus, tmp_path) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        for leg in ("leg_a", "leg_b"):
            await node.open_leg(leg, recorded=leg == "leg_a")
        sender, viewer = await open_page(chromium, camera=True), await open_page(chromium, camera=False)
        offered = await sender.evaluate("offer(undefined, 'video/H264')")
        assert "VP8" not in offered
        await sender.evaluate("sdp => answered(sdp)", await node.publish("leg_a", offered, TRACKS))
        await node.hears(contract.MediaFlowing, leg="leg_a", kind="camera")
        offer = await node.subscribe("leg_b")
        await node.done(contract.AssignSlots("call_1", "leg_b", [contract.SlotSpec("v0", "leg_a", "camera")]))
        answer = await viewer.evaluate("sdp => answer(sdp)", offer)
        await node.done(contract.SubscribeAnswer("call_1", "leg_b", answer))
        seen = await wait_for(viewer, "inbound-rtp", "video", "framesDecoded", 45)
        assert (seen["frameWidth"], seen["frameHeight"]) == (1280, 720)
        [epoch] = await node.close()

    records = [entry.record for entry in journal.read(journal.journal_path(tmp_path, "w1", "call_1", "leg_a", epoch))]
    header = records.pop(0)
    assert isinstance(header, journal.JournalHeader)
    muxer = EpochMuxer(header)
    clusters = [cluster for record in records for cluster in muxer.feed(record)] + muxer.finish()
    facts = muxer.facts()
    # The end may come in the middle of a picture.
    assert facts.video_frames >= 45 and facts.lost_frames <= facts.lost_packets + facts.dropped_by_sender + 1
    head, cues = muxer.closing()
    with av.open(io.BytesIO(head + b"".join(cluster.data for cluster in clusters) + cues)) as file:
        pictures = list(file.decode(video=0))
    assert len(pictures) == facts.video_frames
    assert {(picture.width, picture.height) for picture in pictures} == {(1280, 720)}


async def test_a_slot_that_changes_hands_shows_each_in_turn_with_sound_and_picture_in_step(
    chromium: Browser, bus: Bus, tmp_path: Path
) -> None:
    """One stream at the viewer, though pictures of two phones, and of two codecs, follow each other in it."""
    async with running_worker(bus, tmp_path) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        for leg in ("leg_a", "leg_b", "leg_c"):
            await node.open_leg(leg, recorded=False)
        for leg, only in (("leg_a", None), ("leg_c", "video/H264")):
            sender = await open_page(chromium, camera=True)
            offered = await sender.evaluate("only => offer(undefined, only)", only)
            await sender.evaluate("sdp => answered(sdp)", await node.publish(leg, offered, TRACKS))
            await node.hears(contract.MediaFlowing, leg=leg, kind="camera")
        viewer = await open_page(chromium, camera=False)
        offer = await node.subscribe("leg_b")
        answer = await viewer.evaluate("sdp => answer(sdp)", offer)
        await node.done(contract.SubscribeAnswer("call_1", "leg_b", answer))
        await node.hears(contract.LegUp, leg="leg_b", direction="subscribe")
        decoded, streams, codecs = 0, set(), []
        for leg in ("leg_a", "leg_c", "leg_a"):
            slots = [contract.SlotSpec("a0", leg, "audio"), contract.SlotSpec("v0", leg, "camera")]
            await node.done(contract.AssignSlots("call_1", "leg_b", slots))
            seen = await wait_for(viewer, "inbound-rtp", "video", "framesDecoded", decoded + 30)
            known = await viewer.evaluate("count('codec')")
            codecs += [codec["mimeType"] for codec in known["rows"] if codec["id"] == seen["codecId"]]
            decoded = seen["framesDecoded"]
            streams.add(seen["ssrc"])
        assert codecs == ["video/VP8", "video/H264", "video/VP8"]
        assert len(streams) == 1
        # Both are played out by one clock; the browser says so only of streams that it keeps in step.
        seen = await wait_for(viewer, "inbound-rtp", "video", "estimatedPlayoutTimestamp", 1)
        heard = await wait_for(viewer, "inbound-rtp", "audio", "estimatedPlayoutTimestamp", 1)
        apart_ms = heard["estimatedPlayoutTimestamp"] - seen["estimatedPlayoutTimestamp"]
        print(f"sound {apart_ms:.0f} ms after picture, frozen {seen['freezeCount']} times")
        assert abs(apart_ms) < 400


async def test_where_udp_is_blocked_the_browser_comes_over_tcp(chromium: Browser, bus: Bus, tmp_path: Path) -> None:
    async with running_worker(bus, tmp_path) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        await node.open_leg("leg_a")
        sender = await open_page(chromium, camera=True)
        answer = await node.publish("leg_a", await sender.evaluate("offer()"), TRACKS)
        # The browser never hears of UDP, as if nothing came back from there.
        await sender.evaluate("sdp => answered(sdp)", re.sub(r"a=candidate:\d+ 1 udp .*\r\n", "", answer))
        await node.hears(contract.MediaFlowing, leg="leg_a", kind="camera")
        reply = await node.ask(contract.Probe("call_1"))
        assert isinstance(reply, contract.SessionStats) and reply.legs[0].over_tcp


async def test_through_a_relay_that_reaches_the_worker_alone(chromium: Browser, bus: Bus, tmp_path: Path) -> None:
    async with running_worker(bus, tmp_path) as worker, relay(tmp_path) as found:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        await node.open_leg("leg_a")
        [server] = found.settings.servers("leg_a", datetime.now(UTC))
        sender = await open_page(chromium, camera=True)
        configuration = {
            "iceServers": [{"urls": server.urls[:1], "username": server.username, "credential": server.credential}],
            "iceTransportPolicy": "relay",
        }
        answer = await node.publish("leg_a", await sender.evaluate("c => offer(c)", configuration), TRACKS)
        await sender.evaluate("sdp => answered(sdp)", answer)
        await node.hears(contract.MediaFlowing, leg="leg_a", kind="camera")
        counted = await sender.evaluate("count('local-candidate')")
        assert {candidate["candidateType"] for candidate in counted["rows"]} == {"relay"}
