"""What is drawn rather than set: the frame of each page, the QR code, the second strip, photos, signature boxes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import segno
from PIL import Image
from reportlab.lib.colors import HexColor, white
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from signing.report import CLASS_WORDS, SHEET_WORDS, Coverage, Report, clock
from signing.typeset import FAINT, GREY, INK, RED, RULE, Typesetter

PAGE_WIDTH, PAGE_HEIGHT = A4
MARGIN = 18 * mm
TOP, BOTTOM = 20 * mm, 19 * mm
WIDTH = PAGE_WIDTH - 2 * MARGIN
CLASS_COLORS = {"live": "#0B5A63", "frozen": "#6A8FB5", "muted": "#8A6FA8", "masked": "#14211F"}


@dataclass(frozen=True)
class FieldPlace:
    """Where a signature field lies: page from 0, rectangle in points from the lower left corner."""

    name: str
    page: int
    box: tuple[float, float, float, float]
    label: str


class Photograph(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """A thumbnail, whole and unrotated, centred in its room; a grey field where the picture is not at hand."""

    def __init__(self, picture: bytes | None, width: float, height: float) -> None:
        super().__init__()
        self.width, self.height, self.picture = width, height, picture

    def draw(self) -> None:
        if self.picture is None:
            self.canv.setFillColor(FAINT)
            self.canv.rect(0, 0, self.width, self.height, stroke=0, fill=1)
            return
        with Image.open(io.BytesIO(self.picture)) as image:
            scale = min(self.width / image.width, self.height / image.height)
            wide, high = image.width * scale, image.height * scale
        x, y = (self.width - wide) / 2, self.height - high  # at the top: the caption follows below
        self.canv.drawImage(ImageReader(io.BytesIO(self.picture)), x, y, wide, high)


class Strip(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """The second strip: every second of the call from start to cut in one class, told by height as well as colour."""

    def __init__(self, ts: Typesetter, coverage: Coverage) -> None:
        super().__init__()
        self.width, self.height, self.coverage = WIDTH, 13 * mm, coverage
        self.ends = (
            ts.line(clock(coverage.started_at, day=False), 6.8),
            ts.line(clock(coverage.cut_at, day=False), 6.8),
        )
        self.legend = [(key, ts.line(CLASS_WORDS[key][0], 6.8)) for key in CLASS_WORDS]

    def draw(self) -> None:
        canvas, cover = self.canv, self.coverage
        base, high = 4.5 * mm, 6 * mm
        if cover.started_at is not None and cover.cut_at > cover.started_at:
            whole = (cover.cut_at - cover.started_at).total_seconds()
            canvas.setFillColor(HexColor(CLASS_COLORS["live"]))
            canvas.rect(0, base, self.width, high, stroke=0, fill=1)
            for gap in cover.gaps:
                x0 = max(0.0, (gap.start - cover.started_at).total_seconds() / whole) * self.width
                x1 = min(1.0, (gap.end - cover.started_at).total_seconds() / whole) * self.width
                self._mark(gap.kind, x0, base, max(x1 - x0, 0.8), high)
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.35)
        canvas.rect(0, base, self.width, high, stroke=1, fill=0)
        self.ends[0].draw(canvas, 0, base + high + 1.5)
        self.ends[1].draw(canvas, self.width, base + high + 1.5, "right")
        x = 0.0
        for key, line in self.legend:
            canvas.setFillColor(HexColor(CLASS_COLORS["live"]))
            canvas.rect(x, 0.4 * mm, 5 * mm, 2.2 * mm, stroke=0, fill=1 if key == "live" else 0)
            self._mark(key, x, 0.4 * mm, 5 * mm, 2.2 * mm)
            line.draw(canvas, x + 6 * mm, 0.6 * mm)
            x += 10 * mm + line.width()

    def _mark(self, kind: str, x: float, y: float, width: float, height: float) -> None:
        canvas = self.canv
        if kind == "live":
            return
        canvas.setFillColor(white)
        canvas.rect(x, y, width, height, stroke=0, fill=1)
        if kind in CLASS_COLORS:
            canvas.setFillColor(HexColor(CLASS_COLORS[kind]))
            share = {"muted": 0.5, "frozen": 0.75}.get(kind, 1.0)
            canvas.rect(x, y, width, height * share, stroke=0, fill=1)
        elif kind == "no_signal":
            canvas.setStrokeColor(RULE)
            canvas.setLineWidth(0.4)
            canvas.rect(x, y, width, height, stroke=1, fill=0)
            canvas.line(x, y, x + width, y + height)
            canvas.line(x, y + height, x + width, y)
        else:  # interrupted: a gap between two ticks
            canvas.setStrokeColor(RED)
            canvas.setLineWidth(0.9)
            canvas.line(x, y - 1, x, y + height + 1)
            canvas.line(x + width, y - 1, x + width, y + height + 1)


class SignatureBox(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """A ruled box with a name; tells the canvas where the empty signature field of the PDF belongs."""

    def __init__(
        self,
        ts: Typesetter,
        field: str,
        title: str,
        gloss: str,
        below: str,
        width: float,
        height: float,
        *,
        square: bool = False,
    ) -> None:
        super().__init__()
        self.width, self.height, self.field, self.label, self.square = width, height, field, f"{title} {gloss}", square
        self.title, self.gloss = ts.line(title, 9.2, bold=True), ts.line(gloss, 6.2, color=GREY)
        self.below = ts.line(below, 6.8, color=GREY)

    def draw(self) -> None:
        canvas, pad = self.canv, 2.2 * mm
        top = self.height - 5 * mm
        self.title.draw(canvas, pad, top)
        self.gloss.draw(canvas, pad + self.title.width() + 4, top)
        self.below.draw(canvas, pad, top - 3.6 * mm)
        if self.square:
            side = self.height - 5 * mm
            box = (self.width - side - pad, 2.5 * mm, self.width - pad, 2.5 * mm + side)
        else:
            box = (pad, 1.5 * mm, self.width - pad, self.height - 9.6 * mm)
        x, y = canvas.absolutePosition(0, 0)
        found = FieldPlace(
            self.field, canvas.getPageNumber() - 1, (x + box[0], y + box[1], x + box[2], y + box[3]), self.label
        )
        canvas.found_fields.append(found)


class Frame:
    """Everything around the text of a page; made while collecting characters, drawn when the page count is known."""

    def __init__(self, ts: Typesetter, report: Report) -> None:
        self.ts = ts
        self.number = ts.line(f"编号 {report.case_number}", 8.2)
        self.running = ts.line(f"{report.office.name}  {SHEET_WORDS[report.kind][0]}", 7.6, color=GREY)
        self.case = ts.line(report.case_number, 7.6, color=GREY)
        head = f"{report.record}  事件链第{report.heads.record_seq}条 {report.heads.record_head[:16]}"
        self.foot = ts.line(head, 6.6, color=GREY)
        self.scan = ts.line("扫码验证真伪", 6.4, color=GREY)
        self.scan_en = ts.line("Scan to verify", 5.4, color=GREY)
        self.page_words = [ts.line(word, 7.6) for word in ("第", "页，共", "页")]
        self.draft = [ts.line("草稿", 80, bold=True, color=HexColor("#E3E7E4"))] if report.draft else []
        self.code = segno.make(report.verify_url, error="m")

    def draw(self, canvas: Any, page: int, pages: int) -> None:
        if self.draft:
            canvas.saveState()
            canvas.translate(PAGE_WIDTH / 2, PAGE_HEIGHT / 2)
            canvas.rotate(45)
            self.draft[0].draw(canvas, 0, -30, "center")
            canvas.restoreState()
        if page == 1:
            self._qr(canvas, PAGE_WIDTH - MARGIN - 19 * mm, PAGE_HEIGHT - 31 * mm, 19 * mm)
            self.number.draw(canvas, MARGIN, PAGE_HEIGHT - 13.5 * mm)
        else:
            self.running.draw(canvas, MARGIN, PAGE_HEIGHT - 13.5 * mm)
            self.case.draw(canvas, PAGE_WIDTH - MARGIN, PAGE_HEIGHT - 13.5 * mm, "right")
            canvas.setStrokeColor(RULE)
            canvas.setLineWidth(0.35)
            canvas.line(MARGIN, PAGE_HEIGHT - 15.5 * mm, PAGE_WIDTH - MARGIN, PAGE_HEIGHT - 15.5 * mm)
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.35)
        canvas.line(MARGIN, 14.5 * mm, PAGE_WIDTH - MARGIN, 14.5 * mm)
        self.foot.draw(canvas, MARGIN, 10.5 * mm)
        self._page_number(canvas, page, pages)

    def _page_number(self, canvas: Any, page: int, pages: int) -> None:
        first, middle, last = self.page_words
        lines = [first, self.ts.line(f" {page} ", 7.6), middle, self.ts.line(f" {pages} ", 7.6), last]
        x = PAGE_WIDTH - MARGIN - sum(line.width() for line in lines)
        for line in lines:
            line.draw(canvas, x, 10.5 * mm)
            x += line.width()

    def _qr(self, canvas: Any, x: float, y: float, side: float) -> None:
        rows = [bytes(row) for row in self.code.matrix]
        unit = side / len(rows)
        canvas.setFillColor(INK)
        path = canvas.beginPath()
        for down, row in enumerate(rows):
            for across, dark in enumerate(row):
                if dark:
                    path.rect(x + across * unit, y + side - (down + 1) * unit, unit, unit)
        canvas.drawPath(path, stroke=0, fill=1)
        self.scan.draw(canvas, x + side / 2, y - 2.8 * mm, "center")
        self.scan_en.draw(canvas, x + side / 2, y - 5 * mm, "center")


def numbered_canvas(frame: Frame, fields: list[FieldPlace]) -> type[Canvas]:
    """A canvas that holds its pages back until it knows how many there are."""

    class Numbered(Canvas):  # type: ignore[misc]  # reportlab ships no types
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            self.found_fields = fields
            self._held: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._held.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for page, held in enumerate(self._held, start=1):
                self.__dict__.update(held)
                frame.draw(self, page, len(self._held))
                super().showPage()
            super().save()

    return Numbered
