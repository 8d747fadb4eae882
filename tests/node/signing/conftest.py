"""A scene on a fresh database, and one signed sheet that many tests read."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foundation.clock import ManualClock, SystemClock
from foundation.db import Database
from signing.fonts import FontSet, open_fonts
from signing.trust import TrustBundle, trust_bundle
from tests.node.signing.scene import Scene
from tests.unit.signing.samples import report


@pytest.fixture(scope="session")
def fonts() -> FontSet:
    return open_fonts()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2025, 11, 24, 6, 30, tzinfo=UTC))


@pytest.fixture
async def scene(sqlite_database: Database, tmp_path: Path, fonts: FontSet, clock: ManualClock) -> Scene:
    """A sheet that waits for everybody, on SQLite, at a time that stands still."""
    made = await Scene.set(sqlite_database, tmp_path, fonts, clock)
    await made.issue()
    return made


@dataclass(frozen=True)
class Finished:
    """A sealed sheet and every revision on the way."""

    pdf: bytes
    revisions: tuple[bytes, ...]
    trust: TrustBundle
    at: datetime


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, fonts: FontSet) -> Finished:
    """Made once, now: foreign verifiers ask the system's clock."""
    folder = tmp_path_factory.mktemp("finished")

    async def make() -> Finished:
        db = await Database.open(f"sqlite:///{folder / 'test.db'}")
        await db.create_all()
        scene = await Scene.set(db, folder, fonts, SystemClock())
        await scene.issue(report(items=8, photos=3))
        revisions = [await scene.pdf()]
        from tests.node.signing.scene import EVERYBODY, Browser

        for actor, role in EVERYBODY:
            await Browser(actor, role).sign(scene.ceremony, "后厨照片偏暗" if role == "applicant" else "")
            revisions.append(await scene.pdf())
        pdf = await scene.seal()
        trust = await trust_bundle(scene.means)
        await db.close()
        return Finished(pdf, tuple(revisions), trust, datetime.now(UTC))

    return asyncio.run(make())
