"""Conditions of a matter: one tree of all, any, not and comparisons of a known fact with a literal. Pure.

Written in YAML as maps with exactly one key, `{eq: [{fact: disinfection}, heat]}`; parsed into frozen structs here.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from msgspec import Struct

Literal_ = bool | int | float | str
Comparison = Literal["eq", "ne", "lt", "le", "gt", "ge", "in"]

DEPTH_LIMIT = 16
"""Deeper trees than any rule needs are a mistake or an attack on the stack."""


class All(Struct, frozen=True):
    of: tuple["Condition", ...]


class Any_(Struct, frozen=True):
    of: tuple["Condition", ...]


class Not(Struct, frozen=True):
    of: "Condition"


class Compare(Struct, frozen=True):
    how: Comparison
    fact: str
    to: Literal_ | tuple[Literal_, ...]


Condition = All | Any_ | Not | Compare

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


def parse_condition(tree: Any, depth: int = 0) -> Condition:
    """Read one tree. ValueError says what is not as it should be."""
    if depth > DEPTH_LIMIT:
        raise ValueError(f"nested deeper than {DEPTH_LIMIT}")
    if not isinstance(tree, Mapping) or len(tree) != 1:
        raise ValueError("a condition is a map with exactly one key")
    ((key, value),) = tree.items()
    if key in ("all", "any"):
        if not isinstance(value, list | tuple):
            raise ValueError(f"{key} takes a list")
        parts = tuple(parse_condition(part, depth + 1) for part in value)
        return All(parts) if key == "all" else Any_(parts)
    if key == "not":
        return Not(parse_condition(value, depth + 1))
    if key in get_args(Comparison):
        return _parse_compare(key, value)
    raise ValueError(f"unknown word {key!r}")


def _parse_compare(how: Comparison, value: Any) -> Compare:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"{how} takes two operands")
    left, right = value
    if not isinstance(left, Mapping) or set(left) != {"fact"} or not isinstance(left["fact"], str):
        raise ValueError(f"the first operand of {how} is a fact")
    if how == "in":
        if not isinstance(right, list | tuple) or not all(isinstance(each, bool | int | float | str) for each in right):
            raise ValueError("in takes a list of literals")
        return Compare(how, left["fact"], tuple(right))
    if not isinstance(right, bool | int | float | str):
        raise ValueError(f"the second operand of {how} is a literal")
    return Compare(how, left["fact"], right)


def holds(condition: Condition, facts: Mapping[str, Literal_]) -> bool:
    """Whether the condition is true. An absent fact makes its comparison false, whatever it compares with.

    A number is never equal to a truth value (True is not 1), and different kinds do not order.
    """
    match condition:
        case All(of):
            return all(holds(part, facts) for part in of)
        case Any_(of):
            return any(holds(part, facts) for part in of)
        case Not(of):
            return not holds(of, facts)
        case Compare(how, fact, to):
            return fact in facts and _compare(how, facts[fact], to)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "text"


def _same(left: Any, right: Any) -> bool:
    return _kind(left) == _kind(right) and left == right


def _compare(how: Comparison, value: Literal_, to: Literal_ | tuple[Literal_, ...]) -> bool:
    if isinstance(to, tuple):
        return any(_same(value, each) for each in to)
    if how == "eq":
        return _same(value, to)
    if how == "ne":
        return not _same(value, to)
    return _kind(value) == _kind(to) == "number" and _ORDER[how](value, to)


def facts_used(condition: Condition) -> set[str]:
    match condition:
        case All(of) | Any_(of):
            return set().union(*(facts_used(part) for part in of)) if of else set()
        case Not(of):
            return facts_used(of)
        case Compare(_, fact, _):
            return {fact}
