"""RTP time against real time: a stopped clock is noticed, a slow one and a queue are not."""

from hypothesis import given
from hypothesis import strategies as st

from media.drift import SUSTAINED_NS, ClockWatch

MS = 1_000_000


def run(watch: ClockWatch, start_ms: int, timestamps: list[tuple[int, int]]) -> int | None:
    """First moment (ms) of disagreement for (ms, timestamp) pairs."""
    for at, timestamp in timestamps:
        if watch.disagrees(timestamp & 0xFFFFFFFF, (start_ms + at) * MS):
            return at
    return None


def test_a_microphone_stopped_by_a_phone_call_is_noticed_two_seconds_after_it_returns() -> None:
    before = [(at, at * 48) for at in range(0, 5000, 20)]
    after = [(at, (at - 60_000) * 48) for at in range(65_000, 70_000, 20)]
    noticed = run(ClockWatch(48_000), 0, before + after)
    assert noticed is not None and noticed - 65_000 == SUSTAINED_NS // MS


def test_a_queue_that_drains_is_not_a_stopped_clock() -> None:
    pairs = [(at, at * 48) for at in range(0, 5000, 20)]
    pairs += [(max(at, 6000 + (at - 5000) // 2), at * 48) for at in range(5000, 8000, 20)]
    pairs += [(at, at * 48) for at in range(8000, 20_000, 20)]
    assert run(ClockWatch(48_000), 0, pairs) is None


def test_a_crystal_100_ppm_off_is_followed_for_an_hour() -> None:
    pairs = [(at, int(at * 48 * 1.0001)) for at in range(0, 3_600_000, 60)]
    assert run(ClockWatch(48_000), 0, pairs) is None


def ntp(at_ms: int) -> int:
    return (3_900_000_000_000 + at_ms) * 2**32 // 1000


def test_a_full_uplink_that_delays_for_seconds_is_not_a_stopped_clock_when_the_sender_says_so() -> None:
    watch = ClockWatch(90_000)
    for at in range(0, 30_000, 40):
        late = 900 if at > 5000 else 0
        assert not watch.disagrees(at * 90, (at + late) * MS)
        if at % 1000 == 0:
            watch.reported(ntp(at), at * 90, (at + late) * MS)


def test_a_stopped_clock_is_confirmed_by_the_next_report() -> None:
    watch = ClockWatch(48_000)
    noticed = None
    for at in range(0, 80_000, 20):
        if 5000 <= at < 65_000:
            continue
        timestamp = (at if at < 5000 else at - 60_000) * 48
        if watch.disagrees(timestamp, at * MS):
            noticed = at
            break
        if at % 4000 == 0:
            watch.reported(ntp(at), timestamp, at * MS)
    assert noticed is not None and 67_000 <= noticed <= 69_000


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 10**9))
def test_the_wrap_of_the_time_stamp_is_no_disagreement(first: int, start_ms: int) -> None:
    assert run(ClockWatch(90_000), start_ms, [(at, first + at * 90) for at in range(0, 4000, 40)]) is None
    near_wrap = [(at, 0xFFFFFFFF - 90_000 + at * 90) for at in range(0, 6000, 40)]
    assert run(ClockWatch(90_000), start_ms, near_wrap) is None
