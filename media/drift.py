"""Does a source's RTP clock go as fast as time itself?

A phone call on the handset stops the RTP time of its microphone while real time goes on; muxed as it stands, sound and
picture would be seconds apart ever after. A disagreement above 300 ms that lasts is therefore the end of an epoch.
Queues on the way delay packets too, but they drain; and crystals differ by up to 100 ppm, which is followed slowly.
"""

DISAGREEMENT_NS = 300_000_000
SUSTAINED_NS = 2_000_000_000
_FOLLOW = 512  # share of the deviation taken into the baseline per packet: seconds at any real packet rate


class ClockWatch:
    """Compares arrival with RTP time for the packets of one source, in order (never for repeated ones)."""

    __slots__ = ("_arrival_ns", "_baseline_ns", "_elapsed_ns", "_odd_since_ns", "_rate", "_timestamp")

    def __init__(self, clock_rate: int) -> None:
        self._rate = clock_rate
        self._timestamp: int | None = None
        self._arrival_ns = 0
        self._elapsed_ns = 0
        self._baseline_ns = 0
        self._odd_since_ns: int | None = None

    def disagrees(self, timestamp: int, now_ns: int) -> bool:
        """True once the clocks have disagreed for long enough; the watch must then be replaced."""
        if self._timestamp is None:
            self._timestamp, self._arrival_ns = timestamp, now_ns
            return False
        step = (timestamp - self._timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        self._timestamp = timestamp
        self._elapsed_ns += step * 1_000_000_000 // self._rate
        deviation = now_ns - self._arrival_ns - self._elapsed_ns - self._baseline_ns
        if abs(deviation) <= DISAGREEMENT_NS:
            self._baseline_ns += deviation // _FOLLOW
            self._odd_since_ns = None
            return False
        if self._odd_since_ns is None:
            self._odd_since_ns = now_ns
        return now_ns - self._odd_since_ns >= SUSTAINED_NS
