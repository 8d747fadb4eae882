"""`yuankan verify PACKAGE`: the whole verdict on an exported package, offline, without the server that made it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from recordings.package_verdict import PackageVerdict
from recordings.verify import verify_package
from signing import trust as signing_trust

SIGNS = {"pass": "✓", "fail": "✗", "undecided": "?"}
PARTS = {
    "recording": "录像 / recording",
    "photos": "照片 / photographs",
    "report": "勘验单 / sheet",
    "signatures": "签名 / signatures",
    "time": "时间证明 / time proof",
}
EXIT = {"pass": 0, "fail": 1, "undecided": 2}


def verify_file(package: Path, *, as_json: bool, trust: Path | None) -> int:
    """Print the verdict; 0 when all five parts pass, 1 when one fails, 2 when one cannot be judged.

    ``trust``: the office's published certificates as its server gives them at ``/api/trust.json``.
    """
    anchors = signing_trust.from_json(trust.read_bytes()) if trust else None
    verdict = verify_package(package, datetime.now(UTC), anchors)
    print(msgspec.json.encode(verdict, enc_hook=str).decode() if as_json else in_words(verdict))
    return EXIT[verdict.state]


def in_words(verdict: PackageVerdict) -> str:
    lines = [f"{SIGNS[verdict.state]} {verdict.sentence_zh}", f"  {verdict.sentence_en}", ""]
    for part in verdict.parts:
        lines.append(f"{SIGNS[part.state]} {PARTS.get(part.part, part.part)}")
        for found in part.findings:
            lines += [f"    {found.code} {found.zh}", f"        {found.en}"]
    if verdict.report is not None:
        lines.append("")
        for signature in verdict.report.signatures:
            lines.append(f"{SIGNS.get(signature.state, '?')} {signature.field}: {signature.name}")
    return "\n".join(lines)
