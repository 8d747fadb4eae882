"""Every way to the one port: several addresses, both families, TCP beside UDP, and through a relay."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aioice import turn

from foundation.bus import Bus
from foundation.clock import ManualClock
from media import contract
from media.compiled import Library
from tests.node.media.conftest import SLOTS, TRACKS, Call
from tests.support.media_worker import LIBRARY, Node, running_worker
from tests.support.relay import relay
from tests.support.rtp_client import Opener
from tests.support.waiting import until

ADDRESSES = ("127.0.0.1", "127.0.0.2", "::1")


@pytest.fixture(params=[LIBRARY, None], ids=["fast", "python"])
async def house(request: pytest.FixtureRequest, bus: Bus, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Call]:
    """A worker that binds all addresses of its machine and names three of them."""
    library: Library | None = request.param
    async with running_worker(
        bus, tmp_path, clock=clock, host="::", public_addresses=ADDRESSES, library=library
    ) as worker:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        call = Call(worker, node, clock, tmp_path)
        yield call
        for client in call.clients:
            client.close()


async def talk(call: Call, *, sends: dict[str, Any], views: dict[str, Any], leg: str = "leg_a") -> None:
    """One person sends, another views, each by its own way; everything arrives."""
    for each in ("leg_a", "leg_b"):
        await call.node.open_leg(each, recorded=each == "leg_a")
    publisher, viewer = call._client(), call._client()
    await publisher.connect(await call.node.publish("leg_a", publisher.offer(), TRACKS), **sends)
    offer = await call.node.subscribe("leg_b")
    await call.node.done(contract.AssignSlots("call_1", "leg_b", SLOTS))
    await call.node.done(contract.SubscribeAnswer("call_1", "leg_b", viewer.answer(offer)))
    await viewer.connect(offer, **views)
    await call.node.hears(contract.LegUp, leg="leg_a", direction="publish")
    await call.node.hears(contract.LegUp, leg="leg_b", direction="subscribe")
    for seq in range(1, 51):
        publisher.sound(seq)
        publisher.send(publisher.picture(seq, key=seq == 1))
    await until(lambda: None if len(viewer.packets) == 100 else f"{len(viewer.packets)} of 100")
    [epoch] = await call.node.close()
    assert sum(type(record).__name__ == "Packet" for record in await call.journal(epoch)) == 100


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize(("mine", "theirs"), [("127.0.0.2", "::1"), ("::1", "127.0.0.1")])
async def test_whoever_writes_to_one_of_several_addresses_is_answered_from_there(
    house: Call, mine: str, theirs: str, tcp: bool
) -> None:
    await talk(house, sends={"at": mine, "tcp": tcp}, views={"at": theirs, "tcp": tcp})


@pytest.mark.may_block("the relay's certificate and log are files")
@pytest.mark.parametrize("tls", [False, True], ids=["udp", "tls"])
async def test_through_a_relay_a_call_is_the_same_call(bus: Bus, tmp_path: Path, clock: ManualClock, tls: bool) -> None:
    async with running_worker(bus, tmp_path, clock=clock) as worker, relay(tmp_path) as found:
        node = Node(bus, worker.worker_id, "call_1")
        await node.listen()
        call = Call(worker, node, clock, tmp_path)

        def by_relay(leg: str) -> Opener:
            [server] = found.settings.servers(leg, datetime.now(UTC))

            async def opened(protocol: Callable[[], asyncio.DatagramProtocol]) -> Any:
                transport, _ = await turn.create_turn_endpoint(
                    protocol,
                    ("127.0.0.1", found.tls_port if tls else found.port),
                    server.username,
                    server.credential,
                    ssl=found.trust if tls else None,
                    transport="tcp" if tls else "udp",
                )
                return transport

            return opened

        await talk(call, sends={"relay": by_relay("leg_a")}, views={"relay": by_relay("leg_b")})
        for client in call.clients:
            client.close()
