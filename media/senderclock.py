"""A publisher's wall clock, put on ours."""

from collections.abc import Callable
from dataclasses import replace

from media.rtcp import SenderReport

_APART = 10 << 32  # 32.32 bits of seconds: no report is so late; somebody has set the phone's clock, or ours
_ALL = (1 << 64) - 1
_TO_1970 = 2_208_988_800 * 1_000_000_000  # ns from 1900 on, from where NTP counts


class SenderClock:
    """Sender reports of one connection as if its publisher's clock had shown our time when the first of them came, and
    again where it was set meanwhile.

    A viewer's stream plays one publisher after another; the clocks of phones may differ by hours, and a browser draws
    one line through all pairs of times that it was told. All of a connection's streams are shifted alike, so they stay
    in step.
    """

    def __init__(self, wall_ns: Callable[[], int]) -> None:
        self._wall_ns = wall_ns
        self._step: int | None = None  # 32.32 bits of seconds

    def ours(self, report: SenderReport) -> SenderReport:
        """The report on our clock."""
        now = (self._wall_ns() + _TO_1970 << 32) // 1_000_000_000
        if self._step is None or _APART < (now - report.ntp - self._step & _ALL) < _ALL - _APART:
            self._step = now - report.ntp
        return replace(report, ntp=report.ntp + self._step & _ALL)
