"""An hour of a call in a minute or two: a sender whose two clocks go wrong by as much as crystals may, through the real
port, recorded, muxed, and in step to its end.
"""

import asyncio
import random
import struct
from pathlib import Path

import av
import pytest

from foundation.bus import Bus
from foundation.clock import ManualClock
from media import contract, rtcp
from media.rtp import build
from recordings import journal
from recordings.muxer import EpochMuxer
from tests.node.media.conftest import Call
from tests.support.media_worker import Node, running_worker
from tests.support.rtp_client import AUDIO_SSRC, VIDEO_SSRC, RtpClient

SECONDS, PICTURES_PER_S, SOUNDS_PER_S = 3600, 20, 50
STEPS_PER_S = 10
LOSS = 0.002  # never sent again: what a good line loses for good
KEYFRAME = b"\x10\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 640, 360) + bytes(60)
PICTURE = b"\x10\x31\x00\x00" + bytes(40)


class Sender:
    """Sound and picture of one phone; its clocks go fast and slow by parts in a million."""

    def __init__(self, client: RtpClient, clock: ManualClock, sound_ppm: float, picture_ppm: float) -> None:
        self._client = client
        self._clock = clock
        self._began_ns = clock.monotonic_ns()
        self._wall_s = clock.now().timestamp()
        self._rates = 48_000 * (1 + sound_ppm / 1e6), 90_000 * (1 + picture_ppm / 1e6)
        self._dice = random.Random(1)
        self.pictures = self.sounds = self.lost = 0

    @property
    def passed_s(self) -> float:
        return (self._clock.monotonic_ns() - self._began_ns) / 1e9

    def _stamp(self, track: int, at_s: float) -> int:
        return int(1_000_000 + at_s * self._rates[track]) & 0xFFFFFFFF

    def step(self) -> None:
        """All that is due by now; a sender report of both every five seconds."""
        while self.sounds / SOUNDS_PER_S <= self.passed_s:
            stamp = self._stamp(0, self.sounds / SOUNDS_PER_S)
            self._send(build(111, self.sounds & 0xFFFF, stamp, AUDIO_SSRC, b"\xff\x41\x08" + bytes(20)))
            self.sounds += 1
        while self.pictures / PICTURES_PER_S <= self.passed_s:
            stamp, key = self._stamp(1, self.pictures / PICTURES_PER_S), self.pictures % 40 == 0
            payload = KEYFRAME if key else PICTURE
            self._send(build(96, self.pictures & 0xFFFF, stamp, VIDEO_SSRC, payload, marker=True), keep=key)
            self.pictures += 1

    def report(self) -> None:
        ntp = int((self._wall_s + self.passed_s + 2_208_988_800) * 2**32)
        for track, ssrc in enumerate((AUDIO_SSRC, VIDEO_SSRC)):
            report = rtcp.SenderReport(ssrc, ntp, self._stamp(track, self.passed_s), 1, 1)
            self._client.send_rtcp(rtcp.sender_report(report))

    def _send(self, packet: bytes, *, keep: bool = False) -> None:
        if keep or self._dice.random() >= LOSS:
            self._client.send(packet)
        else:
            self.lost += 1


@pytest.mark.timeout(900)
@pytest.mark.may_block("an hour's journal is read here")
@pytest.mark.parametrize(("sound_ppm", "picture_ppm"), [(200, -200), (-200, 200)])
async def test_an_hour_with_clocks_that_go_wrong_stays_one_recording_in_step(
    bus: Bus, tmp_path: Path, clock: ManualClock, sound_ppm: float, picture_ppm: float
) -> None:
    async with running_worker(bus, tmp_path, clock=clock) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        await node.open_leg("leg_a")
        call = Call(worker, node, clock, tmp_path)
        publisher = await call.publisher()
        sender = Sender(publisher, clock, sound_ppm, picture_ppm)
        for step in range(SECONDS * STEPS_PER_S):
            clock.advance(1 / STEPS_PER_S)
            sender.step()
            if step % (5 * STEPS_PER_S) == STEPS_PER_S:
                sender.report()
            publisher.renew()
            while publisher.answers < step + 2:  # the check is behind all that was sent: it has been read
                await asyncio.sleep(0)
            if step % STEPS_PER_S == 0:
                publisher.reports.clear()
        assert worker._socket.errors == 0
        assert not node.heard(contract.LegDown)
        [epoch] = await node.close()
        records = await call.journal(epoch)
        publisher.close()

    muxer = EpochMuxer(_header(records))
    path = tmp_path / "hour.webm"
    clusters = [cluster for record in records[1:] for cluster in muxer.feed(record)] + muxer.finish()
    head, cues = muxer.closing()
    path.write_bytes(head + b"".join(cluster.data for cluster in clusters) + cues)
    last, counts = {"audio": 0.0, "video": 0.0}, {"audio": 0, "video": 0}
    apart: list[float] = []
    with av.open(str(path)) as file:
        for packet in file.demux():
            if packet.pts is not None and packet.time_base is not None:
                last[packet.stream.type] = float(packet.pts * packet.time_base)
                counts[packet.stream.type] += 1
                apart.append(last["audio"] - last["video"])
    assert counts["audio"] + counts["video"] == sender.sounds + sender.pictures - sender.lost
    print(f"{counts}, lost {sender.lost}, ends {last}, apart {min(apart[100:]):.3f} to {max(apart[100:]):.3f} s")
    assert all(abs(end - SECONDS) < 0.2 for end in last.values())
    assert min(apart[100:]) > -0.12 and max(apart[100:]) < 0.12


def _header(records: list[journal.Record]) -> journal.JournalHeader:
    [header] = [record for record in records if isinstance(record, journal.JournalHeader)]
    return header
