"""The form of the inspection sheet: what stands where on the paper, as flowables, section by section.

The order is that of the officers' paper forms: who and where, who took part, what was done when, what was found, the
photos, the state of the recording, the result, the applicant's words, the signatures. Chinese first, a small English
gloss where it helps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reportlab.lib.colors import white
from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, KeepTogether, Spacer, Table

from signing.page import WIDTH, Photograph, SignatureBox, Strip
from signing.report import (
    CLASS_WORDS,
    FINDING_WORDS,
    FREE_TEXT_LIMIT,
    PROVENANCE_WORDS,
    RESULT_WORDS,
    ROLE_WORDS,
    Basis,
    Item,
    Person,
    Photo,
    Report,
    clock,
    counts,
    length,
    on_recording,
)
from signing.typeset import FAINT, GREY, INK, RED, RULE, TEAL, Typesetter

CELL = [
    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
    ("LEFTPADDING", (0, 0), (-1, -1), 4),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ("TOPPADDING", (0, 0), (-1, -1), 2.2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 3.4),
]
RULED = [("BOX", (0, 0), (-1, -1), 0.9, RULE), ("INNERGRID", (0, 0), (-1, -1), 0.35, RULE), *CELL]
PHOTOS_A_ROW = 3
# A row of a table cannot break over pages; 300 characters in the narrowest column are half a page high.
CELL_LIMIT = 300


def story(ts: Typesetter, report: Report, thumbnails: Mapping[str, bytes]) -> list[Any]:
    """The whole sheet. `thumbnails`: JPEG or PNG bytes by photo id; a photo without one is listed without a picture."""
    annex = Annex()
    return [
        *_title(ts, report),
        *_basics(ts, report),
        *_people(ts, report),
        *_steps(ts, report, annex),
        *_items(ts, report, annex),
        *_photos(ts, report, thumbnails),
        *_recording(ts, report),
        *_result(ts, report),
        *_objections(ts, report, annex),
        *_annexed(ts, annex),
        *_signatures(ts, report),
    ]


class Annex:
    """Texts too long for a cell of the form: the cell carries the beginning, the annex the rest, over as many pages."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def cell(self, text: str, about: str, room: int = CELL_LIMIT) -> str:
        if len(text) <= room:
            return text
        self.notes.append(f"{about}：{_shortened(text)}")
        return f"{text[: room - 20]}……（全文见附注{len(self.notes)}）"


def _shortened(text: str) -> str:
    if len(text) <= FREE_TEXT_LIMIT:
        return text
    return f"{text[:FREE_TEXT_LIMIT]}……（全文{len(text)}字，见附件 report.json / whole text attached）"


def _heading(ts: Typesetter, number: str, zh: str, en: str) -> Any:
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


def _section(heading: Any, first: Any, *rest: Any) -> list[Any]:
    """The heading stays with the first thing below it."""
    if isinstance(first, Table):
        # A long table may break over pages, so only a little room is asked for below the heading.
        return [CondPageBreak(32 * mm), heading, first, *rest]
    return [KeepTogether([heading, first]), *rest]


def _title(ts: Typesetter, report: Report) -> list[Any]:
    gloss = (
        f"Remote video inspection sheet · {report.office.gloss}"
        if report.office.gloss
        else "Remote video inspection sheet"
    )
    return [
        ts.par(report.office.name, 12.5, bold=True, align="center", after=1),
        ts.par("远程视频勘验单", 23, bold=True, align="center", leading=31),
        ts.par(gloss, 8, align="center", color=GREY, latin=True, after=5),
    ]


def _basics(ts: Typesetter, report: Report) -> list[Any]:
    place = report.place
    if place is None:
        measured = "未定位 / No position"
    else:
        measured = f"北纬{place.lat:.6f}°，东经{place.lon:.6f}°，精度±{place.accuracy_m:.0f}米"
        if place.distance_m is not None:
            measured += f"；距登记地址{_distance(place.distance_m)}"
        if place.at is not None:
            measured += f"（{clock(place.at, day=False)}）"
    length_s = (report.ended_at - report.started_at).total_seconds() if report.started_at and report.ended_at else None
    when = f"{clock(report.started_at)} 至 {clock(report.ended_at, day=False)}" + (
        f"，{length(length_s)}" if length_s else ""
    )
    matter = report.matter + (f"\n{report.matter_gloss}" if report.matter_gloss else "")

    def label(zh: str, en: str) -> list[Any]:
        return [ts.par(zh, 8.6, bold=True, leading=11), ts.par(en, 6, color=GREY, leading=7.5, latin=True)]

    def value(text: str) -> Any:
        return ts.par(text, 9, leading=13)

    rows = [
        [label("办件编号", "Case"), value(report.case_number), label("案卷记录", "Record"), value(report.record)],
        [label("办理事项", "Matter"), value(matter), label("许可证件", "Permit"), value(report.permit or "—")],
        [
            label("勘验对象", "Business"),
            value(report.business_name),
            label("申请人", "Applicant"),
            value(report.applicant_name),
        ],
        [label("登记地址", "Registered address"), value(report.registered_address), "", ""],
        [label("实测位置", "Place measured"), value(measured), "", ""],
        [label("勘验时间", "Time (UTC+8)"), value(when), label("勘验方式", "By"), value("实时视频 / Live video")],
    ]
    table = Table(
        rows,
        colWidths=[24 * mm, 72 * mm, 22 * mm, WIDTH - 118 * mm],
        style=[
            *RULED,
            ("SPAN", (1, 3), (3, 3)),
            ("SPAN", (1, 4), (3, 4)),
            ("BACKGROUND", (0, 0), (0, -1), FAINT),
            ("BACKGROUND", (2, 0), (2, 2), FAINT),
            ("BACKGROUND", (2, 5), (2, 5), FAINT),
        ],
    )
    return _section(_heading(ts, "一", "基本情况", "Case, place and time"), table)


def _distance(metres: float) -> str:
    return f"{metres / 1000:.1f}公里" if metres >= 1000 else f"{metres:.0f}米"


def _listing(
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


def _present(person: Person) -> str:
    if person.left_at is None:
        return f"{clock(person.joined_at, day=False)} 起"
    return f"{clock(person.joined_at, day=False)}～{clock(person.left_at, day=False)}"


def _people(ts: Typesetter, report: Report) -> list[Any]:
    rows = [
        [
            ts.par(person.name, 9, bold=True),
            ts.par(ROLE_WORDS[person.role][0], 8.6),
            ts.par(person.organisation or "—", 8.2),
            ts.par(person.identified or "—", 8.2),
            ts.par(_present(person), 8.2, align="center"),
        ]
        for person in report.people
    ]
    heads = [
        ("姓名", "Name"),
        ("身份", "Role"),
        ("单位", "Organisation"),
        ("身份核验", "How identified"),
        ("在场", "Present"),
    ]
    return _section(
        _heading(ts, "二", "参加人员", "People"),
        _listing(ts, heads, rows, [26 * mm, 22 * mm, 44 * mm, 50 * mm, WIDTH - 142 * mm]),
    )


def _steps(ts: Typesetter, report: Report, annex: Annex) -> list[Any]:
    rows = []
    for number, step in enumerate(report.steps, start=1):
        how = (
            "；".join(part for part in (annex.cell(step.method, step.title), annex.cell(step.note, step.title)) if part)
            or "—"
        )
        rows.append(
            [
                ts.par(str(number), 8.6, align="center"),
                [
                    ts.par(step.title, 9),
                    *([ts.par(step.gloss, 6.2, color=GREY, leading=7.5, latin=True)] if step.gloss else []),
                ],
                ts.par(how, 8.2),
                ts.par(step.by or "—", 8.6, align="center"),
                ts.par(
                    f"{clock(step.at, day=False)}\n录像 {on_recording(step.moment_ms)}",
                    7.8,
                    align="center",
                    leading=10.5,
                ),
            ]
        )
    heads = [("序号", "No."), ("步骤", "Step"), ("方式与说明", "How"), ("执行人", "By"), ("时间", "Time")]
    return _section(
        _heading(ts, "三", "勘验过程", "Procedure"),
        _listing(ts, heads, rows, [11 * mm, 52 * mm, 60 * mm, 23 * mm, WIDTH - 146 * mm]),
    )


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


def _items(ts: Typesetter, report: Report, annex: Annex) -> list[Any]:
    rows: list[list[Any]] = []
    extra: list[Any] = []
    for section in report.sections:
        if not section.items:
            continue
        at = len(rows) + 1
        gloss = f"  {section.gloss}" if section.gloss else ""
        rows.append([ts.par(f"{section.title}{gloss}", 8.6, bold=True, color=TEAL), "", "", "", ""])
        extra += [
            ("SPAN", (0, at), (-1, at)),
            ("BACKGROUND", (0, at), (-1, at), FAINT),
            ("NOSPLIT", (0, at), (-1, at + 1)),
        ]
        rows += [_item_row(ts, item, annex) for item in section.items]
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
    table = _listing(ts, heads, rows, [10 * mm, 75 * mm, 17 * mm, 40 * mm, WIDTH - 142 * mm], extra)
    return _section(_heading(ts, "四", "勘验项目", "Items"), table, ts.par(summary, 9, bold=True, before=4))


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


def _photos(ts: Typesetter, report: Report, thumbnails: Mapping[str, bytes]) -> list[Any]:
    heading = _heading(ts, "五", "现场照片", f"Photos · {len(report.photos)}")
    if not report.photos:
        return _section(heading, ts.par("没有拍照。/ No photos.", 9))
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
    return [CondPageBreak(85 * mm), heading, table]


def _recording(ts: Typesetter, report: Report) -> list[Any]:
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
                _heading(ts, "六", "录音录像", "Recording up to the cut"),
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
        parts += [Spacer(0, 4), _listing(ts, titles, gaps, [46 * mm, 24 * mm, 26 * mm, WIDTH - 96 * mm])]
    note = "照片和录像的逐段摘要见本文件附件 manifest.json；录音录像在阅读、异议和签名期间继续。"
    return [*parts, ts.par(note, 7.4, color=GREY, before=3)]


def _result(ts: Typesetter, report: Report) -> list[Any]:
    result = report.result
    zh, en = RESULT_WORDS[result.key]
    color = RED if result.key == "fail" else INK
    lines = [ts.par(result.consequence, 9.6, leading=14.5)]
    if result.rectify_by is not None:
        lines.append(ts.par(f"整改期限：{clock(result.rectify_by)[:10]}", 9.6, bold=True, leading=14.5))
    if result.note:
        lines.append(ts.par(f"说明：{_shortened(result.note)[:800]}", 9, leading=13))
    table = Table(
        [
            [
                [
                    ts.par(zh, 15, bold=True, align="center", color=color, leading=20),
                    ts.par(en, 7, align="center", color=GREY, latin=True),
                ],
                lines,
            ]
        ],
        colWidths=[46 * mm, WIDTH - 46 * mm],
        style=[
            *RULED,
            ("BOX", (0, 0), (-1, -1), 1.4, color),
            ("TOPPADDING", (0, 0), (-1, -1), 7),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 8),
            ("BACKGROUND", (0, 0), (-1, -1), white),
        ],
    )
    return [KeepTogether([_heading(ts, "七", "勘验结果", "Result"), table])]


def _objections(ts: Typesetter, report: Report, annex: Annex) -> list[Any]:
    heading = _heading(ts, "八", "申请人意见", "The applicant's words")
    if not report.objections:
        return _section(heading, ts.par("生成本单时，申请人没有提出异议。/ No objection when the sheet was made.", 9))
    rows = [
        [
            ts.par(clock(objection.at, day=False), 8.2, align="center"),
            ts.par(f"第{objection.item}项" if objection.item else "全单", 8.2, align="center"),
            ts.par(annex.cell(objection.text, "申请人意见", 1200), 9, leading=13),
        ]
        for objection in report.objections
    ]
    heads = [("时间", "Time"), ("针对", "About"), ("内容（原文）", "Text, as written")]
    return _section(heading, _listing(ts, heads, rows, [24 * mm, 22 * mm, WIDTH - 46 * mm]))


def _annexed(ts: Typesetter, annex: Annex) -> list[Any]:
    if not annex.notes:
        return []
    parts = [
        ts.par(f"附注{number}  {note}", 8.6, leading=12.5, after=4) for number, note in enumerate(annex.notes, start=1)
    ]
    return [_heading(ts, "附", "附注", "Notes in full"), *parts]


def _signatures(ts: Typesetter, report: Report) -> list[Any]:
    kind = "本单位内部证书" if report.authority == "internal" else "依法设立的电子认证服务机构的证书"
    statement = (
        "各方在自己的设备上用只由本人持有的密钥签名；签名表示已阅读本单，不等于同意全部内容，异议已原样写入。"
        f"签名证书为{kind}，每个签名附时间证明。机关印章最后加盖，归档时间戳结束本文件。"
    )
    half = WIDTH / 2
    boxes: list[Any] = [
        SignatureBox(
            ts,
            signer.field,
            f"{ROLE_WORDS[signer.role][0]}  {signer.name}",
            ROLE_WORDS[signer.role][1],
            signer.organisation,
            half,
            31 * mm,
        )
        for signer in report.signers
    ]
    boxes.append(SignatureBox(ts, "Seal", "机关印章", "Office seal", report.office.name, half, 46 * mm, square=True))
    if len(boxes) % 2:
        boxes.insert(-1, "")
    rows = [boxes[at : at + 2] for at in range(0, len(boxes), 2)]
    table = Table(
        rows,
        colWidths=[half, half],
        style=[
            ("BOX", (0, 0), (-1, -1), 0.9, RULE),
            ("INNERGRID", (0, 0), (-1, -1), 0.35, RULE),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            *[(f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")],
        ],
    )
    return [
        KeepTogether(
            [_heading(ts, "九", "签名与盖章", "Signatures and seal"), ts.par(statement, 8, color=GREY, after=4), table]
        )
    ]
