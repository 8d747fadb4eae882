"""Guides: what one needs to know and to bring for a matter, and how it is found by the words people use. Pure.

A search runs in two steps. The database gives every guide that shares a *term* with the question: characters and pairs
of characters of Chinese, threes of letters of pinyin, initials and English. `score` then says how well each fits. So
both engines find the same, in the same order, and typing errors and half sentences still find something.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import yaml
from msgspec import Struct

from office.matter import LOADER

SCHEMA = "yuankan/help-matters/1"

MOST_TERMS = 48
"""Of one question: two sentences. More would only cost time."""

FITS = 0.33
"""Below this share of a name's character pairs nothing is meant by the likeness."""

_CHINESE = re.compile(r"[\u3400-\u9fff]+")
_LETTERS = re.compile(r"[a-z0-9]+")


class GuideError(ValueError):
    """Why a list of guides cannot be taken over, with the place of the fault."""


class Paper(Struct, frozen=True, kw_only=True):
    """A document to bring. `form`: original, copy, form …; `when`: only in that case."""

    name: str
    gloss: str
    form: str
    required: bool
    when: str = ""


class Minutes(Struct, frozen=True, kw_only=True):
    window: float
    video: float


class Deadline(Struct, frozen=True, kw_only=True):
    text: str


class Guide(Struct, frozen=True, kw_only=True):
    """A help matter as people read it (`yuankan/help-matters/1`); citations and masks stay in the source."""

    slug: str
    name: str
    gloss: str
    department: str
    level: str
    category: str
    synonyms: list[str]
    pinyin: str
    initials: str
    documents: list[Paper]
    steps: list[str]
    related: list[str]
    typical_minutes: Minutes
    time_limit: Deadline | None = None
    elderly_friendly: bool = False
    note: str = ""


def load_guides(text: str) -> list[Guide]:
    """Read a list. Raises GuideError for one that does not fit the schema or names a slug twice."""
    data: Any = yaml.load(text, Loader=LOADER)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise GuideError(f"the list is not {SCHEMA}")
    try:
        guides = msgspec.convert(data.get("matters"), list[Guide])
    except msgspec.ValidationError as error:
        raise GuideError(str(error)) from error
    slugs = [guide.slug for guide in guides]
    twice = sorted({slug for slug in slugs if slugs.count(slug) > 1})
    if twice:
        raise GuideError(f"named twice: {', '.join(twice)}")
    return guides


# --- search ----------------------------------------------------------------------------------------------------------


def folded(text: str) -> str:
    """One spelling: full width to half, small letters, neither spaces nor punctuation."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return "".join(each for each in plain if each.isalnum())


def _pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(len(text) - size + 1)]


def terms(text: str) -> list[str]:
    """What the index knows a text by, each once and in order; a question's terms are made the same way."""
    plain = folded(text)
    found: list[str] = []
    for run in _CHINESE.findall(plain):
        found += [*_pieces(run, 2), *run]
    for run in _LETTERS.findall(plain):
        found += _pieces(run, 3) or [run]
    return list(dict.fromkeys(found))


def terms_of(guide: Guide) -> str:
    """Every term of a guide, for its row in the database."""
    texts = [guide.name, guide.gloss, *guide.synonyms, guide.pinyin, guide.initials]
    # Two letters are not three: what begins with them is listed as well.
    short = [guide.initials[:2], *(syllable for syllable in guide.pinyin.split() if len(syllable) < 3)]
    return " ".join(dict.fromkeys([*(term for text in texts for term in terms(text)), *filter(str.isalnum, short)]))


def score(guide: Guide, question: str) -> float:
    """How well a guide fits what somebody asks: 3 is its very name, 2 and more says or begins it, 0 nothing."""
    asked = folded(question)
    if not asked:
        return 0.0
    best = max(_likeness(folded(phrase), asked) for phrase in (guide.name, *guide.synonyms, guide.gloss))
    if _LETTERS.fullmatch(asked):
        spelt = _spelt([syllable for each in guide.pinyin.split() if (syllable := folded(each))], asked)
        initials = _likeness_of_start(guide.initials, asked) or 1.5 * (len(asked) > 2 and asked in guide.initials)
        best = max(best, spelt, initials, _worded(guide.gloss, question))
    return best


def _likeness(phrase: str, question: str) -> float:
    if phrase == question:
        return 3.0
    if question in phrase:
        return 2.0 + len(question) / len(phrase) / 2
    if len(phrase) > 1 and phrase in question:
        return 2.0 + len(phrase) / len(question) / 2
    said = frozenset(_pieces(question, 2))
    pairs = _pieces(phrase, 2)
    share = sum(pair in said for pair in pairs) / len(pairs) if pairs else 0.0
    return share if share >= FITS else 0.0


def _spelt(syllables: Sequence[str], question: str) -> float:
    """Pinyin counts from the beginning of a syllable on: `gongjijin` in 住房公积金, but not `ongji`."""
    starts = ("".join(syllables[at:]) for at in range(len(syllables)))
    return max((_likeness_of_start(start, question) for start in starts), default=0.0)


def _worded(gloss: str, question: str) -> float:
    """English: whether each word asked for begins one of the name's."""
    asked, named = (unicodedata.normalize("NFKC", text).lower().split() for text in (question, gloss))
    return 1.0 * all(len(word) > 1 and any(each.startswith(word) for each in named) for word in asked)


def _likeness_of_start(word: str, question: str) -> float:
    return 2.0 + len(question) / len(word) if len(question) > 1 and word.startswith(question) else 0.0


def best_first(guides: Iterable[Guide], question: str, most: int) -> list[Guide]:
    """Those that fit, best first; equally good ones by slug."""
    scored = [(-score(guide, question), guide.slug, guide) for guide in guides]
    return [guide for points, _, guide in sorted(scored, key=lambda each: each[:2]) if points < 0][:most]
