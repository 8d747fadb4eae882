"""Findings: what did not conform or could not be seen, in words for the sheet, the desk and the phone. Pure."""

from msgspec import Struct

from inspection.checklist import Facts, Given, ItemStanding
from inspection.state import InspectionState
from office.matter import Answer

VALUE_WORDS: dict[str, tuple[str, str]] = {
    "conforms": ("符合", "conforms"),
    "fails": ("不符合", "does not conform"),
    "na": ("不适用", "not applicable"),
    "not_seen": ("未见到", "not seen"),
}


class Finding(Struct, frozen=True, kw_only=True):
    """One item that did not conform or was not seen. Sentences are (Chinese, English)."""

    item: str
    number: int
    text: str
    gloss: str
    severity: str
    verdict: str
    measured: tuple[str, str]
    should_be: tuple[str, str]
    note: str
    photos: tuple[str, ...]
    seq: int


def number_text(value: float, decimals: int | None = None) -> str:
    """A measure without needless digits: 12, 12.5; with `decimals` exactly so many."""
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.6f}".rstrip("0").rstrip(".")


def measured_text(answer: Answer, given: Given) -> tuple[str, str]:
    """What was measured or chosen, with its unit: (`12℃`, `12 ℃`); empty where nothing was."""
    if given.measured is not None:
        number = number_text(given.measured, None if answer.type == "place" else answer.decimals)
        unit = ("米", "m") if answer.type == "place" else (answer.unit, answer.unit)
        return f"{number}{unit[0]}", f"{number} {unit[1]}".strip()
    option = next((each for each in answer.options if each.value == given.choice), None)
    if option is not None:
        return option.label, option.gloss or option.label
    return (given.text or "", given.text or "")


def should_be(answer: Answer, facts: Facts) -> tuple[str, str]:
    """The limit in words: (`应为0～8℃`, `should be 0–8 ℃`); empty where there is none."""
    unit = answer.unit
    if answer.type == "place" and answer.max_distance_m is not None:
        limit = number_text(answer.max_distance_m)
        return f"应在{limit}米以内", f"should be within {limit} m"
    if answer.expected_fact is not None and answer.expected_fact in facts:
        expected = facts[answer.expected_fact]
        shown = number_text(expected) if isinstance(expected, int | float) else expected
        return f"应为{shown}{unit}", f"should be {shown} {unit}".strip()
    low = number_text(answer.min, answer.decimals) if answer.min is not None else None
    high = number_text(answer.max, answer.decimals) if answer.max is not None else None
    if low is not None and high is not None:
        return f"应为{low}～{high}{unit}", f"should be {low}–{high} {unit}".strip()
    if low is not None:
        return f"应不少于{low}{unit}", f"should be at least {low} {unit}".strip()
    if high is not None:
        return f"应不超过{high}{unit}", f"should be at most {high} {unit}".strip()
    return "", ""


def findings(state: InspectionState) -> tuple[Finding, ...]:
    """All findings in the order of the list."""
    return tuple(
        _finding(state, each, each.given)
        for each in state.standings()
        if each.verdict in ("fails", "not_seen") and each.given is not None
    )


def _finding(state: InspectionState, standing: ItemStanding, given: Given) -> Finding:
    item = standing.item
    return Finding(
        item=item.id,
        number=standing.number,
        text=item.text,
        gloss=item.gloss,
        severity=item.severity,
        verdict=standing.verdict or "",
        measured=measured_text(item.answer, given),
        should_be=should_be(item.answer, state.facts.facts),
        note=given.note,
        photos=tuple(photo.id for photo in state.photos if photo.item == item.id),
        seq=given.seq,
    )
