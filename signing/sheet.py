"""The form of the sheets, of an inspection and of a help service: what stands where on the paper, as flowables,
section by section.

The order is that of the officers' paper forms: who and where, who took part, what was done when, what was found, the
photos, the state of the recording, the result, the applicant's words, the signatures. Chinese first, a small English
gloss where it helps.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from reportlab.lib.colors import white
from reportlab.lib.units import mm
from reportlab.platypus import KeepTogether, Table

from signing.form import RULED, Annex, heading, listing, section, shortened
from signing.page import WIDTH, SignatureBox
from signing.report import (
    RESULT_WORDS,
    SHEET_WORDS,
    Person,
    Report,
    clock,
    length,
    on_recording,
)
from signing.sheet_items import items, photos, recording
from signing.typeset import FAINT, GREY, INK, RED, RULE, Typesetter


def story(ts: Typesetter, report: Report, thumbnails: Mapping[str, bytes]) -> list[Any]:
    """The whole sheet. `thumbnails`: JPEG or PNG bytes by photo id; a photo without one is listed without a picture."""
    annex = Annex()
    if report.kind == "help":
        return [
            *_title(ts, report),
            *_service_basics(ts, report),
            *_people(ts, report),
            *_steps(ts, report, annex, "帮办过程", "What was done"),
            *recording(ts, report, "四"),
            *_result(ts, report, "五", "帮办结果"),
            *_annexed(ts, annex),
            *_signatures(ts, report, "六", "盖章", "Seal"),
        ]
    return [
        *_title(ts, report),
        *_basics(ts, report),
        *_people(ts, report),
        *_steps(ts, report, annex, "勘验过程", "Procedure"),
        *items(ts, report, annex),
        *photos(ts, report, thumbnails),
        *recording(ts, report, "六"),
        *_result(ts, report, "七", "勘验结果"),
        *_objections(ts, report, annex),
        *_annexed(ts, annex),
        *_signatures(ts, report, "九", "签名与盖章", "Signatures and seal"),
    ]


def _title(ts: Typesetter, report: Report) -> list[Any]:
    title, english = SHEET_WORDS[report.kind]
    gloss = f"{english} · {report.office.gloss}" if report.office.gloss else english
    return [
        ts.par(report.office.name, 12.5, bold=True, align="center", after=1),
        ts.par(title, 23, bold=True, align="center", leading=31),
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
    when, matter = _when(report), _matter(report)
    label, value = partial(_label, ts), partial(_value, ts)
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
    return section(heading(ts, "一", "基本情况", "Case, place and time"), table)


def _service_basics(ts: Typesetter, report: Report) -> list[Any]:
    label, value = partial(_label, ts), partial(_value, ts)
    by = value("实时视频 / Live video")
    rows = [
        [label("办件编号", "Case"), value(report.case_number), label("案卷记录", "Record"), value(report.record)],
        [label("办理事项", "Matter"), value(_matter(report)), label("排队号", "Number"), value(report.number)],
        [label("办事人", "Citizen"), value(report.applicant_name), label("帮办方式", "By"), by],
        [label("帮办时间", "Time (UTC+8)"), value(_when(report)), "", ""],
    ]
    table = Table(
        rows,
        colWidths=[24 * mm, 72 * mm, 22 * mm, WIDTH - 118 * mm],
        style=[
            *RULED,
            ("SPAN", (1, 3), (3, 3)),
            ("BACKGROUND", (0, 0), (0, -1), FAINT),
            ("BACKGROUND", (2, 0), (2, 2), FAINT),
        ],
    )
    return section(heading(ts, "一", "基本情况", "Case and time"), table)


def _label(ts: Typesetter, zh: str, en: str) -> list[Any]:
    return [ts.par(zh, 8.6, bold=True, leading=11), ts.par(en, 6, color=GREY, leading=7.5, latin=True)]


def _value(ts: Typesetter, text: str) -> Any:
    return ts.par(text, 9, leading=13)


def _when(report: Report) -> str:
    length_s = (report.ended_at - report.started_at).total_seconds() if report.started_at and report.ended_at else None
    taken = f"，{length(length_s)}" if length_s else ""
    return f"{clock(report.started_at)} 至 {clock(report.ended_at, day=False)}{taken}"


def _matter(report: Report) -> str:
    return report.matter + (f"\n{report.matter_gloss}" if report.matter_gloss else "")


def _distance(metres: float) -> str:
    return f"{metres / 1000:.1f}公里" if metres >= 1000 else f"{metres:.0f}米"


def _present(person: Person) -> str:
    if person.left_at is None:
        return f"{clock(person.joined_at, day=False)} 起"
    return f"{clock(person.joined_at, day=False)}～{clock(person.left_at, day=False)}"


def _people(ts: Typesetter, report: Report) -> list[Any]:
    rows = [
        [
            ts.par(person.name, 9, bold=True),
            ts.par(report.role_words(person.role)[0], 8.6),
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
    return section(
        heading(ts, "二", "参加人员", "People"),
        listing(ts, heads, rows, [26 * mm, 22 * mm, 44 * mm, 50 * mm, WIDTH - 142 * mm]),
    )


def _steps(ts: Typesetter, report: Report, annex: Annex, zh: str, en: str) -> list[Any]:
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
    return section(
        heading(ts, "三", zh, en),
        listing(ts, heads, rows, [11 * mm, 52 * mm, 60 * mm, 23 * mm, WIDTH - 146 * mm]),
    )


def _result(ts: Typesetter, report: Report, number: str, title: str) -> list[Any]:
    result = report.result
    zh, en = ("未作结论", "Not decided") if report.draft else RESULT_WORDS[result.key]
    color = RED if result.key == "fail" else INK
    lines = [ts.par(result.consequence, 9.6, leading=14.5)]
    if result.rectify_by is not None:
        lines.append(ts.par(f"整改期限：{clock(result.rectify_by)[:10]}", 9.6, bold=True, leading=14.5))
    if result.note:
        lines.append(ts.par(f"说明：{shortened(result.note)[:800]}", 9, leading=13))
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
    return [KeepTogether([heading(ts, number, title, "Result"), table])]


def _objections(ts: Typesetter, report: Report, annex: Annex) -> list[Any]:
    title = heading(ts, "八", "申请人意见", "The applicant's words")
    if not report.objections:
        return section(title, ts.par("生成本单时，申请人没有提出异议。/ No objection when the sheet was made.", 9))
    rows = [
        [
            ts.par(clock(objection.at, day=False), 8.2, align="center"),
            ts.par(f"第{objection.item}项" if objection.item else "全单", 8.2, align="center"),
            ts.par(annex.cell(objection.text, "申请人意见", 1200), 9, leading=13),
        ]
        for objection in report.objections
    ]
    heads = [("时间", "Time"), ("针对", "About"), ("内容（原文）", "Text, as written")]
    return section(title, listing(ts, heads, rows, [24 * mm, 22 * mm, WIDTH - 46 * mm]))


def _annexed(ts: Typesetter, annex: Annex) -> list[Any]:
    if not annex.notes:
        return []
    parts = [
        ts.par(f"附注{number}  {note}", 8.6, leading=12.5, after=4) for number, note in enumerate(annex.notes, start=1)
    ]
    return [heading(ts, "附", "附注", "Notes in full"), *parts]


_SIGNED_BY_ALL = "各方在自己的设备上用只由本人持有的密钥签名；签名表示已阅读本单，不等于同意全部内容，异议已原样写入。"
_SEALED_ALONE = "本单由系统按通话记录生成，办事人和帮办员不需要签名，由机关盖章。"


def _signatures(ts: Typesetter, report: Report, number: str, zh: str, en: str) -> list[Any]:
    who = _SIGNED_BY_ALL if report.signers else _SEALED_ALONE
    kind = "本单位内部证书" if report.authority == "internal" else "依法设立的电子认证服务机构的证书"
    clocks = "本单位的时间戳服务" if report.time_service == "internal" else "外部时间戳服务"
    statement = f"{who}签名证书为{kind}，每个签名附{clocks}的时间证明。机关印章最后加盖，归档时间戳结束本文件。"
    half = WIDTH / 2
    boxes: list[Any] = [
        SignatureBox(
            ts,
            signer.field,
            f"{report.role_words(signer.role)[0]}  {signer.name}",
            report.role_words(signer.role)[1],
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
    return [KeepTogether([heading(ts, number, zh, en), ts.par(statement, 8, color=GREY, after=4), table])]
