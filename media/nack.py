"""Which packets of a source are missing, when to ask for them again, and when to stop (RFC 4585 §6.2).

A first request waits 10 ms, since most gaps are reordering; each further one waits a round trip and a little. With 15 %
of the packets lost, one request per gap froze the picture ten times in 20 s, retries not once.

What a line swallowed while it brought nothing at all is not asked for: too old for any picture, it would only stand in
the way of the keyframe that begins the next one. Nor does it count as loss, of which such a line may have none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

FIRST_NS = 10_000_000
RETRY_MIN_NS = 30_000_000
# Browsers of the Chromium family answer again only after their own idea of the round trip and 5 ms: who asks sooner is
# not heard, and has to wait for the time after.
DEAF_NS = 15_000_000
TRIES_MAX = 10
AGE_MAX_NS = 500_000_000  # older than this a viewer's picture has frozen anyway: a keyframe repairs more
REACH = 1024
"""How far behind the newest packet one is still taken; the same as the forwarder's cache."""
SILENCE_NS = AGE_MAX_NS
"""A connection that brought nothing for so long, not even sound, was without signal."""
JUMP = 500
"""A larger step forward is a sender that started anew, not a loss."""
_REORDERED_START = 16  # packets just before the first one seen: late, not old


class Arrival(Enum):
    """What an arriving packet is."""

    NEW = "new"
    RECOVERED = "recovered"
    DUPLICATE = "duplicate"
    JUMP = "jump"  # new, after a gap too wide or too long to ask for


@dataclass(slots=True)
class _Gap:
    since_ns: int
    asked_ns: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Due:
    """``ask`` for these now; ``spared`` are closed for good, a late arrival is a duplicate; ``lost``: some were given
    up, and a picture needs a keyframe.
    """

    ask: list[int]
    spared: list[int]
    lost: bool


def _never(_: int) -> bool:
    return False


@dataclass(slots=True)
class Signal:
    """When a connection brought something; shared by its streams. One that sends little, a screen, may be silent for
    itself.
    """

    heard_ns: int = 0
    lost_ns: int = -1  # what came up to this came before the last silence

    def heard(self, now_ns: int) -> None:
        """Something came."""
        if now_ns - self.heard_ns > SILENCE_NS:
            self.lost_ns = self.heard_ns
        self.heard_ns = now_ns


class GapList:
    """The missing packets of one source, by index (sequence number without wraps)."""

    __slots__ = ("_gaps", "_given_up", "abandoned", "highest", "late_ns", "missed", "recovered", "rtt_ns")

    def __init__(self) -> None:
        self.highest: int | None = None
        self.recovered = 0
        self.abandoned = 0
        self.missed = 0  # packets that did not come in their turn
        self.late_ns = 0  # the longest that one of them took; whoever reads it begins anew with 0
        self.rtt_ns = 100_000_000  # until measured: a mobile network's
        self._gaps: dict[int, _Gap] = {}  # that are asked for
        self._given_up: set[int] = set()

    @property
    def retry_ns(self) -> int:
        """How long an answer is waited for before the packet is asked for again."""
        return max(RETRY_MIN_NS, self.rtt_ns + DEAF_NS)

    @property
    def waiting(self) -> bool:
        """True while something may have to be asked for."""
        return bool(self._gaps)

    def lacks(self, index: int) -> bool:
        """True for a packet that is missing, even if it is no longer asked for."""
        return index in self._gaps or index in self._given_up

    def arrived(self, index: int, now_ns: int, *, swallowed: bool = False) -> Arrival:
        """Note a packet. NEW, JUMP and RECOVERED are to be used, DUPLICATE is not. ``swallowed``: since the one before
        the line was without signal.
        """
        highest = self.highest
        if highest is None:
            self.highest = index
            self._given_up.update(range(index - _REORDERED_START, index))
            return Arrival.NEW
        if index == highest + 1:  # nearly always
            self.highest = index
            return Arrival.NEW
        if index > highest:
            self.highest = index
            if index - highest > JUMP:
                self._gaps.clear()
                self._given_up.clear()
                return Arrival.JUMP
            if swallowed:
                self._give_up([*self._gaps, *range(highest + 1, index)])
                self._forget(index - REACH)
                return Arrival.JUMP
            for lost in range(highest + 1, index):
                self._gaps[lost] = _Gap(now_ns)
            self.missed += index - highest - 1
            self._forget(index - REACH)
            return Arrival.NEW
        if index <= highest - REACH:
            return Arrival.DUPLICATE
        gap = self._gaps.pop(index, None)
        if gap is None:
            if index not in self._given_up:
                return Arrival.DUPLICATE
            self._given_up.remove(index)
            return Arrival.RECOVERED
        self.late_ns = max(self.late_ns, now_ns - gap.since_ns)
        if gap.tries:
            self.recovered += 1
        if gap.tries == 1:  # with more tries nobody knows which one was answered (Karn's rule)
            # Senders that look for room send again what nobody asked for: such an answer is too quick to be one.
            off_ns = now_ns - gap.asked_ns - self.rtt_ns
            self.rtt_ns += off_ns // (4 if off_ns > 0 else 8)
        return Arrival.RECOVERED

    def due(self, now_ns: int, needless: Callable[[int], bool] = _never) -> Due:
        """What is to be done now. ``needless`` says of an index that nothing is lost with it."""
        ask: list[int] = []
        spared: list[int] = []
        lost: list[int] = []
        wait_ns = self.retry_ns
        for index, gap in self._gaps.items():
            if now_ns - gap.since_ns < FIRST_NS or (gap.tries and now_ns - gap.asked_ns < wait_ns):
                continue
            if needless(index):
                spared.append(index)
            elif gap.tries >= TRIES_MAX or now_ns - gap.since_ns >= AGE_MAX_NS:
                lost.append(index)
            else:
                gap.asked_ns = now_ns
                gap.tries += 1
                ask.append(index)
        for index in spared:
            del self._gaps[index]
        self._give_up(lost)
        return Due(ask, spared, bool(lost))

    def _give_up(self, lost: Sequence[int]) -> None:
        for index in lost:
            self._gaps.pop(index, None)
        self._given_up.update(lost)
        self.abandoned += len(lost)

    def _forget(self, before: int) -> None:
        if len(self._gaps) + len(self._given_up) > _REORDERED_START:
            self._given_up = {index for index in self._given_up if index >= before}
            for index in [index for index in self._gaps if index < before]:
                del self._gaps[index]
