"""The last second of a stream's packets, for whoever lost one. The fast path keeps its own (``native/cache.c``), and no
longer than somebody may ask: a viewer nearby asks several times in half a second.
"""

from collections.abc import Iterable
from typing import Protocol

PACKETS = 1024  # a power of two; three seconds of a 2.5 Mbit/s camera. One to two seconds of it are kept


_ASKING = 5  # round trips: a request that is lost is repeated after each
_AT_LEAST_NS, _AT_MOST_NS = 600_000_000, 1_100_000_000  # nack.AGE_MAX_NS, in which gaps are looked at; a second


def enough_ns(round_trips_ns: Iterable[int | None]) -> int:
    """How long viewers of these round trips may still ask for a packet; one that is not known is far away."""
    wanted = (_AT_MOST_NS if trip is None else _ASKING * trip for trip in round_trips_ns)
    return min(_AT_MOST_NS, max([_AT_LEAST_NS, *wanted]))


class Cache(Protocol):
    """Packets by their index (sequence number without wraps)."""

    def keep(self, index: int, raw: bytes, now_ns: int) -> None:
        """Keep this packet, instead of what had its place."""
        ...

    def kept(self, index: int) -> bytes | None:
        """The packet with this index, if it is still there."""
        ...

    def forget(self, highest: int, enough_ns: int) -> None:
        """Let go of what is older than a second, and of what is more than a little and older than ``enough_ns``;
        ``highest`` is the newest index. Call it every second.
        """
        ...


class PacketCache:
    """A place for each of so many numbers."""

    def __init__(self) -> None:
        self._packets: list[bytes | None] = [None] * PACKETS
        self._forgotten = self._newest_before = 0  # index up to which nothing is kept; the newest a second ago

    def keep(self, index: int, raw: bytes, now_ns: int) -> None:
        self._packets[index & PACKETS - 1] = raw

    def kept(self, index: int) -> bytes | None:
        raw = self._packets[index & PACKETS - 1]
        # Sixty-four numbers share a place: what lies there must have this one.
        return raw if raw is not None and raw[2] << 8 | raw[3] == index & 0xFFFF else None

    def forget(self, highest: int, enough_ns: int) -> None:
        """Nobody asks for it again (nack.AGE_MAX_NS)."""
        bound, self._newest_before = self._newest_before, highest
        start = max(self._forgotten, highest - PACKETS + 1)  # before it newer ones have taken the places
        self._forgotten = bound
        while start < bound:
            place = start & PACKETS - 1
            count = min(bound - start, PACKETS - place)
            self._packets[place : place + count] = [None] * count
            start += count
