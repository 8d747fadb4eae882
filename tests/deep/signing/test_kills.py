"""Every wait of signing: broken by an error, as tests/node/signing/test_crashes.py does for some, and by kill -9."""

import asyncio
import multiprocessing
import shutil
from pathlib import Path

import pytest

from foundation.clock import ManualClock
from signing.fonts import open_fonts
from tests.node.signing import test_crashes as crashes
from tests.node.signing.conftest import NOW, fonts, issued
from tests.support.breaking import BreaksAt

__all__ = ["fonts", "issued"]
NAMES = {step.__name__: (before, step) for before, step in crashes.STEPS}


def dies(folder: Path, name: str, at: int) -> None:
    """In a process of its own: the step up to its n-th wait, which is the process's end."""

    async def run() -> None:
        async with crashes.opened(folder, open_fonts(), ManualClock(NOW)) as scene:
            await BreaksAt(NAMES[name][1](scene), at, kill=True)

    asyncio.run(run())


@pytest.mark.timeout(1800)
@pytest.mark.may_block("waits for a process to die")
@pytest.mark.parametrize("name", NAMES)
async def test_wherever_the_process_is_killed_a_defined_state_stands(issued: Path, tmp_path: Path, name: str) -> None:
    first = Path(shutil.copytree(issued, tmp_path / "first"))
    async with crashes.opened(first, open_fonts(), ManualClock(NOW)) as scene:
        await NAMES[name][0](scene)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    seen: set[str] = set()
    for number in range(1, 500):
        folder = Path(shutil.copytree(first, tmp_path / str(number)))
        process = context.Process(target=dies, args=(folder, name, number))
        process.start()
        process.join()
        assert process.exitcode in (0, 9)
        async with crashes.opened(folder, open_fonts(), ManualClock(NOW)) as scene:
            await crashes.stands(scene, seen)
        shutil.rmtree(folder)
        if process.exitcode == 0:
            break
    assert process.exitcode == 0 and number > 5
    assert len(seen) == 2, seen


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [step.__name__ for step in crashes.SELDOM])
async def test_whatever_wait_fails_a_defined_state_stands(issued: Path, tmp_path: Path, name: str) -> None:
    await crashes.every_wait(issued, tmp_path, open_fonts(), *NAMES[name], stride=1)
