"""`./run rehearse [--json] [--keep DIR]`: install in an empty folder, play one inspection, measure what came out.

Exit 0 only if everything verifies: every frame that the phone's browser says it sent is in the file inside the exported
package, each with its own number, sound and picture belong together, the sheet and all signatures are valid, and the
package passes without the server. This is the check to run after installing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tarfile
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, figure, report
from tests.rehearsal import camera, keys, measure
from tests.rehearsal.browsers import browsers
from tests.rehearsal.gallery import Gallery
from tests.rehearsal.help_play import CITIZEN, HelpPlay
from tests.rehearsal.installation import ROOT, installation
from tests.rehearsal.play import Play

# What a browser may rightly complain about: asking who is logged in before anybody is.
HARMLESS = ("401 (Unauthorized)",)


@dataclass
class Findings:
    """What the rehearsal found out, besides figures."""

    record: str = ""
    package: str = ""
    report: str = ""
    verdict_of_button: str = ""
    verdict_offline: str = ""
    verdict_pdfsig: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    photographs: list[dict[str, Any]] = field(default_factory=list)
    start_offset_ms: float | None = None
    length_difference_ms: float | None = None
    complaints: list[str] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)


async def rehearse(
    folder: Path, gallery: Gallery | None = None, lang: str = "zh-CN", *, lines: int = 720
) -> tuple[list[Figure], Findings]:
    """One inspection; the phone's camera has so many lines."""
    film = camera.make(folder, width=lines * 16 // 9, height=lines)
    async with installation(folder) as server, browsers(film) as opened:
        play = Play(server, opened, gallery, lang)
        try:
            package, verdict = await whole_path(play, folder)
        except Exception:
            await last_words(play, folder)
            raise
        findings = await found_by(play, package, verdict)
    return await asyncio.to_thread(examine, package, folder, play, findings), findings


async def found_by(play: Play | HelpPlay, package: Path, verdict: str) -> Findings:
    """What the pages showed, and what the command says of the package."""
    lines = play.browsers.console.lines
    return Findings(
        record=play.record,
        package=str(package),
        verdict_of_button=verdict,
        verdict_offline=await judged_offline(package),
        complaints=[line for line in lines if not any(known in line for known in HARMLESS)],
        steps=[asdict(step) for step in play.steps],
    )


async def judged_offline(package: Path) -> str:
    """What the command says of a package, without the server."""
    verify = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server.cli", "verify", str(package), "--json"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await verify.communicate()
    return "pass" if verify.returncode == 0 else str(json.loads(said)["sentence_zh"])


async def rehearse_help(folder: Path, gallery: Gallery | None = None, lang: str = "zh-CN") -> Findings:
    """A help service, from words to a rating, handed over once; what came out of it."""
    async with installation(folder) as server, browsers(None) as opened:
        play = HelpPlay(server, opened, gallery, lang, business=CITIZEN)
        try:
            package, verdict = await play.whole(folder)
        except Exception:
            await last_words(play, folder)
            raise
        findings = await found_by(play, package, verdict)
    inside = folder / "package"
    with tarfile.open(package) as tar:
        tar.extractall(inside, filter="data")
    findings.report = str(next(inside.rglob("report.pdf")))
    findings.verdict_pdfsig = pdfsig(Path(findings.report))
    return findings


async def whole_path(play: Play, folder: Path) -> tuple[Path, str]:
    lead, assist = await play.log_in("liming"), await play.log_in("zhoulan")
    link = await play.open_case(lead)
    phone = await play.prepare_phone(link, lead)
    witness = await play.prepare_witness(lead)
    await play.enter_call(lead, assist, phone)
    await play.procedure(lead)
    await play.photographs(lead, phone)
    await play.answer_all(lead)
    await play.close(lead)
    await play.sign(lead, assist, phone, witness)
    await play.end(lead, phone)
    return await play.audit(await play.log_in("hejing"), folder)


async def last_words(play: Play, folder: Path) -> None:
    """A failing rehearsal leaves its pictures and says where; the logs' ends are printed."""
    for number, context in enumerate([*play.browsers.desk.contexts, *play.browsers.phone.contexts]):
        for page in context.pages:
            await page.screenshot(path=folder / f"failed-{number}.png")
    for role in ("node", "media", "packager", "jobs"):
        print(f"── {role}\n{play.installation.log(role)}", file=sys.stderr)
    print("── browsers\n" + "\n".join(play.browsers.console.lines), file=sys.stderr)
    print(f"Pictures of the pages: {folder}", file=sys.stderr)


def examine(package: Path, folder: Path, play: Play, findings: Findings) -> list[Figure]:
    """Open the package as a stranger does and count."""
    inside = folder / "package"
    with tarfile.open(package) as tar:
        tar.extractall(inside, filter="data")
    data = next(inside.rglob("manifest.json")).parent
    manifest = json.loads((data / "manifest.json").read_bytes())
    findings.report = str(data / "report.pdf")
    findings.verdict_pdfsig = pdfsig(data / "report.pdf")
    findings.keys = keys.judged(play.keys, data / "report.pdf")
    events = [json.loads(line) for line in (data / "events.jsonl").read_text().splitlines()]
    findings.photographs = photographs(events, data)
    legs = next(leg["legs"] for leg in manifest["legs"] if leg["role"] == "applicant")
    epochs = [epoch for epoch in manifest["epochs"] if epoch["leg"] in legs]
    recordings = [measure.read(data / "recordings" / f"{epoch['epoch']}.webm") for epoch in epochs]
    sent = sum(one["frames"] for one in play.witness["sent"])
    recorded = sum(one.frames for one in recordings)
    # A browser counts a picture when it is encoded. When its own queue is full it throws some away before they are
    # sent, which the stream's numbers show: pictures passed over where no packet is.
    dropped = sum(epoch["dropped_by_sender"] for epoch in epochs)
    if play.call_started_at and manifest["origin"] and epochs:
        origin = datetime.fromisoformat(manifest["origin"])
        findings.start_offset_ms = round((origin - play.call_started_at).total_seconds() * 1000)
        wall_ms = max(epoch["start_ms"] + epoch["length_ms"] for epoch in epochs) - min(e["start_ms"] for e in epochs)
        findings.length_difference_ms = round(sum(one.length_s for one in recordings) * 1000 - wall_ms)
    offsets = [
        offset
        for epoch, one in zip(epochs, recordings, strict=True)
        for offset in one.sound_after_picture_ms(
            epoch["start_wall_ns"] / 1e6, play.witness["flashes"], play.witness["beeps"]
        )
    ]
    return [
        figure("rehearse", "frames_sent", [sent]),
        figure("rehearse", "frames_dropped_by_browser", [dropped]),
        figure("rehearse", "frames_recorded", [recorded]),
        # Frames that were on their way when the call ended may be recorded after the last count; never fewer.
        figure("rehearse", "frames_missing", [max(0, sent - dropped - recorded)]),
        figure("rehearse", "frames_unreadable", [sum(one.unreadable for one in recordings)]),
        figure("rehearse", "sound_after_picture", [abs(offset) for offset in offsets]),
    ]


def photographs(events: list[dict[str, Any]], data: Path) -> list[dict[str, Any]]:
    """Each photograph on record with its hash, and whether the file in the package has it."""
    taken = [json.loads(event["body_text"]) for event in events if event["tag"] == "applicant:photo:taken"]
    hashes = {path.stem: measure.sha256(path) for path in (data / "photos").glob("*")}
    return [
        {"photo": one["photo"], "sha256": one["sha256"], "matches": hashes.get(one["photo"]) == one["sha256"]}
        for one in taken
    ]


def pdfsig(path: Path) -> str:
    """What a foreign verifier says of the sheet's signatures; its exit code does not tell, so the text is read."""
    said = measure.run([shutil.which("pdfsig") or "pdfsig", str(path)]).stdout.decode(errors="replace")
    valid, all_of_them = said.count("Signature is Valid"), said.count("Signature Type: ETSI.CAdES.detached")
    return "pass" if valid and valid == all_of_them else f"{valid} of {all_of_them} valid"


def holds(figures: list[Figure], findings: Findings) -> bool:
    verdicts = {findings.verdict_of_button, findings.verdict_offline, findings.verdict_pdfsig, *findings.keys.values()}
    photographs_match = bool(findings.photographs) and all(one["matches"] for one in findings.photographs)
    return all(one.holds for one in figures) and verdicts == {"pass"} and photographs_match and not findings.complaints


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run rehearse", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures and paths as JSON")
    parser.add_argument("--help-service", action="store_true", help="play a help service instead of an inspection")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave everything there")
    parser.add_argument("--pictures", type=Path, help="also look at every page and write pictures of it")
    parser.add_argument("--lang", default="zh-CN", help="language of the browsers: zh-CN or en-GB")
    chosen = parser.parse_args()
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="yuankan-rehearsal-"))
    folder.mkdir(parents=True, exist_ok=True)
    gallery = Gallery(chosen.pictures, chosen.lang) if chosen.pictures else None
    if chosen.help_service:
        found = asyncio.run(rehearse_help(folder.absolute(), gallery, chosen.lang))
        found.complaints.extend(gallery.faults if gallery else [])
        print(json.dumps(asdict(found), ensure_ascii=False, indent=None if chosen.json else 1))
        verdicts = {found.verdict_of_button, found.verdict_offline, found.verdict_pdfsig}
        return 0 if verdicts == {"pass"} and not found.complaints else 1
    figures, findings = asyncio.run(rehearse(folder.absolute(), gallery, chosen.lang))
    findings.complaints.extend(gallery.faults if gallery else [])
    code = report("rehearse", figures, as_json=chosen.json, extra=asdict(findings))
    if not chosen.json:
        print(json.dumps(asdict(findings), ensure_ascii=False, indent=1))
    return code if holds(figures, findings) else 1


if __name__ == "__main__":
    raise SystemExit(main())
