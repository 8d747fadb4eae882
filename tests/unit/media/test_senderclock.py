"""Clocks of phones are put on ours."""

from hypothesis import given
from hypothesis import strategies as st

from media.rtcp import SenderReport
from media.senderclock import SenderClock

SECOND = 1 << 32


@given(st.integers(0, (1 << 64) - 1), st.integers(0, 100 * SECOND), st.integers(0, 1 << 61))
def test_the_first_report_shows_our_time_and_later_ones_keep_their_distance(first: int, later: int, wall: int) -> None:
    clock = SenderClock(lambda: wall)
    one = clock.ours(SenderReport(7, first, 1, 2, 3))
    two = clock.ours(SenderReport(9, first + later & (1 << 64) - 1, 4, 5, 6))
    assert one.ntp == ((wall + 2_208_988_800 * 1_000_000_000 << 32) // 1_000_000_000) & (1 << 64) - 1
    assert two.ntp - one.ntp & (1 << 64) - 1 == later
    assert (one.ssrc, one.rtp_timestamp, two.ssrc, two.rtp_timestamp) == (7, 1, 9, 4)
