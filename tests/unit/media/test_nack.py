"""Gaps: asked for after 10 ms, again each round trip, at most ten times, and never twice received."""

import random

from hypothesis import given
from hypothesis import strategies as st

from media.nack import AGE_MAX_NS, Arrival, Due, GapList, Signal

MS = 1_000_000


def filled(*indexes: int) -> GapList:
    gaps = GapList()
    for index in indexes:
        gaps.arrived(index, 0)
    return gaps


def test_a_gap_is_left_alone_for_ten_milliseconds_since_most_are_reordering() -> None:
    gaps = filled(100, 103)
    assert gaps.due(9 * MS) == Due([], [], False)
    assert gaps.due(10 * MS) == Due([101, 102], [], False)


def test_a_late_packet_is_not_asked_for() -> None:
    gaps = filled(100, 102)
    assert gaps.arrived(101, 5 * MS) is Arrival.RECOVERED
    assert not gaps.waiting
    assert gaps.due(50 * MS) == Due([], [], False)
    assert gaps.recovered == 0, "reordering is no recovery"


def test_requests_are_repeated_when_the_sender_listens_again() -> None:
    gaps = filled(100, 102)
    gaps.rtt_ns = 40 * MS
    asked = [at for at in range(300) if gaps.due(at * MS).ask]
    assert asked == [10, 65, 120, 175, 230, 285]


def test_never_faster_than_thirty_milliseconds_nor_more_than_ten_times() -> None:
    gaps = filled(100, 102)
    gaps.rtt_ns = 1 * MS
    asked = [at for at in range(900) if gaps.due(at * MS).ask]
    assert asked == [10 + 30 * n for n in range(10)]


def test_giving_up_is_told_once_and_the_packet_is_still_welcome() -> None:
    gaps = filled(100, 102)
    told = [at for at in range(2000) if gaps.due(at * MS).lost]
    assert len(told) == 1 and told[0] <= AGE_MAX_NS // MS + 100
    assert not gaps.waiting and gaps.abandoned == 1
    assert gaps.arrived(101, 2000 * MS) is Arrival.RECOVERED


def test_the_round_trip_is_measured_from_packets_asked_for_once() -> None:
    gaps = filled(100, 102)
    before = gaps.rtt_ns
    gaps.due(10 * MS)
    gaps.arrived(101, 30 * MS)
    assert gaps.recovered == 1
    assert 20 * MS <= gaps.rtt_ns < before


def test_what_was_sent_again_unasked_hardly_shortens_the_round_trip() -> None:
    """One of four repairs is such a one, as a sender looks for room."""
    gaps, dice = GapList(), random.Random(2)
    gaps.arrived(0, 0)
    for number in range(2, 2000, 2):
        at = number * 100 * MS
        gaps.arrived(number, at)
        gaps.due(at + 10 * MS)
        answer = dice.randrange(60) if dice.random() < 0.25 else dice.randrange(60, 75)
        gaps.arrived(number - 1, at + (10 + answer) * MS)
    assert 50 * MS < gaps.rtt_ns < 75 * MS


def test_a_wide_jump_is_a_new_start_not_a_thousand_losses() -> None:
    gaps = filled(100, 102)
    assert gaps.arrived(5000, 0) is Arrival.JUMP
    assert gaps.due(100 * MS) == Due([], [], False)


def test_what_a_line_without_signal_swallowed_is_not_asked_for_and_still_welcome() -> None:
    gaps = filled(100, 102)
    assert gaps.arrived(300, 3000 * MS, swallowed=True) is Arrival.JUMP
    assert not gaps.waiting and gaps.missed == 1, "no loss, as far as the line is judged by it"
    assert gaps.due(3100 * MS) == Due([], [], False)
    assert gaps.arrived(250, 3101 * MS) is Arrival.RECOVERED
    assert gaps.arrived(101, 3102 * MS) is Arrival.RECOVERED
    assert gaps.arrived(250, 3103 * MS) is Arrival.DUPLICATE
    gaps.arrived(302, 3104 * MS)
    assert gaps.due(3120 * MS).ask == [301], "then it is a line like any other"


def test_only_a_connection_that_brought_nothing_at_all_was_without_signal() -> None:
    signal = Signal()
    for at_ms in range(1000, 3000, 20):
        signal.heard(at_ms * MS)
    assert signal.lost_ns <= 0
    signal.heard(5000 * MS)
    assert signal.lost_ns == 2980 * MS
    signal.heard(5020 * MS)
    assert signal.lost_ns == 2980 * MS


def test_what_nobody_misses_is_closed_without_a_question() -> None:
    gaps = filled(100, 104)
    assert gaps.due(10 * MS, lambda index: index != 102) == Due([102], [101, 103], False)
    assert gaps.waiting
    assert gaps.arrived(101, 11 * MS) is Arrival.DUPLICATE
    assert gaps.arrived(102, 12 * MS) is Arrival.RECOVERED
    assert not gaps.waiting and gaps.abandoned == 0


def test_packets_reordered_before_the_first_are_taken() -> None:
    gaps = filled(100)
    assert gaps.arrived(99, 0) is Arrival.RECOVERED
    assert gaps.arrived(99, 0) is Arrival.DUPLICATE
    assert gaps.arrived(50, 0) is Arrival.DUPLICATE
    assert not gaps.waiting


@given(st.integers(0, 2**32), st.lists(st.integers(0, 300), max_size=300))
def test_each_packet_is_taken_at_most_once_in_any_order(seed: int, offsets: list[int]) -> None:
    gaps = GapList()
    taken: list[int] = []
    for step, offset in enumerate(offsets):
        if gaps.arrived(1000 + offset, step * MS) is not Arrival.DUPLICATE:
            taken.append(offset)
        gaps.due(step * MS)
        assert not gaps._gaps.keys() & gaps._given_up
    assert len(taken) == len(set(taken))


@given(st.integers(0, 2**32))
def test_with_loss_and_repeats_everything_asked_for_in_time_arrives(seed: int) -> None:
    dice = random.Random(seed)
    gaps = GapList()
    gaps.rtt_ns = 30 * MS
    taken: set[int] = set()
    repeats: list[tuple[int, int]] = []
    for at in range(3000):
        now_ns = at * MS
        sent = at < 2000 and (at in (0, 1999) or dice.random() > 0.15)
        if sent and gaps.arrived(at, now_ns) is not Arrival.DUPLICATE:
            taken.add(at)
        for index, due_ns in [r for r in repeats if r[1] <= now_ns]:
            repeats.remove((index, due_ns))
            if dice.random() > 0.15 and gaps.arrived(index, now_ns) is not Arrival.DUPLICATE:
                taken.add(index)
        repeats += [(index, now_ns + 20 * MS) for index in gaps.due(now_ns).ask if dice.random() > 0.15]
    assert len(taken) >= 1998, "ten tries against 15 % loss leave next to nothing"
