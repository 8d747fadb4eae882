"""The verdict on a signed sheet: a frozen value with reasons in both languages, never a bare yes or no."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from signing.report import Kind

State = Literal["pass", "fail", "undecided"]

# Code: (Chinese, English). A code is never reused for another meaning.
SENTENCES: dict[str, tuple[str, str]] = {
    "V01": (
        "这不是远程视频勘验单，也不是视频帮办记录单，或者文件已经损坏。",
        "Neither an inspection sheet nor a record of video help, or the file is damaged.",
    ),
    "V02": ("文件不是由本系统签发的。", "The file was not issued by this system."),
    "V03": (
        "文件末尾没有本系统认可的归档时间戳，不是完整的最终文件。",
        "The file does not end with a trusted archive time stamp: it is not the whole final file.",
    ),
    "V04": ("归档时间戳之后又加了{count}字节。", "{count} bytes were added after the archive time stamp."),
    "V05": ("内容与签名时不一致。", "The content differs from what was signed."),
    "V06": ("签名之后，文件被改动过。", "The file was changed after this signature, beyond what is allowed."),
    "V07": (
        "签名证书不是由认可的机构签发，或当时无效。",
        "The certificate was not from a trusted authority, or not valid then.",
    ),
    "V08": ("签名没有有效的时间证明。", "The signature has no valid time proof."),
    "V09": (
        "签名证书不是为这次签名签发的（{what}不符）。",
        "The certificate was issued for another act ({what} differs).",
    ),
    "V10": ("{name}没有签名，也没有不签的记录。", "{name} has neither signed nor is on record as refusing."),
    "V11": ("多出一个不认识的签名（{field}）。", "There is a signature that does not belong here ({field})."),
    "V12": ("文件的标题或作者在签发后被改动。", "Title or author was changed after the sheet was issued."),
    "V13": ("还没有加盖机关印章。", "The office's seal is missing."),
    "V14": ("同一张证书用了不止一次。", "One certificate was used more than once."),
    "V15": ("签名的先后次序不对。", "The signatures are in the wrong order."),
    "V16": ("时间证明的时间晚于现在。", "The time proof lies in the future."),
    "V17": ("签名没有盖住整个版本。", "The signature does not cover its whole revision."),
    "V18": (
        "签名或时间戳所用的证书当时已被吊销（{when}起）。",
        "The certificate of this signature or time stamp had been revoked by then (from {when}).",
    ),
    "V20": ("{name}表示不签，签名栏留空。", "{name} refused to sign; the box is empty."),
    "V21": ("内部证书签发，按各方约定可靠。", "Internal certificate: reliable as the parties agreed."),
    "V23": ("时间证明由签发机关自己的服务出具。", "The time proof is by the issuing office's own service."),
    "V24": (
        "证书后来被吊销（{when}起），签名在此之前，仍然有效。",
        "The certificate was revoked later (from {when}); the signature was made before and stands.",
    ),
    "V22": ("因此没有再核对签名证书。", "Therefore the certificate was not judged."),
}


class Reason(msgspec.Struct, frozen=True):
    """Why; `code` is stable."""

    code: str
    zh: str
    en: str


def reason(code: str, **params: Any) -> Reason:
    zh, en = SENTENCES[code]
    return Reason(code, zh.format(**params), en.format(**params))


class SignatureVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """One signature: who, in which role, when by the time proof, identified how, and whether it stands."""

    field: str
    state: State
    role: str
    name: str
    at: datetime | None = None
    identity: str = ""
    said: str = ""
    certificate_serial: str = ""
    reasons: tuple[Reason, ...] = ()


class PdfVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file. `state` is pass only when every part passes; `reasons` are those of the file as a whole.

    `kind` is that of the record, whose words the parties go by."""

    state: State
    kind: Kind = "inspection"
    record: str = ""
    case_number: str = ""
    sha256: str = ""
    sealed_at: datetime | None = None
    signatures: tuple[SignatureVerdict, ...] = ()
    reasons: tuple[Reason, ...] = ()

    def codes(self) -> frozenset[str]:
        """Every reason's code, of the file and of its signatures."""
        parts = [*self.reasons, *(one for signature in self.signatures for one in signature.reasons)]
        return frozenset(one.code for one in parts)


# Told, but no fault.
NOTES = frozenset({"V20", "V21", "V22", "V23", "V24"})


def judged(reasons: list[Reason]) -> State:
    """fail for any reason that is a fault."""
    return "fail" if any(one.code not in NOTES for one in reasons) else "pass"


def whole(
    signatures: list[SignatureVerdict], reasons: list[Reason], *, kind: Kind, record: str, case_number: str, sha256: str
) -> PdfVerdict:
    """Put the parts together: the file passes when nothing in it fails."""
    failing = judged(reasons) == "fail" or any(signature.state != "pass" for signature in signatures)
    sealed = next((signature.at for signature in signatures if signature.field == "Seal"), None)
    return PdfVerdict(
        state="fail" if failing else "pass",
        kind=kind,
        record=record,
        case_number=case_number,
        sha256=sha256,
        sealed_at=sealed,
        signatures=tuple(signatures),
        reasons=tuple(reasons),
    )
