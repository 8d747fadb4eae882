"""The relay's rules, asked of a real coturn with the configuration that operators are given."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aioice import turn
from aioice.stun import TransactionFailed

from signaling.ice import LIFETIME
from signaling.messages import IceServer
from tests.support.relay import Relay, relay

NOW = datetime.now(UTC)
pytestmark = pytest.mark.may_block("the relay's certificate and log are files")


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Relay]:
    async with relay(tmp_path) as found:
        yield found


class Listener(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.put_nowait((data, addr))


def pass_of(found: Relay, leg: str = "leg_1", now: datetime = NOW) -> IceServer:
    [server] = found.settings.servers(leg, now)
    return server


async def allocate(found: Relay, server: IceServer, *, tls: bool = False) -> turn.TurnTransport:
    transport, _ = await turn.create_turn_endpoint(
        asyncio.DatagramProtocol,
        ("127.0.0.1", found.tls_port if tls else found.port),
        server.username,
        server.credential,
        ssl=found.trust if tls else None,
        transport="tcp" if tls else "udp",
    )
    return transport


@pytest.mark.parametrize("tls", [False, True], ids=["udp", "tls"])
async def test_who_is_in_a_call_reaches_a_worker_through_the_relay(running: Relay, tls: bool) -> None:
    worker = Listener()
    loop = asyncio.get_running_loop()
    port, _ = await loop.create_datagram_endpoint(lambda: worker, local_addr=("127.0.0.1", 0))
    transport = await allocate(running, pass_of(running), tls=tls)
    transport.sendto(b"a packet", port.get_extra_info("sockname"))
    data, address = await asyncio.wait_for(worker.heard.get(), 5)
    assert data == b"a packet"
    assert address == transport.get_extra_info("sockname"), "it comes from the relay's own port"
    transport.close()
    port.close()


async def test_a_pass_ends_with_its_time_and_fits_its_own_name_alone(running: Relay) -> None:
    expired = pass_of(running, now=NOW - LIFETIME - timedelta(minutes=1))
    mine, other = pass_of(running), pass_of(running, "leg_2")
    for refused in (expired, IceServer(mine.urls, other.username, mine.credential)):
        with pytest.raises(TransactionFailed) as why:
            await allocate(running, refused)
        assert why.value.response.attributes["ERROR-CODE"][0] == 401


async def test_the_relay_leads_to_media_workers_and_nowhere_else(running: Relay) -> None:
    """ASVS 5 V17.1.1: not into private networks, not to the machine itself, by no spelling of an address."""
    transport = await allocate(running, pass_of(running))
    inner = transport._TurnTransport__inner_protocol  # type: ignore[attr-defined]
    places = ("10.0.0.1", "192.168.1.1", "169.254.169.254", "127.0.0.2", "0.0.0.0", "192.0.2.1")
    for number, address in enumerate(places, 0x4000):
        with pytest.raises(TransactionFailed) as why:
            await inner.channel_bind(number, (address, 80))
        assert why.value.response.attributes["ERROR-CODE"][0] == 403, address
    transport.close()


async def test_one_person_cannot_use_up_the_relays_ports(running: Relay) -> None:
    """ASVS 5 V17.1.2."""
    opened = [await allocate(running, pass_of(running)) for _ in range(8)]
    with pytest.raises(TransactionFailed) as why:
        await allocate(running, pass_of(running))
    assert why.value.response.attributes["ERROR-CODE"][0] == 486
    other = await allocate(running, pass_of(running, "leg_2"))
    for transport in [*opened, other]:
        transport.close()


def test_who_only_looks_gets_no_pass() -> None:
    found = Relay(1, 2, None)  # type: ignore[arg-type]
    assert found.settings.servers(None, NOW) == []
