"""How long viewers are told to wait for late packets."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.patience import DOWN_MS, MAX_MS, UP_MS, Patience, requests

MS = 1_000_000


def seconds(patience: Patience, count: int, missed: int, late_ms: float, retry_ms: int = 60) -> int:
    for _ in range(count):
        patience.second(missed, 100, int(late_ms * MS), retry_ms * MS)
    return patience.wait_ms


def test_nobody_waits_on_a_good_line_or_for_a_packet_now_and_then() -> None:
    patience = Patience()
    assert seconds(patience, 60, 0, 0) == 0
    patience.second(3, 100, 80 * MS, 60 * MS)
    assert patience.wait_ms == 0 and not patience.losing


def test_a_line_that_loses_makes_viewers_wait_for_repairs_that_are_sure_to_come_before_one_was_seen() -> None:
    assert seconds(Patience(), 20, 5, 80) == 320
    assert seconds(Patience(), 20, 15, 80) == 460
    assert seconds(Patience(), 20, 5, 80, retry_ms=30) == 230


def test_they_wait_for_the_slowest_repair_where_it_was_slower_than_that() -> None:
    patience = Patience()
    seconds(patience, 20, 5, 80)
    assert seconds(patience, 2, 5, 330) == 430


def test_no_second_makes_pictures_stand_still_or_passes_over_them() -> None:
    """A wait grows by less than what counts as a freeze, and shrinks by less than a picture."""
    dice, patience = random.Random(3), Patience()
    before = 0
    for _ in range(3000):
        loss = dice.choice([0, 0, 2, 5, 15, 40])
        after = patience.second(loss, 100, dice.randrange(600) * MS if loss else 0, dice.randrange(200) * MS)
        assert -DOWN_MS <= after - before <= UP_MS
        before = after


def test_a_line_that_is_well_again_keeps_nobody_waiting() -> None:
    patience = Patience()
    seconds(patience, 10, 15, 300)
    assert patience.losing
    seconds(patience, 30, 0, 0)
    assert not patience.losing and patience.wait_ms > 0
    assert seconds(patience, 60, 0, 0) == 0


@pytest.mark.parametrize("share", [0.02, 0.05, 0.15, 0.3])
def test_after_so_many_requests_hardly_a_packet_has_not_come(share: float) -> None:
    """An hour of a hundred packets a second, those that are sent again lost as often as the others."""
    dice, asked = random.Random(1), requests(share, 100)
    lost = sum(all(dice.random() < share for _ in range(1 + asked)) for _ in range(360_000))
    assert lost <= 12  # six are expected


@given(st.lists(st.tuples(*[st.integers(0, 1000)] * 2, *[st.integers(0, 10**10)] * 2), max_size=60))
def test_no_line_keeps_anybody_waiting_longer_than_is_asked_for(line: list[tuple[int, int, int, int]]) -> None:
    patience = Patience()
    for missed, expected, late_ns, retry_ns in line:
        wait = patience.second(missed, expected, late_ns, retry_ns)
        assert 0 <= wait <= MAX_MS and wait % 10 == 0
