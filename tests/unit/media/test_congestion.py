"""Transport-wide feedback: a decoder written from the draft reads back what arrived and when."""

import random
import struct

from hypothesis import given
from hypothesis import strategies as st

from media import rtcp
from media.congestion import ArrivalLog

MS = 1_000_000


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


def test_nothing_new_needs_no_feedback() -> None:
    log = ArrivalLog()
    assert log.feedback(0) == []
    log.add(1, 0)
    assert len(log.feedback(50 * MS)) == 1
    assert log.feedback(100 * MS) == []


def test_the_lost_are_named_even_between_two_feedbacks() -> None:
    log = ArrivalLog()
    for seq in (10, 11):
        log.add(seq, 1000 * MS)
    log.feedback(1050 * MS)
    log.add(14, 1060 * MS)
    [body] = log.feedback(1100 * MS)
    assert decode(body) == {12: None, 13: None, 14: 1060 * MS}


def test_a_packet_that_comes_late_is_reported_after_all() -> None:
    log = ArrivalLog()
    log.add(10, 1000 * MS)
    log.add(12, 1001 * MS)
    log.feedback(1050 * MS)
    log.add(11, 1060 * MS)
    [body] = log.feedback(1100 * MS)
    found = decode(body)
    assert found[11] == 1060 * MS and found[12] == 1001 * MS


def test_silence_longer_than_a_delta_can_say_starts_another_feedback() -> None:
    log = ArrivalLog()
    log.add(1, 0)
    log.add(2, 20_000 * MS)
    first, second = log.feedback(20_000 * MS)
    assert decode(first) == {1: 0} and decode(second) == {2: 20_000 * MS}


def test_feedback_bodies_become_whole_rtcp_packets() -> None:
    for count in range(1, 9):
        log = ArrivalLog()
        for seq in range(count):
            log.add(seq, seq * MS)
        [body] = log.feedback(50 * MS)
        packet = rtcp.transport_feedback(1, 2, body)
        assert len(packet) % 4 == 0 and packet[1] == 205
        assert rtcp.parse(packet) == [], "well-formed, though of no use to a receiver"


@given(st.integers(0, 0xFFFF), st.integers(0, 2**32), st.integers(1, 1500))
def test_what_arrived_and_what_did_not_is_told_exactly(start: int, seed: int, count: int) -> None:
    dice = random.Random(seed)
    log = ArrivalLog()
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
