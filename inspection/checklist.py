"""What a checklist demands and what its answers come to: which items apply, verdicts, what is open, the suggested
result.

Pure. A verdict is computed from the rule and the officer's word together: a limit that is exceeded fails whatever was
ticked, and an officer may always be stricter than the limit.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from office.condition import Literal_, holds, parse_condition
from office.matter import Answer, Item, Limits, Matter

Verdict = Literal["conforms", "fails", "na", "not_seen"]
Facts = Mapping[str, Literal_]

REQUIRED_SEVERITIES = frozenset({"critical", "major"})
"""Items that must be answered before a result concludes; a minor item (一般项) may stay open and is shown as open."""


class Displaced(Struct, frozen=True, kw_only=True):
    """An answer that somebody overwrote without having seen it."""

    by: str
    at: datetime
    value: str | None
    measured: float | None
    choice: str | None
    seq: int


class Given(Struct, frozen=True, kw_only=True):
    """The answer that stands for one item; `seq` is the event that set it."""

    value: str | None = None
    measured: float | None = None
    choice: str | None = None
    text: str | None = None
    note: str = ""
    by: str = ""
    by_id: str = ""
    at: datetime
    seq: int
    conflict: Displaced | None = None


class ItemStanding(Struct, frozen=True, kw_only=True):
    """One item under the facts of the case: `photos_missing` counts required photographs that are not there."""

    item: Item
    number: int
    applies: bool
    required: bool
    given: Given | None
    verdict: Verdict | None
    photos_missing: int

    @property
    def open(self) -> bool:
        return self.applies and self.verdict is None


class Suggestion(Struct, frozen=True, kw_only=True):
    """What the matter's pass rule makes of the verdicts; None while required items are open. `percent` for scores."""

    result: str | None
    critical: int = 0
    major: int = 0
    minor: int = 0
    not_seen: int = 0
    percent: float | None = None


def complete_facts(matter: Matter, known: Mapping[str, Any]) -> dict[str, Literal_]:
    """The case's facts with the matter's defaults. ValueError names a fact that is unknown or of a wrong type."""
    facts: dict[str, Literal_] = {}
    unknown = sorted(set(known) - {fact.key for fact in matter.facts})
    if unknown:
        raise ValueError(unknown[0])
    for fact in matter.facts:
        value = known.get(fact.key, fact.default)
        right = {
            "boolean": isinstance(value, bool),
            "number": isinstance(value, int | float) and not isinstance(value, bool),
            "choice": isinstance(value, str) and fact.choice(value) is not None,
        }[fact.type]
        if not right:
            raise ValueError(fact.key)
        facts[fact.key] = value
    return facts


def applies(item: Item, facts: Facts) -> bool:
    return item.condition is None or holds(parse_condition(item.condition), facts)


def _limit_verdict(answer: Answer, measured: float, facts: Facts) -> Verdict:
    if answer.expected_fact is not None and facts.get(answer.expected_fact) != measured:
        return "fails"
    low = answer.min is None or answer.min <= measured
    high = answer.max is None or measured <= answer.max
    return "conforms" if low and high else "fails"


def verdict(item: Item, given: Given | None, facts: Facts) -> Verdict | None:
    """What stands for this item; None while it is open.

    An officer's `fails`, not applicable or not seen always holds.
    """
    if given is None:
        return None
    if given.value == "not_applicable":
        return "na"
    if given.value == "not_seen":
        return "not_seen"
    if given.value == "fails":
        return "fails"
    answer = item.answer
    match answer.type:
        case "number":
            return None if given.measured is None else _limit_verdict(answer, given.measured, facts)
        case "place":
            # The officer may explain a far fix (a mall's back, a bad signal); `fault` then asks for the note.
            if given.value == "conforms":
                return "conforms"
            limit = answer.max_distance_m or 0
            return None if given.measured is None else ("conforms" if given.measured <= limit else "fails")
        case "choice":
            option = next((each for each in answer.options if each.value == given.choice), None)
            return None if option is None else ("conforms" if option.conforms else "fails")
        case "text":
            return "conforms" if given.text else None
    return "conforms" if given.value == "conforms" else None


def fault(item: Item, given: Given, facts: Facts) -> str | None:
    """Why an answer does not fit its item, or None: `applies`, `measured`, `choice`, `text`, `note`."""
    answer = item.answer
    if not applies(item, facts):
        return "applies"
    if given.measured is not None and answer.type not in ("number", "place"):
        return "measured"
    if given.measured is not None and answer.type == "place" and given.measured < 0:
        return "measured"
    if given.choice is not None and given.choice not in {option.value for option in answer.options}:
        return "choice"
    if given.text is not None and (answer.type != "text" or len(given.text) > (answer.max_length or 2000)):
        return "text"
    far = answer.type == "place" and given.measured is not None and given.measured > (answer.max_distance_m or 0)
    if far and given.value == "conforms" and not given.note.strip():
        return "note"
    return None


def standings(
    matter: Matter, facts: Facts, answers: Mapping[str, Given], photos: Mapping[str, int]
) -> tuple[ItemStanding, ...]:
    """Every item of the matter in order; `photos` counts the photographs of each item.

    Numbers run over what applies.
    """
    found: list[ItemStanding] = []
    number = 0
    for item in matter.items:
        here = applies(item, facts)
        number += here
        given = answers.get(item.id)
        stands = verdict(item, given, facts) if here else None
        wanted = item.photos_required if here and stands not in ("na", "not_seen") else 0
        found.append(
            ItemStanding(
                item=item,
                number=number if here else 0,
                applies=here,
                required=here and item.severity in REQUIRED_SEVERITIES,
                given=given,
                verdict=stands,
                photos_missing=max(0, wanted - photos.get(item.id, 0)),
            )
        )
    return tuple(found)


def suggest(matter: Matter, found: tuple[ItemStanding, ...]) -> Suggestion:
    """Add the verdicts up by the matter's rule. A required item that could not be seen sends the case to the spot."""
    fails = {level: _count(found, level) for level in ("critical", "major", "minor")}
    unseen = sum(each.required and each.verdict == "not_seen" for each in found)
    rule = matter.pass_rule
    percent = _percent(found) if rule.kind == "score" else None
    result: str | None
    if any(each.required and each.open for each in found):
        result = None
    elif rule.kind == "counts":
        result = _by_counts(fails, rule.pass_, rule.rectify, rule.otherwise)
    else:
        result = rule.otherwise
        share = percent if percent is not None else 100.0
        if fails["critical"] <= rule.critical_fail_max and share >= rule.min_percent:
            result = "pass"
        elif fails["critical"] <= rule.rectify.critical and share >= rule.rectify.min_percent:
            result = "rectify_and_reinspect"
    if unseen and result in ("pass", "rectify_and_reinspect"):
        result = "go_on_site"
    return Suggestion(
        result=result,
        critical=fails["critical"],
        major=fails["major"],
        minor=fails["minor"],
        not_seen=unseen,
        percent=percent,
    )


def _count(found: tuple[ItemStanding, ...], level: str) -> int:
    return sum(each.verdict == "fails" and each.item.severity == level for each in found)


def _by_counts(fails: Mapping[str, int], most: Limits, rectify: Limits, otherwise: str) -> str:
    def within(limits: Limits) -> bool:
        return (
            fails["critical"] <= limits.critical and fails["major"] <= limits.major and fails["minor"] <= limits.minor
        )

    if within(most):
        return "pass"
    return "rectify_and_reinspect" if within(rectify) else otherwise


def _percent(found: tuple[ItemStanding, ...]) -> float | None:
    """Points reached of those that can be reached; items that do not apply or are judged so are left out of both."""
    counted = [each for each in found if each.applies and each.verdict != "na" and each.item.points]
    total = sum(each.item.points or 0 for each in counted)
    reached = sum(each.item.points or 0 for each in counted if each.verdict == "conforms")
    return round(100 * reached / total, 1) if total else None
