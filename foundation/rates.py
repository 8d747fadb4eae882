"""How often one may: a token bucket per key, in this process's memory.

A second node doubles what a patient attacker gets; whatever must hold exactly (five tries of a code) is counted in the
database by its owner. This is against noise.
"""

from collections import OrderedDict
from dataclasses import dataclass
from math import ceil

from foundation.clock import Clock
from foundation.errors import Problem

# Keys remembered: addresses an attacker can pretend to have. The longest unused goes first, 10 MB at most.
_KEYS = 50_000


@dataclass(frozen=True)
class Rate:
    """`burst` at once, then one each `per_s / burst` seconds."""

    burst: int
    per_s: float


class Rates:
    """Buckets of one rate, by key (an address, an account)."""

    def __init__(self, clock: Clock, rate: Rate) -> None:
        self._clock = clock
        self._rate = rate
        # Key → the moment (monotonic ns) at which its bucket is full again.
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one use. Raises S429, with the seconds to wait, for one too many; that one is not counted."""
        now = self._clock.monotonic_ns()
        step = int(self._rate.per_s * 1e9 / self._rate.burst)
        full_at = max(self._full_at.get(key, now), now) + step
        wait = full_at - now - step * self._rate.burst
        if wait > 0:
            raise Problem("S429", seconds=ceil(wait / 1e9))
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > _KEYS:
            self._full_at.popitem(last=False)
