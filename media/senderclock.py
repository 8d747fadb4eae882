"""A publisher's wall clock, put on ours."""

from collections.abc import Callable
from dataclasses import replace

from media.rtcp import SenderReport

_TO_1970 = 2_208_988_800 * 1_000_000_000  # ns from 1900 on, from where NTP counts


class SenderClock:
    """Sender reports of one connection as if its publisher's clock had shown our time when the first of them came.

    A viewer's stream plays one publisher after another; the clocks of phones may differ by hours, and a browser draws
    one line through all pairs of times that it was told. All of a connection's streams are shifted alike, so they stay
    in step.
    """

    def __init__(self, wall_ns: Callable[[], int]) -> None:
        self._wall_ns = wall_ns
        self._step: int | None = None  # 32.32 bits of seconds

    def ours(self, report: SenderReport) -> SenderReport:
        """The report on our clock."""
        if self._step is None:
            self._step = (self._wall_ns() + _TO_1970 << 32) // 1_000_000_000 - report.ntp
        return replace(report, ntp=report.ntp + self._step & (1 << 64) - 1)
