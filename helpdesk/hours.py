"""When an office is open, from the hours it publishes. Pure; Beijing time. Public holidays are not known to it.

Hours are `{"mon_fri": ["09:00-12:00", "13:30-17:00"], "sat": [...], "sun": []}` (office/demo_data/README.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from foundation.i18n import BEIJING

Hours = Mapping[str, Sequence[str]]

EARLY = timedelta(minutes=30)
"""Numbers are given from half an hour before the first window opens, as the doors of halls are."""

_LOOK_AHEAD_DAYS = 8
"""A week and a day: an office that does not open within it has no hours at all."""


def day_of(now: datetime) -> str:
    """The calendar day in Beijing, `2025-11-24`: numbers are counted within it."""
    return now.astimezone(BEIJING).date().isoformat()


def _spans(hours: Hours, day: date) -> Iterator[tuple[datetime, datetime]]:
    key = ("mon_fri", "mon_fri", "mon_fri", "mon_fri", "mon_fri", "sat", "sun")[day.weekday()]
    for span in hours.get(key, ()):
        begin, _, end = span.partition("-")
        yield _at(day, begin), _at(day, end)


def _at(day: date, text: str) -> datetime:
    hour, _, minute = text.partition(":")
    return datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=BEIJING).astimezone(UTC)


def is_open(hours: Hours, now: datetime) -> bool:
    return any(begin <= now < end for begin, end in _spans(hours, now.astimezone(BEIJING).date()))


def gives_numbers(hours: Hours, now: datetime) -> bool:
    """From half an hour before the day's opening to its last closing, the noon break included."""
    spans = list(_spans(hours, now.astimezone(BEIJING).date()))
    return bool(spans) and min(spans)[0] - EARLY <= now < max(end for _, end in spans)


def next_opening(hours: Hours, now: datetime) -> datetime | None:
    """The next time its doors open, after `now`; None for an office without hours."""
    today = now.astimezone(BEIJING).date()
    for ahead in range(_LOOK_AHEAD_DAYS):
        for begin, _ in sorted(_spans(hours, today + timedelta(days=ahead))):
            if begin > now:
                return begin
    return None
