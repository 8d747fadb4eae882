"""The one port against strangers, wandering addresses and peers that vanish or run wild."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from foundation.bus import Bus
from foundation.clock import ManualClock
from media import contract, rtcp, stun
from media.dtls import DtlsEndpoint, Identity
from media.srtp import SrtpError
from tests.node.media.conftest import TRACKS, Call
from tests.support.media_worker import Node, running_worker
from tests.support.rtp_client import AUDIO_SSRC, IDENTITY, RtpClient
from tests.support.waiting import until


def _client_hello() -> bytes:
    return DtlsEndpoint(Identity.generate(), "client", [IDENTITY.fingerprint]).start()[0]


JUNK: dict[str, Callable[[str], bytes]] = {
    "nothing": lambda _: b"",
    "one byte": lambda _: b"\x80",
    "ClientHello": lambda _: _client_hello(),
    "fatal alert": lambda _: bytes.fromhex("15fefd00000000000000000002022f"),
    "close_notify": lambda _: bytes.fromhex("15fefd000000000000000000020100"),
    "handshake bytes": lambda _: b"\x16\xfe\xfd" + secrets.token_bytes(60),
    "SRTP of the publisher's SSRC": lambda _: (
        b"\x80\x6f\x00\x01\x00\x00\x00\x01" + AUDIO_SSRC.to_bytes(4, "big") + bytes(40)
    ),
    "SRTP too long": lambda _: b"\x80" * 1602,
    "SRTCP": lambda _: b"\x80\xc9\x00\x01" + AUDIO_SSRC.to_bytes(4, "big") + bytes(40),
    "STUN with a wrong password": lambda u: stun.binding_request(bytes(12), f"{u}:x", b"wrong", use_candidate=True),
    "STUN cut off": lambda u: stun.binding_request(bytes(12), f"{u}:x", b"wrong")[:-3],
    "STUN of nobody": lambda _: stun.binding_request(bytes(12), "nobody:x", b"wrong"),
    "random": lambda _: secrets.token_bytes(120),
}


@pytest.mark.parametrize("kind", JUNK)
async def test_a_stranger_cannot_disturb_a_call_before_during_or_after_its_setup(call: Call, kind: str) -> None:
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.setblocking(False)

    def attack(ufrag: str = "nobody") -> None:
        for _ in range(20):
            stranger.sendto(JUNK[kind](ufrag), ("127.0.0.1", call.worker.port))

    attack()
    publisher = call._client()
    answer = await call.node.publish("leg_a", publisher.offer(), TRACKS)
    ufrag = answer.partition("a=ice-ufrag:")[2].partition("\r")[0]
    attack(ufrag)
    await publisher.connect(answer, dtls=False)
    attack(ufrag)
    handshake = asyncio.create_task(publisher.handshake())
    for _ in range(5):
        attack(ufrag)
        await asyncio.sleep(0)
    await handshake
    attack(ufrag)
    for seq in range(1, 11):
        publisher.sound(seq)
        attack(ufrag)
    await call.received(10)
    assert call.worker._socket.errors == 0
    with pytest.raises(BlockingIOError):
        stranger.recv(2000)
    stranger.close()
    [epoch] = await call.node.close()
    records = await call.journal(epoch)
    assert sum(type(record).__name__ == "Packet" for record in records) == 10


async def test_damaged_and_repeated_packets_of_the_publisher_itself_change_nothing(call: Call) -> None:
    publisher = await call.publisher()
    wire = publisher.send(publisher.picture(1, key=True))
    for _ in range(200):
        publisher.raw(wire)
        publisher.raw(wire[:-1] + bytes([wire[-1] ^ 1]))
        publisher.raw(b"\x80\xc8" + secrets.token_bytes(60))
        publisher.raw(wire[:11])
    publisher.send(publisher.picture(2))
    await call.received(2)
    assert (await call.stats()).packets == 2
    assert not call.node.heard(contract.LegDown)


async def test_authenticated_nonsense_harms_nobody(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    dice = secrets.SystemRandom()
    for n in range(300):
        body = secrets.token_bytes(dice.randrange(60) * 4)
        head = bytes([dice.randrange(0x80, 0xC0), dice.randrange(200, 208)])
        for client in (publisher, viewer):
            client.send_rtcp(head + dice.randrange(40).to_bytes(2, "big") + body + bytes(4))
        with contextlib.suppress(SrtpError):  # our own library refuses to send the worst of it
            publisher.send(
                b"\xb0\x6f" + n.to_bytes(2, "big") + secrets.token_bytes(4) + AUDIO_SSRC.to_bytes(4, "big") + body
            )
    publisher.sound(1000)
    await until(lambda: None if viewer.packets and viewer.packets[-1].payload == b"sound 1000" else "no sound")
    assert call.worker._socket.errors == 0
    assert not call.node.heard(contract.LegDown)


async def test_a_publisher_that_invents_streams_without_end_is_shown_out(call: Call) -> None:
    publisher = await call.publisher()
    publisher.sound(1)
    for ssrc in range(1, 200):
        publisher.sound(2, ssrc=ssrc)
    down = await call.node.hears(contract.LegDown)
    assert down.cause == "too_many_sources"


async def test_media_from_a_new_port_goes_on_until_the_next_check(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    publisher.sound(1)
    await call.received(1)
    await publisher.new_port()
    publisher.sound(2)
    await call.received(2)
    await publisher.check()
    publisher.sound(3)
    await call.received(3)
    await viewer.new_port()
    await viewer.check()
    publisher.sound(4)
    await until(lambda: None if [p.seq for p in viewer.packets][-1:] == [4] else "the viewer was not followed")


async def test_new_ice_credentials_keep_the_keys_and_the_epoch(call: Call) -> None:
    publisher = await call.publisher()
    publisher.sound(1)
    await call.received(1)
    reply = await call.node.ask(contract.RestartIce("call_1", "leg_a", "publish", publisher.offer()))
    assert isinstance(reply, contract.Published), reply
    await publisher.check()  # the old credentials are good until the new ones are used
    publisher.take_remote(reply.answer)
    await publisher.new_port()
    await publisher.check()
    publisher.sound(2)
    await call.received(2)
    viewer = await call.viewer()
    offered = await call.node.ask(contract.RestartIce("call_1", "leg_b", "subscribe"))
    assert isinstance(offered, contract.Offered)
    viewer.take_remote(offered.offer)
    await viewer.new_port()
    await viewer.check()
    await call.node.done(contract.SubscribeAnswer("call_1", "leg_b", viewer.answer(offered.offer)))
    publisher.sound(3)
    await until(lambda: None if [p.seq for p in viewer.packets][-1:] == [3] else "the viewer does not hear")
    assert len(await call.node.close()) == 1


async def test_a_publisher_that_vanishes_is_given_up_after_thirty_seconds_and_freed(call: Call) -> None:
    publisher = await call.publisher()
    publisher.sound(1)
    await call.received(1)
    call.clock.advance(29)
    await asyncio.sleep(0.2)
    assert not call.node.heard(contract.LegDown)
    call.clock.advance(2)
    down = await call.node.hears(contract.LegDown)
    assert (down.leg, down.direction, down.cause) == ("leg_a", "publish", "consent_expired")
    assert (await call.node.hears(contract.EpochClosed)).reason == "consent_expired"
    port = call.worker._socket
    assert not port._known and not port._by_ufrag and not port._by_sender


async def test_checks_keep_a_silent_connection(call: Call) -> None:
    publisher = await call.publisher()
    for _ in range(5):
        call.clock.advance(20)
        await publisher.check()
        await asyncio.sleep(0.06)
    assert not call.node.heard(contract.LegDown)


async def test_a_browsers_farewell_ends_the_leg_at_once(call: Call) -> None:
    publisher = await call.publisher()
    assert publisher.dtls is not None
    for datagram in publisher.dtls.close():
        publisher.raw(datagram)
    assert (await call.node.hears(contract.LegDown)).cause == "dtls_closed"


async def test_a_browser_with_another_certificate_gets_no_connection(call: Call) -> None:
    publisher = call._client()
    other = Identity.generate().fingerprint.value
    offer = publisher.offer().replace(IDENTITY.fingerprint.value, other)
    answer = await call.node.publish("leg_a", offer, TRACKS)
    connecting = asyncio.create_task(publisher.connect(answer))
    assert (await call.node.hears(contract.LegDown)).cause == "dtls_failed"
    assert publisher.dtls is not None and publisher.dtls.keys is None
    connecting.cancel()


async def test_where_udp_is_blocked_tcp_on_the_same_port_carries_the_call(call: Call) -> None:
    publisher, viewer = await call.publisher(tcp=True), await call.viewer(tcp=True)
    for seq in range(1, 101):
        publisher.sound(seq)
        publisher.send(publisher.picture(seq, key=seq == 1))
    await until(lambda: None if len(viewer.packets) == 200 else f"{len(viewer.packets)} of 200")
    assert (await call.stats()).over_tcp and (await call.stats("subscribe")).over_tcp
    assert publisher.of(rtcp.Nack) == []


async def test_tcp_strangers_are_cut_off_when_they_speak_nonsense(call: Call) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", call.worker.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    try:
        assert await reader.read() == b""
    except ConnectionResetError:
        pass
    publisher = await call.publisher(tcp=True)
    publisher.sound(1)
    await call.received(1)


async def test_two_workers_in_one_process_share_nothing(bus: Bus, tmp_path: Path, clock: ManualClock) -> None:
    async with (
        running_worker(bus, tmp_path, worker_id="w1", clock=clock) as first,
        running_worker(bus, tmp_path, worker_id="w2", clock=clock) as second,
    ):
        assert first.port != second.port
        epochs = []
        for worker in (first, second):
            node = Node(bus, worker.worker_id, "call_1")
            await node.listen()
            await node.open_leg("leg_a")
            client = RtpClient()
            await client.connect(await node.publish("leg_a", client.offer(), TRACKS))
            client.sound(1)
            await node.hears(contract.EpochOpened)
            epochs.append(await node.close())
            client.close()
        assert epochs[0] != epochs[1]
    folders = await asyncio.to_thread(lambda: sorted(path.parts[-4] for path in tmp_path.rglob("*.journal")))
    assert folders == ["w1", "w2"]
