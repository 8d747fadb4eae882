"""Hashes of many pieces at once are those of each by itself."""

import hashlib
import os
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recordings.digests import Digest, digest_of, digests
from recordings.digests import load as load_compiled

SIZES = st.one_of(st.integers(0, 300), st.sampled_from((55, 56, 63, 64, 65, 119, 120, 128)), st.integers(0, 100_000))


def separately(piece: bytes) -> Digest:
    return Digest(hashlib.sha256(piece).digest(), hashlib.new("sm3", piece).digest())


def test_the_compiled_code_is_what_is_tested_here() -> None:
    assert load_compiled() is not None


@given(st.lists(SIZES, max_size=40), st.integers(0, 1000))
@example([0, 0, 0], 1)
@example([5_000_000, *range(50)], 2)
def test_many_at_once_are_as_one_by_one(sizes: list[int], seed: int) -> None:
    pieces = [Random(seed + n).randbytes(size) for n, size in enumerate(sizes)]
    assert digests(pieces) == [separately(piece) for piece in pieces] == [digest_of(piece) for piece in pieces]


def test_without_a_compiler_the_digests_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [os.urandom(size) for size in (1, 1000, 70_000)]
    together = digests(pieces)
    monkeypatch.setattr("recordings.digests.load", lambda: None)
    assert digests(pieces) == together
