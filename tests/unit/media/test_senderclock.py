"""Clocks of phones are put on ours."""

from hypothesis import given
from hypothesis import strategies as st

from media.rtcp import SenderReport
from media.senderclock import SenderClock

SECOND = 1 << 32


@given(st.integers(0, (1 << 64) - 1), st.integers(0, 100 * SECOND), st.integers(0, 1 << 61))
def test_the_first_report_shows_our_time_and_later_ones_keep_their_distance(first: int, later: int, wall: int) -> None:
    passed = 0
    clock = SenderClock(lambda: wall + passed)
    one = clock.ours(SenderReport(7, first, 1, 2, 3))
    passed = later * 1_000_000_000 // SECOND
    two = clock.ours(SenderReport(9, first + later & (1 << 64) - 1, 4, 5, 6))
    assert one.ntp == ((wall + 2_208_988_800 * 1_000_000_000 << 32) // 1_000_000_000) & (1 << 64) - 1
    assert two.ntp - one.ntp & (1 << 64) - 1 == later
    assert (one.ssrc, one.rtp_timestamp, two.ssrc, two.rtp_timestamp) == (7, 1, 9, 4)


@given(st.integers(0, (1 << 64) - 1), st.integers(-8 * 3600, 8 * 3600).filter(lambda s: abs(s) > 20))
def test_a_phone_whose_clock_is_set_during_the_call_stays_on_ours(first: int, step: int) -> None:
    seconds = 1_790_000_000
    clock = SenderClock(lambda: seconds * 1_000_000_000)
    one = clock.ours(SenderReport(7, first, 1, 2, 3))
    seconds += 5
    two = clock.ours(SenderReport(7, first + (step + 5) * SECOND & (1 << 64) - 1, 4, 5, 6))
    assert two.ntp - one.ntp == 5 * SECOND
