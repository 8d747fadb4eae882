"""From the clock of one sender's stream to milliseconds of its epoch. Pure.

A stream's RTP time goes evenly but starts anywhere and may run a little fast or slow; arrival time is the server's own
but jitters with the network. The clock takes its pace from RTP and its place from the quickest arrivals: the offset is
that of the packets that were delayed least, followed by at most `SLEW_PPM`, so that sound and picture of one sender
stay together and neither drifts from the session's clock. Sender reports, when both streams have them, correct the
constant part between the two (RFC 3550 6.4.1).

A jump (time stamps restarted, or frozen by a phone call) moves the place at once, forward only: time never runs back.
"""

from collections import deque

SLEW_PPM = 2000  # 2 ms a second: a crystal is off by 200 ppm at most, and nobody hears it
JUMP_NS = 2_000_000_000  # beyond the 1.2 s of a retransmission and any usual queue, place follows at once
WINDOW_NS = 4_000_000_000  # the quickest packet of 4 s stands for the path's own delay
SYNC_LIMIT_NS = 500_000_000  # a sender that claims more between its own two streams is not believed


class MediaClock:
    """Places frames of one stream; times are ns of the monotonic clock of the worker."""

    def __init__(self, clock_rate: int) -> None:
        self._rate = clock_rate
        self._origin_ticks = 0
        self._offset_ns: int | None = None  # arrival minus stream time, of the packets delayed least
        self._last_ns = 0
        self._recent: deque[tuple[int, int]] = deque()  # arrival, offset: offsets rise from left to right
        self._shift_ns = self._shift_wanted_ns = 0  # correction from sender reports, approached slowly

    def _stream_ns(self, timestamp: int) -> int:
        return (timestamp - self._origin_ticks) * 1_000_000_000 // self._rate

    def place(self, timestamp: int, arrival_ns: int) -> int:
        """When this frame belongs, in the worker's monotonic ns; never before the frame placed before it."""
        if self._offset_ns is None:
            self._origin_ticks, self._offset_ns, self._last_ns = timestamp, arrival_ns, arrival_ns
        stream_ns, recent = self._stream_ns(timestamp), self._recent
        seen_ns = arrival_ns - stream_ns
        if not -JUMP_NS < seen_ns - self._offset_ns < JUMP_NS:
            self._offset_ns = seen_ns
            recent.clear()
        while recent and recent[-1][1] >= seen_ns:
            recent.pop()
        recent.append((arrival_ns, seen_ns))
        while recent[0][0] < arrival_ns - WINDOW_NS:
            recent.popleft()
        placed = stream_ns + self._offset_ns + self._shift_ns
        if placed > self._last_ns:  # the place follows as far as time has gone on
            step = (placed - self._last_ns) * SLEW_PPM // 1_000_000
            self._offset_ns += max(-step, min(step, recent[0][1] - self._offset_ns))
            if self._shift_ns != self._shift_wanted_ns:
                self._shift_ns += max(-step, min(step, self._shift_wanted_ns - self._shift_ns))
            self._last_ns = placed
        return self._last_ns

    def sender_offset_ns(self, ntp: int, timestamp: int) -> int | None:
        """Sender's wall clock (ns) minus the place we give the same moment: equal for streams that are in step."""
        if self._offset_ns is None:
            return None
        return (ntp * 1_000_000_000 >> 32) - self._stream_ns(timestamp) - self._offset_ns

    def align(self, by_ns: int) -> None:
        """Shift this stream by a constant that two sender reports gave."""
        if abs(by_ns) < SYNC_LIMIT_NS:
            self._shift_wanted_ns = by_ns
