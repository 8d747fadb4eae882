"""How soon somebody who joins sees a picture."""

from __future__ import annotations

import asyncio
import time

from tests.bench.call.people import Viewer
from tests.bench.call.turn import Call

PATIENCE_S = 5.0


async def first_pictures(call: Call, times: int) -> list[float]:
    """Milliseconds from asking to join to the last packet of the first picture from a keyframe on, again and again."""
    sending = asyncio.create_task(call.media(3600))
    await asyncio.sleep(2)
    try:
        return [await _first_picture(call) for _ in range(times)]
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await call.leave()


async def _first_picture(call: Call) -> float:
    """The second person views anew: a connection of its own each time."""
    old = call.viewers[0][1]
    old.close()
    viewer = call.viewers[0][1] = Viewer(call.side.host, call.dice)
    began_ns = time.time_ns()
    offer = await call.rooms[0].subscribe(1, [0])
    await call.rooms[0].subscribed(1, viewer.answer(offer))
    await viewer.connect(offer)
    deadline = time.time_ns() + PATIENCE_S * 1e9
    while viewer.first_keyframe_ns is None:
        assert time.time_ns() < deadline, "no picture"
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.3 + call.dice.random())
    return (viewer.first_keyframe_ns - began_ns) / 1e6
