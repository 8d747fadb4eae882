"""Findings rise and fall with a margin, and one look decides nothing."""

import itertools
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import quality
from media.contract import LegStats, PictureFinding
from media.quality import Line, Measures, Standing, judge

GOOD = Measures(1280, 720, brightness=110, red=2, blind=0.2, blur=0.2, moved=10, changed=20)


def like(**figures: float) -> Measures:
    return msgspec.structs.replace(GOOD, **figures)


DARK = like(brightness=30)
COVERED = like(brightness=60, red=30, blind=1)
FAST = like(blur=0.5)
STILL = like(moved=0.5, changed=1)


@pytest.mark.parametrize(
    ("seen", "finding"),
    [
        (GOOD, "good"),
        (DARK, "dark"),
        (COVERED, "covered"),
        (like(brightness=10, blind=1), "covered"),
        (like(brightness=110, blind=1), "good"),
        (FAST, "fast"),
        (like(blur=0.5, moved=1), "blurred"),
        (like(blur=0.5, moved=-1, changed=-1), "blurred"),
        (STILL, "still"),
        (like(moved=-1, changed=-1), "good"),
        (like(brightness=30, blur=0.5, changed=0), "dark"),
    ],
)
def test_the_gravest_is_said(seen: Measures, finding: PictureFinding) -> None:
    assert judge(seen) == finding


@pytest.mark.parametrize(
    ("finding", "raises", "between"),
    [
        ("dark", like(brightness=quality.DARK - 1), like(brightness=quality.DARK + 1)),
        ("covered", like(red=30, blind=0.98), like(red=30, blind=0.95)),
        ("fast", like(blur=quality.BLUR), like(blur=quality.BLUR - 0.01)),
        ("still", like(changed=quality.STILL - 0.1), like(changed=quality.STILL + 0.1)),
    ],
)
def test_between_the_thresholds_whatever_stood_stays(
    finding: PictureFinding, raises: Measures, between: Measures
) -> None:
    assert judge(raises) == finding
    assert judge(between) == "good"
    assert judge(between, finding) == finding


def raised(standing: Standing, *seen: Measures) -> list[str]:
    """The findings that came to stand, in order."""
    return [standing.finding for each in seen if standing.look(each)]


def test_one_look_raises_nothing_and_withdraws_nothing() -> None:
    standing = Standing()
    assert raised(standing, GOOD, DARK, GOOD, DARK, GOOD) == []
    assert raised(standing, DARK, DARK, GOOD, DARK, GOOD, DARK) == ["dark"]
    assert not standing.settled
    assert raised(standing, GOOD, GOOD, GOOD) == ["good"]
    assert standing.settled


def test_two_kinds_of_trouble_in_a_row_are_the_later_one() -> None:
    assert raised(Standing(), like(blur=0.5, moved=1), FAST) == ["fast"]
    standing = Standing()
    assert raised(standing, DARK, DARK, COVERED, COVERED, GOOD, GOOD) == ["dark", "covered", "good"]


def test_who_films_a_label_for_some_seconds_is_not_called_still() -> None:
    standing = Standing()
    assert raised(standing, *[STILL] * (quality.STILL_LOOKS - 1)) == []
    assert raised(standing, STILL, STILL, GOOD, GOOD) == ["still", "good"]


@given(st.lists(st.sampled_from([GOOD, DARK, COVERED, FAST, STILL]), max_size=60))
def test_findings_never_change_at_two_looks_in_a_row(seen: list[Measures]) -> None:
    standing = Standing()
    changes = [standing.look(each) for each in seen]
    assert not any(first and second for first, second in itertools.pairwise(changes))


@given(st.sampled_from(["brightness", "red", "blind", "blur", "moved", "changed"]), st.floats())
def test_figures_that_no_picture_has_are_told_apart(name: str, value: float) -> None:
    seen = like(**{name: value})
    allowed = 0 <= value <= 1 if name in ("blind", "blur") else -256 <= value <= 256
    assert seen.possible == (math.isfinite(value) and allowed)


def stats(*, loss: float = 0.0, kbps: float = 1500.0, direction: str = "publish") -> LegStats:
    return LegStats("leg_1", direction, True, 0, 0, 0, 0, loss, None, kbps, False)  # type: ignore[arg-type]


def turns(line: Line, *intervals: LegStats, camera: bool = True) -> list[bool]:
    return [line.weak for each in intervals if line.interval(each, camera=camera)]


def test_a_line_that_loses_is_weak_until_it_has_been_well_for_a_while() -> None:
    line, bad, fair, well = Line(), stats(loss=0.2), stats(loss=0.07), stats(loss=0.01)
    assert turns(line, bad, bad, well, bad, bad) == []
    assert turns(line, bad) == [True]
    assert turns(line, *[well] * 4, fair, *[well] * 4) == []
    assert turns(line, well, well) == [False]


def test_a_sender_that_gave_up_on_the_picture_has_a_weak_line() -> None:
    low = stats(kbps=45)
    assert turns(Line(), low, low, low) == [True]
    assert turns(Line(), low, low, low, camera=False) == [], "a lens that is covered needs no bits"
    receiving = stats(kbps=45, direction="subscribe")
    assert turns(Line(), receiving, receiving, receiving) == []
