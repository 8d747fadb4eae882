"""The rating after a service (好差评, 一次一评): five levels, reasons that belong to the level, voluntary, once. Pure.

Levels and the codes of the reasons are those of the national platform (office/demo_data/ratings.yaml with its sources;
GB/T 39734-2020).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import yaml
from msgspec import Struct

from office.matter import LOADER

RATE_WITHIN = timedelta(days=7)
"""After the service's end (rules.window_days_after_service)."""

LOW = 2
"""This level and worse is read one by one, and answered (bad_rating.levels)."""

MOST_REASONS = 5
MOST_WORDS = 300


class RatingReason(Struct, frozen=True, kw_only=True):
    code: str
    label: str
    gloss: str
    channels: list[str]


class Level(Struct, frozen=True, kw_only=True):
    """One of five; 5 is very satisfied. A low one says why."""

    level: int
    key: str
    label: str
    gloss: str
    reason_required: bool
    reasons: list[RatingReason]


def load_levels(text: str) -> list[Level]:
    """The scale, best first. Raises msgspec.ValidationError for text that is none."""
    data: Any = yaml.load(text, Loader=LOADER)
    return msgspec.convert(data["levels"], list[Level])


def levels_for(levels: Sequence[Level], channel: str) -> list[Level]:
    """The scale with the reasons of one channel: hall, video, inspection …"""
    return [
        msgspec.structs.replace(level, reasons=[each for each in level.reasons if channel in each.channels])
        for level in levels
    ]


def fault_of(levels: Sequence[Level], level: int, reasons: Sequence[str], words: str) -> str | None:
    """The field that is wrong in a rating; None for a good one."""
    chosen = next((each for each in levels if each.level == level), None)
    if chosen is None:
        return "level"
    known = {each.code for each in chosen.reasons}
    if len(reasons) > MOST_REASONS or len(set(reasons)) != len(reasons) or not known.issuperset(reasons):
        return "reasons"
    if len(words) > MOST_WORDS:
        return "words"
    return "reasons" if chosen.reason_required and not reasons and not words.strip() else None
