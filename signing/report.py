"""The inspection sheet (勘验单) as data: everything the PDF shows, frozen, and nothing that it does not.

`server/` composes it from the record's events and the recording's manifest; `pdf.py` sets it; the same value travels
inside the PDF as `report.json`, so that a verifier reads who had to sign without trusting a picture of text.

Times are aware UTC; `moment_ms` is milliseconds on the recording's clock, None where there was no recording.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Literal

import msgspec

Finding = Literal["conforms", "fails", "na", "not_seen"]
Provenance = Literal["live", "self_shot", "supplement"]
ResultKey = Literal["pass", "rectify_and_reinspect", "go_on_site", "fail", "suspend", "done", "referred", "unfinished"]
Kind = Literal["inspection", "help"]
Role = Literal["system", "applicant", "lead", "assist", "expert", "witness", "seal"]

BEIJING = timezone(timedelta(hours=8), "UTC+8")

# Longest free text on paper (a page holds about 1,900 characters); the whole text is in the attached report.json.
FREE_TEXT_LIMIT = 4000

FINDING_WORDS: dict[str, tuple[str, str]] = {
    "conforms": ("符合", "Conforms"),
    "fails": ("不符合", "Fails"),
    "na": ("不适用", "N/A"),
    "not_seen": ("未看清", "Not seen"),
}
PROVENANCE_WORDS: dict[str, tuple[str, str]] = {
    "live": ("实时", "Live"),
    "self_shot": ("自拍", "Self-shot"),
    "supplement": ("补充", "Supplement"),
}
ROLE_WORDS: dict[str, tuple[str, str]] = {
    "system": ("系统", "System"),
    "applicant": ("申请人", "Applicant"),
    "lead": ("主勘人员", "Lead officer"),
    "assist": ("协勘人员", "Assisting officer"),
    "expert": ("专家", "Expert"),
    "witness": ("见证人", "Witness"),
    "seal": ("机关印章", "Office seal"),
}
RESULT_WORDS: dict[str, tuple[str, str]] = {
    "pass": ("通过", "Pass"),
    "rectify_and_reinspect": ("整改后复验", "Rectify, then re-inspect"),
    "go_on_site": ("转现场勘验", "Go on site"),
    "fail": ("不通过", "Fail"),
    "suspend": ("中止", "Suspended"),
    "done": ("已办结", "Done"),
    "referred": ("转到别处继续办", "Goes on elsewhere"),
    "unfinished": ("未办结", "Not finished"),
}
HELP_ROLE_WORDS: dict[str, tuple[str, str]] = {
    **ROLE_WORDS,
    "applicant": ("办事人", "Citizen"),
    "lead": ("帮办员", "Agent"),
    "expert": ("旁听人员", "Onlooker"),
}
SERVICE_WORDS: dict[Kind, tuple[str, str]] = {
    "inspection": ("远程视频勘验", "Remote video inspection"),
    "help": ("视频帮办", "Video help"),
}
SHEET_WORDS: dict[Kind, tuple[str, str]] = {
    "inspection": ("远程视频勘验单", "Remote video inspection sheet"),
    "help": ("视频帮办记录单", "Record of video help"),
}
CLASS_WORDS: dict[str, tuple[str, str]] = {
    "live": ("实况", "Live"),
    "frozen": ("画面静止", "Frozen"),
    "muted": ("静音", "Muted"),
    "masked": ("遮挡", "Masked"),
    "no_signal": ("无信号", "No signal"),
    "interrupted": ("中断", "Interrupted"),
}


class Office(msgspec.Struct, frozen=True, kw_only=True):
    """The authority that issues the sheet."""

    code: str
    name: str
    gloss: str = ""
    phone: str = ""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the phone said it was: WGS 84 degrees, metres."""

    lat: float
    lon: float
    accuracy_m: float
    distance_m: float | None = None
    at: datetime | None = None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who took part; `identified` says in words how identity was checked."""

    name: str
    role: Role
    organisation: str = ""
    identified: str = ""
    joined_at: datetime | None = None
    left_at: datetime | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the procedure (核验身份, 亮证, 告知 …) with its time."""

    title: str
    gloss: str = ""
    at: datetime | None = None
    by: str = ""
    method: str = ""
    note: str = ""
    moment_ms: int | None = None


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """Legal basis of an item; an unverified clause is printed with 待核 beside it."""

    title: str
    clause: str = ""
    verified: bool = False


class Photo(msgspec.Struct, frozen=True, kw_only=True):
    """A photo taken in full resolution; `sha256` is of the original as it came from the phone."""

    id: str
    number: int
    sha256: str
    taken_at: datetime
    width: int
    height: int
    size: int
    item: str | None = None
    moment_ms: int | None = None
    provenance: Provenance = "live"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the checklist with what was found. `measured` carries its unit, e.g. "31.2 m"."""

    id: str
    number: int
    text: str
    gloss: str = ""
    basis: tuple[Basis, ...] = ()
    critical: bool = False
    finding: Finding | None = None
    measured: str = ""
    measured_gloss: str = ""
    note: str = ""
    provenance: Provenance = "live"
    by: str = ""
    at: datetime | None = None
    moment_ms: int | None = None
    photos: tuple[int, ...] = ()


class Section(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    title: str
    gloss: str = ""
    items: tuple[Item, ...] = ()


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the recording that is not live; `kind` is one of the manifest's classes."""

    start: datetime
    end: datetime
    kind: str
    cause: str
    who: str = ""


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What the recording holds up to the cut. `seconds` sums to the length of the call, one class a second."""

    percent: float
    started_at: datetime | None
    cut_at: datetime
    seconds: dict[str, float]
    gaps: tuple[Gap, ...] = ()


class Heads(msgspec.Struct, frozen=True, kw_only=True):
    """Hash heads that bind the sheet to the record's events and to the recording, at the cut."""

    record_seq: int
    record_head: str
    manifest_head: str = ""
    manifest_sha256: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The conclusion, what follows from it, and until when."""

    key: ResultKey
    consequence: str
    consequence_gloss: str = ""
    note: str = ""
    rectify_by: datetime | None = None
    at: datetime | None = None


class Objection(msgspec.Struct, frozen=True, kw_only=True):
    """The applicant's own words, as written."""

    at: datetime
    text: str
    item: int | None = None


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """Who must sign. `party` is the staff or invitation id that may use the field; `field` is its name in the PDF."""

    field: str
    role: Role
    name: str
    party: str
    organisation: str = ""
    identified: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole sheet, an inspection's or a help service's (`number`: its ticket's). `verify_url` goes into the QR
    code; `authority` and `time_service` say which kind of certificates sign it and whose time stamps prove when."""

    version: int = 1
    kind: Kind = "inspection"
    record: str
    case: str
    case_number: str
    matter: str
    matter_gloss: str = ""
    permit: str = ""
    number: str = ""
    office: Office
    business_name: str
    applicant_name: str
    registered_address: str
    place: Place | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    people: tuple[Person, ...] = ()
    steps: tuple[Step, ...] = ()
    sections: tuple[Section, ...] = ()
    photos: tuple[Photo, ...] = ()
    coverage: Coverage
    heads: Heads
    result: Result
    objections: tuple[Objection, ...] = ()
    signers: tuple[Signer, ...] = ()
    issued_at: datetime
    verify_url: str
    authority: Literal["internal", "licensed"] = "internal"
    time_service: Literal["internal", "external"] = "internal"
    draft: bool = False

    def role_words(self, role: Role) -> tuple[str, str]:
        """What this part is called in a session of this kind."""
        return (HELP_ROLE_WORDS if self.kind == "help" else ROLE_WORDS)[role]

    def items(self) -> list[Item]:
        return [item for section in self.sections for item in section.items]


class Counts(msgspec.Struct, frozen=True):
    """How many items got which finding."""

    total: int
    conforms: int
    fails: int
    na: int
    not_seen: int
    open: int
    critical_fails: int


def counts(report: Report) -> Counts:
    items = report.items()
    by = {key: sum(item.finding == key for item in items) for key in FINDING_WORDS}
    return Counts(
        total=len(items),
        conforms=by["conforms"],
        fails=by["fails"],
        na=by["na"],
        not_seen=by["not_seen"],
        open=sum(item.finding is None for item in items),
        critical_fails=sum(item.finding == "fails" and item.critical for item in items),
    )


def signers(
    applicant: tuple[str, str], officers: list[tuple[str, str, str]], others: list[tuple[Role, str, str]]
) -> tuple[Signer, ...]:
    """Required signers in the order of the sheet: (party, name) of the applicant, others by role, then lead, assist …,
    each with the name of their office.

    Field names are stable: Applicant, Lead, Assist, Assist2 …, Witness1 …, Expert1 …
    """
    found = [
        Signer(field="Applicant", role="applicant", name=applicant[1], party=applicant[0]),
    ]
    seen: dict[str, int] = {}
    for role, party, name in others:
        seen[role] = seen.get(role, 0) + 1
        found.append(Signer(field=f"{role.capitalize()}{seen[role]}", role=role, name=name, party=party))
    for number, (party, name, office) in enumerate(officers):
        role = "lead" if number == 0 else "assist"
        field = "Lead" if number == 0 else "Assist" if number == 1 else f"Assist{number}"
        found.append(Signer(field=field, role=role, name=name, party=party, organisation=office))
    return tuple(found)


def to_json(report: Report) -> bytes:
    """Canonical bytes: keys in the order of the structs, the same input gives the same bytes."""
    return msgspec.json.encode(report, order="deterministic")


def from_json(data: bytes) -> Report:
    return msgspec.json.decode(data, type=Report)


def clock(moment: datetime | None, *, day: bool = True) -> str:
    """Beijing wall time as offices write it: 2025-11-24 14:30:05 (GB/T 7408 in tables); a dash where unknown."""
    if moment is None:
        return "—"
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S" if day else "%H:%M:%S")


def on_recording(moment_ms: int | None) -> str:
    """Position on the recording, 00:12:34."""
    if moment_ms is None:
        return "—"
    seconds = moment_ms // 1000
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def length(seconds: float) -> str:
    """A length in words: 12分34秒; a colon is clock time only."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    return f"{minutes}分{rest:02d}秒" if minutes else f"{rest}秒"
