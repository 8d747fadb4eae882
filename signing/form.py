"""The rules of the form: ruled tables, numbered headings, and an annex for what no cell can hold."""

from __future__ import annotations

from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, KeepTogether, Table

from signing.page import WIDTH
from signing.report import FREE_TEXT_LIMIT
from signing.typeset import FAINT, GREY, INK, RULE, Typesetter

CELL = [
    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
    ("LEFTPADDING", (0, 0), (-1, -1), 4),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ("TOPPADDING", (0, 0), (-1, -1), 2.2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 3.4),
]
RULED = [("BOX", (0, 0), (-1, -1), 0.9, RULE), ("INNERGRID", (0, 0), (-1, -1), 0.35, RULE), *CELL]
# A row of a table cannot break over pages; 300 characters in the narrowest column are half a page high.
CELL_LIMIT = 300


class Annex:
    """Texts too long for a cell of the form: the cell carries the beginning, the annex the rest, over as many pages."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def cell(self, text: str, about: str, room: int = CELL_LIMIT) -> str:
        if len(text) <= room:
            return text
        self.notes.append(f"{about}：{shortened(text)}")
        return f"{text[: room - 20]}……（全文见附注{len(self.notes)}）"


def shortened(text: str) -> str:
    if len(text) <= FREE_TEXT_LIMIT:
        return text
    return f"{text[:FREE_TEXT_LIMIT]}……（全文{len(text)}字，见附件 report.json / whole text attached）"


def heading(ts: Typesetter, number: str, zh: str, en: str) -> Any:
    cells = [
        [ts.par(f"{number}、{zh}", 11, bold=True, color=INK), ts.par(en, 7.5, color=GREY, align="right", latin=True)]
    ]
    return Table(
        cells,
        colWidths=[WIDTH * 0.6, WIDTH * 0.4],
        style=[
            ("VALIGN", (0, 0), (-1, -1), "BOTTOM"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ],
        spaceBefore=9,
    )


def section(heading: Any, first: Any, *rest: Any) -> list[Any]:
    """The heading stays with the first thing below it."""
    if isinstance(first, Table):
        # A long table may break over pages, so only a little room is asked for below the heading.
        return [CondPageBreak(32 * mm), heading, first, *rest]
    return [KeepTogether([heading, first]), *rest]


def listing(
    ts: Typesetter, heads: list[tuple[str, str]], rows: list[list[Any]], widths: list[float], extra: Any = ()
) -> Table:
    head = [
        [
            ts.par(zh, 8.4, bold=True, leading=10.5, align="center"),
            ts.par(en, 5.8, color=GREY, leading=7, align="center", latin=True),
        ]
        for zh, en in heads
    ]
    return Table(
        [head, *rows],
        colWidths=widths,
        repeatRows=1,
        style=[*RULED, ("BACKGROUND", (0, 0), (-1, 0), FAINT), ("LINEBELOW", (0, 0), (-1, 0), 0.7, RULE), *extra],
    )
