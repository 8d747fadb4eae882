"""A wire between two networks of the kernel: two TAP devices of it, and what passes between them, lost or late at will.

The kernel's own lossy queue is a module that many machines do not have; TAP devices nearly every one has. Needs root.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import struct
from functools import partial

from tests.support.bad_network import Line

_TUNSETIFF = 0x400454CA  # linux/if_tun.h
_TAP, _NO_INFO = 0x0002, 0x1000
_FRAME_MAX = 2048


class Wire:
    """Exists while it is open; moving a device to another network does not part it from the wire."""

    def __init__(self, here: str, there: str, seed: int = 1) -> None:
        """Make devices with these names. Raises OSError where there can be none."""
        self.to_here, self.to_there = Line(random.Random(seed)), Line(random.Random(seed + 1))
        self._here, self._there = _device(here), _device(there)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._here, self._pass, self._here, self._there, self.to_there)
        loop.add_reader(self._there, self._pass, self._there, self._here, self.to_here)

    def close(self) -> None:
        """The devices are gone with it."""
        for device in (self._here, self._there):
            asyncio.get_running_loop().remove_reader(device)
            os.close(device)
        self._here = self._there = -1

    def _pass(self, source: int, target: int, line: Line) -> None:
        loop = asyncio.get_running_loop()
        try:
            frame = os.read(source, _FRAME_MAX)
        except OSError:
            return
        now = loop.time()
        at = line.delivery(now, len(frame))
        if at is not None and at > now:
            loop.call_at(at, partial(self._deliver, target, frame))
        elif at is not None:
            self._deliver(target, frame)

    def _deliver(self, target: int, frame: bytes) -> None:
        if self._here == -1:
            return
        try:
            os.write(target, frame)
        except OSError:
            pass  # the device is down: what is sent to it is lost


def _device(name: str) -> int:
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(handle, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TAP | _NO_INFO))
    except OSError:
        os.close(handle)
        raise
    return handle
