"""Time as an argument: nothing in this product asks the operating system for it but `SystemClock`."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for people and records, monotonic time for lengths."""

    def now(self) -> datetime:
        """Aware UTC, microseconds. May jump when the host's clock is set."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds from an arbitrary start. Never jumps."""
        ...


class SystemClock:
    """The host's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    monotonic_ns = staticmethod(time.monotonic_ns)  # as it is: every packet asks


class ManualClock:
    """A clock that stands still until it is told to move; tests live on it."""

    def __init__(self, now: datetime = datetime(2025, 11, 24, 6, 30, tzinfo=UTC), monotonic_ns: int = 0) -> None:
        self._now = now
        self._monotonic_ns = monotonic_ns

    def now(self) -> datetime:
        return self._now

    def monotonic_ns(self) -> int:
        return self._monotonic_ns

    def advance(self, seconds: float) -> None:
        """Let time pass: both readings move together."""
        self._now += timedelta(seconds=seconds)
        self._monotonic_ns += round(seconds * 1e9)

    def set_wall(self, now: datetime) -> None:
        """Jump the wall clock alone, as an NTP correction does."""
        self._now = now
