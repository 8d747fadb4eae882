"""The long form of what short tests show: many broken journals, and every figure of the durability bench."""

from pathlib import Path

import pytest

from foundation.db import Database
from foundation.keyring import Keyring
from foundation.objects import ObjectStore
from tests.bench import durability
from tests.support.broken_journals import check_broken


@pytest.mark.timeout(1200)
async def test_forty_journals_broken_anywhere(
    sqlite_database: Database, object_store: ObjectStore, keyring: Keyring, tmp_path: Path
) -> None:
    for seed in range(1_000, 1_040):
        await check_broken(sqlite_database, object_store, keyring, tmp_path / "spool", seed)


@pytest.mark.timeout(1200)
async def test_every_figure_of_durability_holds() -> None:
    figures = await durability.bench()
    assert all(figure.holds for figure in figures), figures
