"""Our files in a real Chromium: by MediaSource cluster by cluster while they grow, and natively once closed."""

from collections.abc import Iterator
from types import ModuleType

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from recordings.container import media_type
from recordings.muxer import EpochMuxer
from tests.support import h264_source, rtp_source

SECONDS = 6
_PAGE = "<!doctype html><meta charset=utf-8><title>replay</title><body></body>"
_BY_MEDIASOURCE = """async ({mime, clusters, seek}) => {
  const get = async path => (await fetch(path)).arrayBuffer();
  const video = document.createElement('video'); video.muted = true; document.body.append(video);
  const source = new MediaSource(); video.src = URL.createObjectURL(source);
  await new Promise(done => source.onsourceopen = done);
  const buffer = source.addSourceBuffer(mime);
  const append = data => new Promise((done, fail) => {
    buffer.onupdateend = done; buffer.onerror = () => fail('append refused'); buffer.appendBuffer(data); });
  await append(await get('/init'));
  for (let n = 0; n < clusters; n++) {
    await append(await get('/clusters/' + n));
    if (n === 1) video.play();
  }
  const shown = at => new Promise((done, fail) => {
    const look = (now, frame) => Math.abs(frame.mediaTime - at) < 0.3
      ? done(frame) : video.requestVideoFrameCallback(look);
    video.requestVideoFrameCallback(look);
    setTimeout(() => fail('no picture at ' + at + ', error ' + (video.error && video.error.message)), 5000); });
  video.currentTime = seek;
  const frame = await shown(seek);
  const buffered = video.buffered, ranges = [];
  for (let i = 0; i < buffered.length; i++) ranges.push([buffered.start(i), buffered.end(i)]);
  // The frame's own width: the element learns of another one a moment later.
  return {at: frame.mediaTime, ranges, error: video.error && video.error.message, width: frame.width};
}"""
_JUMP = """async at => {
  const video = document.querySelector('video');
  const shown = new Promise((done, fail) => {
    const look = (now, frame) => Math.abs(frame.mediaTime - at) < 0.1
      ? done({width: frame.width, height: frame.height}) : video.requestVideoFrameCallback(look);
    video.requestVideoFrameCallback(look);
    setTimeout(() => fail('no picture at ' + at + ', error ' + (video.error && video.error.message)), 5000); });
  video.currentTime = at;
  return shown;
}"""
_NATIVELY = """async seek => {
  const video = document.createElement('video'); video.muted = true; video.src = '/file';
  document.body.append(video);
  await new Promise((done, fail) => { video.onloadeddata = done; video.onerror = () => fail(video.error.message); });
  video.currentTime = seek;
  await new Promise(done => video.onseeked = done);
  await video.play();
  await new Promise(done => video.requestVideoFrameCallback(done));
  return {duration: video.duration, at: video.currentTime, error: video.error && video.error.message};
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--headless=new", "--no-sandbox"]
        )
        yield started
        started.close()


def serve(page: Page, files: dict[str, bytes], media: str) -> None:
    """Answer the page's requests from memory, ranges included, as a player asks for them."""

    def answer(route: Route) -> None:
        path = route.request.url.split("replay.test", 1)[1]
        data = files.get(path)
        if data is None:
            route.fulfill(status=404)
            return
        kind = "text/html" if path == "/" else media
        asked = route.request.headers.get("range")
        if asked is None:
            route.fulfill(body=data, content_type=kind, headers={"Accept-Ranges": "bytes"})
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        begin, end = int(first), min(int(last or len(data) - 1), len(data) - 1)
        span = {"Content-Range": f"bytes {begin}-{end}/{len(data)}", "Accept-Ranges": "bytes"}
        route.fulfill(status=206, body=data[begin : end + 1], content_type=kind, headers=span)

    page.route("http://replay.test/**", answer)
    page.goto("http://replay.test/")


@pytest.mark.parametrize(("phone", "width"), [(rtp_source, 320), (h264_source, 640)], ids=["webm", "mp4"])
def test_chromium_plays_and_seeks_a_growing_recording_and_the_closed_file(
    browser: Browser, phone: ModuleType, width: int
) -> None:
    muxer = EpochMuxer(phone.header())
    clusters = [c for record in phone.call(SECONDS) for c in muxer.feed(record)] + muxer.finish()
    growing = muxer.head
    head, cues = muxer.closing()
    files = {f"/clusters/{cluster.n}": cluster.data for cluster in clusters}
    files |= {"/": _PAGE.encode(), "/init": growing}
    files["/file"] = head + b"".join(cluster.data for cluster in clusters) + cues
    page = browser.new_page()
    serve(page, files, media_type(muxer.shape.mime))

    played = page.evaluate(_BY_MEDIASOURCE, {"mime": muxer.shape.mime, "clusters": len(clusters), "seek": 4.5})
    assert played["error"] is None and played["width"] == width
    assert len(played["ranges"]) == 1, "a hole between clusters would stop the player"
    assert played["ranges"][0][1] == pytest.approx(SECONDS, abs=0.1)

    native = page.evaluate(_NATIVELY, 3.0)
    assert native["error"] is None
    assert native["duration"] == pytest.approx(SECONDS, abs=0.1)
    page.close()


def test_chromium_jumps_to_and_fro_over_the_moment_a_phone_was_turned(browser: Browser) -> None:
    film = [*h264_source.pictures(4), *h264_source.pictures(4, width=360, height=640)]
    muxer = EpochMuxer(h264_source.header())
    packets = [*h264_source.packets(film), *rtp_source.audio_packets(rtp_source.sounds(8))]
    records = sorted(packets, key=lambda packet: packet.mono_ns)
    clusters = [cluster for record in records for cluster in muxer.feed(record)] + muxer.finish()
    files = {f"/clusters/{cluster.n}": cluster.data for cluster in clusters}
    page = browser.new_page()
    serve(page, files | {"/": _PAGE.encode(), "/init": muxer.head}, media_type(muxer.shape.mime))
    asked = {"mime": muxer.shape.mime, "clusters": len(clusters), "seek": 6.5}
    assert page.evaluate(_BY_MEDIASOURCE, asked)["width"] == 360
    for at, width, height in ((1.5, 640, 360), (3.8, 640, 360), (5.0, 360, 640), (0.5, 640, 360)):
        assert page.evaluate(_JUMP, at) == {"width": width, "height": height}
    page.close()


def test_chromium_plays_a_camera_that_came_after_the_sound_and_clusters_in_any_order(browser: Browser) -> None:
    late = h264_source.packets(h264_source.pictures(6), start_ns=rtp_source.START_NS + 2_500_000_000)
    muxer = EpochMuxer(h264_source.header())
    records = sorted([*late, *rtp_source.audio_packets(rtp_source.sounds(8))], key=lambda packet: packet.mono_ns)
    clusters = [cluster for record in records for cluster in muxer.feed(record)] + muxer.finish()
    # As a player fetches them that was asked for the sixth second first.
    keys = [n for n, cluster in enumerate(clusters) if cluster.keyframe]
    order = clusters[keys[1] :] + clusters[: keys[1]]
    page = browser.new_page()
    files = {f"/clusters/{n}": cluster.data for n, cluster in enumerate(order)}
    serve(page, files | {"/": _PAGE.encode(), "/init": muxer.head}, media_type(muxer.shape.mime))
    played = page.evaluate(_BY_MEDIASOURCE, {"mime": muxer.shape.mime, "clusters": len(order), "seek": 3.0})
    assert (played["error"], played["width"]) == (None, 640)
    assert len(played["ranges"]) == 1, "a hole between clusters would stop the player"
    page.close()
