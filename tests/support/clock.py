"""A clock that stands still until the test moves it."""

import pytest

from foundation.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """Monday 24 November 2025, 14:30 Beijing time."""
    return ManualClock()
