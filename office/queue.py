"""How long somebody still waits: an honest range to five minutes, or unknown when nobody serves (ux.md 1.6). Pure."""

import math

from msgspec import Struct

STEP_MINUTES = 5
LONGEST_MINUTES = 480
"""Beyond a working day a number means nothing."""


class Queue(Struct, frozen=True, kw_only=True):
    """A waiting applicant's place. Minutes are None while no officer is on duty."""

    ahead: int
    minutes_low: int | None
    minutes_high: int | None
    officer_on_duty: bool


def estimate(ahead: int, typical_minutes: float, officers: int, soonest_free_minutes: float = 0.0) -> Queue:
    """The range for somebody with `ahead` people before them, served in pairs or singly by `officers` lead officers.

    `soonest_free_minutes`: until the next lead is expected to be free. The range spans half a typical length around the
    middle, because lengths of inspections spread by about that much.
    """
    if officers < 1:
        return Queue(ahead=ahead, minutes_low=None, minutes_high=None, officer_on_duty=False)
    middle = soonest_free_minutes + ahead / officers * typical_minutes
    low = max(0.0, middle - typical_minutes / 4)
    high = middle + typical_minutes / 4
    return Queue(
        ahead=ahead,
        minutes_low=min(LONGEST_MINUTES, math.floor(low / STEP_MINUTES) * STEP_MINUTES),
        minutes_high=min(LONGEST_MINUTES, max(STEP_MINUTES, math.ceil(high / STEP_MINUTES) * STEP_MINUTES)),
        officer_on_duty=True,
    )
