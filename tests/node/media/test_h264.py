"""Phones that send nothing but H.264: taken, forwarded to whoever decodes it, asked for keyframes, and recorded."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack

from foundation.bus import Bus
from foundation.clock import ManualClock, SystemClock
from foundation.db import Database
from foundation.keyring import Keyring
from foundation.metrics import Metrics
from foundation.objects import ObjectStore
from media import contract, rtcp
from media.rtp import build
from recordings import journal, store
from recordings.packager import Packager
from recordings.replay import epoch_bytes
from tests.node.media.conftest import TRACKS, Call
from tests.node.media.test_interoperation import all_slots, two_slots
from tests.rehearsal import codes
from tests.support import h264_source
from tests.support.media_worker import Node, running_worker
from tests.support.offers import BASELINE, h264_only
from tests.support.rtp_client import VIDEO_SSRC, RtpClient
from tests.support.waiting import until

PICTURES = 150  # five seconds: the recorder has asked for a keyframe of its own by then
SLOTS = [contract.SlotSpec("a0", "leg_a", "audio"), contract.SlotSpec("v0", "leg_a", "camera")]


class Numbered(VideoStreamTrack):
    """A camera that counts its pictures, and stands still a few after those that are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0

    async def recv(self) -> av.VideoFrame:
        if self.sent == PICTURES + 10:
            await asyncio.Event().wait()
        pts, time_base = await self.next_timestamp()
        drawn = np.full((360, 640), 90, np.uint8)
        codes.draw(drawn, self.sent, flash=False)
        self.sent += 1
        frame = av.VideoFrame.from_ndarray(drawn, format="gray").reformat(format="yuv420p")
        frame.pts, frame.time_base = pts, time_base
        return frame


@pytest.fixture
async def connections() -> AsyncIterator[list[RTCPeerConnection]]:
    made = [RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(3)]
    yield made
    await asyncio.gather(*(connection.close() for connection in made))


async def view(node: Node, leg: str, viewer: RTCPeerConnection) -> MediaStreamTrack:
    """Connect a viewer; returns the picture it gets."""
    offer = await node.subscribe(leg)
    await node.done(contract.AssignSlots(node.session, leg, SLOTS))
    await viewer.setRemoteDescription(RTCSessionDescription(two_slots(offer), "offer"))
    tracks = {receiver.track.kind: receiver.track for receiver in viewer.getReceivers()}
    await viewer.setLocalDescription(await viewer.createAnswer())
    await node.done(contract.SubscribeAnswer(node.session, leg, all_slots(viewer.localDescription.sdp)))
    await until(lambda: None if viewer.connectionState == "connected" else viewer.connectionState)
    return tracks["video"]


async def seen(track: MediaStreamTrack, count: int) -> list[int | None]:
    """The numbers of the next pictures that a viewer decodes."""
    frames = [await asyncio.wait_for(track.recv(), 10) for _ in range(count)]
    return [codes.read(frame.to_ndarray(format="gray")) for frame in frames]


@pytest.mark.may_block("aiortc reads files, joins threads and encodes on the loop")
async def test_a_sender_of_h264_alone_is_seen_by_early_and_late_viewers_and_every_picture_is_in_the_file(
    bus: Bus,
    tmp_path: Path,
    connections: list[RTCPeerConnection],
    sqlite_database: Database,
    object_store: ObjectStore,
    keyring: Keyring,
) -> None:
    camera = Numbered()
    async with running_worker(bus, tmp_path / "spool") as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        for leg in ("leg_a", "leg_b", "leg_c"):
            await node.open_leg(leg, recorded=leg == "leg_a")
        sender, early, late = connections
        sender.addTransceiver(AudioStreamTrack(), direction="sendonly")
        transceiver = sender.addTransceiver(camera, direction="sendonly")
        capabilities = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([each for each in capabilities if each.mimeType in ("video/H264", "video/rtx")])
        await sender.setLocalDescription(await sender.createOffer())
        offer = sender.localDescription.sdp
        assert "VP8" not in offer
        await sender.setRemoteDescription(RTCSessionDescription(await node.publish("leg_a", offer, TRACKS), "answer"))
        await node.hears(contract.LegUp, leg="leg_a")

        watched = await view(node, "leg_b", early)
        first = await seen(watched, 15)
        assert None not in first and first == sorted(first, key=int)  # type: ignore[arg-type]
        before = camera.sent
        joined = await seen(await view(node, "leg_c", late), 5)
        assert None not in joined, "a late viewer's first picture is a whole one"
        assert joined[0] is not None and joined[0] >= before, "it came by a keyframe made for it, not from the past"
        while (await seen(watched, 1))[0] != PICTURES:
            pass
        [epoch] = await node.close()

    await Packager(sqlite_database, object_store, keyring, SystemClock(), tmp_path / "spool", None, Metrics()).drain()
    async with sqlite_database.read() as conn:
        row = await store.epoch_row(conn, epoch)
    assert row is not None and row.closed and row.mime.startswith('video/mp4; codecs="avc3.42')
    keys = store.RecordKeys(sqlite_database, keyring, ManualClock())
    path = tmp_path / "call.mp4"
    path.write_bytes(b"".join([piece async for piece in epoch_bytes(sqlite_database, object_store, keys, epoch)]))
    assert (await asyncio.to_thread(h264_source.numbers, path))[:PICTURES] == list(range(PICTURES))
    with av.open(str(path)) as file:
        keyframes = [packet.pts * packet.time_base for packet in file.demux(video=0) if packet.is_keyframe]
        assert len(keyframes) >= 3, "those of the viewers' joining and those of the recorder"
    with av.open(str(path)) as file:
        assert sum(frame.samples for frame in file.decode(audio=0)) > 4 * 48_000


async def send(publisher: RtpClient, pictures: int, first: int = 0) -> list[bytes]:
    """Send pictures from the numbered film, as the journal should have them."""
    out: list[bytes] = []
    sequence = 500 + 100 * first
    for n, picture in enumerate(h264_source.pictures(6)[first : first + pictures], first):
        cut = h264_source.payloads(picture)
        for place, payload in enumerate(cut):
            out.append(build(100, sequence, n * 3600, VIDEO_SSRC, payload, marker=place == len(cut) - 1))
            publisher.send(out[-1])
            sequence += 1
    return out


async def test_viewers_with_h264_get_every_packet_and_others_the_sound_alone(call: Call) -> None:
    await call.node.open_leg("leg_c", recorded=False)
    publisher = await call.publisher(offer=h264_only(BASELINE))
    able, unable = await call.viewer("leg_b"), await call.viewer("leg_c", without="102")
    sent = await send(publisher, 3)
    publisher.sound(1)
    await call.received(len(sent) + 1)
    for viewer, count in ((able, len(sent) + 1), (unable, 1)):
        await until(lambda v=viewer, n=count: None if len(v.packets) >= n else f"{len(v.packets)} of {n}")  # type: ignore[misc]
    assert [packet.payload_type for packet in unable.packets] == [111]
    pictures = sorted((packet for packet in able.packets if packet.payload_type != 111), key=lambda p: p.seq)
    assert {packet.payload_type for packet in pictures} == {102}
    assert [packet.payload for packet in pictures] == [packet[12:] for packet in sent]
    [epoch] = await call.node.close()
    records = await call.journal(epoch)
    assert isinstance(records[0], journal.JournalHeader)
    assert [(track.codec, track.payload_type) for track in records[0].tracks] == [("opus", 111), ("H264", 100)]
    assert [r.rtp for r in records if isinstance(r, journal.Packet) and r.track == 1] == sent


async def test_a_wish_for_a_keyframe_is_asked_once_and_granted_by_one(call: Call) -> None:
    publisher = await call.publisher(offer=h264_only(BASELINE))
    viewer = await call.viewer()
    publisher.sound(1)
    await send(publisher, 2, first=1)
    await until(lambda: None if viewer.packets else "nothing forwarded")
    await until(lambda: None if publisher.of(rtcp.Pli) else "no keyframe asked for, though none has come")
    asked = len(publisher.of(rtcp.Pli))
    await send(publisher, 1, first=50)  # a keyframe: parameter sets and an IDR picture
    await until(lambda: None if len(viewer.packets) > 1 else "no picture")
    assert len(publisher.of(rtcp.Pli)) == asked
    for _ in range(4):
        call.clock.advance(0.4)
        await asyncio.sleep(0.1)
    assert len(publisher.of(rtcp.Pli)) == asked, "the keyframe served every wish before it"
