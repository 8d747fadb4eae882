"""From a `Report` to the PDF that is signed: the same input gives the same bytes."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping

from reportlab.platypus import BaseDocTemplate, PageTemplate
from reportlab.platypus import Frame as TextFrame

from signing.archival import finish
from signing.fonts import FontSet
from signing.page import BOTTOM, MARGIN, PAGE_HEIGHT, PAGE_WIDTH, TOP, WIDTH, FieldPlace, Frame, numbered_canvas
from signing.report import SHEET_WORDS, Report, to_json
from signing.sheet import story
from signing.typeset import Typesetter

# The setter's font registry is global, so two sheets are never set at the same moment in one process.
SETTING = threading.Lock()


def build_pdf(report: Report, thumbnails: Mapping[str, bytes], manifest: bytes, fonts: FontSet) -> bytes:
    """The sheet as PDF/A-3u with `manifest.json` and `report.json` attached and every signature field in place, empty.

    Blocking, about half a second for sixty items. Raises `Problem("R01")` where a name cannot be printed.
    """
    _require_names(report, fonts)
    fields: list[FieldPlace] = []
    with SETTING:
        ts = Typesetter(fonts)
        story(ts, report, thumbnails)
        Frame(ts, report)
        ts.register()
        out = io.BytesIO()
        document = BaseDocTemplate(out, pagesize=(PAGE_WIDTH, PAGE_HEIGHT), invariant=1, allowSplitting=1)
        box = TextFrame(MARGIN, BOTTOM, WIDTH, PAGE_HEIGHT - TOP - BOTTOM, 0, 0, 0, 0)
        document.addPageTemplates([PageTemplate(frames=[box])])
        document.build(story(ts, report, thumbnails), canvasmaker=numbered_canvas(Frame(ts, report), fields))
    attachments = {"report.json": (to_json(report), "Source"), "manifest.json": (manifest, "Data")}
    return finish(
        out.getvalue(),
        title=f"{SHEET_WORDS[report.kind][0]} {report.case_number}",
        author=report.office.name,
        at=report.issued_at,
        attachments=attachments,
        fields=[] if report.draft else fields,
    )


def _require_names(report: Report, fonts: FontSet) -> None:
    for what, text in (
        ("办公单位", report.office.name),
        (f"{report.role_words('applicant')[0]}姓名", report.applicant_name),
        ("办事人" if report.kind == "help" else "勘验对象", report.business_name),
        ("登记地址", report.registered_address),
        *(("姓名", person.name) for person in report.people),
        *(("签名人姓名", signer.name) for signer in report.signers),
    ):
        fonts.require(text, what)
