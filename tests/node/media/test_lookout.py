"""A worker looks at the pictures of those it is told to watch, and tells what is wrong when it is wrong for a while."""

import asyncio
import itertools
import os
import signal
from collections.abc import Sequence

import pytest

import media.worker
from media import contract
from tests.node.media.conftest import Call
from tests.support.media_worker import LIBRARY
from tests.support.offers import BASELINE, h264_only
from tests.support.rtp_client import RtpClient
from tests.support.scenes import Sender, aside, covered, h264_keyframes, keyframes, lit, noisy, room
from tests.support.waiting import until

one_way = pytest.mark.parametrize("call", [LIBRARY], indirect=True, ids=["fast"])
"""For what does not depend on who keeps the packets."""

QUICK_S = 0.02
SIZE = 640, 360
LIT = keyframes([noisy(aside(room(1, *SIZE), 90 * n), n) for n in range(4)])
DARK = keyframes([noisy(lit(aside(room(1, *SIZE), 90 * n), 0.2), n) for n in range(4)])
FINGER = keyframes([noisy(covered(width=SIZE[0], height=SIZE[1]), n) for n in range(4)])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that looks five times as often: what it waits for is told by the test's clock."""
    monkeypatch.setattr(media.worker, "TICK_S", QUICK_S)


async def watched(call: Call, leg: str = "leg_w") -> RtpClient:
    """A publisher whose pictures are looked at."""
    request = contract.OpenLeg(call.node.session, "rec_1", leg, recorded=True, watched=True)
    assert await call.node.ask(request) == contract.Done()
    return await call.publisher(leg)


def looks(call: Call, *outcomes: str) -> float:
    """Keyframes looked at so far, with these outcomes."""
    return sum(call.worker._lookout._looks.labels("w1", outcome)._value.get() for outcome in outcomes or ("read",))


async def deliver(call: Call, sender: Sender, frame: bytes, leg: str = "leg_w") -> None:
    """Send a picture and wait until all of it is there; the connection is kept alive meanwhile."""
    before = (await call.stats(leg=leg)).packets
    sender.client.renew()
    await call.received(before + sender.send(frame), leg)


async def pass_by(call: Call, sender: Sender, leg: str, seconds: int) -> None:
    """Let this time pass on the worker's clock, while pictures come."""
    for _ in range(seconds):
        await deliver(call, sender, sender.moved, leg)
        call.clock.advance(1)


async def film(call: Call, sender: Sender, frames: Sequence[bytes], finding: str, leg: str = "leg_w") -> None:
    """Send keyframes, four seconds apart by the worker's clock, each looked at before the next, until this is told."""
    for frame in itertools.islice(itertools.cycle(frames), 14):
        count = looks(call, "read", "unreadable", "died")
        await deliver(call, sender, frame, leg)
        await pass_by(call, sender, leg, 4)

        def told() -> bool:
            heard = call.node.heard(contract.PictureJudged, leg=leg)
            return bool(heard) and heard[-1].finding == finding

        def why_not(count: float = count) -> str | None:
            now = looks(call, "read", "unreadable", "died")
            return None if now > count or told() else f"{now} looks"

        await until(why_not, 20)
        if told():
            return
    raise AssertionError(f"{finding} was never told, only {call.node.heard(contract.PictureJudged, leg=leg)}")


async def test_a_dark_room_is_told_and_that_it_is_mended(call: Call) -> None:
    sender = Sender(await watched(call), call.clock)
    await film(call, sender, LIT, "good")
    await film(call, sender, DARK, "dark")
    await film(call, sender, FINGER, "covered")
    await film(call, sender, LIT, "good")
    told = [event.finding for event in call.node.heard(contract.PictureJudged)]
    changes = [finding for finding, _ in itertools.groupby(told)]
    assert changes == ["good", "dark", "covered", "good"]


@one_way
async def test_a_phone_that_sends_only_h264_is_told_the_same(call: Call) -> None:
    request = contract.OpenLeg(call.node.session, "rec_1", "leg_w", recorded=True, watched=True)
    assert await call.node.ask(request) == contract.Done()
    client = await call.publisher("leg_w", offer=h264_only(BASELINE))
    rooms = [noisy(aside(room(1, *SIZE), 90 * n), n) for n in range(4)]
    lit_, dark = h264_keyframes(rooms), h264_keyframes([lit(each, 0.2) for each in rooms])
    sender = Sender(client, call.clock, h264=100)
    sender.moved = b"\0\0\0\1\x61" + bytes(range(1, 20))
    await film(call, sender, lit_, "good")
    await film(call, sender, dark, "dark")
    await film(call, sender, lit_, "good")
    assert looks(call, "unreadable", "died") == 0


async def test_nobody_else_is_looked_at(call: Call) -> None:
    officer = Sender(await call.publisher("leg_a"), call.clock)
    phone = Sender(await watched(call), call.clock)
    for frame in DARK:
        officer.send(frame)
    await film(call, phone, LIT, "good")
    assert call.worker._lookout._cameras.keys() == {("call_1", "leg_w")}


@one_way
async def test_a_covered_picture_is_nobodys_business(call: Call) -> None:
    sender = Sender(await watched(call), call.clock)
    await film(call, sender, DARK, "dark")
    await call.node.done(contract.Gate(call.node.session, "leg_w", "camera", False))
    await until(
        lambda: None if call.node.heard(contract.PictureJudged)[-1].finding == "good" else "it is still called dark"
    )
    before = looks(call)
    for frame in DARK:
        await deliver(call, sender, frame)
        await pass_by(call, sender, "leg_w", 2)
    await asyncio.sleep(12 * QUICK_S)
    assert looks(call) == before


async def test_a_keyframe_with_a_hole_waits_for_the_rest(call: Call) -> None:
    client = await watched(call)
    sender = Sender(client, call.clock)
    first, second, *rest = sender.packets(LIT[0])
    for packet in (first, *rest):
        client.send(packet)
    await call.received(len(rest) + 1, "leg_w")
    await asyncio.sleep(12 * QUICK_S)
    assert looks(call) == 0
    client.send(second)
    await until(lambda: None if looks(call) == 1 else "not looked at")


async def test_a_broken_keyframe_harms_nobody(call: Call) -> None:
    sender = Sender(await watched(call), call.clock)
    broken = LIT[0][:10] + os.urandom(len(LIT[0]) - 10)
    for _ in range(3):
        await deliver(call, sender, broken)
        await pass_by(call, sender, "leg_w", 2)
    await until(lambda: None if looks(call, "unreadable", "read", "died") else "nobody looked")
    await film(call, sender, DARK, "dark")


@one_way
async def test_whose_picture_killed_the_sandbox_is_left_alone_for_a_minute(call: Call) -> None:
    reader = call.worker._lookout._reader
    sender, other = Sender(await watched(call), call.clock), Sender(await watched(call, "leg_x"), call.clock)
    await film(call, sender, LIT, "good")
    await until(lambda: None if reader.pid is not None else "no sandbox")
    assert reader.pid is not None
    os.kill(reader.pid, signal.SIGKILL)
    reader._pause_s = 0.0
    await pass_by(call, sender, "leg_w", 4)
    await deliver(call, sender, DARK[0])
    await until(lambda: None if looks(call, "died") == 1 else "it lives")
    camera = call.worker._lookout._cameras["call_1", "leg_w"]
    assert camera.shunned_until_ns > call.clock.monotonic_ns()
    await film(call, other, DARK, "dark", "leg_x")
    assert reader.started == 2
    assert call.node.heard(contract.PictureJudged, leg="leg_w", finding="dark") == []
    await pass_by(call, sender, "leg_w", 60)
    await film(call, sender, DARK, "dark")


@one_way
async def test_a_sandbox_that_hangs_is_waited_for_by_nobody(call: Call) -> None:
    lookout = call.worker._lookout
    sender, viewer = Sender(await watched(call), call.clock), await call.viewer()
    publisher = Sender(await call.publisher(), call.clock)
    await film(call, sender, DARK, "dark")
    assert lookout._reader.pid is not None
    os.kill(lookout._reader.pid, signal.SIGSTOP)
    await deliver(call, sender, LIT[0])
    await pass_by(call, sender, "leg_w", 2)
    await until(lambda: None if lookout._busy else "nobody looks")
    seen = len(viewer.packets)
    for frame in LIT:
        await deliver(call, publisher, frame, "leg_a")
    await until(lambda: None if len(viewer.packets) > seen + 4 else "nothing was forwarded")
    await deliver(call, sender, LIT[1])
    assert call.node.heard(contract.PictureJudged, leg="leg_w")[-1].finding == "dark"
    # It is killed when its time is up, and only then is its place taken.
    await until(lambda: None if looks(call, "died") == 1 else "it hangs", 30)


@one_way
async def test_all_cameras_get_their_turn(call: Call) -> None:
    senders = {leg: Sender(await watched(call, leg), call.clock) for leg in ("leg_1", "leg_2", "leg_3", "leg_4")}

    def unseen() -> set[str]:
        dark = {event.leg for event in call.node.heard(contract.PictureJudged, finding="dark")}
        return set(senders) - dark

    for frame in itertools.islice(itertools.cycle(DARK), 12):
        for leg, sender in senders.items():
            await deliver(call, sender, frame, leg)
        call.clock.advance(1)
        for leg, sender in senders.items():
            await deliver(call, sender, sender.moved, leg)
        call.clock.advance(1)
        await asyncio.sleep(12 * QUICK_S)
    await until(lambda: f"nothing was said of {unseen()}" if unseen() else None)


async def test_a_worker_that_is_told_not_to_looks_at_nothing(call: Call) -> None:
    call.worker._watches = False
    sender = Sender(await watched(call), call.clock)
    sender.send(DARK[0])
    call.clock.advance(3)
    await asyncio.sleep(12 * QUICK_S)
    assert not call.worker._lookout._cameras and call.worker._lookout._reader.pid is None


async def test_a_leg_that_has_gone_is_forgotten(call: Call) -> None:
    sender = Sender(await watched(call), call.clock)
    await film(call, sender, LIT, "good")
    await call.node.done(contract.CloseLeg(call.node.session, "leg_w"))
    await until(lambda: None if not call.worker._lookout._cameras else "it is still there")
