import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.clock import ManualClock
from foundation.errors import Problem
from foundation.rates import Rate, Rates


def test_the_burst_passes_and_the_next_is_told_how_long_to_wait(clock):
    rates = Rates(clock, Rate(3, 60))
    for _ in range(3):
        rates.take("203.0.113.9")
    with pytest.raises(Problem) as refused:
        rates.take("203.0.113.9")
    assert refused.value.code == "S429"
    clock.advance(refused.value.params["seconds"])
    rates.take("203.0.113.9")


def test_one_client_does_not_use_up_anothers_share(clock):
    rates = Rates(clock, Rate(1, 60))
    rates.take("203.0.113.9")
    rates.take("203.0.113.10")


@given(st.lists(st.floats(0, 30), max_size=100))
def test_no_pattern_of_asking_gets_more_than_burst_and_rate(pauses):
    clock, passed = ManualClock(), 0
    rates = Rates(clock, Rate(5, 10))
    for pause in pauses:
        clock.advance(pause)
        try:
            rates.take("x")
            passed += 1
        except Problem:
            pass
    assert passed <= 5 + sum(pauses) / 2 + 1
