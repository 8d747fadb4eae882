"""Whether the host's clock may be believed: asked of time servers (SNTP, RFC 4330), before a time stamp is given.

Each server is asked once a minute at most. A stamp is refused while the servers agree that the clock is off by more
than half a second, and when none of them answers for an hour: a clock drifts by less than that in between.
"""

from __future__ import annotations

import asyncio
import statistics
import struct
from collections.abc import Sequence

from foundation import log
from foundation.clock import Clock
from foundation.errors import Problem

# What our stamps say of their accuracy (RFC 3161 2.4.2).
MOST_OFF_S = 0.5
ASK_EVERY_S = 60
# A cheap oscillator drifts by 50 parts in a million: 0.2 s an hour.
BELIEVED_FOR_S = 3600
TIMEOUT_S = 2.0
# Seconds from 1900, where NTP begins, to 1970.
_EPOCH = 2_208_988_800
_logger = log.get("clock")


class ClockGuard:
    """Servers as "host" or "host:port"."""

    def __init__(self, servers: Sequence[str], clock: Clock, timeout_s: float = TIMEOUT_S) -> None:
        self._servers, self._clock, self._timeout_s = list(servers), clock, timeout_s
        self._lock = asyncio.Lock()
        self._asked_ns: int | None = None
        self._known_ns: int | None = None
        self.offset_s = 0.0

    async def check(self) -> None:
        """`Problem("G11")` while the clock is off, or nobody has confirmed it for too long."""
        async with self._lock:
            now = self._clock.monotonic_ns()
            if self._asked_ns is None or now - self._asked_ns >= ASK_EVERY_S * 1_000_000_000:
                self._asked_ns = now
                await self._ask()
        known = self._known_ns is not None and now - self._known_ns < BELIEVED_FOR_S * 1_000_000_000
        if not known or abs(self.offset_s) > MOST_OFF_S:
            raise Problem("G11")

    async def _ask(self) -> None:
        answers = await asyncio.gather(*(self._offset(server) for server in self._servers), return_exceptions=True)
        offsets = [one for one in answers if isinstance(one, float)]
        if offsets:
            # The median: one wrong server among three moves nothing, and one among two is told by a wide gap.
            self.offset_s, self._known_ns = statistics.median(offsets), self._clock.monotonic_ns()
        if not offsets or abs(self.offset_s) > MOST_OFF_S:
            _logger.warning("clock is off or unknown", offset_s=self.offset_s, answers=len(offsets))

    async def _offset(self, server: str) -> float:
        """Seconds that the server's clock is ahead of ours (RFC 4330 5). Raises OSError, TimeoutError or ValueError."""
        host, _, port = server.partition(":")
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bytes] = loop.create_future()
        transport, _protocol = await loop.create_datagram_endpoint(
            lambda: _Answer(answered), remote_addr=(host, int(port or 123))
        )
        try:
            sent = self._clock.now().timestamp()
            began = self._clock.monotonic_ns()
            transport.sendto(bytes([0x23]) + bytes(39) + ntp_time(sent))
            async with asyncio.timeout(self._timeout_s):
                answer = await answered
            trip_s = (self._clock.monotonic_ns() - began) / 1_000_000_000
        finally:
            transport.close()
        if len(answer) < 48 or answer[0] & 7 != 4 or not 0 < answer[1] < 16 or answer[24:32] != ntp_time(sent):
            raise ValueError("no answer to this question")
        received, replied = _seconds(answer[32:40]), _seconds(answer[40:48])
        return ((received - sent) + (replied - (sent + trip_s))) / 2


class _Answer(asyncio.DatagramProtocol):
    def __init__(self, answered: asyncio.Future[bytes]) -> None:
        self._answered = answered

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self._answered.done():
            self._answered.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._answered.done():
            self._answered.set_exception(exc)


def ntp_time(seconds: float) -> bytes:
    """NTP's time: seconds since 1900 and their fraction in 32 bits each."""
    whole, rest = divmod(seconds + _EPOCH, 1)
    return struct.pack("!II", int(whole) & 0xFFFFFFFF, int(rest * 2**32) & 0xFFFFFFFF)


def _seconds(stamp: bytes) -> float:
    whole, rest = struct.unpack("!II", stamp)
    # Era 1 begins in 2036 (RFC 4330 3): a small number means after that.
    return float(whole + (2**32 if whole < 2**31 else 0) - _EPOCH + rest / 2**32)
