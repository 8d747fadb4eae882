"""A day in a query is a day of the calendar in Beijing; one without bounds is refused, never a failure of ours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from foundation.errors import Problem
from inspection.routes import _day as day_of_cases
from recordings.routes import _day as day_of_audit

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def test_a_day_begins_at_midnight_in_beijing() -> None:
    day, start, end = day_of_cases(None, NOW)
    assert day.isoformat() == "2026-11-23"
    assert (start, end) == (datetime(2026, 11, 22, 16, tzinfo=UTC), datetime(2026, 11, 23, 16, tzinfo=UTC))
    assert day_of_audit("2026-11-23", "day_from") == start
    assert day_of_audit("2026-11-22", "day_to", after=1) == start


@pytest.mark.parametrize("text", ["0001-01-01", "2026-02-30", "tomorrow"])
def test_a_day_without_bounds_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="L06"):
        day_of_cases(text, NOW)
    with pytest.raises(Problem, match="S422"):
        day_of_audit(text, "day_from")


def test_the_last_day_of_the_calendar_is_one() -> None:
    _, start, end = day_of_cases("9999-12-31", NOW)
    assert start < end == day_of_audit("9999-12-31", "day_to", after=1)
