"""The last second of a stream's packets, for whoever lost one. The fast path keeps its own (``native/cache.c``)."""

from typing import Protocol

PACKETS = 1024  # a power of two; three seconds of a 2.5 Mbit/s camera. One to two seconds of it are kept


class Cache(Protocol):
    """Packets by their index (sequence number without wraps)."""

    def keep(self, index: int, raw: bytes, now_ns: int) -> None:
        """Keep this packet, instead of what had its place."""
        ...

    def kept(self, index: int) -> bytes | None:
        """The packet with this index, if it is still there."""
        ...

    def forget(self, highest: int) -> None:
        """Let go of what is older than a second; ``highest`` is the newest index. Call it every second."""
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

    def forget(self, highest: int) -> None:
        """Nobody asks for it again (nack.AGE_MAX_NS)."""
        bound, self._newest_before = self._newest_before, highest
        start = max(self._forgotten, highest - PACKETS + 1)  # before it newer ones have taken the places
        self._forgotten = bound
        while start < bound:
            place = start & PACKETS - 1
            count = min(bound - start, PACKETS - place)
            self._packets[place : place + count] = [None] * count
            start += count
