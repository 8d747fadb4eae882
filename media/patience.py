"""How much later than they could a source's pictures should be shown, so that what was lost on its way can still come.

Theory of operation. A packet is found missing when the next one comes, a picture later; it is asked for and is here
after a round trip, or two, or three, for what is sent again is lost as often. The viewer behind us knows only its own
stretch of the way: it passes over pictures that come late, and stands still when later ones need them (at 5 % lost it
showed two of three). So it is told to wait: for as many round trips as all packets but one in ten minutes need
by the share that is lost, since the first repair that takes longer than any before has frozen the picture already; or
for the slowest repair of late, where that was slower still. Not at all where hardly anything is lost. Sound should wait
as long; which browsers see to that stands in docs/decisions/0008. Pure.
"""

from math import ceil, log

from media.nack import AGE_MAX_NS, FIRST_NS

RAISED, EASED = 0.015, 0.003  # share of packets that come late or never: a line loses from here, until there
MAX_MS = AGE_MAX_NS // 1_000_000 + 100  # as long as is asked for, and a picture more
UP_MS, DOWN_MS = 100, 10
"""By how much a wait changes in a second. Pictures that are held back longer at one moment stand still meanwhile, and
those that are wanted earlier than they were are passed over: both looks like the freeze that waiting is to prevent."""

_STEP_MS = 10  # as the extension tells it
_PICTURE_MS = 70  # until the next packet shows that one is missing; phones send fifteen pictures a second and more
_SLACK_MS = 30
_TIMER_MS = 10  # a request leaves so much later than it could
_CALM = 0.95  # of the slowest repair is remembered a second later
_TOO_LATE_PER_S = 1 / 600  # packets that may come later than is waited


class Patience:
    """The wait of one source, decided every second."""

    __slots__ = ("_late_ms", "_share", "losing", "wait_ms")

    def __init__(self) -> None:
        self.wait_ms = 0
        self.losing = False
        self._share = 0.0
        self._late_ms = 0.0

    def second(self, missed: int, expected: int, late_ns: int, retry_ns: int) -> int:
        """What ``wait_ms`` is from now on. In the last second ``missed`` of ``expected`` packets did not come in their
        turn, and the slowest of those that came after all was ``late_ns`` behind the one after it. One is asked for
        again after ``retry_ns``.
        """
        self._share += (missed / max(expected, 1) - self._share) / 4
        self._late_ms = max(late_ns / 1e6, self._late_ms * _CALM)
        self.losing = self._share >= (EASED if self.losing else RAISED)
        wanted = min(MAX_MS, self._needed_ms(expected, retry_ns)) if self.losing else 0
        self.wait_ms += max(-DOWN_MS, min(UP_MS, wanted - self.wait_ms))
        return self.wait_ms

    def _needed_ms(self, expected: int, retry_ns: int) -> int:
        likely_ms = FIRST_NS / 1e6 + requests(self._share, expected) * (retry_ns / 1e6 + _TIMER_MS)
        needed = max(self._late_ms, likely_ms) + _PICTURE_MS + _SLACK_MS
        return -int(-needed // _STEP_MS) * _STEP_MS


def requests(share: float, packets_per_s: int) -> int:
    """How often a packet is asked for until hardly one is left that did not come, where this share (above 0) of all
    packets is lost, those that are sent again too.
    """
    if share >= 1 or packets_per_s <= 0:
        return 0
    return max(0, ceil(log(_TOO_LATE_PER_S / packets_per_s) / log(share)) - 1)
