"""How long viewers are told to wait for late packets."""

from hypothesis import given
from hypothesis import strategies as st

from media.patience import MAX_MS, Patience

MS = 1_000_000


def seconds(patience: Patience, count: int, missed: int, late_ms: float) -> int:
    for _ in range(count):
        patience.second(missed, 100, int(late_ms * MS))
    return patience.wait_ms


def test_nobody_waits_on_a_good_line_or_for_a_packet_now_and_then() -> None:
    patience = Patience()
    assert seconds(patience, 60, 0, 0) == 0
    patience.second(3, 100, 80 * MS)
    assert patience.wait_ms == 0


def test_a_line_that_loses_makes_viewers_wait_for_its_slowest_repair() -> None:
    patience = Patience()
    assert seconds(patience, 3, 5, 80) == 200
    assert seconds(patience, 1, 5, 230) == 350


def test_they_wait_less_only_when_repairs_have_been_quick_for_a_while() -> None:
    patience = Patience()
    seconds(patience, 10, 15, 300)
    assert patience.wait_ms == 400
    assert seconds(patience, 3, 15, 80) == 400
    assert seconds(patience, 60, 15, 80) <= 300


def test_a_line_that_is_well_again_keeps_nobody_waiting() -> None:
    patience = Patience()
    seconds(patience, 10, 15, 300)
    assert seconds(patience, 60, 0, 0) == 0


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 10**10)), max_size=60))
def test_no_line_keeps_anybody_waiting_longer_than_is_asked_for(line: list[tuple[int, int, int]]) -> None:
    patience = Patience()
    for missed, expected, late_ns in line:
        wait = patience.second(missed, expected, late_ns)
        assert 0 <= wait <= MAX_MS and wait % 50 == 0
