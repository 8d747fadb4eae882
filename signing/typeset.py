"""Text on the sheet: fonts per character, escaping, styles; small subset fonts so that setting starts at once.

A sheet is composed twice. The first time only collects which characters each font must draw (nothing is measured);
then subsets are made (about 4 ms each, against 1.5 s to parse a whole CJK font) and the second time sets the page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from reportlab import rl_config
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_CENTER, TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics, ttfonts
from reportlab.platypus import Paragraph, Spacer
from reportlab.platypus.paraparser import ParaFrag

from signing.fonts import BOLD, RARE, RARE_BMP, REGULAR, FontSet

# Streams as bytes. As letters (ASCII85) twenty photographs took a second of Python and a quarter more room.
rl_config.useA85 = 0

INK = HexColor("#14211F")
GREY = HexColor("#5B6662")
FAINT = HexColor("#EEF1EE")
RULE = HexColor("#3A4643")
RED = HexColor("#B3261E")  # 印红: findings that fail, and the seal
TEAL = HexColor("#0B5A63")

# Registered under fixed names: the setter's registry is global, so names made per document would pile up for ever.
NAMES = {REGULAR: "YuankanRegular", BOLD: "YuankanBold", RARE: "YuankanRare", RARE_BMP: "YuankanRareBmp"}
# Blanks in a row are one, as in any markup.
BLANKS = re.compile(" {2,}")
ASCII = "".join(map(chr, range(0x20, 0x7F)))
_ALIGN = {"left": TA_LEFT, "center": TA_CENTER, "right": TA_RIGHT}


def right_to_unicode(fontname: str, subset: list[int]) -> str:
    """A ToUnicode CMap in UTF-16BE (ISO 32000-1 9.10.3). The setter's own writes <2C35B> for 𬍛, which copies as ⰵ."""
    lines = [
        "/CIDInit /ProcSet findresource begin",
        "12 dict begin",
        "begincmap",
        "/CIDSystemInfo",
        "<< /Registry (Adobe)",
        "/Ordering (UCS)",
        "/Supplement 0",
        ">> def",
        "/CMapName /Adobe-Identity-UCS def",
        "/CMapType 2 def",
        "1 begincodespacerange",
        "<00> <FF>",
        "endcodespacerange",
    ]
    pairs = [(code, chr(value).encode("utf-16-be").hex().upper()) for code, value in enumerate(subset)]
    for start in range(0, len(pairs), 100):  # 100 is the most a bfchar block may hold
        block = pairs[start : start + 100]
        lines.append(f"{len(block)} beginbfchar")
        lines += [f"<{code:02X}> <{value}>" for code, value in block]
        lines.append("endbfchar")
    return "\n".join([*lines, "endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end"])


@dataclass(frozen=True)
class Line:
    """One line for the canvas, already cut into runs."""

    runs: tuple[tuple[str, str], ...]
    size: float
    color: Color

    def width(self) -> float:
        return float(sum(pdfmetrics.stringWidth(text, NAMES[key], self.size) for key, text in self.runs))

    def draw(self, canvas: Any, x: float, y: float, align: str = "left") -> None:
        if align != "left":
            x -= self.width() / (2 if align == "center" else 1)
        canvas.setFillColor(self.color)
        for key, text in self.runs:
            canvas.setFont(NAMES[key], self.size)
            canvas.drawString(x, y, text)
            x += pdfmetrics.stringWidth(text, NAMES[key], self.size)


class Text(Paragraph):  # type: ignore[misc]  # reportlab ships no types
    """A paragraph that is broken into lines once for a width: tables and page breaks ask again and again."""

    _broken: tuple[float, tuple[float, float]] | None = None

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        # Whoever finds no room for two of its lines has it forget them, and asks again on the next page.
        if self._broken is None or self._broken[0] != width or not hasattr(self, "blPara"):
            self._broken = (width, super().wrap(width, height))
        return self._broken[1]


@dataclass
class Typesetter:
    """Makes paragraphs and lines; while `collecting`, only notes which characters each font needs."""

    fonts: FontSet
    collecting: bool = True
    used: dict[str, set[str]] = field(default_factory=dict)
    known: dict[tuple[str, bool], list[tuple[str, str]]] = field(default_factory=dict)

    def line(self, text: str, size: float = 9, *, bold: bool = False, color: Color = INK) -> Line:
        return Line(tuple(self._runs(text.replace("\n", " "), bold)), size, color)

    def par(
        self,
        text: str,
        size: float = 9,
        *,
        bold: bool = False,
        align: str = "left",
        color: Color = INK,
        leading: float | None = None,
        latin: bool = False,
        before: float = 0,
        after: float = 0,
        keep_with_next: bool = False,
    ) -> Any:
        """A paragraph. `latin` breaks between words, otherwise between any two characters as Chinese does.

        It is handed over in pieces, never as markup: text from outside cannot become markup of its own.
        """
        runs = self._runs(BLANKS.sub(" ", text), bold)
        if self.collecting:
            return Spacer(0, 0)
        style = ParagraphStyle(
            "p",
            fontName=NAMES[BOLD if bold else REGULAR],
            fontSize=size,
            leading=leading or size * 1.45,
            alignment=_ALIGN[align],
            textColor=color,
            wordWrap=None if latin else "CJK",
            spaceBefore=before,
            spaceAfter=after,
            keepWithNext=int(keep_with_next),
        )
        return Text("", style, frags=[piece for run in runs for piece in _pieces(run, size, color)])

    def register(self, *, ascii: bool = True) -> None:
        """Make the subsets and hand them to the setter; from now on paragraphs are real.

        ``ascii``: with all of it, for page numbers that are known late; it makes up most of a small drawing.
        """
        ttfonts.makeToUnicodeCMap = right_to_unicode
        for key in (REGULAR, BOLD, RARE, RARE_BMP):
            wanted = set(self.used.get(key, set())) | (set(ASCII) if ascii and key in (REGULAR, BOLD) else set())
            if wanted:
                file = io.BytesIO(self.fonts.subset(key, sorted(wanted)))
                # Not registerFont: it keeps the first font of a name for ever, and the next document would lose glyphs.
                pdfmetrics._fonts[NAMES[key]] = ttfonts.TTFont(NAMES[key], file)
                pdfmetrics.registerFontFamily(NAMES[key])
        self.collecting = False

    def _runs(self, text: str, bold: bool) -> list[tuple[str, str]]:
        found = self.known.get((text, bold))
        if found is not None:
            return found
        runs = self.known[text, bold] = list(self.fonts.runs(self.fonts.printable(text), bold=bold))
        for key, part in runs:
            seen = self.used.setdefault(key, set())
            if self.collecting:
                seen.update(part)
            elif not seen.issuperset(set(part) - set(ASCII)):
                raise AssertionError("the sheet was composed differently the second time")
        return runs


def _pieces(run: tuple[str, str], size: float, color: Color) -> Iterator[ParaFrag]:
    """A run as the setter's parser would give it, a line break between its lines."""
    key, text = run
    for number, line in enumerate(text.split("\n")):
        look = {"fontName": NAMES[key], "fontSize": size, "textColor": color, "bold": 0, "italic": 0}
        plain = {"rise": 0, "greek": 0, "link": [], "us_lines": [], **look}
        if number:
            yield ParaFrag(**plain, lineBreak=True, text="")
        if line:
            yield ParaFrag(**plain, text=line)
