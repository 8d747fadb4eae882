"""Counters, gauges and histograms of one process part, in a registry of its own; Prometheus text on request.

Each folder asks for its metrics by name from the `Metrics` it is given; asking twice gives the same one, so two rooms
or two workers may share a registry, and two nodes in one test do not.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_M = TypeVar("_M", Counter, Gauge, Histogram)
# Seconds: from a row read to a report built.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one node, worker or packager. Names begin with ``yuankan_``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._known: dict[str, Counter | Gauge | Histogram] = {}

    def counter(self, name: str, text: str, labels: Iterable[str] = ()) -> Counter:
        return self._one(name, Counter, lambda full: Counter(full, text, tuple(labels), registry=self.registry))

    def gauge(self, name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
        return self._one(name, Gauge, lambda full: Gauge(full, text, tuple(labels), registry=self.registry))

    def histogram(
        self, name: str, text: str, labels: Iterable[str] = (), buckets: Sequence[float] = _BUCKETS
    ) -> Histogram:
        return self._one(
            name,
            Histogram,
            lambda full: Histogram(full, text, tuple(labels), buckets=buckets, registry=self.registry),
        )

    def _one(self, name: str, kind: type[_M], make: Callable[[str], _M]) -> _M:
        if name not in self._known:
            self._known[name] = make(f"yuankan_{name}")
        found = self._known[name]
        if not isinstance(found, kind):
            raise TypeError(f"{name} is a {type(found).__name__} already")
        return found

    def render(self) -> bytes:
        """All of it as Prometheus text, of `CONTENT_TYPE`."""
        return generate_latest(self.registry)

    def value(self, name: str, **labels: str) -> float:
        """One sample's value, 0 before the first: for tests and the dashboard. A counter's name ends in _total."""
        return self.registry.get_sample_value(f"yuankan_{name}", labels) or 0.0
