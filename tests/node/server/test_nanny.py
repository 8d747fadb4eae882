"""The process that has loaded everything, and the child that serves: killed, told to stop, unable to start."""

import asyncio
import os
import select
import signal
import sys

from server.supervise import CANNOT_START

PROGRAM = """
import os, signal, sys
from server import nanny

def work():
    print(os.getpid(), flush=True)
    if "cannot" in sys.argv:
        raise SystemExit(78)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        signal.pause()

nanny.keep(work, "worker")
"""


async def start(*words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, *words), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


async def said(nanny: asyncio.subprocess.Process) -> int:
    assert nanny.stdout is not None
    async with asyncio.timeout(30):
        return int(await nanny.stdout.readline())


async def test_a_child_that_is_killed_is_replaced_and_the_log_says_how_it_ended() -> None:
    nanny = await start()
    first = await said(nanny)
    os.kill(first, signal.SIGKILL)
    second = await said(nanny)
    assert len({first, second, nanny.pid}) == 3
    nanny.terminate()
    _, errors = await nanny.communicate()
    assert nanny.returncode == 0 and b"worker ended (signal SIGKILL)" in errors
    assert not os.path.exists(f"/proc/{second}")  # noqa: PTH110 - a question to the system


async def test_a_child_that_cannot_start_ends_the_nanny_with_its_code() -> None:
    nanny = await start("cannot")
    await said(nanny)
    assert await nanny.wait() == CANNOT_START


async def test_the_child_goes_with_its_nanny() -> None:
    nanny = await start()
    child = os.pidfd_open(await said(nanny))
    nanny.kill()
    await nanny.communicate()
    ended, _, _ = await asyncio.to_thread(select.select, [child], [], [], 30)  # a process that has ended reads so
    os.close(child)
    assert ended
