"""How much of something a stranger, or a friend gone wild, may do."""


class TokenBucket:
    """Grants ``rate`` a second with bursts of ``burst``; times are monotonic nanoseconds."""

    __slots__ = ("_at_ns", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at_ns: int | None = None

    def take(self, now_ns: int, amount: float = 1.0) -> bool:
        """True and the tokens are gone, or False and nothing happened."""
        if self._at_ns is not None:
            gained = (now_ns - self._at_ns) * self._rate / 1e9
            self._tokens = min(self._burst, self._tokens + gained)
        self._at_ns = now_ns
        if self._tokens < amount:
            return False
        self._tokens -= amount
        return True


class Allowance:
    """The same for what comes by the thousand: ``left`` is counted down where it is used, and time fills it up again in
    strides. Begins full.
    """

    __slots__ = ("_burst", "filled_ns", "left", "rate")

    def __init__(self, rate: int, burst: int, now_ns: int) -> None:
        self.rate = rate
        self._burst = burst
        self.filled_ns = now_ns
        self.left = burst

    def fill(self, now_ns: int) -> None:
        """Grant what the time since the last call is worth; call it every 100 ms or so."""
        gained = (now_ns - self.filled_ns) * self.rate // 1_000_000_000
        self.filled_ns = now_ns
        self.left = min(self._burst, self.left + gained)
