"""Every millisecond of a call has exactly one class."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from recordings.coverage import Facts, Span, Stretch, classify, milliseconds, union

moments = st.integers(0, 20_000)
spans = st.tuples(moments, moments).map(lambda pair: (min(pair), max(pair)))
some = st.lists(spans, max_size=4).map(tuple)


@st.composite
def stretches(draw: st.DrawFn) -> Stretch:
    begin, end = draw(spans)
    inside = st.tuples(st.integers(begin, end), st.integers(begin, end)).map(lambda pair: (min(pair), max(pair)))
    runs = st.lists(inside, max_size=3).map(lambda each: tuple(union(each)))
    return Stretch((begin, end), draw(runs), draw(runs))


@given(expected=some, recorded=st.lists(stretches(), max_size=4), masked=some, mic=some, camera=some, cause=spans)
def test_every_millisecond_has_exactly_one_class(
    expected: tuple[Span, ...],
    recorded: list[Stretch],
    masked: tuple[Span, ...],
    mic: tuple[Span, ...],
    camera: tuple[Span, ...],
    cause: Span,
) -> None:
    segments = classify(
        Facts(
            expected=expected,
            stretches=tuple(recorded),
            masked=masked,
            muted_audio=mic,
            muted_video=camera,
            causes=((cause, "phone_call"),),
        )
    )
    assert all(segment.from_ms < segment.to_ms for segment in segments)
    assert all(first.to_ms <= second.from_ms for first, second in itertools.pairwise(segments))
    assert union((segment.from_ms, segment.to_ms) for segment in segments) == union(expected)
    assert sum(milliseconds(segments).values()) == sum(end - begin for begin, end in union(expected))


def of(**facts: object) -> list[tuple[int, int, str, str]]:
    whole = Stretch((0, 10_000), ((0, 10_000),), ((0, 10_000),))
    given_facts = Facts(**{"expected": ((0, 10_000),), "stretches": (whole,), **facts})  # type: ignore[arg-type]
    return [(each.from_ms, each.to_ms, each.class_, each.cause) for each in classify(given_facts)]


def test_sound_and_picture_are_live() -> None:
    assert of() == [(0, 10_000, "live", "")]


def test_a_reconnection_is_an_interruption_with_the_cause_the_phone_gave() -> None:
    parts = (
        Stretch((0, 4000), ((0, 4000),), ((0, 4000),)),
        Stretch((6000, 10_000), ((6000, 10_000),), ((6000, 10_000),)),
    )
    assert of(stretches=parts, causes=(((4000, 6000), "phone_call"),)) == [
        (0, 4000, "live", ""),
        (4000, 6000, "interrupted", "phone_call"),
        (6000, 10_000, "live", ""),
    ]


def test_a_standing_picture_a_covered_one_and_a_muted_microphone_are_told_apart() -> None:
    still = (Stretch((0, 10_000), ((0, 4000), (7000, 10_000)), ((0, 10_000),)),)
    assert of(stretches=still, masked=((1000, 2000),), muted_audio=((8000, 9000),)) == [
        (0, 1000, "live", ""),
        (1000, 2000, "masked", "officer"),
        (2000, 4000, "live", ""),
        (4000, 7000, "frozen", "no_picture"),
        (7000, 8000, "live", ""),
        (8000, 9000, "muted", "microphone"),
        (9000, 10_000, "live", ""),
    ]


def test_neither_sound_nor_picture_is_no_signal_unless_both_were_switched_off() -> None:
    silent = (Stretch((0, 10_000), ((0, 3000),), ((0, 3000),)),)
    assert of(stretches=silent)[1:] == [(3000, 10_000, "no_signal", "no_media")]
    both = of(stretches=silent, muted_audio=((3000, 10_000),), muted_video=((3000, 10_000),))
    assert both[1:] == [(3000, 10_000, "muted", "both")]
