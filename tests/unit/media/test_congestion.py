"""Transport-wide feedback: a decoder written from the draft reads back what arrived and when."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import fastpath, rtcp
from media.congestion import ArrivalLog
from tests.support.media_worker import LIBRARY

MS = 1_000_000


class CompiledLog:
    """The same in compiled code (native/feedback.c)."""

    def __init__(self) -> None:
        assert LIBRARY is not None
        self._library = LIBRARY
        self._arrivals = LIBRARY.ffi.new("struct fp_arrivals *")

    def add(self, seq: int, now_ns: int) -> None:
        self._library.lib.fp_arrived(self._arrivals, seq, now_ns)

    def feedback(self, now_ns: int) -> list[bytes]:
        return fastpath.feedback(self._library, self._arrivals)


Log = type[ArrivalLog] | type[CompiledLog]
both = pytest.mark.parametrize("log_of", [ArrivalLog, CompiledLog])


def decode(body: bytes) -> dict[int, int | None]:
    """Status by 16-bit number: arrival in ns (multiples of 250 us), or None for lost."""
    base, count, word = struct.unpack_from("!HHL", body)
    reference = (word >> 8) * 64 * MS
    symbols: list[int] = []
    at = 8
    while len(symbols) < count:
        (chunk,) = struct.unpack_from("!H", body, at)
        at += 2
        if chunk >> 15 == 0:
            symbols += [chunk >> 13 & 3] * (chunk & 0x1FFF)
        elif chunk >> 14 == 2:
            symbols += [chunk >> 13 - n & 1 for n in range(14)]
        else:
            symbols += [chunk >> 12 - 2 * n & 3 for n in range(7)]
    found: dict[int, int | None] = {}
    now = reference
    for n, symbol in enumerate(symbols[:count]):
        if symbol == 0:
            found[(base + n) & 0xFFFF] = None
            continue
        size = 1 if symbol == 1 else 2
        now += int.from_bytes(body[at : at + size], "big", signed=size == 2) * MS // 4
        at += size
        found[(base + n) & 0xFFFF] = now
    assert at == len(body), "every byte has a meaning"
    return found


@both
def test_nothing_new_needs_no_feedback(log_of: Log) -> None:
    log = log_of()
    assert log.feedback(0) == []
    log.add(1, 0)
    assert len(log.feedback(50 * MS)) == 1
    assert log.feedback(100 * MS) == []


@both
def test_the_lost_are_named_even_between_two_feedbacks(log_of: Log) -> None:
    log = log_of()
    for seq in (10, 11):
        log.add(seq, 1000 * MS)
    log.feedback(1050 * MS)
    log.add(14, 1060 * MS)
    [body] = log.feedback(1100 * MS)
    assert decode(body) == {12: None, 13: None, 14: 1060 * MS}


@both
def test_a_packet_that_comes_late_is_reported_after_all(log_of: Log) -> None:
    log = log_of()
    log.add(10, 1000 * MS)
    log.add(12, 1001 * MS)
    log.feedback(1050 * MS)
    log.add(11, 1060 * MS)
    [body] = log.feedback(1100 * MS)
    found = decode(body)
    assert found[11] == 1060 * MS and found[12] == 1001 * MS


@both
def test_silence_longer_than_a_delta_can_say_starts_another_feedback(log_of: Log) -> None:
    log = log_of()
    log.add(1, 0)
    log.add(2, 20_000 * MS)
    first, second = log.feedback(20_000 * MS)
    assert decode(first) == {1: 0} and decode(second) == {2: 20_000 * MS}


@both
def test_what_a_line_without_signal_swallowed_is_not_told_as_lost(log_of: Log) -> None:
    log = log_of()
    log.add(10, 1000 * MS)
    log.feedback(1050 * MS)
    log.add(14, 1400 * MS)
    [body] = log.feedback(1450 * MS)
    assert decode(body) == {11: None, 12: None, 13: None, 14: 1400 * MS}, "a short pause is none"
    log.add(300, 4000 * MS)
    log.add(302, 4001 * MS)
    [body] = log.feedback(4050 * MS)
    assert decode(body) == {300: 4000 * MS, 301: None, 302: 4001 * MS}
    log.add(299, 4060 * MS)
    [body] = log.feedback(4100 * MS)
    assert decode(body)[299] == 4060 * MS, "one that was only late is told"


@both
def test_feedback_bodies_become_whole_rtcp_packets(log_of: Log) -> None:
    for count in range(1, 9):
        log = log_of()
        for seq in range(count):
            log.add(seq, seq * MS)
        [body] = log.feedback(50 * MS)
        packet = rtcp.transport_feedback(1, 2, body)
        assert len(packet) % 4 == 0 and packet[1] == 205
        assert rtcp.parse(packet) == [], "well-formed, though of no use to a receiver"


@both
@given(st.integers(0, 0xFFFF), st.integers(0, 2**32), st.integers(1, 900))
def test_what_arrived_and_what_did_not_is_told_exactly(log_of: Log, start: int, seed: int, count: int) -> None:
    dice = random.Random(seed)
    log = log_of()
    arrived: dict[int, int] = {}
    told: dict[int, int | None] = {}
    now = dice.randrange(10**12) // (250_000) * 250_000
    for n in range(count):
        now += dice.choice((0, 1, 3, 40)) * 250_000
        if n in (0, count - 1) or dice.random() < 0.8:
            seq = (start + n) & 0xFFFF
            log.add(seq, now)
            arrived[seq] = now
        if dice.random() < 0.1:
            for body in log.feedback(now):
                assert len(body) < 1200
                told.update(decode(body))
    for body in log.feedback(now):
        told.update(decode(body))
    assert {seq: at for seq, at in told.items() if at is not None} == arrived
    assert len(told) == count, "every number has a status"
