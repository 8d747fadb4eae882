"""Transport-wide congestion feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01), the receiving side.

The publisher's own estimator decides how much it sends; it only has to be told, every 100 ms, when each of its packets
came. On an 800 kbit/s uplink with a deep buffer this is the difference between 10 ms and several seconds of delay.

What a line swallowed while it brought nothing at all is not told as lost: an estimator takes loss for a line that is
full and begins anew from next to nothing, just when the signal is back and a keyframe has to pass.
"""

import struct
from itertools import takewhile
from operator import sub
from typing import cast

from media.rtp import SequenceUnwrapper

_TICK_NS = 250_000  # unit of an arrival delta
_REFERENCE_TICKS = 256  # unit of the reference time: 64 ms
_SPAN_MAX = 400  # statuses in one feedback: keeps it below 1,200 bytes when every delta takes two
_HISTORY_TICKS = (
    2000  # arrivals of half a second are kept so that a late packet's feedback repeats its neighbours rightly
)
_SILENCE_TICKS = 2000  # half a second without a packet is a line without signal (nack.SILENCE_NS)
_NOT_RECEIVED, _SMALL, _LARGE = 0, 1, 2


class ArrivalLog:
    """Arrival times of one transport's packets, and the feedback about them."""

    def __init__(self) -> None:
        self._unwrapper = SequenceUnwrapper()
        self._arrivals: dict[int, int] = {}  # ticks by index, in the order they came
        self._next: int | None = None  # first index not yet reported
        self._first_pending: int | None = None
        self._newest = 0
        self._newest_tick = 0
        self._count = 0

    def add(self, seq: int, now_ns: int) -> None:
        """Note that the packet with this 16-bit transport-wide number came."""
        index = self._unwrapper.unwrap(seq)
        if index not in self._arrivals:
            tick = self._arrivals[index] = now_ns // _TICK_NS
            if index > self._newest:
                if self._first_pending is None and tick - self._newest_tick > _SILENCE_TICKS:
                    self._next = index
                self._newest, self._newest_tick = index, tick
            if self._first_pending is None or index < self._first_pending:
                self._first_pending = index

    def feedback(self, now_ns: int) -> list[bytes]:
        """Feedback bodies (rtcp.transport_feedback wraps them) for what came since the last call; often just one."""
        first, newest = self._first_pending, self._newest
        if first is None:
            return []
        self._first_pending = None
        start = first if self._next is None else min(self._next, first)
        start = max(start, newest - 4 * _SPAN_MAX)  # after a long silence the lost ones are news to nobody
        self._next = newest + 1
        bodies = []
        while start <= newest:
            start = self._skip_lost(start, newest)
            body, start = self._body(start, newest)
            bodies.append(body)
        horizon = now_ns // _TICK_NS - _HISTORY_TICKS
        for index in list(takewhile(lambda index: self._arrivals[index] < horizon, self._arrivals)):
            del self._arrivals[index]
        return bodies

    def _skip_lost(self, start: int, newest: int) -> int:
        """A feedback may begin with lost packets, but must hold one that came: its time is the reference."""
        if any(index in self._arrivals for index in range(start, min(start + _SPAN_MAX, newest + 1))):
            return start
        return min(index for index in self._arrivals if index >= start)

    def _body(self, start: int, newest: int) -> tuple[bytes, int]:
        end = min(newest, start + _SPAN_MAX - 1)
        ticks = [self._arrivals.get(index) for index in range(start, end + 1)]
        reference = next(at for at in ticks if at is not None) // _REFERENCE_TICKS
        chunks, deltas, count = _all_came(ticks, reference) or _some_came(ticks, reference)
        head = struct.pack("!HHL", start & 0xFFFF, count, (reference & 0xFFFFFF) << 8 | self._count & 0xFF)
        self._count += 1
        return head + chunks + deltas, start + count


def _all_came(ticks: list[int | None], reference: int) -> tuple[bytes, bytes, int] | None:
    """Status chunk, deltas and their number where nothing is missing and each step fits one byte: nearly always."""
    if None in ticks:
        return None
    came = cast(list[int], ticks)
    deltas = list(map(sub, came, [reference * _REFERENCE_TICKS, *came]))
    if min(deltas) < 0 or max(deltas) > 255:
        return None
    return struct.pack("!H", _SMALL << 13 | len(deltas)), bytes(deltas), len(deltas)


def _some_came(ticks: list[int | None], reference: int) -> tuple[bytes, bytes, int]:
    previous = reference * _REFERENCE_TICKS
    symbols: list[int] = []
    deltas = bytearray()
    for at in ticks:
        if at is None:
            symbols.append(_NOT_RECEIVED)
            continue
        delta = at - previous
        if 0 <= delta <= 255:
            symbols.append(_SMALL)
            deltas.append(delta)
        elif -0x8000 <= delta <= 0x7FFF:
            symbols.append(_LARGE)
            deltas += struct.pack("!h", delta)
        else:
            break  # more than 8 s apart: the next feedback has a reference of its own
        previous = at
    return _chunks(symbols), bytes(deltas), len(symbols)


def _chunks(symbols: list[int]) -> bytes:
    """Status chunks: runs where they are longer than a vector, else seven two-bit symbols a word."""
    words = []
    at = 0
    while at < len(symbols):
        symbol = symbols[at]
        run = 1
        while at + run < len(symbols) and symbols[at + run] == symbol:
            run += 1
        if run > 7 or at + run == len(symbols):
            words.append(symbol << 13 | run)
            at += run
            continue
        word = 0xC000
        for place, value in enumerate(symbols[at : at + 7]):
            word |= value << 12 - 2 * place
        words.append(word)
        at += 7
    return struct.pack(f"!{len(words)}H", *words)
