"""A scene on a fresh database, and one signed sheet that many tests read."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foundation.clock import ManualClock, SystemClock
from foundation.db import Database
from signing.fonts import FontSet, open_fonts
from signing.keys import ServerKeys
from signing.trust import TrustBundle, trust_bundle
from tests.node.signing.scene import Scene
from tests.unit.signing.samples import report

NOW = datetime(2025, 11, 24, 6, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def fonts() -> FontSet:
    return open_fonts()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture(scope="session")
def issued(tmp_path_factory: pytest.TempPathFactory, fonts: FontSet) -> Path:
    """A folder with database and objects of a sheet that waits for everybody; each test gets a copy."""
    folder = tmp_path_factory.mktemp("issued")

    async def make() -> None:
        db = await Database.open(f"sqlite:///{folder / 'test.db'}")
        await db.create_all()
        await (await Scene.set(db, folder, fonts, ManualClock(NOW))).issue()
        await db.close()

    asyncio.run(make())
    return folder


@pytest.fixture
def scene_folder(issued: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(issued, tmp_path / "scene"))


@pytest.fixture
async def scene(scene_folder: Path, fonts: FontSet, clock: ManualClock) -> AsyncIterator[Scene]:
    """A sheet that waits for everybody, on SQLite, at a time that stands still."""
    db = await Database.open(f"sqlite:///{scene_folder / 'test.db'}")
    yield await Scene.set(db, scene_folder, fonts, clock)
    await db.close()


@dataclass(frozen=True)
class Finished:
    """A sealed sheet and every revision on the way."""

    pdf: bytes
    revisions: tuple[bytes, ...]
    trust: TrustBundle
    keys: ServerKeys
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
        keys = await scene.means.keys.server_keys()
        await db.close()
        return Finished(pdf, tuple(revisions), trust, keys, datetime.now(UTC))

    return asyncio.run(make())
