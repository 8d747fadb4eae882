"""The people of the media bench, against a worker in this process: what they count is what the figures rest on."""

import tomllib
from pathlib import Path

from foundation.bus import Bus
from tests.bench import figures
from tests.bench.call.footage import Footage
from tests.bench.call.joining import first_pictures
from tests.bench.call.turn import Call
from tests.bench.call.yuankan import Room
from tests.support.media_worker import Node, running_worker

# Two groups of ten pictures, each of two packets, the first of a group a keyframe; and one sound.
_GROUP = ((bytes(300), bytes(200)), *((b"\x01" + bytes(100), bytes(50)) for _ in range(9)))
FILM = Footage((_GROUP, _GROUP), (b"\xff\x41\x08" + bytes(60),))


class Inside:
    """A side whose worker runs here."""

    host = "127.0.0.1"
    encodes = False

    def __init__(self, bus: Bus, worker: str) -> None:
        self._bus, self._worker = bus, worker

    async def room(self, people: int) -> Room:
        node = Node(self._bus, self._worker, "call_1")
        await node.listen()
        for person in range(people):
            await node.open_leg(f"leg_{person}")
        return Room(node, "rec_1")


async def test_everything_sent_is_counted_as_delivered_and_losses_are_repaired(bus: Bus, tmp_path: Path) -> None:
    async with running_worker(bus, tmp_path) as worker:
        call = Call(Inside(bus, worker.worker_id), FILM, seed=3)  # type: ignore[arg-type]
        await call.join(3)
        await call.media(2.0)
        assert call.delivered() == 1.0
        assert call.frames() == call.sent() - sum(s.video.frames for s in call.senders[0])
        delays = [delay for viewer in call.viewers[0] for delay in viewer.delays_ns]
        assert len(delays) > 3 * 2 * 100 and all(0 < delay < 5e9 for delay in delays)
        assert sum(viewer.asked for viewer in call.viewers[0]) > 0
        assert sum(sender.repaired for sender in call.senders[0]) > 0
        await call.leave()


async def test_who_joins_gets_a_keyframe_each_time(bus: Bus, tmp_path: Path) -> None:
    async with running_worker(bus, tmp_path) as worker:
        call = Call(Inside(bus, worker.worker_id), FILM, seed=4)  # type: ignore[arg-type]
        await call.join(2)
        assert all(waited > 0 for waited in await first_pictures(call, times=2))


def test_a_figure_against_a_peer_is_held_as_a_ratio_and_fails_without_one() -> None:
    limits = tomllib.loads(figures.LIMITS.read_text())["media"]
    assert limits["two_party_sessions"]["must"] == 0.8
    assert figures.figure("media", "two_party_sessions", [30, 20, 25], peer=[40, 50, 45]).holds
    assert not figures.figure("media", "two_party_sessions", [30], peer=[30]).holds
    assert not figures.figure("media", "two_party_sessions", [30], peer=[]).holds
