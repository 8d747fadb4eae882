"""Signing broken off at each of its waits: what stands is the old sheet or the new one, and it can go on."""

import asyncio
import hashlib
import io
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from sqlalchemy.exc import StatementError

from foundation.clock import ManualClock
from foundation.db import Database
from foundation.errors import Problem
from signing.ceremony import LEASE
from signing.fonts import FontSet
from signing.seal import seal
from signing.trust import trust_bundle
from signing.verdict import PdfVerdict
from signing.verify import verify_pdf
from tests.node.signing.conftest import NOW
from tests.node.signing.scene import APPLICANT, EVERYBODY, LEAD, RECORD, RECORD_KEY, Browser, Scene
from tests.support.breaking import BreaksAt, Broken
from tests.unit.signing.samples import report

Step = Callable[[Scene], Coroutine[Any, Any, Any]]


async def applicant_signs(scene: Scene) -> None:
    await Browser(APPLICANT, "applicant").sign(scene.ceremony)


async def lead_refuses(scene: Scene) -> None:
    await scene.ceremony.refuse(LEAD, RECORD, "lead", "没有看清")


async def office_seals(scene: Scene) -> None:
    await seal(scene.means, RECORD)


async def system_issues(scene: Scene) -> None:
    await scene.issue(report(items=3, photos=0))


async def nothing(_scene: Scene) -> None:
    pass


async def all_decide(scene: Scene) -> None:
    for actor, role in EVERYBODY:
        await scene.ceremony.refuse(actor, RECORD, role, "")


STEPS: list[tuple[Step, Step]] = [
    (nothing, applicant_signs),
    (nothing, lead_refuses),
    (all_decide, office_seals),
    (nothing, system_issues),
]


# They wait some ten to a hundred times; the deep check breaks every wait, here it is one in so many.
SELDOM = {applicant_signs: 12, lead_refuses: 2, office_seals: 3, system_issues: 12}


@pytest.mark.parametrize(("before", "step"), STEPS, ids=lambda one: one.__name__)
async def test_whatever_wait_of_signing_fails_a_defined_state_stands(
    issued: Path, tmp_path: Path, fonts: FontSet, before: Step, step: Step
) -> None:
    await every_wait(issued, tmp_path, fonts, before, step, SELDOM[step])


async def every_wait(issued: Path, tmp_path: Path, fonts: FontSet, before: Step, step: Step, stride: int) -> None:
    first = Path(shutil.copytree(issued, tmp_path / "first"))
    async with opened(first, fonts, ManualClock(NOW)) as scene:
        await before(scene)
    seen: set[str] = set()
    for number in range(1, 500, stride):
        folder = Path(shutil.copytree(first, tmp_path / str(number)))
        async with opened(folder, fonts, ManualClock(NOW)) as scene:
            running = BreaksAt(step(scene), number)
            try:
                await running
            except (Broken, Problem, StatementError):
                pass
            await stands(scene, seen)
        shutil.rmtree(folder)
        if running.waits < number:
            break
    assert 5 < running.waits < number
    assert len(seen) == 2, seen


class opened:
    """A scene on the database in a folder."""

    def __init__(self, folder: Path, fonts: FontSet, clock: ManualClock) -> None:
        self._folder, self._fonts, self._clock = folder, fonts, clock

    async def __aenter__(self) -> Scene:
        self._db = await Database.open(f"sqlite:///{self._folder / 'test.db'}")
        return await Scene.set(self._db, self._folder, self._fonts, self._clock)

    async def __aexit__(self, *_: object) -> None:
        await self._db.close()


async def stands(scene: Scene, seen: set[str]) -> None:
    """A reader is given every signature that the rows say, whole, and none that they do not; and signing can go on.

    ``seen``: the states met so far; in each of them everybody signs to the end once, in all others one takes the lease.
    """
    assert isinstance(scene.means.clock, ManualClock)
    revision = await scene.current()
    states = await scene.states()
    pdf = await scene.means.objects.get(revision.object, RECORD_KEY)
    assert hashlib.sha256(pdf).hexdigest() == revision.sha256
    signed = [field for field, state in states.items() if state == "signed"]
    names = [str(one.field_name) for one in PdfFileReader(io.BytesIO(pdf)).embedded_signatures]
    assert names == ["System", *signed, *(["Seal", "Archive"] if revision.kind == "sealed" else [])]
    scene.means.clock.advance(LEASE.total_seconds())
    waiting = [who for who in EVERYBODY if states[who[1].capitalize()] == "waiting"]
    if (state := f"{revision.number} {states}") not in seen:
        seen.add(state)
        assert all(one.state == "pass" for one in (await verdict(scene, pdf)).signatures)
        for actor, role in waiting:
            await Browser(actor, role).sign(scene.ceremony)
        sealed = await verdict(scene, await scene.seal())
        assert sealed.state == "pass", sealed
    elif waiting:
        actor, role = waiting[0]
        await Browser(actor, role).prepare(scene.ceremony)


async def verdict(scene: Scene, pdf: bytes) -> PdfVerdict:
    return await asyncio.to_thread(verify_pdf, pdf, await trust_bundle(scene.means), scene.means.clock.now())
