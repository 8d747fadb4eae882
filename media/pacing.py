"""Packets for a line that would drop them if they came at once: one after the other, as fast as it carries them."""

import asyncio
from collections import deque
from collections.abc import Callable

_WAITING_MAX = 256  # packets: two large keyframes; beyond, the newest are lost as on the line itself


class Pacer:
    """One viewer's. ``pause_s`` says how long the line is busy with so many bytes."""

    def __init__(self, pause_s: Callable[[int], float]) -> None:
        self._pause_s = pause_s
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether what comes now has to wait."""
        return self._timer is not None

    def post(self, size: int, send: Callable[[], None]) -> None:
        """Call ``send``, which sends so many bytes, when its turn has come."""
        if self._timer is None:
            self._send(size, send)
        elif len(self._waiting) < _WAITING_MAX:
            self._waiting.append((size, send))

    def close(self) -> None:
        """Send nothing more."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _send(self, size: int, send: Callable[[], None]) -> None:
        send()
        self._timer = asyncio.get_running_loop().call_later(self._pause_s(size), self._next)

    def _next(self) -> None:
        self._timer = None
        if self._waiting:
            self._send(*self._waiting.popleft())
