"""What a checklist's items, limits and answers are called, in Chinese and in English: the one place of these words.

Every pair is (Chinese, English). An item or option that a matter gives no English keeps its Chinese name. Pure.
"""

from collections.abc import Mapping

from msgspec import Struct

from inspection.checklist import Facts, Given, Verdict, standings, verdict
from inspection.state import InspectionFacts, given_of
from office.events import Event
from office.matter import Answer

Pair = tuple[str, str]

VERDICT_WORDS: dict[str, Pair] = {
    "conforms": ("符合", "conforms"),
    "fails": ("不符合", "does not conform"),
    "na": ("不适用", "not applicable"),
    "not_seen": ("未见到", "not seen"),
}


RESULTS: Mapping[str, Pair] = {
    "pass": ("通过", "pass"),
    "rectify_and_reinspect": ("整改后复验", "rectify and re-inspect"),
    "go_on_site": ("改为现场勘验", "go on site"),
    "fail": ("不通过", "fail"),
    "suspend": ("中止", "suspended"),
}


def number_text(value: float, decimals: int | None = None) -> str:
    """A measure without needless digits: 12, 12.5; with `decimals` exactly so many."""
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.6f}".rstrip("0").rstrip(".")


def measured_text(answer: Answer, given: Given) -> Pair:
    """What was measured or chosen, with its unit: (`12℃`, `12 ℃`); empty where nothing was."""
    if given.measured is not None:
        number = number_text(given.measured, None if answer.type == "place" else answer.decimals)
        unit = ("米", "m") if answer.type == "place" else (answer.unit, answer.unit)
        return f"{number}{unit[0]}", f"{number} {unit[1]}".strip()
    option = next((each for each in answer.options if each.value == given.choice), None)
    if option is not None:
        return option.label, option.gloss or option.label
    return (given.text or "", given.text or "")


def should_be(answer: Answer, facts: Facts) -> Pair:
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


class ChecklistWords(Struct, frozen=True):
    """How the replay of an inspection names its items and what was answered (`recordings.timeline.Wording`)."""

    facts: InspectionFacts
    numbers: Mapping[str, int]

    @property
    def kind(self) -> str:
        return "inspection"

    @property
    def roles(self) -> Mapping[str, Pair]:
        return {}

    @property
    def results(self) -> Mapping[str, Pair]:
        return RESULTS

    def item(self, item: str) -> Pair:
        """`7 冷藏柜温度`, `7 Cold storage temperature`; a number only where the item applies."""
        found = self.facts.matter.item(item)
        if found is None:
            return item, item
        number = self.numbers.get(item)
        zh, en = found.text, found.gloss or found.text
        return (zh, en) if number is None else (f"{number} {zh}", f"{number} {en}")

    def answer(self, event: Event) -> tuple[Verdict | None, Pair]:
        """The verdict (None: open, or taken back) and its words with what was measured, chosen or written."""
        item, given = self.facts.matter.item(str(event.body.get("item"))), given_of(event)
        if item is None:
            return None, (str(given.value or ""),) * 2
        stands = verdict(item, given, self.facts.facts)
        said = stands or given.value
        zh, en = VERDICT_WORDS[said] if said else ("撤回", "withdrawn")
        shown = measured_text(item.answer, given)
        if not shown[0]:
            return stands, (zh, en)
        if given.measured is not None:
            return stands, (f"{zh}，实测{shown[0]}", f"{en}, measured {shown[1]}")
        return stands, (f"{zh}，{shown[0]}", f"{en}, {shown[1]}")


def checklist_words(facts: InspectionFacts) -> ChecklistWords:
    found = standings(facts.matter, facts.facts, {}, {})
    return ChecklistWords(facts, {each.item.id: each.number for each in found if each.applies})
