"""What a sheet and its signatures cost: set, signed by everybody, verified, and many at once.

Photographs are of twelve million pixels; their thumbnails exist when the sheet is set, because the desk has shown them
during the call. What the phone does itself (its key, its hash) is not the server's time.
"""

from __future__ import annotations

import asyncio
import io
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from PIL import Image

from foundation.clock import SystemClock
from foundation.db import Database
from office.picture_shelf import make_thumbnail
from signing.fonts import open_fonts
from signing.issue import certified
from signing.pdf import build_pdf
from signing.report import Report
from signing.trust import to_json, trust_bundle
from signing.verify import verify_pdf
from tests.bench.figures import Figure, figure
from tests.node.signing.scene import EVERYBODY, MANIFEST, Browser, Scene
from tests.unit.signing.samples import report

RUNS = 5
ITEMS, PHOTOS = 60, 20
# Noise of this size is a JPEG of 175 kB, and twenty of them make a sheet of 3.5 MB.
SIDES = (508, 381)
AT_ONCE = 50
REPORTS = 16
T = TypeVar("T")


def measure() -> list[Figure]:
    return [*asyncio.run(one_sheet()), *many()]


async def timed(work: Awaitable[T]) -> tuple[float, T]:
    began = time.perf_counter()
    result = await work
    return time.perf_counter() - began, result


async def one_sheet() -> list[Figure]:
    made = report(items=ITEMS, photos=PHOTOS)
    photographs = [photograph(number) for number in range(PHOTOS)]
    cold, small = await timed(asyncio.gather(*(make_thumbnail(one) for one in photographs)))
    thumbnails = {photo.id: one for photo, one in zip(made.photos, small, strict=True) if one}
    assert len(thumbnails) == PHOTOS, "a sheet without its pictures measures nothing"
    fonts = open_fonts()
    sets = []
    for _ in range(RUNS):
        took, _ = await timed(asyncio.to_thread(build_pdf, made, thumbnails, MANIFEST, fonts))
        sets.append(took)
    whole, people, growth = [], [], []
    for _ in range(RUNS):
        total, each, grown, scene = await signed_by_all(made)
        whole.append(total)
        people += each
        growth += grown
        pdf, trust = await scene.pdf(), await trust_bundle(scene.means)
        await scene.means.db.close()
    verified = []
    for _ in range(RUNS):
        took, verdict = await timed(asyncio.to_thread(verify_pdf, pdf, trust, datetime.now(UTC)))
        assert verdict.state == "pass", verdict
        verified.append(took)
    return [
        figure("signing", "report", sets),
        figure("signing", "thumbnails_cold", [cold]),
        figure("signing", "everybody_signs", whole),
        figure("signing", "one_signature", people),
        figure("signing", "one_signature_size", growth),
        figure("signing", "verify_warm", verified),
        figure("signing", "verify_command", commands(pdf, to_json(trust))),
    ]


def photograph(seed: int) -> bytes:
    """4000 × 3000 pixels that compress as a photograph does, to about 3 MB."""
    noise = random.Random(seed).randbytes(1000 * 750 * 3)
    image = Image.frombytes("RGB", (1000, 750), noise).resize((4000, 3000), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def filled(made: Report) -> dict[str, bytes]:
    """Pictures so large that the sheet comes to 3.5 MB."""
    found = {}
    for number, photo in enumerate(made.photos):
        image = Image.frombytes("RGB", SIDES, random.Random(number).randbytes(SIDES[0] * SIDES[1] * 3))
        out = io.BytesIO()
        image.save(out, "JPEG", quality=90)
        found[photo.id] = out.getvalue()
    return found


async def signed_by_all(made: Report) -> tuple[float, list[float], list[float], Scene]:
    """Seconds of the server for all, seconds and kB for each person, and the scene with its sealed sheet."""
    folder = Path(tempfile.mkdtemp(prefix="yuankan-bench-"))
    scene = await new_scene(folder)
    pdf = await asyncio.to_thread(build_pdf, made, filled(made), MANIFEST, scene.means.fonts)
    total, _ = await timed(certified(scene.means, pdf, made.office.name))
    await scene.issue(made, filled(made))
    each, grown = [], []
    for actor, role in EVERYBODY:
        browser = Browser(actor, role)
        before = (await scene.current()).size
        first, ready = await timed(browser.prepare(scene.ceremony, "后厨照片偏暗"))
        raw = browser.raw_signature(ready.attributes)
        second, _ = await timed(scene.ceremony.finish(actor, ready.lease, raw))
        each.append(first + second)
        grown.append(((await scene.current()).size - before) / 1000)
    last, _ = await timed(scene.seal())
    return total + sum(each) + last, each, grown, scene


async def new_scene(folder: Path) -> Scene:
    db = await Database.open(f"sqlite:///{folder / 'test.db'}")
    await db.create_all()
    return await Scene.set(db, folder, open_fonts(), SystemClock())


def commands(pdf: bytes, trust: bytes) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="yuankan-bench-") as name:
        sheet, anchors = Path(name) / "sheet.pdf", Path(name) / "trust.json"
        sheet.write_bytes(pdf)
        anchors.write_bytes(trust)
        found = []
        for _ in range(RUNS + 1):
            began = time.perf_counter()
            words = [sys.executable, "-m", "server.cli", "verify", "--trust", str(anchors), str(sheet)]
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            found.append(time.perf_counter() - began)
    return found[1:]  # the first one compiles what was never imported


# --- many -------------------------------------------------------------------------------------------------------------


def many() -> list[Figure]:
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(some_reports, [1, 1]))  # both processes have imported what they need
        ratios = []
        for _ in range(3):
            alone = pool.submit(some_reports, REPORTS).result()
            together = list(pool.map(some_reports, [REPORTS, REPORTS]))
            ratios.append(2 * alone / max(together))
    print("reports a second, ratio of two processes to one:", ratios, file=sys.stderr)
    failed = asyncio.run(at_once())
    return [figure("signing", "two_processes", [statistics.median(ratios)]), figure("signing", "failures", [failed])]


def some_reports(count: int) -> float:
    """Seconds for so many sheets, set and certified, in this process."""

    async def issue() -> float:
        with tempfile.TemporaryDirectory(prefix="yuankan-bench-") as name:
            scene = await new_scene(Path(name))
            began = time.perf_counter()
            for number in range(count):
                await scene.issue(_numbered(number))
            took = time.perf_counter() - began
            await scene.means.db.close()
            return took

    return asyncio.run(issue())


def _numbered(number: int) -> Report:
    return msgspec.structs.replace(report(items=ITEMS, photos=PHOTOS), record=f"rec_{number}")


async def at_once() -> float:
    """How many of fifty people who sign fifty sheets at the same moment do not end up signed."""
    with tempfile.TemporaryDirectory(prefix="yuankan-bench-") as name:
        scene = await new_scene(Path(name))
        sheets = [
            msgspec.structs.replace(report(items=8, photos=2), record=f"rec_{number}") for number in range(AT_ONCE)
        ]
        for made in sheets:
            await scene.issue(made)
        actor, role = EVERYBODY[0]
        signed = await asyncio.gather(
            *(Browser(actor, role, record=made.record).sign(scene.ceremony) for made in sheets), return_exceptions=True
        )
        await scene.means.db.close()
        return float(sum(isinstance(one, BaseException) for one in signed))
