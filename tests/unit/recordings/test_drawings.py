"""What was pointed at and drawn is over the film from its moment to its end, and nowhere else."""

from typing import Any

import msgspec

from helpdesk.state import MOST_MARKS
from recordings.drawings import MOST_LINES, POINTER_MS, Drawing, drawings
from recordings.manifest import manifest_up_to
from tests.unit.recordings.test_manifest import EPOCHS, chain, joined

Told = tuple[float, str, str, dict[str, Any]]
BEGUN: list[Told] = [
    joined(-60, "inv_1", "applicant", "leg_1"),
    joined(-5, "stf_1", "lead", "leg_2", "张敏"),
    (0, "stf_1", "officer:call:started", {"call": "call_1"}),
]
END: Told = (100, "stf_1", "officer:call:ended", {})


def marked(second: float, x: float) -> Told:
    return second, "stf_1", "officer:screen:marked", {"line": [{"x": x, "y": 0.5}, {"x": 1.0, "y": 0.5}]}


def pointed(second: float, x: float) -> Told:
    return second, "stf_1", "officer:pointer:moved", {"x": x, "y": 0.5}


def screen(second: float, verb: str) -> Told:
    return second, "inv_1", f"applicant:screen:{verb}", {}


def drawn(*told: Told) -> list[Drawing]:
    events = chain(*BEGUN, *told, END)
    manifest = manifest_up_to("rec_1", events, EPOCHS, events[-1].at, final=True, previous_sha256="")
    return drawings(manifest, events)


def test_a_line_stays_until_it_is_taken_off_or_the_screen_goes() -> None:
    lines = drawn(
        screen(1, "shared"), marked(2, 0.1), marked(3, 0.2), (5, "stf_1", "officer:screen:cleared", {}),
        marked(6, 0.3), screen(8, "ended"), screen(9, "shared"), marked(90, 0.4),
    )  # fmt: skip
    assert [(one.leg, one.from_ms, one.to_ms, one.points[0]) for one in lines] == [
        ("leg_1:screen", 2000, 5000, (0.1, 0.5)),
        ("leg_1:screen", 3000, 5000, (0.2, 0.5)),
        ("leg_1:screen", 6000, 8000, (0.3, 0.5)),
        ("leg_1:screen", 90_000, 100_000, (0.4, 0.5)),
    ]


def test_the_oldest_line_goes_for_the_one_too_many_as_it_did_in_the_call() -> None:
    lines = drawn(screen(1, "shared"), *(marked(2 + n, 0.0) for n in range(MOST_LINES + 1)))
    assert MOST_LINES == MOST_MARKS
    assert [one.to_ms for one in lines] == [(2 + MOST_LINES) * 1000] + [100_000] * MOST_LINES


def test_a_pointer_goes_from_place_to_place_on_the_camera_and_leaves() -> None:
    points = drawn(pointed(10, 0.1), pointed(11, 0.2), pointed(20, 0.3))
    assert {one.leg for one in points} == {"leg_1"}
    assert [(one.from_ms, one.to_ms, one.points) for one in points] == [
        (10_000, 11_000, ((0.1, 0.5),)),
        (11_000, 11_000 + POINTER_MS, ((0.2, 0.5),)),
        (20_000, 20_000 + POINTER_MS, ((0.3, 0.5),)),
    ]


def test_what_was_erased_is_not_drawn() -> None:
    events = [msgspec.structs.replace(event, body_text=None, body={}) for event in chain(*BEGUN, pointed(5, 0.1), END)]
    whole = chain(*BEGUN, END)
    manifest = manifest_up_to("rec_1", whole, EPOCHS, whole[-1].at, final=True, previous_sha256="")
    assert drawings(manifest, events) == []
