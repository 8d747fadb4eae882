"""What a signature looks like on the paper: a one-page PDF as large as its field, with drawn strokes and words."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from PIL import Image, UnidentifiedImageError
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from foundation.errors import Problem
from signing.fonts import FontSet
from signing.pdf import SETTING
from signing.report import clock
from signing.typeset import GREY, INK, RED, Line, Typesetter

# A drawn signature of 600 × 240 points compresses to about 12 KB; more is not a signature.
DRAWN_LIMIT = 256 * 1024
DRAWN_PIXELS = 2_000_000
_STORED_WIDTH = 600


def drawn_image(png: bytes) -> Image.Image:
    """The strokes, cropped to their extent, on nothing. `Problem("G09")` for what is no PNG, too large or empty.

    Decoded and encoded again, so that nothing of the phone's file but its pixels reaches the sheet.
    """
    if len(png) > DRAWN_LIMIT:
        raise Problem("G09")
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as opened:
            if opened.width * opened.height > DRAWN_PIXELS:
                raise Problem("G09")
            image = opened.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        raise Problem("G09") from None
    extent = image.getchannel("A").getbbox()
    if extent is None or (extent == (0, 0, *image.size) and image.getchannel("A").getextrema() == (255, 255)):
        # No strokes, or an opaque picture: strokes are what is darker than the paper.
        dark = image.convert("L").point(lambda shade: 255 if shade < 128 else 0)
        extent = dark.getbbox() if extent is not None else None
        if extent is None:
            raise Problem("G09")
        ink = Image.new("RGBA", image.size, (20, 33, 31, 255))
        ink.putalpha(dark)
        image = ink
    image = image.crop(extent)
    if image.width > _STORED_WIDTH:
        image = image.resize((_STORED_WIDTH, max(1, image.height * _STORED_WIDTH // image.width)))
    return image


def _page(fonts: FontSet, size: tuple[float, float], compose: Callable[[Typesetter], Callable[[Any], None]]) -> bytes:
    with SETTING:
        ts = Typesetter(fonts)
        compose(ts)
        ts.register(ascii=False)
        draw = compose(ts)
        out = io.BytesIO()
        canvas = Canvas(out, pagesize=size, invariant=1, pageCompression=1)
        draw(canvas)
        canvas.showPage()
        canvas.save()
    return out.getvalue()


def person_appearance(
    fonts: FontSet,
    size: tuple[float, float],
    *,
    name: str,
    role: str,
    at: datetime,
    strokes: Image.Image | None,
    remark: str,
) -> bytes:
    """Strokes on the left (`drawn_image`), name, role, time and remark on the right; without strokes a large name."""
    width, height = size
    remark = remark.replace("\n", " ")
    shown = remark if len(remark) <= 24 else remark[:23] + "…"

    def compose(ts: Typesetter) -> Callable[[Any], None]:
        large = ts.line(name, min(22, width / max(4, 2.4 * len(name))), bold=True) if strokes is None else None
        words = [
            ts.line(f"{name}  {role}", 8.2),
            ts.line(f"{clock(at)}", 7.2, color=GREY),
            ts.line("已用本人密钥签名", 6.6, color=GREY),
        ]
        if shown:
            words.append(ts.line(f"备注：{shown}", 7))

        def draw(canvas: Any) -> None:
            room = width * 0.52
            if large is not None:
                large.draw(canvas, room / 2, height / 2 - 6, "center")
            elif strokes is not None:
                scale = min((room - 6) / strokes.width, (height - 4) / strokes.height)
                wide, high = strokes.width * scale, strokes.height * scale
                canvas.drawImage(ImageReader(strokes), (room - wide) / 2, (height - high) / 2, wide, high, mask="auto")
            y = height - 12
            for line in words:
                line.draw(canvas, room + 6, y)
                y -= 12.5

        return draw

    return _page(fonts, size, compose)


def seal_appearance(fonts: FontSet, size: tuple[float, float], *, office: str, use: str, at: datetime) -> bytes:
    """A round red seal: the office's name along the ring, the `use` of the seal and the date across."""
    width, height = size
    radius = min(width, height) / 2 - 3

    def compose(ts: Typesetter) -> Callable[[Any], None]:
        letter = min(12.5, 1.75 * math.pi * radius * 0.62 / max(6, len(office)))
        ring = [ts.line(char, letter, bold=True, color=RED) for char in office]
        middle = ts.line(use, 9.4, bold=True, color=RED)
        below = ts.line("专用章", 9.4, bold=True, color=RED)
        date = ts.line(clock(at)[:10], 6.8, color=INK)

        def draw(canvas: Any) -> None:
            canvas.translate(width / 2, height / 2)
            canvas.setStrokeColor(RED)
            canvas.setLineWidth(2.2)
            canvas.circle(0, 0, radius)
            canvas.setLineWidth(0.6)
            canvas.circle(0, 0, radius - 3.4)
            _along(canvas, ring, radius - 6.5 - letter)
            middle.draw(canvas, 0, -2, "center")
            below.draw(canvas, 0, -14.5, "center")
            date.draw(canvas, 0, -radius * 0.66, "center")

        return draw

    return _page(fonts, size, compose)


def _along(canvas: Any, letters: list[Line], radius: float) -> None:
    spread = min(250.0, 24.0 * max(1, len(letters) - 1))
    step = spread / max(1, len(letters) - 1)
    for number, line in enumerate(letters):
        canvas.saveState()
        canvas.rotate(spread / 2 - number * step)
        line.draw(canvas, 0, radius, "center")
        canvas.restoreState()
