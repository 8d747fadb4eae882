"""A scene on a fresh database, and one signed sheet that many tests read."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foundation.clock import ManualClock
from foundation.db import Database
from signing.fonts import FontSet, open_fonts
from tests.node.signing.finished import Finished, finish
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


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, fonts: FontSet) -> Finished:
    """Made once, now: foreign verifiers ask the system's clock."""
    return asyncio.run(finish(tmp_path_factory.mktemp("finished"), fonts, report(items=8, photos=3)))


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory, fonts: FontSet) -> Finished:
    """As large as sheets get, with rare names, a remark and a refusal."""
    made = report(items=300, photos=80)
    return asyncio.run(finish(tmp_path_factory.mktemp("large"), fonts, made, refusing="assist"))
