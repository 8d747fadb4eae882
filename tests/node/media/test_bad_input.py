"""Descriptions, checks and reports of somebody who means harm: refused or bounded, and nobody else feels it."""

import asyncio
import re
import socket

import pytest

from media import contract, rtcp, sdp
from media.contract import SLOT_MIDS
from recordings import journal
from tests.node.media.conftest import SLOTS, TRACKS, Call
from tests.support.rtp_client import RtpClient
from tests.support.waiting import until

INSIDE = ("127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255", "::1")


def huge(line: str, size: int = 1 << 20) -> str:
    return RtpClient.offer() + line * (size // len(line))


@pytest.mark.parametrize(
    "offer",
    [
        huge("a=x:" + "y" * 1000 + "\r\n"),
        huge("a=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\n", 10_000 * 44),
        RtpClient.offer() + "a=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\n" * (sdp.CANDIDATES_MAX + 1),
        huge("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"),
        "v=0\r\n" * 200_000,
        "\r\n" * 500_000,
    ],
    ids=["1 MB", "10,000 candidates", "too many candidates", "lines of media", "heads", "empty lines"],
)
async def test_a_description_without_measure_is_refused_and_the_connection_there_is_stays(
    call: Call, offer: str
) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    for asked in (
        contract.Publish("call_1", "leg_a", offer, TRACKS),
        contract.RestartIce("call_1", "leg_a", "publish", offer),
        contract.SubscribeAnswer("call_1", "leg_b", offer),
    ):
        reply = call.worker.handle(asked)
        assert isinstance(reply, contract.MediaRefused) and reply.code == "bad_sdp", reply
    publisher.sound(1)
    await until(lambda: None if len(viewer.packets) == 1 else "the call does not go on")
    assert not call.node.heard(contract.LegDown)


async def test_candidates_that_point_inside_are_never_written_to(call: Call) -> None:
    """ASVS 5 V17.1: nobody makes the worker knock on a door of the office's network, or of its own machine."""
    doors = [socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_INET6)]
    for door, host in zip(doors, ("127.0.0.1", "::1"), strict=True):
        door.setblocking(False)
        door.bind((host, 0))
    ports = [door.getsockname()[1] for door in doors]
    lines = [
        f"a=candidate:{n} 1 udp 2130706431 {host} {port} typ host" for n, host in enumerate(INSIDE) for port in ports
    ]
    lines += [
        f"a=candidate:9 1 tcp 1 127.0.0.1 {ports[0]} typ host tcptype passive",
        "a=candidate:7 1 udp 1 a.local 9 typ host",
    ]
    told = "\r\n".join(lines) + "\r\n"

    publisher, viewer = call._client(), call._client()
    offer = re.sub(r"(a=mid:0\r\n)", rf"\1{told}", publisher.offer(), count=1)
    assert told in offer
    await publisher.connect(await call.node.publish("leg_a", offer, TRACKS))
    slots = await call.node.subscribe("leg_b")
    await call.node.done(contract.AssignSlots("call_1", "leg_b", SLOTS))
    answer = viewer.answer(slots).replace(f"a=mid:{SLOT_MIDS[0]}\r\n", f"a=mid:{SLOT_MIDS[0]}\r\n{told}", 1)
    await call.node.done(contract.SubscribeAnswer("call_1", "leg_b", answer))
    await asyncio.sleep(0.1)  # time to knock, were it to
    await viewer.connect(slots)
    publisher.sound(1)
    await until(lambda: None if len(viewer.packets) == 1 else "the call does not work")
    for door in doors:
        with pytest.raises(BlockingIOError):
            door.recv(2000)
        door.close()


async def test_a_check_that_was_overheard_leads_nothing_to_whoever_repeats_it(call: Call) -> None:
    publisher, viewer = await call.publisher(), await call.viewer()
    heard: list[bytes] = []
    honest = viewer.raw
    viewer.raw = lambda data: (heard.append(data), honest(data))[1]  # type: ignore[method-assign, func-returns-value]
    await viewer.check()
    thief = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    thief.setblocking(False)
    for data in heard:
        thief.sendto(data, viewer._address)
    await viewer.check()
    for seq in range(10):
        publisher.sound(seq)
    await until(lambda: None if len(viewer.packets) == 10 else f"{len(viewer.packets)} of 10")
    with pytest.raises(BlockingIOError):
        thief.recv(2000)
    thief.close()
    before = viewer.answers
    honest(heard[0])  # from where it was first sent it is answered again, as a lost answer wants
    await until(lambda: None if viewer.answers > before else "not answered")


async def test_storms_of_reports_reach_neither_the_camera_nor_other_viewers(call: Call) -> None:
    await call.node.open_leg("leg_c", recorded=False)
    publisher, wild, calm = await call.publisher(), await call.viewer(), await call.viewer("leg_c")
    pictures = 200
    publisher.send(publisher.picture(0, key=True))
    await until(lambda: None if wild.packets and calm.packets else "no picture")
    ssrc, asked = wild.packets[0].ssrc, len(publisher.of(rtcp.Pli))
    fir = bytes.fromhex("84ce0004") + (1).to_bytes(4, "big") + bytes(4) + ssrc.to_bytes(4, "big") + bytes(4)
    for seq in range(1, pictures):
        publisher.send(publisher.picture(seq))
        for _ in range(10):  # thousands a second, as fast as this loop goes
            wild.send_rtcp(rtcp.pli(1, ssrc) + fir + rtcp.nack(1, ssrc, range(seq)))
        if seq % 20 == 0:  # no burst that the system's buffers drop
            await publisher.check()
    await call.received(pictures)
    await until(lambda: None if len(calm.packets) == pictures else f"{len(calm.packets)} of {pictures}")
    assert len(publisher.of(rtcp.Pli)) - asked <= 2, (
        "the clock stands still: one wish, and one keyframe of the recording"
    )
    assert wild.repeated <= 500
    assert call.worker._socket.errors == 0
    [epoch] = await call.node.close()
    assert sum(isinstance(each, journal.Packet) for each in await call.journal(epoch)) == pictures
