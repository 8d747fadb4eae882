"""Another implementation at both ends: aiortc encodes, publishes, views and decodes through the worker."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import AudioStreamTrack

from foundation.bus import Bus
from media import contract
from media.contract import SLOT_MIDS
from recordings import journal
from tests.node.media.conftest import TRACKS
from tests.support.media_worker import Node, running_worker
from tests.support.waiting import until

# Both ends run in this loop with the worker, and their codecs block it; the worker alone is watched elsewhere.
pytestmark = pytest.mark.may_block("aiortc reads files and joins threads on the loop")


class Grey(VideoStreamTrack):
    """A camera in a dark room: small pictures of one grey."""

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 90, np.uint8), format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


@pytest.fixture
async def connections() -> AsyncIterator[list[RTCPeerConnection]]:
    made = [RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2)]
    yield made
    await asyncio.gather(*(connection.close() for connection in made))


def two_slots(offer: str) -> str:
    """aiortc does not tell streams apart by MID, so it is shown the first slot of each kind alone."""
    head, *sections = re.split(r"(?=^m=)", offer, flags=re.MULTILINE)
    kept = [section for section in sections if re.search(r"a=mid:(a0|v0)\r", section)]
    return re.sub(r"a=group:BUNDLE .*\r", "a=group:BUNDLE a0 v0\r", head) + "".join(kept)


def all_slots(answer: str) -> str:
    """The answer as a browser would give it that refuses the other slots."""
    head, *sections = re.split(r"(?=^m=)", answer, flags=re.MULTILINE)
    by_mid = dict(zip(("a0", "v0"), sections, strict=True))
    refused = "m={} 0 UDP/TLS/RTP/SAVPF {}\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na=inactive\r\n"
    return head + "".join(
        by_mid.get(mid) or refused.format(*(("audio", 111) if mid[0] == "a" else ("video", 96)), mid)
        for mid in SLOT_MIDS
    )


async def test_pictures_of_another_implementation_are_forwarded_decoded_and_recorded(
    bus: Bus, tmp_path: Path, connections: list[RTCPeerConnection]
) -> None:
    async with running_worker(bus, tmp_path) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        await node.open_leg("leg_a")
        await node.open_leg("leg_b", recorded=False)
        sender, viewer = connections
        sender.addTransceiver(AudioStreamTrack(), direction="sendonly")
        sender.addTransceiver(Grey(), direction="sendonly")
        await sender.setLocalDescription(await sender.createOffer())
        answer = await node.publish("leg_a", sender.localDescription.sdp, TRACKS)
        await sender.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await node.hears(contract.LegUp, leg="leg_a")

        offer = await node.subscribe("leg_b")
        slots = [contract.SlotSpec("a0", "leg_a", "audio"), contract.SlotSpec("v0", "leg_a", "camera")]
        await node.done(contract.AssignSlots("call_1", "leg_b", slots))
        await viewer.setRemoteDescription(RTCSessionDescription(two_slots(offer), "offer"))
        tracks = {receiver.track.kind: receiver.track for receiver in viewer.getReceivers()}
        await viewer.setLocalDescription(await viewer.createAnswer())
        answer = all_slots(viewer.localDescription.sdp)
        await node.done(contract.SubscribeAnswer("call_1", "leg_b", answer))
        await until(lambda: None if viewer.connectionState == "connected" else viewer.connectionState)

        frames = [await asyncio.wait_for(tracks["video"].recv(), 10) for _ in range(15)]
        assert {(frame.width, frame.height) for frame in frames} == {(320, 240)}
        assert abs(float(frames[-1].to_ndarray(format="gray").mean()) - 90) < 12
        assert (await asyncio.wait_for(tracks["audio"].recv(), 10)).sample_rate == 48_000
        [epoch] = await node.close()
    path = journal.journal_path(tmp_path, "w1", "call_1", "leg_a", epoch)
    kept = [entry.record for entry in journal.read(path) if isinstance(entry.record, journal.Packet)]
    assert {record.track for record in kept} == {0, 1}
