"""The seal of stored objects: whatever is done to one, it opens as it was or not at all."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.frames import FRAME, HEADER, PLAIN, Opener, Sealer, Tampered, frame_count, frame_span, plain_size

KEY = bytes(range(32))
NAME = "records/rec_1/photos/pho_1"
# Around the edges of frames, where mistakes live.
SIZES = st.one_of(
    st.integers(0, 100),
    st.sampled_from([PLAIN - 1, PLAIN, PLAIN + 1, 2 * PLAIN - 1, 2 * PLAIN, 2 * PLAIN + 1, 3 * PLAIN]),
)


def seal(plain: bytes, name: str = NAME, key: bytes = KEY, salt: bytes | None = None) -> bytes:
    sealer = Sealer(key, name, salt)
    return sealer.update(plain) + sealer.finish()


def unseal(sealed: bytes, name: str = NAME, key: bytes = KEY) -> bytes:
    return Opener(key, name, sealed[:HEADER], len(sealed)).open(0, sealed[HEADER:])


def plain_of(size: int) -> bytes:
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


@given(SIZES)
@settings(deadline=None)
def test_an_object_opens_as_it_was_sealed(size):
    sealed = seal(plain_of(size))
    assert unseal(sealed) == plain_of(size)
    assert plain_size(len(sealed)) == size


@given(st.lists(st.integers(0, PLAIN + 5), max_size=5))
@settings(deadline=None)
def test_the_pieces_it_arrived_in_leave_no_trace(sizes):
    plain = plain_of(sum(sizes))
    sealer, sealed, at = Sealer(KEY, NAME, b"s" * 16), b"", 0
    for size in sizes:
        sealed += sealer.update(plain[at : at + size])
        at += size
    assert sealed + sealer.finish() == seal(plain, salt=b"s" * 16)


@given(SIZES, st.data())
@settings(deadline=None)
def test_one_changed_bit_anywhere_is_refused(size, data):
    sealed = bytearray(seal(plain_of(size)))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Tampered):
        unseal(bytes(sealed))


@given(SIZES, st.data())
@settings(deadline=None)
def test_an_object_cut_short_anywhere_is_refused(size, data):
    sealed = seal(plain_of(size))
    with pytest.raises(Tampered):
        unseal(sealed[: data.draw(st.integers(0, len(sealed) - 1))])


@pytest.mark.parametrize("kept", [1, 2])
def test_an_object_cut_at_a_frames_edge_is_refused(kept):
    sealed = seal(plain_of(3 * PLAIN))
    with pytest.raises(Tampered):
        unseal(sealed[: HEADER + kept * FRAME])


def test_frames_that_changed_places_are_refused():
    sealed = seal(plain_of(4 * PLAIN))
    head, frames = sealed[:HEADER], [sealed[HEADER + n * FRAME : HEADER + (n + 1) * FRAME] for n in range(4)]
    with pytest.raises(Tampered):
        unseal(head + frames[1] + frames[0] + frames[2] + frames[3])


def test_a_frame_said_twice_is_refused():
    sealed = seal(plain_of(2 * PLAIN))
    with pytest.raises(Tampered):
        unseal(sealed[: HEADER + FRAME] + sealed[HEADER:])


def test_frames_added_behind_the_last_are_refused():
    sealed = seal(plain_of(PLAIN))
    with pytest.raises(Tampered):
        unseal(sealed + sealed[HEADER:])


def test_a_frame_of_another_object_under_the_same_key_is_refused():
    one, other = seal(os.urandom(2 * PLAIN)), seal(os.urandom(2 * PLAIN))
    with pytest.raises(Tampered):
        unseal(one[: HEADER + FRAME] + other[HEADER + FRAME :])


def test_an_object_moved_to_another_name_is_refused():
    with pytest.raises(Tampered):
        unseal(seal(b"kitchen", name="records/rec_1/photos/pho_2"))


def test_another_records_key_opens_nothing():
    with pytest.raises(Tampered):
        unseal(seal(b"kitchen"), key=bytes(32))


def test_the_same_bytes_sealed_twice_do_not_look_alike():
    assert seal(b"kitchen")[HEADER:] != seal(b"kitchen")[HEADER:]


@given(st.integers(1, 4), st.data())
@settings(deadline=None)
def test_any_run_of_frames_opens_alone(count, data):
    plain = os.urandom(count * PLAIN - 7)
    sealed = seal(plain)
    first = data.draw(st.integers(0, frame_count(len(plain)) - 1))
    last = data.draw(st.integers(first, frame_count(len(plain)) - 1))
    start, most = frame_span(first, last)
    opener = Opener(KEY, NAME, sealed[:HEADER], len(sealed))
    assert opener.open(first, sealed[start : start + most]) == plain[first * PLAIN : (last + 1) * PLAIN]


@given(st.integers(-50, 5 * FRAME))
def test_a_size_is_possible_or_refused(stored):
    try:
        size = plain_size(stored)
    except Tampered:
        return
    assert HEADER + size + 16 * frame_count(size) == stored
