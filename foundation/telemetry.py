"""The metrics of processes that serve no pages, told over the bus and shown by every node under the process's name.

Media workers, packagers and job workers have no HTTP port of their own, and get none for this: what they count goes to
the nodes as a message every few seconds, and `/metrics` of any node has it all. Who is silent is shown no longer.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import msgspec
from prometheus_client import Metric
from prometheus_client.registry import Collector

from foundation import log
from foundation.bus import Bus, BusUnavailable, Msg, Subscription
from foundation.clock import Clock
from foundation.metrics import Metrics

SUBJECT = "metrics.told"
EVERY_S = 5.0  # scrapers come every fifteen or more
SILENT_S = 20.0  # four times as long: gone
_PROCESSES_MAX = 1000  # of which figures are kept

_log = log.get("metrics")


class Sample(msgspec.Struct, frozen=True):
    name: str
    labels: dict[str, str]
    value: float


class Family(msgspec.Struct, frozen=True):
    """All samples of one metric."""

    name: str
    text: str
    kind: str
    samples: list[Sample]


class Told(msgspec.Struct, frozen=True):
    """What one process counts."""

    process: str
    families: list[Family]


def told(process: str, metrics: Metrics) -> bytes:
    """The message, of the moment."""
    families = [
        Family(found.name, found.documentation, found.type, [Sample(s.name, s.labels, s.value) for s in found.samples])
        for found in metrics.registry.collect()
    ]
    return msgspec.json.encode(Told(process, families))


async def keep_telling(process: str, metrics: Metrics, bus: Bus) -> None:
    """Tell until cancelled."""
    while True:
        try:
            await bus.publish(SUBJECT, told(process, metrics))
        except BusUnavailable as error:
            _log.warning("figures not told", error=error)
        await asyncio.sleep(EVERY_S)


class Listener(Collector):
    """What a node has heard of the others; a part of its own metrics."""

    def __init__(self, metrics: Metrics, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._heard: dict[str, tuple[int, Told]] = {}
        self._subscription: Subscription | None = None
        self._registry = metrics.registry

    async def start(self) -> None:
        self._subscription = await self._bus.subscribe(SUBJECT, self._on_told)
        self._registry.register(self)

    async def stop(self) -> None:
        self._registry.unregister(self)
        if self._subscription is not None:
            await self._subscription.close()

    async def _on_told(self, message: Msg) -> None:
        with suppress(msgspec.DecodeError, msgspec.ValidationError):
            found = msgspec.json.decode(message.data, type=Told)
            if found.process in self._heard or len(self._heard) < _PROCESSES_MAX:
                self._heard[found.process] = self._clock.monotonic_ns(), found

    def describe(self) -> list[Metric]:
        """Nothing is known beforehand."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Each metric once, with a `process` label to tell whose a sample is."""
        since_ns = self._clock.monotonic_ns() - round(SILENT_S * 1e9)
        self._heard = {process: each for process, each in self._heard.items() if each[0] >= since_ns}
        merged: dict[str, Metric] = {}
        for _, one in self._heard.values():
            for family in one.families:
                metric = merged.setdefault(family.name, Metric(family.name, family.text, family.kind))
                for sample in family.samples:
                    metric.add_sample(sample.name, {**sample.labels, "process": one.process}, sample.value)
        yield from merged.values()
