"""What was found: the checklist with its legal basis, the photos, and the state of the recording up to the cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, KeepTogether, Spacer, Table

from signing.form import RULED, Annex, heading, listing, section
from signing.page import WIDTH, Photograph, Strip
from signing.report import (
    CLASS_WORDS,
    FINDING_WORDS,
    PROVENANCE_WORDS,
    Basis,
    Item,
    Photo,
    Report,
    clock,
    counts,
    length,
    on_recording,
)
from signing.typeset import FAINT, GREY, INK, RED, TEAL, Typesetter

PHOTOS_A_ROW = 3


def _basis(bases: tuple[Basis, ...]) -> str:
    return "；".join(
        f"《{basis.title.strip('《》')}》{basis.clause}" + ("" if basis.verified else "（条款待核）") for basis in bases
    )


def _item_row(ts: Typesetter, item: Item, annex: Annex) -> list[Any]:
    body = [ts.par(item.text + ("【关键】" if item.critical else ""), 9, leading=12.6)]
    if item.gloss:
        body.append(ts.par(item.gloss, 6.2, color=GREY, leading=7.8, latin=True))
    if item.basis:
        body.append(ts.par(f"依据 {_basis(item.basis)}", 6.6, color=GREY, leading=9))
    zh, en = FINDING_WORDS[item.finding] if item.finding else ("未答", "Open")
    color = RED if item.finding == "fails" else INK
    finding = [
        ts.par(zh, 9.4, bold=item.finding in ("fails", None), align="center", color=color, leading=12),
        ts.par(en, 5.8, align="center", color=GREY, leading=7, latin=True),
    ]
    said = "\n".join(
        part
        for part in (item.measured and f"实测 {item.measured}", annex.cell(item.note, f"第{item.number}项"))
        if part
    )
    seen = [
        f"{PROVENANCE_WORDS[item.provenance][0]} {clock(item.at, day=False)} {item.by}".strip(),
        f"录像 {on_recording(item.moment_ms)}",
    ]
    if item.photos:
        seen.append("照片 " + "、".join(map(str, item.photos)))
    return [
        ts.par(str(item.number), 8.6, align="center"),
        body,
        finding,
        ts.par(said or "—", 8.2, leading=11.5),
        ts.par("\n".join(seen), 7.4, leading=10, color=INK),
    ]


def items(ts: Typesetter, report: Report, annex: Annex) -> list[Any]:
    rows: list[list[Any]] = []
    extra: list[Any] = []
    for part in report.sections:
        if not part.items:
            continue
        at = len(rows) + 1
        gloss = f"  {part.gloss}" if part.gloss else ""
        rows.append([ts.par(f"{part.title}{gloss}", 8.6, bold=True, color=TEAL), "", "", "", ""])
        extra += [
            ("SPAN", (0, at), (-1, at)),
            ("BACKGROUND", (0, at), (-1, at), FAINT),
            ("NOSPLIT", (0, at), (-1, at + 1)),
        ]
        rows += [_item_row(ts, item, annex) for item in part.items]
    total = counts(report)
    summary = (
        f"共{total.total}项：符合{total.conforms}，不符合{total.fails}（其中关键项{total.critical_fails}），"
        f"不适用{total.na}，未看清{total.not_seen}" + (f"，未答{total.open}" if total.open else "") + "。"
    )
    heads = [
        ("序号", "No."),
        ("勘验内容与依据", "Item and legal basis"),
        ("结论", "Finding"),
        ("实测与说明", "Measured, note"),
        ("方式与时间", "How and when"),
    ]
    table = listing(ts, heads, rows, [10 * mm, 75 * mm, 17 * mm, 40 * mm, WIDTH - 142 * mm], extra)
    return section(heading(ts, "四", "勘验项目", "Items"), table, ts.par(summary, 9, bold=True, before=4))


def _photo_cell(
    ts: Typesetter, photo: Photo, picture: bytes | None, items: Mapping[str, int], width: float
) -> list[Any]:
    number = items.get(photo.item or "")
    title = f"照片{photo.number}" + (f"（第{number}项）" if number else "")
    facts = f"{clock(photo.taken_at)}  录像 {on_recording(photo.moment_ms)}"
    size = f"{PROVENANCE_WORDS[photo.provenance][0]}  {photo.width}×{photo.height}  {photo.size / 1e6:.1f} MB"
    return [
        Photograph(picture, width, 40 * mm),
        ts.par(title, 8.4, bold=True, leading=11.5),
        ts.par(facts, 6.8, leading=9, latin=True),
        ts.par(size, 6.8, leading=9, latin=True),
        ts.par(f"SHA-256 {photo.sha256[:24]}", 5.8, color=GREY, leading=7.4, latin=True),
        ts.par(photo.sha256[24:], 5.8, color=GREY, leading=7.4, latin=True),
    ]


def photos(ts: Typesetter, report: Report, thumbnails: Mapping[str, bytes]) -> list[Any]:
    title = heading(ts, "五", "现场照片", f"Photos · {len(report.photos)}")
    if not report.photos:
        return section(title, ts.par("没有拍照。/ No photos.", 9))
    numbers = {item.id: item.number for item in report.items()}
    width = WIDTH / PHOTOS_A_ROW
    cells: list[Any] = [_photo_cell(ts, photo, thumbnails.get(photo.id), numbers, width - 8) for photo in report.photos]
    cells += [""] * (-len(cells) % PHOTOS_A_ROW)
    rows = [cells[at : at + PHOTOS_A_ROW] for at in range(0, len(cells), PHOTOS_A_ROW)]
    table = Table(
        rows,
        colWidths=[width] * PHOTOS_A_ROW,
        style=[*RULED, ("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 0), (-1, -1), 4)],
    )
    return [CondPageBreak(85 * mm), title, table]


def recording(ts: Typesetter, report: Report, number: str) -> list[Any]:
    cover, heads = report.coverage, report.heads
    sums = "，".join(
        f"{CLASS_WORDS[key][0]}{length(cover.seconds[key])}" for key in CLASS_WORDS if cover.seconds.get(key)
    )
    rows = [
        [
            ts.par("记录完整度", 8.6, bold=True),
            ts.par(f"{cover.percent:.1f}%（截至 {clock(cover.cut_at)}）。{sums}", 9),
        ],
        [ts.par("事件链", 8.6, bold=True), ts.par(f"第{heads.record_seq}条 {heads.record_head}", 6.9, latin=True)],
    ]
    if heads.manifest_head:
        rows.append([ts.par("录像链", 8.6, bold=True), ts.par(heads.manifest_head, 6.9, latin=True)])
    if heads.manifest_sha256:
        rows.append(
            [ts.par("清单", 8.6, bold=True), ts.par(f"manifest.json SHA-256 {heads.manifest_sha256}", 6.9, latin=True)]
        )
    table = Table(rows, colWidths=[24 * mm, WIDTH - 24 * mm], style=[*RULED, ("BACKGROUND", (0, 0), (0, -1), FAINT)])
    parts: list[Any] = [
        KeepTogether(
            [
                heading(ts, number, "录音录像", "Recording up to the cut"),
                Strip(ts, cover),
                Spacer(0, 3),
                table,
            ]
        )
    ]
    if cover.gaps:
        gaps = [
            [
                ts.par(f"{clock(gap.start, day=False)}～{clock(gap.end, day=False)}", 8.2, align="center"),
                ts.par(length((gap.end - gap.start).total_seconds()), 8.2, align="center"),
                ts.par(CLASS_WORDS.get(gap.kind, (gap.kind, ""))[0], 8.2, align="center"),
                ts.par("：".join(part for part in (gap.who, gap.cause) if part), 8.2),
            ]
            for gap in cover.gaps
        ]
        titles = [("起止", "From, to"), ("时长", "Length"), ("情形", "State"), ("原因", "Cause")]
        parts += [Spacer(0, 4), listing(ts, titles, gaps, [46 * mm, 24 * mm, 26 * mm, WIDTH - 96 * mm])]
    note = "照片和录像的逐段摘要见本文件附件 manifest.json；录音录像在阅读、异议和签名期间继续。"
    return [*parts, ts.par(note, 7.4, color=GREY, before=3)]
