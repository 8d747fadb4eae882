"""Made pictures, encoded as a browser encodes them, are judged as people would judge them."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from media import picture, quality
from media.picture import Look
from media.quality import Measures
from media.sandbox import decode
from tests.support import scenes
from tests.support.scenes import Picture, aside, keyframes, noisy, room

RATES = [600, 2000]  # kbit/s


def looks(pictures: Sequence[Picture], kbps: int = 2000) -> list[Measures]:
    """The measures of pictures as they come out of encoder and decoder."""
    found: list[Measures] = []
    before: Look | None = None
    for frame in keyframes((noisy(each, number) for number, each in enumerate(pictures)), kbps):
        luma, red = decode(frame)
        seen, before = picture.measure(luma, red, before)
        found.append(seen)
    return found


def judged(pictures: Sequence[Picture], kbps: int = 2000) -> list[str]:
    return [quality.judge(seen) for seen in looks(pictures, kbps)]


@pytest.mark.parametrize("kbps", RATES)
@pytest.mark.parametrize("seed", [1, 5])
def test_a_lit_room_is_good(seed: int, kbps: int) -> None:
    assert judged([room(seed), aside(room(seed), 90)], kbps) == ["good", "good"]


@pytest.mark.parametrize("kbps", RATES)
@pytest.mark.parametrize("share", [0.3, 0.2, 0.1])
def test_a_room_with_too_little_light_is_dark(share: float, kbps: int) -> None:
    dusk = scenes.lit(room(), share)
    assert judged([dusk, aside(dusk, 90)], kbps) == ["dark", "dark"]


def test_a_cellar_with_one_lamp_is_dark_and_not_covered() -> None:
    assert judged([scenes.cellar()]) == ["dark"]


@pytest.mark.parametrize("through", [(40, 50, 150), (10, 12, 45), (3, 3, 4)])
def test_a_finger_on_the_lens_is_seen_in_any_light(through: tuple[int, int, int]) -> None:
    assert judged([scenes.covered(*through)]) == ["covered"]


@pytest.mark.parametrize("colour", [(60, 60, 60), (205, 205, 200), (130, 130, 130)])
def test_a_bare_wall_is_no_finger(colour: tuple[int, int, int]) -> None:
    assert judged([scenes.covered(*colour)]) == ["good"]


@pytest.mark.parametrize("seed", [1, 5])
def test_a_swung_phone_is_too_fast(seed: int) -> None:
    swung = scenes.smeared(room(seed), 20)
    assert judged([swung, aside(swung, 200)])[1] == "fast"


@pytest.mark.parametrize("seed", [1, 5])
def test_a_missed_focus_is_blurred_while_nobody_moves(seed: int) -> None:
    soft = scenes.out_of_focus(room(seed), 5)
    assert judged([soft, aside(soft, 4)]) == ["blurred", "blurred"]


def test_a_phone_that_lies_still_shows_the_same_again() -> None:
    assert judged([room(), room(), room()]) == ["good", "still", "still"]


def test_another_size_is_another_picture_and_no_standstill() -> None:
    first, look = picture.measure(cv2.cvtColor(room(), cv2.COLOR_BGR2GRAY))
    turned, _ = picture.measure(cv2.cvtColor(room(1, 720, 1280), cv2.COLOR_BGR2GRAY), 0.0, look)
    assert (first.width, first.height, turned.width, turned.height) == (1280, 720, 720, 1280)
    assert turned.changed > quality.STILL_EASED


def test_an_empty_picture_is_refused() -> None:
    for empty in (np.zeros((0, 4), np.uint8), np.zeros((4, 4, 3), np.uint8)):
        with pytest.raises(ValueError, match="height and width"):
            picture.measure(empty)


sizes = st.tuples(st.integers(1, 70), st.integers(1, 70))
lumas = sizes.flatmap(lambda size: arrays.arrays(np.uint8, size))


@given(first=lumas, second=lumas, red=st.floats(-128, 128))
@settings(max_examples=60, deadline=None)
def test_any_picture_of_any_size_has_figures_that_a_picture_can_have(
    first: Picture, second: Picture, red: float
) -> None:
    seen, look = picture.measure(first, red)
    assert seen.possible and (seen.height, seen.width) == first.shape
    again, _ = picture.measure(second, red, look)
    assert again.possible
    quality.judge(again)


@given(st.tuples(st.integers(1, 3000), st.integers(1, 8)), st.integers(0, 255), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_strip_of_any_length_has_them_too(size: tuple[int, int], grey: int, upright: bool) -> None:
    strip = np.full(size if upright else size[::-1], grey, np.uint8)
    seen, look = picture.measure(strip)
    assert seen.possible and seen.blind == 1 and seen.blur == 0
    assert picture.measure(strip, 0.0, look)[0].changed == 0
