"""The supervisor with real processes: started, said to be ready, started again, stopped, or explained."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from server.supervise import CANNOT_START, CannotStart, Child, Supervisor
from tests.support.waiting import until

pytestmark = pytest.mark.may_block("the test itself reads small files between steps")

READY_AND_WAIT = """
import os, signal, sys
with open(sys.argv[1], "a") as out:
    print(os.getpid(), file=out)
print("ready", flush=True)
signal.pause()
"""


def child(tmp_path: Path, name: str = "worker", code: str = READY_AND_WAIT) -> Child:
    return Child(name, [sys.executable, "-c", code, str(tmp_path / f"{name}.pids")])


def pids(tmp_path: Path, name: str = "worker") -> list[int]:
    path = tmp_path / f"{name}.pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_child_that_dies_is_started_again_and_the_terminal_says_why(tmp_path: Path) -> None:
    said: list[str] = []
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(Supervisor([child(tmp_path)], tmp_path / "logs", said.append).run(stop, ready.set))
    await asyncio.wait_for(ready.wait(), 10)
    os.kill(pids(tmp_path)[0], signal.SIGKILL)
    await until(lambda: None if len(pids(tmp_path)) == 2 else "only one process was started")
    stop.set()
    await asyncio.wait_for(running, 10)
    assert any("worker ended (signal SIGKILL)" in line and "worker.log" in line for line in said)
    assert not any(alive(pid) for pid in pids(tmp_path))


async def test_stopping_takes_every_child_along(tmp_path: Path) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    children = [child(tmp_path, name) for name in ("one", "two", "three")]
    running = asyncio.create_task(Supervisor(children, tmp_path / "logs", print).run(stop, ready.set))
    await asyncio.wait_for(ready.wait(), 10)
    started = [pid for name in ("one", "two", "three") for pid in pids(tmp_path, name)]
    stop.set()
    await asyncio.wait_for(running, 10)
    assert len(started) == 3
    assert not any(alive(pid) for pid in started)


async def test_a_child_that_cannot_start_ends_everything_with_its_sentence(tmp_path: Path) -> None:
    code = f"print('Port 8480 is taken by another program.', flush=True); raise SystemExit({CANNOT_START})"
    supervisor = Supervisor([child(tmp_path), child(tmp_path, "node", code)], tmp_path / "logs", print)
    with pytest.raises(CannotStart, match="Port 8480 is taken"):
        await asyncio.wait_for(supervisor.run(asyncio.Event(), lambda: None), 10)
    await until(lambda: "the other child runs" if any(alive(pid) for pid in pids(tmp_path)) else None)


async def test_what_a_child_writes_to_standard_error_is_in_its_log(tmp_path: Path) -> None:
    code = (
        "import sys,signal; print('it broke', file=sys.stderr, flush=True); print('ready', flush=True); signal.pause()"
    )
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(
        Supervisor([child(tmp_path, "jobs", code)], tmp_path / "logs", print).run(stop, ready.set)
    )
    await asyncio.wait_for(ready.wait(), 10)
    stop.set()
    await asyncio.wait_for(running, 10)
    assert "it broke" in (tmp_path / "logs" / "jobs.log").read_text()
