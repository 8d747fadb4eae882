"""Matters: what is shipped loads, what is wrong is refused with its place."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from office.condition import facts_used, holds, parse_condition
from office.demo import DATA
from office.matter import MatterError, decode_matter, encode_matter, load_matter

MATTERS = sorted((DATA / "matters").glob("*.yaml"))


@pytest.mark.parametrize("path", MATTERS, ids=lambda path: path.stem)
def test_every_shipped_matter_loads_and_survives_storage(path: object) -> None:
    text = path.read_text("utf-8")  # type: ignore[attr-defined]
    matter = load_matter(text)
    assert matter.slug == path.stem  # type: ignore[attr-defined]
    assert decode_matter(encode_matter(matter)) == matter
    assert matter.procedure.officers_min >= 2
    for item in matter.items:
        assert item.basis, item.id


A, B = {"value": "a", "label": "甲"}, {"value": "b", "label": "乙"}


def broken(change: str) -> dict[str, object]:
    data: dict[str, object] = yaml.safe_load((DATA / "matters" / "hr-service.yaml").read_text("utf-8"))
    items: list[dict[str, object]] = data["items"]  # type: ignore[assignment]
    match change:
        case "section":
            items[3]["section"] = "nowhere"
        case "twice":
            items[3]["id"] = items[2]["id"]
        case "fact":
            items[3]["condition"] = {"eq": [{"fact": "moon"}, True]}
        case "word":
            items[3]["condition"] = {"equals": [{"fact": "moon"}, True]}
        case "document":
            items[3]["basis"] = [{"doc": "nowhere"}]
        case "severity":
            items[3]["critical"] = not items[3]["critical"]
        case "unknown":
            items[3]["colour"] = "red"
        case "choice":
            data["facts"] = [{"key": "k", "label": "种类", "type": "choice", "default": "c", "options": [A, B]}]
        case "limits":
            items[3]["answer"] = {"type": "number", "min": 5, "max": 1}
        case "schema":
            data["schema"] = "yuankan/matter/2"
    return data


@pytest.mark.parametrize(
    "change", ["section", "twice", "fact", "word", "document", "severity", "unknown", "choice", "limits", "schema"]
)
def test_a_wrong_matter_is_refused_whole_and_says_where(change: str) -> None:
    with pytest.raises(MatterError) as refused:
        load_matter(yaml.safe_dump(broken(change), allow_unicode=True))
    assert str(refused.value)


def test_what_is_not_yaml_is_refused() -> None:
    for text in ("{", "- just\n- a list", "!!python/object/apply:os.system ['true']", ""):
        with pytest.raises(MatterError):
            load_matter(text)


LITERALS = st.booleans() | st.integers(-5, 5) | st.sampled_from(["heat", "chemical"])
FACTS = st.dictionaries(st.sampled_from(["a", "b"]), LITERALS)
TREES = st.recursive(
    st.builds(
        lambda how, fact, to: {how: [{"fact": fact}, [to] if how == "in" else to]},
        st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge", "in"]),
        st.sampled_from(["a", "b"]),
        LITERALS,
    ),
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=8,
)


@given(TREES, FACTS)
def test_conditions_are_decided_for_all_facts_and_not_turns_them_round(tree: object, facts: dict[str, object]) -> None:
    condition = parse_condition(tree)
    assert holds(parse_condition({"not": tree}), facts) is (not holds(condition, facts))  # type: ignore[arg-type]
    assert facts_used(condition) <= {"a", "b"}


def test_an_absent_fact_makes_its_comparison_false_even_for_unequal() -> None:
    assert not holds(parse_condition({"ne": [{"fact": "a"}, 1]}), {})
    assert not holds(parse_condition({"eq": [{"fact": "a"}, 1]}), {"a": True})
    assert holds(parse_condition({"in": [{"fact": "a"}, ["x", "y"]]}), {"a": "y"})
    assert holds(parse_condition({"all": []}), {}) and not holds(parse_condition({"any": []}), {})


def test_a_condition_that_is_nested_without_end_is_refused() -> None:
    tree: object = {"eq": [{"fact": "a"}, 1]}
    for _ in range(40):
        tree = {"not": tree}
    with pytest.raises(ValueError):
        parse_condition(tree)
