"""The checklist: verdicts, what is open, and what the rule makes of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from inspection.checklist import Given, applies, complete_facts, fault, standings, suggest, verdict
from inspection.commands import AnswerSet
from inspection.wording import checklist_words, measured_text, should_be
from office.demo import DATA
from office.matter import Item, Matter
from tests.unit.inspection.acting import LEAD, Session, matter

SLUGS = sorted(path.stem for path in (DATA / "matters").glob("*.yaml"))
NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)


def answer(**fields: Any) -> Given:
    return Given(at=NOW, seq=1, **fields)


def item(slug: str, item_id: str) -> Item:
    found = matter(slug).item(item_id)
    assert found is not None
    return found


def fill(subject: Matter, facts: Mapping[str, Any], verdicts: Mapping[str, str]) -> Any:
    """Everything conforms but what `verdicts` says; all photographs are there."""
    answers = {
        each.id: answer(value=verdicts.get(each.id, "conforms"), measured=_fit(each, facts), choice=_choice(each))
        for each in subject.items
        if applies(each, facts)
    }
    return standings(subject, facts, answers, {each.id: 99 for each in subject.items})


def _fit(each: Item, facts: Mapping[str, Any]) -> float | None:
    if each.answer.type != "number":
        return None
    if each.answer.expected_fact:
        return float(facts[each.answer.expected_fact])
    return each.answer.min if each.answer.min is not None else (each.answer.max or 0.0)


def _choice(each: Item) -> str | None:
    return next((option.value for option in each.answer.options if option.conforms), None)


@pytest.mark.parametrize(
    ("given_answer", "expected"),
    [
        ({"measured": 8.0}, "conforms"),
        ({"measured": 0.0}, "conforms"),
        ({"measured": 8.1}, "fails"),
        ({"measured": -0.1}, "fails"),
        ({"value": "conforms", "measured": 12.0}, "fails"),
        ({"value": "fails", "measured": 4.0}, "fails"),
        ({"value": "conforms"}, None),
        ({"value": "not_seen"}, "not_seen"),
        ({"value": "not_applicable"}, "na"),
        ({}, None),
    ],
)
def test_a_limit_that_is_exceeded_fails_and_an_officer_may_be_stricter(
    given_answer: dict[str, Any], expected: str | None
) -> None:
    assert verdict(item("food-catering", "fc-27"), answer(**given_answer), {}) == expected


def test_a_number_that_must_equal_a_known_fact_is_compared_with_it() -> None:
    slug = next(slug for slug in SLUGS if any(each.answer.expected_fact for each in matter(slug).items))
    subject = next(each for each in matter(slug).items if each.answer.expected_fact)
    facts = complete_facts(matter(slug), {})
    expected = facts[subject.answer.expected_fact or ""]
    assert isinstance(expected, int | float)
    assert verdict(subject, answer(measured=float(expected)), facts) == "conforms"
    assert verdict(subject, answer(measured=float(expected) + 1), facts) == "fails"


def test_an_answer_to_an_item_that_does_not_apply_does_not_fit() -> None:
    facts = complete_facts(matter("food-catering"), {"disinfection": "heat"})
    assert fault(item("food-catering", "fc-18"), answer(value="conforms"), facts) == "applies"
    assert fault(item("food-catering", "fc-19"), answer(measured=2.0), facts) is None


def test_facts_that_are_unknown_or_of_another_kind_are_named() -> None:
    for known, name in (
        ({"moon": 1}, "moon"),
        ({"has_special_room": 1}, "has_special_room"),
        ({"disinfection": "fire"}, "disinfection"),
    ):
        with pytest.raises(ValueError, match=name):
            complete_facts(matter("food-catering"), known)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_place_where_all_conforms_passes_by_every_shipped_rule(slug: str) -> None:
    facts = complete_facts(matter(slug), {})
    assert suggest(matter(slug), fill(matter(slug), facts, {})).result == "pass"


@pytest.mark.parametrize("slug", SLUGS)
def test_one_failing_critical_item_never_passes(slug: str) -> None:
    facts = complete_facts(matter(slug), {})
    for each in matter(slug).items:
        if each.critical and applies(each, facts):
            assert suggest(matter(slug), fill(matter(slug), facts, {each.id: "fails"})).result != "pass"


@given(st.sampled_from(SLUGS), st.data())
def test_one_more_failing_item_never_helps(slug: str, data: st.DataObject) -> None:
    facts = complete_facts(matter(slug), {})
    ids = [each.id for each in matter(slug).items if applies(each, facts)]
    failing = data.draw(st.sets(st.sampled_from(ids), max_size=6))
    more = data.draw(st.sampled_from(ids))
    rank = {"pass": 0, "rectify_and_reinspect": 1, "go_on_site": 2, "fail": 2}
    before = suggest(matter(slug), fill(matter(slug), facts, dict.fromkeys(failing, "fails"))).result
    after = suggest(matter(slug), fill(matter(slug), facts, dict.fromkeys(failing | {more}, "fails"))).result
    assert before is not None and after is not None and rank[after] >= rank[before]


@given(st.sampled_from(SLUGS), st.data())
def test_there_is_no_suggestion_while_a_required_item_is_open(slug: str, data: st.DataObject) -> None:
    facts = complete_facts(matter(slug), {})
    found = list(fill(matter(slug), facts, {}))
    place = data.draw(st.integers(0, len(found) - 1))
    from msgspec.structs import replace

    found[place] = replace(found[place], given=None, verdict=None)
    expected = None if found[place].required else "pass"
    result = suggest(matter(slug), tuple(found)).result
    assert result is None if expected is None else result in ("pass", "rectify_and_reinspect", "fail", "go_on_site")


def test_what_could_not_be_seen_goes_to_the_spot() -> None:
    facts = complete_facts(matter("food-catering"), {})
    assert (
        suggest(matter("food-catering"), fill(matter("food-catering"), facts, {"fc-29": "not_seen"})).result
        == "go_on_site"
    )


def test_a_score_leaves_out_what_does_not_apply() -> None:
    subject = matter("public-place-lodging")
    facts = complete_facts(subject, {})
    pointed = [each.id for each in subject.items if each.points and applies(each, facts)]
    assert suggest(subject, fill(subject, facts, {pointed[0]: "not_applicable"})).percent == 100.0
    assert suggest(subject, fill(subject, facts, {pointed[0]: "fails"})).percent < 100.0  # type: ignore[operator]


def test_numbers_run_over_what_applies() -> None:
    facts = complete_facts(matter("food-catering"), {})
    found = fill(matter("food-catering"), facts, {})
    assert [each.number for each in found if each.applies] == list(range(1, 1 + sum(each.applies for each in found)))
    assert all(each.number == 0 and not each.required for each in found if not each.applies)


def test_limits_and_measures_are_told_in_words() -> None:
    fridge = item("food-catering", "fc-27")
    assert should_be(fridge.answer, {}) == ("应为0.0～8.0℃", "should be 0.0–8.0 ℃")
    assert measured_text(fridge.answer, answer(measured=12.0)) == ("12.0℃", "12.0 ℃")
    assert should_be(item("food-catering", "fc-04").answer, {}) == ("应不少于25m", "should be at least 25 m")
    assert should_be(item("food-catering", "fc-01").answer, {}) == ("应在150米以内", "should be within 150 m")
    assert should_be(item("food-catering", "fc-02").answer, {}) == ("", "")


def test_an_item_and_its_answer_have_a_name_in_each_language() -> None:
    session = Session("food-catering")
    session.call()
    words = checklist_words(session.state.facts)

    def said(**answer: Any) -> tuple[str | None, tuple[str, str]]:
        session.done(LEAD, AnswerSet(**answer))
        return words.answer(session.chain[-1])

    number = next(each.number for each in session.state.standings() if each.item.id == "fc-27")
    fridge = item("food-catering", "fc-27")
    assert words.item("fc-27") == (f"{number} {fridge.text}", f"{number} {fridge.gloss}")
    # A limit that is exceeded fails whatever was ticked, and is told so.
    assert said(item="fc-27", measured=12.0) == ("fails", ("不符合，实测12.0℃", "does not conform, measured 12.0 ℃"))
    assert said(item="fc-14", value="not_applicable") == ("na", ("不适用", "not applicable"))
    assert said(item="fc-14") == (None, ("撤回", "withdrawn"))
    assert words.item("gone") == ("gone", "gone")


def test_an_item_without_english_keeps_its_chinese_name() -> None:
    known = Session("food-catering").state.facts
    bare = tuple(replace(each, gloss="") for each in known.matter.items)
    words = checklist_words(replace(known, matter=replace(known.matter, items=bare)))
    zh, en = words.item("fc-27")
    assert zh == en
