"""How much a line carries, told from one that only loses; here lines are queues, with a report each second."""

import random

import pytest

from media.bottleneck import _RATES, Bottleneck
from media.thinning import FULL

SECOND = 1_000_000_000
PICTURES, SOUND = 1_500_000.0, 40_000.0  # bit/s of the whole stream
PACKET = 1100


class Line:
    """So many bit/s, a buffer of so many seconds, a share lost at random, and a least round trip."""

    def __init__(self, carries: float, buffer_s: float, loss: float = 0.0) -> None:
        self.carries, self.buffer_s, self.loss = carries, buffer_s, loss
        self.queued = self.sent = self.expected = self.lost = 0.0
        self.dice = random.Random(1)

    def second(self, offered: float) -> None:
        """A second of this many bit/s."""
        self.sent += offered / 8
        packets = offered / 8 / PACKET
        self.queued += offered
        through = min(self.queued, self.carries)
        self.queued -= through
        dropped = max(0.0, self.queued - self.buffer_s * self.carries)
        self.queued -= dropped
        self.expected += packets
        self.lost += dropped / 8 / PACKET + packets * self.loss * self.dice.uniform(0.8, 1.2)

    @property
    def rtt_ns(self) -> int:
        return int((0.06 + self.queued / self.carries) * SECOND)


def watched(line: Line, seconds: int, bottleneck: Bottleneck | None = None, at: int = 0) -> list[int]:
    """The level after each second."""
    found = bottleneck or Bottleneck()
    levels = []
    for second in range(at + 1, at + seconds + 1):
        pictures = _RATES[found.level] * PICTURES
        if found.level == 0 and found.afford(second * SECOND):
            pictures = 400_000.0
            found.spend(50_000)
        line.second(pictures + SOUND)
        found.look(
            second * SECOND, int(line.expected), int(line.lost), (int(line.expected), int(line.sent)), line.rtt_ns
        )
        levels.append(found.level)
    return levels


@pytest.mark.parametrize("buffer_s", [0.1, 0.5, 4.0])
def test_a_line_of_200_kbit_is_known_within_three_seconds_and_never_flooded_again_for_long(buffer_s: float) -> None:
    line = Line(200_000, buffer_s)
    levels = watched(line, 120)
    assert levels[4] == 0 or (buffer_s == 4.0 and levels[6] == 0)
    assert levels.count(0) >= 0.85 * len(levels), levels
    assert FULL not in levels[8:]


@pytest.mark.parametrize(("carries", "level"), [(1_100_000, 2), (750_000, 1)])
def test_a_line_gets_the_pictures_it_carries(carries: float, level: int) -> None:
    levels = watched(Line(carries, 0.3), 180)
    assert sum(each == level for each in levels) > 0.6 * len(levels), levels


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.15])
def test_a_line_that_only_loses_keeps_every_picture(loss: float) -> None:
    assert set(watched(Line(10_000_000, 1.0, loss), 120)) == {FULL}


def test_a_line_that_has_become_wide_gets_everything_again() -> None:
    line, bottleneck = Line(200_000, 0.5), Bottleneck()
    watched(line, 30, bottleneck)
    line.carries = 8_000_000
    levels = watched(line, 150, bottleneck, at=30)
    assert levels[-1] == FULL
    assert levels == sorted(levels), "step by step"


def test_silence_says_nothing() -> None:
    bottleneck = Bottleneck()
    for second in range(1, 60):
        bottleneck.look(second * SECOND, 100, 10, (second, 1000 * second), 60_000_000)
    assert bottleneck.level == FULL


def test_the_first_report_behind_a_step_down_is_of_what_was_sent_before_it() -> None:
    bottleneck, expected, lost, levels = Bottleneck(), 0, 0, []
    for second, missed in enumerate((0, 0, 50, 60, 60), start=1):
        expected, lost = expected + 100, lost + missed
        bottleneck.look(second * SECOND, expected, lost, (expected, 1100 * expected), 60_000_000)
        levels.append(bottleneck.level)
    assert levels == [FULL, FULL, 1, 1, 0]


def test_of_a_narrow_line_keyframes_take_but_a_part() -> None:
    bottleneck = Bottleneck()
    bottleneck.carries = 200_000
    sent = 0
    for second in range(1, 601):
        if bottleneck.afford(second * SECOND):
            bottleneck.spend(50_000)
            sent += 50_000
    assert 0.5 * 200_000 <= sent * 8 / 600 <= 0.65 * 200_000
