"""A worker on a clock the test moves, a node to ask it, and scripted browsers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from foundation.bus import Bus
from foundation.clock import ManualClock
from media import contract
from media.worker import MediaWorker
from recordings import journal
from tests.support.media_worker import LIBRARY, Node, running_worker
from tests.support.offers import CHROMIUM_OFFER
from tests.support.rtp_client import RtpClient
from tests.support.waiting import until

TRACKS = [contract.TrackSpec("0", "audio"), contract.TrackSpec("1", "camera")]
SLOTS = [contract.SlotSpec("a0", "leg_a", "audio"), contract.SlotSpec("v0", "leg_a", "camera")]


@dataclass
class Call:
    """A session with one publisher (leg_a) and one viewer (leg_b), and the means to make more."""

    worker: MediaWorker
    node: Node
    clock: ManualClock
    spool: Path
    clients: list[RtpClient] = field(default_factory=list)

    async def publisher(self, leg: str = "leg_a", *, tcp: bool = False, offer: str = CHROMIUM_OFFER) -> RtpClient:
        client = self._client()
        answer = await self.node.publish(leg, client.offer(offer), TRACKS)
        await client.connect(answer, tcp=tcp)
        await self.node.hears(contract.LegUp, leg=leg, direction="publish")
        return client

    async def viewer(self, leg: str = "leg_b", *, tcp: bool = False, without: str = "") -> RtpClient:
        """A viewer whose browser does not know the payload type ``without``."""
        client = self._client()
        offer = await self.node.subscribe(leg)
        await self.node.done(contract.AssignSlots(self.node.session, leg, SLOTS))
        answer = client.answer(offer.replace(f"SAVPF 96 {without}\r", "SAVPF 96\r") if without else offer)
        await self.node.done(contract.SubscribeAnswer(self.node.session, leg, answer))
        await client.connect(offer, tcp=tcp)
        await self.node.hears(contract.LegUp, leg=leg, direction="subscribe")
        return client

    def _client(self) -> RtpClient:
        client = RtpClient()
        self.clients.append(client)
        return client

    async def stats(self, direction: str = "publish", leg: str | None = None) -> contract.LegStats:
        reply = await self.node.ask(contract.Probe(self.node.session))
        assert isinstance(reply, contract.SessionStats), reply
        return next(row for row in reply.legs if row.direction == direction and leg in (None, row.leg))

    async def received(self, count: int, leg: str = "leg_a") -> None:
        """Wait until the worker has this many packets from the publisher."""

        async def why_not() -> str | None:
            packets = (await self.stats(leg=leg)).packets
            return None if packets >= count else f"{packets} of {count} packets"

        await until(why_not)

    async def journal(self, epoch: str, leg: str = "leg_a") -> list[journal.Record]:
        """The journal of a closed epoch, once it is written."""
        path = journal.journal_path(self.spool, self.worker.worker_id, self.node.session, leg, epoch)

        def records() -> list[journal.Record]:
            return [entry.record for entry in journal.read(path.read_bytes())] if path.exists() else []

        await until(lambda: None if any(isinstance(r, journal.Closed) for r in records()) else f"{path} is not closed")
        return records()


@pytest.fixture(autouse=True)
def unshifted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first packets in a slot have their source's numbers, so that tests can tell them."""
    monkeypatch.setattr("media.slot.first_shift", lambda number: 0)


@pytest.fixture(params=[LIBRARY, None], ids=["fast", "python"])
async def call(request: pytest.FixtureRequest, bus: Bus, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Call]:
    async with running_worker(bus, tmp_path, clock=clock, library=request.param) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        await node.open_leg("leg_a")
        await node.open_leg("leg_b", recorded=False)
        made = Call(worker, node, clock, tmp_path)
        yield made
        for client in made.clients:
            client.close()
