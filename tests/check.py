"""`./run check`: every rule that a tool can hold, then every test, then one line of counts.

A static rule (lint, format, types, contracts, the web client's types) counts as one test. The suites run by folder, so
that a red line names its kind, in two lanes side by side; browsers come after them, alone. `--deep` adds what is long:
fuzz, floods, durability. Under CI a skipped test fails the run, because a test that did not run has shown nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "check"
BIN = Path(sys.executable).parent
SOURCES = ["foundation", "office", "inspection", "helpdesk", "signing", "recordings", "media", "signaling", "server"]


@dataclass(frozen=True)
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


@dataclass(frozen=True)
class Step:
    name: str
    command: list[str]
    folder: Path = ROOT
    suite: str | None = None  # a run of pytest: its counts come from the report of that name


# Two cores, two lanes of about the same length; the tools that read the sources are the first one's beginning.
FIRST = {
    "node": ["node/foundation", "node/helpdesk", "node/inspection", "node/office", "node/recordings"],
    "cluster": ["cluster"],
    "media": ["node/media"],
}
SECOND = {
    "unit": ["unit"],
    "signing": ["node/signing"],
    "node-live": ["node/server", "node/signaling"],
}
# They use all cores themselves, and judge what a busy machine would spoil.
ALONE = {"browser": ["browser"]}
DEEP = {"deep": ["deep"]}


def tools() -> list[Step]:
    return [
        Step("lint", [str(BIN / "ruff"), "check", "."]),
        Step("format", [str(BIN / "ruff"), "format", "--check", "."]),
        Step("types", [str(BIN / "mypy"), *SOURCES]),
        Step("import contracts", [str(BIN / "lint-imports")]),
        Step("web client: types and tests", ["npm", "run", "check"], ROOT / "web_client"),
    ]


def tests(suites: dict[str, list[str]]) -> list[Step]:
    return [
        Step(
            name,
            [
                *(sys.executable, "-m", "pytest", *(f"tests/{folder}" for folder in folders)),
                *("--junit-xml", str(OUT / f"{name}.xml"), "-ra"),
            ],
            suite=name,
        )
        for name, folders in suites.items()
    ]


def counts_of(step: Step, code: int) -> Counts:
    if step.suite is None:
        return Counts(passed=int(code == 0), failed=int(code != 0))
    report = OUT / f"{step.suite}.xml"
    if not report.exists():
        return Counts(failed=1)
    total = Counts()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        tests, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        total += Counts(tests - skipped - failed, failed, skipped)
    # A suite that broke before or after its tests (a crash, nothing collected) is red whatever its report says.
    return total + Counts(failed=int(code != 0 and total.failed == 0))


def engines(report: Path) -> str:
    """How many tests ran on each database, read from the parameters in their names."""
    if not report.exists():
        return ""
    names = [case.get("name", "") for case in ElementTree.parse(report).getroot().iter("testcase")]
    found = {engine: sum(engine in name for name in names) for engine in ("sqlite", "postgresql")}
    return f" (SQLite {found['sqlite']}, PostgreSQL {found['postgresql']})" if any(found.values()) else ""


def run(step: Step, environment: dict[str, str], *, quietly: bool) -> tuple[Counts, str]:
    """One step; its counts and, when ``quietly``, what it said."""
    if step.suite:
        (OUT / f"{step.suite}.xml").unlink(missing_ok=True)
    began = time.monotonic()
    output = subprocess.PIPE if quietly else None
    done = subprocess.run(
        step.command, cwd=step.folder, env=environment, check=False, stdout=output, stderr=output and subprocess.STDOUT
    )
    counts = counts_of(step, done.returncode)
    verdict = "ok" if counts.failed == 0 else "FAILED"
    both = engines(OUT / f"{step.suite}.xml") if step.suite else ""
    said = (done.stdout or b"").decode(errors="replace")
    line = f"   {step.name}: {verdict}, {counts.passed} passed{both}, {time.monotonic() - began:.0f} s"
    return counts, f"── {step.name}\n{said}{line}" if quietly else line


def in_turn(lane: list[Step], environment: dict[str, str], *, quietly: bool) -> Counts:
    total = Counts()
    for step in lane:
        print(f"── {step.name} …", flush=True)
        counts, text = run(step, environment, quietly=quietly)
        total += counts
        print(text, flush=True)
    return total


def main(arguments: list[str]) -> int:
    if unknown := set(arguments) - {"--deep"}:
        print("usage: ./run check [--deep]")
        return 0 if unknown <= {"--help", "-h"} else 2
    OUT.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    total = Counts()
    with ThreadPoolExecutor(max_workers=2) as lanes:  # what is printed is a step that has ended
        both = lanes.map(
            lambda lane: in_turn(lane, environment, quietly=True), ([*tools(), *tests(FIRST)], tests(SECOND))
        )
        for counts in both:
            total += counts
    total += in_turn(tests(ALONE | (DEEP if "--deep" in arguments else {})), environment, quietly=False)
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    return 1 if total.failed or (total.skipped and os.environ.get("CI")) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
