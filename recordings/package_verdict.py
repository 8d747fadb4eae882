"""The verdict on a package: five parts, each pass, fail or undecided, with reasons a person can read. Pure."""

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from foundation.i18n import BEIJING
from signing.report import Kind
from signing.verdict import PdfVerdict

State = Literal["pass", "fail", "undecided"]
PartName = Literal["recording", "photos", "report", "signatures", "time"]
PARTS: dict[PartName, tuple[str, str]] = {
    "recording": ("录像", "recording"),
    "photos": ("照片和文件", "photographs and files"),
    "report": ("{sheet}", "report sheet"),
    "signatures": ("签名", "signatures"),
    "time": ("时间证明", "time proof"),
}

# What the paper is called in Chinese, by the record's kind; "sheet" in English says both.
SHEETS: dict[Kind, str] = {"inspection": "勘验单", "help": "记录单"}

# Code: (Chinese, English). A code is never reused for another meaning. Those in UNDECIDED accuse nobody.
SENTENCES: dict[str, tuple[str, str]] = {
    "B01": (
        "这不是案卷包，或者包的结构已经损坏（{object}）。",
        "Not a record's package, or its structure is damaged ({object}).",
    ),
    "B02": (
        "缺少文件{object}。",
        "{object} is missing.",
    ),
    "B03": (
        "{object}与清单上的校验值不一致。",
        "{object} differs from its checksum.",
    ),
    "B04": (
        "多出清单上没有的文件{object}。",
        "{object} is not on the list of files.",
    ),
    "B05": (
        "{who}录像{clock}起{seconds}秒与封存记录不一致。",
        "{who_en}'s recording differs from what was sealed for {seconds} s from {clock}.",
    ),
    "B06": (
        "{who}录像{object}的文件头或索引与封存记录不一致。",
        "Head or index of {who_en}'s recording {object} differs from what was sealed.",
    ),
    "B07": (
        "{who}录像{object}的长度与封存记录不一致。",
        "The length of {who_en}'s recording {object} differs from what was sealed.",
    ),
    "B08": (
        "{object}记下的各段校验值与封存记录不一致。",
        "The cluster hashes in {object} differ from what was sealed.",
    ),
    "B09": (
        "第{seq}条事件与封存记录不一致。",
        "Event {seq} differs from what was sealed.",
    ),
    "B10": (
        "事件记录与总清单对不上。",
        "The chain of events does not match the manifest.",
    ),
    "B11": (
        "总清单{object}读不出来或前后矛盾。",
        "The manifest {object} cannot be read or contradicts itself.",
    ),
    "B12": (
        "最终清单没有延续签名时的清单（{object}）。",
        "The final manifest does not extend the one that was signed ({object}).",
    ),
    "B13": (
        "照片{object}与拍摄时登记的不一致。",
        "Photo {object} differs from what was registered when it was taken.",
    ),
    "B14": (
        "照片{object}没有登记过。",
        "Photo {object} was never registered.",
    ),
    "B15": (
        "{sheet}不是封存的那一份。",
        "The sheet is not the one that was sealed.",
    ),
    "B16": (
        "{sheet}属于另一个案卷（{object}）。",
        "The sheet belongs to another record ({object}).",
    ),
    "B17": (
        "时间戳{object}与清单对不上，或不是认可的机构签发。",
        "Time stamp {object} does not match its manifest or is not from a trusted service.",
    ),
    "B18": (
        "时间戳{object}的时间晚于现在。",
        "Time stamp {object} lies in the future.",
    ),
    "B19": (
        "证书文件{object}读不出来。",
        "The certificates in {object} cannot be read.",
    ),
    "B20": (
        "文件{object}与发送时登记的不一致。",
        "File {object} differs from what was registered when it was sent.",
    ),
    "B21": (
        "文件{object}没有登记过。",
        "File {object} was never registered.",
    ),
    "B30": (
        "还没有生成{sheet}。",
        "There is no sheet yet.",
    ),
    "B31": (
        "{sheet}还没有签完、盖章。",
        "The sheet is not signed and sealed to its end yet.",
    ),
    "B32": (
        "案卷还没有封存，没有最终的时间戳。",
        "The record is not sealed yet: there is no final time stamp.",
    ),
    "B33": (
        "没有录像。",
        "There is no recording.",
    ),
    "B34": (
        "没有照片，也没有文件。",
        "There are no photographs and no files.",
    ),
    "B40": (
        "证书取自案卷包本身，没有与机关公布的证书核对。",
        "The certificates are the package's own, not compared with those the office publishes.",
    ),
}
UNDECIDED = frozenset({"B30", "B31", "B32"})
NOTES = frozenset({"B33", "B34", "B40"})


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Why. `object` is the file or thing, `at` the wall time and `at_ms` the place on the session clock."""

    code: str
    zh: str
    en: str
    object: str = ""
    at: datetime | None = None
    at_ms: int | None = None


class PartVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """One of the five parts."""

    part: PartName
    state: State
    findings: tuple[Finding, ...] = ()


class PackageVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """All five. `passed` of five pass; `sentence` sums up in both languages."""

    record: str
    kind: Kind = "inspection"
    parts: tuple[PartVerdict, ...]
    sentence_zh: str
    sentence_en: str
    checked_at: datetime
    coverage_percent: float | None = None
    report: PdfVerdict | None = None

    def title(self, part: PartName) -> tuple[str, str]:
        """What a part is called, in Chinese and English."""
        zh, en = PARTS[part]
        return zh.format(sheet=SHEETS[self.kind]), en

    @property
    def state(self) -> State:
        states = {part.state for part in self.parts}
        return "fail" if "fail" in states else "undecided" if "undecided" in states else "pass"

    def part(self, name: PartName) -> PartVerdict:
        return next(part for part in self.parts if part.part == name)


def finding(
    code: str,
    *,
    kind: Kind = "inspection",
    object: str = "",
    at: datetime | None = None,
    at_ms: int | None = None,
    **params: Any,
) -> Finding:
    """The finding of this code, in the words of a record of this kind."""
    zh, en = SENTENCES[code]
    clock = at.astimezone(BEIJING).strftime("%H:%M:%S") if at else ""
    fields = {"object": object, "clock": clock, "sheet": SHEETS[kind], **params}
    return Finding(code=code, zh=zh.format(**fields), en=en.format(**fields), object=object, at=at, at_ms=at_ms)


def state_of(findings: list[Finding]) -> State:
    """fail outweighs undecided, which outweighs pass."""
    codes = {each.code for each in findings} - NOTES
    if codes - UNDECIDED:
        return "fail"
    return "undecided" if codes else "pass"


def verdict(
    record: str,
    found: dict[PartName, list[Finding]],
    now: datetime,
    coverage_percent: float | None = None,
    report: PdfVerdict | None = None,
    kind: Kind = "inspection",
) -> PackageVerdict:
    """Sum up: what fails is named first, then what cannot be judged."""
    parts = tuple(PartVerdict(part=name, state=state_of(found[name]), findings=tuple(found[name])) for name in PARTS)
    failed = [each for part in parts if part.state == "fail" for each in part.findings if each.code not in NOTES]
    open_ones = [each for part in parts for each in part.findings if each.code in UNDECIDED]
    if failed:
        rest = "，其余一致。" if all(part.state != "fail" for part in parts[1:]) or len(failed) == 1 else ""
        zh = failed[0].zh.rstrip("。") + (rest or f"；共{len(failed)}处。")
        en = failed[0].en.rstrip(".") + ("; the rest matches." if rest else f"; {len(failed)} findings in all.")
    elif open_ones:
        zh = f"有{len(open_ones)}项无法判断：" + open_ones[0].zh
        en = f"{len(open_ones)} cannot be judged: " + open_ones[0].en
    else:
        zh = f"录像、照片、{SHEETS[kind]}、签名、时间证明都与封存时一致。"
        en = "All five match what was sealed."
    return PackageVerdict(
        record=record,
        kind=kind,
        parts=parts,
        sentence_zh=zh,
        sentence_en=en,
        checked_at=now,
        coverage_percent=coverage_percent,
        report=report,
    )


def moment(origin: datetime, t_ms: int) -> datetime:
    return origin + timedelta(milliseconds=t_ms)
