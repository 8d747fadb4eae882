"""How long somebody still waits: an honest range to five minutes, or unknown when nobody serves (ux.md 1.6). Pure."""

import math

from msgspec import Struct

STEP_MINUTES = 5
LONGEST_MINUTES = 480
"""Beyond a working day a number means nothing."""

SPREAD = 0.4
"""Of a typical length. Lengths that spread by half around it, added up, stay within this of the middle seven times of
ten at least (tests/unit/helpdesk/test_queue.py plays it). It grows with the root of the people before one, as chance
does.
"""


class Queue(Struct, frozen=True, kw_only=True):
    """The place of somebody who waits. Minutes are None while nobody serves."""

    ahead: int
    minutes_low: int | None
    minutes_high: int | None
    officer_on_duty: bool


def estimate(ahead: int, typical_minutes: float, officers: int, soonest_free_minutes: float = 0.0) -> Queue:
    """The range for somebody with `ahead` people before them, served by `officers` lead officers or windows.

    `soonest_free_minutes`: until the next of them is expected to be free. At least seven of ten wait within it.
    """
    if officers < 1:
        return Queue(ahead=ahead, minutes_low=None, minutes_high=None, officer_on_duty=False)
    middle = soonest_free_minutes + ahead / officers * typical_minutes
    spread = SPREAD * typical_minutes * max(1.0, math.sqrt(ahead) / officers)
    low, high = max(0.0, middle - spread), middle + spread
    return Queue(
        ahead=ahead,
        minutes_low=min(LONGEST_MINUTES, math.floor(low / STEP_MINUTES) * STEP_MINUTES),
        minutes_high=min(LONGEST_MINUTES, max(STEP_MINUTES, math.ceil(high / STEP_MINUTES) * STEP_MINUTES)),
        officer_on_duty=True,
    )
