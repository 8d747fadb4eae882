"""`yuankan verify FILE`: the verdict on an exported package or a sheet, offline, without the server that made it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from signing import trust as signing_trust
from signing.report import HELP_ROLE_WORDS, ROLE_WORDS, clock
from signing.trust import TrustBundle
from signing.verdict import PdfVerdict
from signing.verify import verify_pdf

if TYPE_CHECKING:
    from recordings.package_verdict import PackageVerdict

SIGNS = {"pass": "✓", "fail": "✗", "undecided": "?"}
NO_ANCHORS = (
    "单独一张勘验单或记录单要同签发机关公布的证书核对：--trust 文件，从该机关系统的 /api/trust.json 下载。\n"
    "A sheet alone is judged by its office's published certificates: --trust FILE, from /api/trust.json of its server."
)
EXIT = {"pass": 0, "fail": 1, "undecided": 2}


def verify_file(file: Path, *, as_json: bool, trust: Path | None) -> int:
    """Print the verdict; 0 when every part passes, 1 when one fails, 2 when one cannot be judged.

    ``trust``: the office's published certificates as its server gives them at ``/api/trust.json``. A package carries
    its own; a sheet alone does not, and without them nothing in it can be believed.
    """
    anchors = signing_trust.from_json(trust.read_bytes()) if trust else None
    if is_pdf(file):
        return verify_sheet(file, anchors, as_json=as_json)
    from recordings.verify import verify_package  # half a second that a sheet alone does not need

    verdict = verify_package(file, datetime.now(UTC), anchors)
    print(msgspec.json.encode(verdict, enc_hook=str).decode() if as_json else in_words(verdict))
    return EXIT[verdict.state]


def is_pdf(file: Path) -> bool:
    """Whether it begins as PDFs do; a package is a tar file or a folder."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(5) == b"%PDF-"


def verify_sheet(file: Path, anchors: TrustBundle | None, *, as_json: bool) -> int:
    if anchors is None:
        print(NO_ANCHORS, file=sys.stderr)
        return EXIT["undecided"]
    verdict = verify_pdf(file.read_bytes(), anchors, datetime.now(UTC))
    print(msgspec.json.encode(verdict).decode() if as_json else sheet_in_words(verdict))
    return EXIT[verdict.state]


def sheet_in_words(verdict: PdfVerdict) -> str:
    """Who signed, when, in which role, how identified; then what is wrong with the file as a whole."""
    lines = [f"{SIGNS[verdict.state]} {verdict.case_number}", f"  SHA-256 {verdict.sha256}", ""]
    words = HELP_ROLE_WORDS if verdict.kind == "help" else ROLE_WORDS
    for one in verdict.signatures:
        title = words[one.role][0] if one.role in words else one.role
        lines.append(f"{SIGNS[one.state]} {title} {one.name} {clock(one.at)} {one.identity}".rstrip())
        lines += [f"    {each.code} {each.zh} {each.en}" for each in one.reasons]
    return "\n".join([*lines, *(f"{each.code} {each.zh} {each.en}" for each in verdict.reasons)])


def in_words(verdict: PackageVerdict) -> str:
    lines = [f"{SIGNS[verdict.state]} {verdict.sentence_zh}", f"  {verdict.sentence_en}", ""]
    for part in verdict.parts:
        lines.append(f"{SIGNS[part.state]} {' / '.join(verdict.title(part.part))}")
        for found in part.findings:
            lines += [f"    {found.code} {found.zh}", f"        {found.en}"]
    if verdict.report is not None:
        lines.append("")
        for signature in verdict.report.signatures:
            lines.append(f"{SIGNS.get(signature.state, '?')} {signature.field}: {signature.name}")
    return "\n".join(lines)
