"""Does a source's RTP clock go as fast as time itself?

A phone call on the handset stops the RTP time of its microphone while real time goes on; muxed as it stands, sound and
picture would be seconds apart ever after. A disagreement above 300 ms that lasts is therefore the end of an epoch.
Queues on the way delay packets too, for seconds where the uplink is full. The sender's own reports tell the two apart:
they pair its RTP time with its wall clock (RFC 3550 6.4.1), and that pair a queue leaves as it was. So a suspicion is
decided by the next report; only a source that never sent any is judged by arrival alone. Crystals differ by up to
100 ppm, which is followed slowly.
"""

DISAGREEMENT_NS = 300_000_000
SUSTAINED_NS = 2_000_000_000
REPORT_AWAITED_NS = 10_000_000_000
"""Browsers report sound every 3 to 6 s; a source that reported before and does not for so long is judged without."""
_FOLLOW = 512  # share of the deviation taken into the baseline per packet: seconds at any real packet rate


class ClockWatch:
    """Compares arrival with RTP time for the packets of one source, in order (never for repeated ones)."""

    __slots__ = (
        "_arrival_ns",
        "_baseline_ns",
        "_elapsed_ns",
        "_odd_since_ns",
        "_parted",
        "_rate",
        "_reported_ns",
        "_sender_ns",
        "_timestamp",
    )

    def __init__(self, clock_rate: int) -> None:
        self._rate = clock_rate
        self._timestamp: int | None = None
        self._arrival_ns = 0
        self._elapsed_ns = 0
        self._baseline_ns = 0
        self._odd_since_ns: int | None = None
        self._sender_ns: int | None = None  # the sender's wall clock at the start of its RTP time, as it says
        self._parted = False  # whether its last report said otherwise than before
        self._reported_ns: int | None = None

    def reported(self, ntp: int, timestamp: int, now_ns: int) -> None:
        """Note a sender report's pair of clocks; ``ntp`` as 32.32 bits of seconds."""
        if self._timestamp is None:
            return
        step = (timestamp - self._timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        start_ns = (ntp * 1_000_000_000 >> 32) - self._elapsed_ns - step * 1_000_000_000 // self._rate
        self._reported_ns = now_ns
        if self._sender_ns is None:
            self._sender_ns = start_ns
        self._parted = abs(start_ns - self._sender_ns) > DISAGREEMENT_NS
        if not self._parted:
            self._sender_ns += (start_ns - self._sender_ns) // 8

    def agrees(self, timestamp: int, now_ns: int) -> bool:
        """Whether a packet of the next moment is so near to what is expected that ``disagrees`` cannot become true with
        it or those before it. Changes nothing.
        """
        if self._timestamp is None or self._odd_since_ns is not None:
            return False
        step = (timestamp - self._timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        expected_ns = self._arrival_ns + self._elapsed_ns + step * 1_000_000_000 // self._rate + self._baseline_ns
        return abs(now_ns - expected_ns) <= DISAGREEMENT_NS // 2

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
        if now_ns - self._odd_since_ns < SUSTAINED_NS:
            return False
        if self._reported_ns is None:
            return True
        if self._reported_ns > self._odd_since_ns:
            return self._parted
        return now_ns - self._odd_since_ns >= REPORT_AWAITED_NS
