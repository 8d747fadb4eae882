"""Whether a page speaks one language: in English pages Chinese only in names, in Chinese pages Latin only in names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).resolve().parent.parent.parent / "office" / "demo_data"
# Who works in the demonstration's office, and what a browser may say of itself.
PEOPLE = (
    "张敏",
    "吴悦",
    "刘桂兰",
    "郑永强",
    "冯雪",
    "卫国安",
    "李明",
    "王五",
    "周岚",
    "陈宇",
    "何静",
    "孙伟",
    "管理员",
    "按要求",
    "中文",
    "张青禾",
)
CHINESE = re.compile(r"[\u3400-\u9fff]+")
LATIN = re.compile(r"[A-Za-z][A-Za-z'’-]{2,}")
# What stays Latin in Chinese sentences: names of formats, browsers and keys, and the accounts of the demonstration.
FORMATS = {"PDF", "JPG", "PNG", "HEIC", "PEM", "SHA", "WGS", "UTC", "Wi-Fi"}
PROGRAMS = {"English", "Word", "Excel", "Chrome", "Edge", "Firefox", "Safari", "JavaScript"}
KEYS = {"Ctrl", "Shift", "Enter", "Esc", "Home", "End", "Space"}
PROPER = FORMATS | PROGRAMS | KEYS | {"liming", "zhoulan", "hejing"}
ADDRESS = re.compile(r"https?://\S+|\b[a-z]{2,4}_[0-9a-z]{26}\b|\b[0-9a-f]{12,}\b")
# A file goes by the name that its sender gave it.
FILE = re.compile(r"\S+\.(?:jpg|png|pdf|docx|xlsx)\b")
KEY = re.compile(r"^[a-z]+(?:\.[a-z0-9_]+)+$")
UNFILLED = re.compile(r"\{\w+\}|\bundefined\b|\bNaN\b|\bnull\b|\[object ")


@cache
def names() -> str:
    """All Chinese of the demonstration's data without English beside it: people, businesses, addresses, clauses."""
    found = [*PEOPLE]
    for path in sorted(DATA.rglob("*.yaml")):
        found.extend(_untranslated(yaml.safe_load(path.read_text("utf-8"))))
    return "\n".join(found)


def _untranslated(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _untranslated(one)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            # What has a gloss is shown by its gloss.
            if not (f"{key}_gloss" in value or ("gloss" in value and key in ("name", "title", "text", "label"))):
                yield from _untranslated(one)


def faults(words: list[dict[str, str]], lang: str) -> list[str]:
    """What a reader of ``lang`` ("zh" or "en") would stumble over. ``words`` as inspect.js gives them."""
    found = []
    for word in words:
        if word["lang"][:2] not in ("", lang):
            continue  # marked as another language, as the switch to it is
        text = FILE.sub("", ADDRESS.sub("", word["text"]))
        if KEY.match(text) or UNFILLED.search(text):
            found.append(f"no sentence: {text!r} at {word['where']}")
        elif lang == "en":
            foreign = [run for run in CHINESE.findall(text) if run not in names()]
            found.extend(f"Chinese in an English page: {run!r} in {text!r} at {word['where']}" for run in foreign)
        else:
            foreign = [run for run in LATIN.findall(text) if run not in PROPER]
            found.extend(f"English in a Chinese page: {run!r} in {text!r} at {word['where']}" for run in foreign)
    return found
