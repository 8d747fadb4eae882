"""How much of the pictures a viewer's line carries, judged by what the viewer reports. Pure.

Theory of operation. Viewers send receiver reports about once a second. A line that is too narrow shows in one of two
ways: it drops a great part of all packets, or it queues them and the round trip grows. A line that merely loses some
does neither: there everything is sent, and what was lost is sent again. So a level (thinning.py) is given up

    - at once, when LOSS of the packets of an interval did not arrive, and as many levels as the rest suggests;
    - one or more, when the round trip is QUEUED_NS above its least, or long and packets are lost too, twice in a row;

and tried again after a quiet time that doubles whenever a try fails. The first report behind a step down tells of what
was sent before it, and is no reason for another. On the lowest level pictures are sent as the line can afford them, and
no faster than it carries: ``afford`` and ``spend`` keep that account, ``pause_s`` the pace.
"""

from media.thinning import FULL

LOSS = 0.3  # a radio network that loses a sixth is still better served by repairs
QUEUED_NS = 400_000_000
_LOSSY_RTT_NS = 250_000_000  # of a line that loses: its least is unknown where it was full from the beginning
_CLEAR_LOSS, _CLEAR_QUEUED_NS = 0.1, 150_000_000
SETTLE_NS = 5_000_000_000  # after a step down what is queued must drain before its round trip says anything
QUIET_NS, QUIET_MAX_NS = 10_000_000_000, 120_000_000_000
_TRIED_NS = 10_000_000_000  # a step up that has held for so long has not failed
_BASE_NS = 60_000_000_000  # the least round trip of one to two minutes: addresses change
# Bit rate of a level against the whole: what libvpx gives three temporal layers (0.4, 0.2, 0.4 of it).
_RATES = (0.0, 0.4, 0.6, 1.0)
_FIRST_GUESS = 150_000.0  # bit/s, before anything was measured
_LEAST = 30_000.0  # bit/s: what carries reports carries a picture now and then
_CUT, _GROWTH = 0.7, 1.02  # a look that finds the lowest level too much; each one that finds room
_FOR_PICTURES = 0.6  # of what the line carries: sound comes first, and repairs need room
_PACE = 0.8  # of what it carries: a keyframe at once is longer than the buffers of narrow lines
_SAVED_S = 2.0  # seconds of the rate that may be saved up


class Bottleneck:
    """One viewer's line. ``level`` is what it carries; times are monotonic nanoseconds."""

    def __init__(self) -> None:
        self.level = FULL
        self.carries = _FIRST_GUESS  # bit/s
        self._reported = (0, 0, 0, 0, 0)  # time, expected, lost, packets and bytes sent
        self._least: list[tuple[int, int]] = []  # (since, least round trip) of this minute and the one before
        self._queued = 0  # looks in a row
        self._stale = False  # the next report is still of what was sent before a step down
        self._lowered_ns = self._raised_ns = self._clear_ns = 0
        self._quiet_ns = QUIET_NS
        self._credit = 0.0  # bits
        self._filled_ns = 0

    def look(self, now_ns: int, expected: int, lost: int, sent: tuple[int, int], rtt_ns: int | None) -> None:
        """Every second: totals of the pictures' packets that the viewer should have got and missed, as it says, and of
        packets and bytes sent to it.
        """
        before, reported = self._reported, (now_ns, expected, lost, *sent)
        if not before[0]:
            self._reported, self._clear_ns = reported, now_ns
            return
        passed_ns, came, missed, packets, size = (now - then for now, then in zip(reported, before, strict=True))
        if came <= 0:
            return  # no report since the last look: a line without signal is not a narrow one
        self._reported = reported
        stale, self._stale = self._stale, False
        loss = min(1.0, max(0, missed) / came)
        rate = came * (1 - loss) * size / max(1, packets) * 8e9 / max(1, passed_ns)
        over_ns = self._over_ns(now_ns, rtt_ns)
        settling = self._lowered_ns > 0 and now_ns - self._lowered_ns < SETTLE_NS
        full = over_ns >= QUEUED_NS or (loss >= _CLEAR_LOSS and (rtt_ns or 0) >= _LOSSY_RTT_NS)
        self._queued = self._queued + 1 if full and not settling else 0
        if (loss >= LOSS and not stale and not (settling and self.level == 0)) or self._queued >= 2:
            self._lower(now_ns, loss, rate)
        elif loss >= _CLEAR_LOSS or over_ns >= _CLEAR_QUEUED_NS:
            self._clear_ns = now_ns
        else:
            self.carries = max(_GROWTH * self.carries, rate)
            self._raise(now_ns)

    def _over_ns(self, now_ns: int, rtt_ns: int | None) -> int:
        if rtt_ns is None:
            return 0
        if not self._least or now_ns - self._least[-1][0] > _BASE_NS:
            self._least = [*self._least[-1:], (now_ns, rtt_ns)]
        since_ns, least_ns = self._least[-1]
        self._least[-1] = since_ns, min(least_ns, rtt_ns)
        return rtt_ns - min(least for _, least in self._least)

    def _lower(self, now_ns: int, loss: float, rate: float) -> None:
        self._clear_ns = self._lowered_ns = now_ns
        self._queued, self._stale = 0, True
        if self.level == 0:
            self.carries = max(_LEAST, _CUT * self.carries)
            return
        self.carries = max(_LEAST, rate)
        if self._raised_ns and now_ns - self._raised_ns < _TRIED_NS:
            self._quiet_ns = min(QUIET_MAX_NS, 2 * self._quiet_ns)
        self._raised_ns = 0
        lower = self.level - 1
        while lower > 0 and _RATES[lower] > 0.9 * (1 - loss) * _RATES[self.level]:
            lower -= 1
        self.level = lower

    def _raise(self, now_ns: int) -> None:
        if self._raised_ns and now_ns - self._raised_ns >= _TRIED_NS:
            self._quiet_ns, self._raised_ns = QUIET_NS, 0
        if self.level < FULL and now_ns - self._clear_ns >= self._quiet_ns:
            self.level += 1
            self._raised_ns = self._clear_ns = now_ns

    def afford(self, now_ns: int) -> bool:
        """Whether another picture of the lowest level may be sent; what the last ones took is paid off first."""
        rate = self.carries * _FOR_PICTURES
        passed_s = (now_ns - self._filled_ns) / 1e9 if self._filled_ns else _SAVED_S
        self._filled_ns = now_ns
        self._credit = min(rate * _SAVED_S, self._credit + rate * passed_s)
        return self._credit > 0

    def pause_s(self, size: int) -> float:
        """How long the line is busy with so many bytes, if sound goes on beside them."""
        return 8 * size / self.carries / _PACE

    def spend(self, size: int) -> None:
        """So many bytes of such a picture were sent."""
        self._credit -= 8 * size
