"""What went wrong, as a stable code and a sentence a person can act on.

Every refusal in the product is a `Problem` with a code of `catalogue.toml`; `http` and the WebSocket turn it into words
in the reader's language. The sentence says what happened, what it means and what to do. Exceptions of other people's
code never reach the wire.
"""

import string
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, ...] = get_args(Lang)

DUTY_POST: dict[Lang, str] = {"zh": "值班长", "en": "the duty officer"}
"""Whom a refused person is sent to, where the installation names nobody else."""


@dataclass(frozen=True)
class Sentence:
    """One row of the catalogue; `{name}` in a text is filled from the problem's parameters."""

    zh: str
    en: str
    status: int

    def text(self, lang: str) -> str:
        return self.en if lang == "en" else self.zh

    def names(self, lang: str) -> frozenset[str]:
        """The parameters this text has room for."""
        return frozenset(name for _, name, _, _ in string.Formatter().parse(self.text(lang)) if name)


def load_catalogue(text: str) -> dict[str, Sentence]:
    """Rows by code. Raises ValueError, naming the code, for a row that is not whole."""
    rows: dict[str, Sentence] = {}
    for code, row in tomllib.loads(text).items():
        if set(row) != {"zh", "en", "status"}:
            raise ValueError(f"catalogue row {code} must have zh, en and status")
        rows[code] = Sentence(row["zh"], row["en"], row["status"])
        if rows[code].names("zh") != rows[code].names("en"):
            raise ValueError(f"catalogue row {code} names different things in its two languages")
    return rows


CATALOGUE: dict[str, Sentence] = load_catalogue(Path(__file__).with_name("catalogue.toml").read_text("utf-8"))


class Problem(Exception):
    """A refusal with a stable code; `status` overrides the catalogue's HTTP status where a caller knows better."""

    def __init__(self, code: str, /, status: int | None = None, **params: Any) -> None:
        super().__init__(code, params)
        self.code = code
        self.status = status if status is not None else CATALOGUE[code].status
        self.params = params

    def __str__(self) -> str:
        return f"{self.code}: {sentence(self.code, 'en', **self.params)}"


class _Blank(dict[str, Any]):
    """A sentence with a hole is better than no sentence: an absent parameter reads as a dash."""

    def __missing__(self, name: str) -> str:
        return "—"


def sentence(code: str, lang: str, /, **params: Any) -> str:
    """The catalogue's sentence in `lang` ("zh" unless "en"). Raises KeyError for a code that is not in it."""
    return CATALOGUE[code].text(lang).format_map(_Blank(params))
