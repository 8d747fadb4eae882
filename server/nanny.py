"""A process that has loaded everything and serves nothing, so that the one that serves is back at once when it dies.

Loading a role takes seconds on a busy machine and would be most of what people wait for after a crash. The nanny loads
it once and forks; the child serves. A child that dies is forked again, after a pause that doubles while children die
young. SIGTERM and SIGINT are passed on; if the nanny itself dies, the child goes with it, as another nanny will come.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from types import FrameType

from server.supervise import CANNOT_START, die_with_parent

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 5.0
STEADY_S = 10.0
_PASSED_ON = (signal.SIGTERM, signal.SIGINT)


def keep(work: Callable[[], None], name: str) -> None:
    """Run `work` in a child until it ends by itself, is told to, or cannot start; raises SystemExit with its code."""
    child, told = 0, False

    def pass_on(number: int, _frame: FrameType | None) -> None:
        nonlocal told
        told = True
        if child:
            os.kill(child, number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    gc.collect()
    gc.freeze()  # the pages of what is loaded stay shared
    pause_s = FIRST_PAUSE_S
    while not told:
        began_s = time.monotonic()
        # No signal between the fork and knowing whom to pass it on to.
        signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
        child = os.fork()
        if child == 0:
            _serve(work)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        child = 0
        if told or code in (0, CANNOT_START):
            raise SystemExit(max(code, 0))
        pause_s = FIRST_PAUSE_S if time.monotonic() - began_s > STEADY_S else pause_s
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        sys.stderr.write(f"{name} ended ({how}); it begins anew in {pause_s:.2f} s\n")
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
    raise SystemExit(0)


def _serve(work: Callable[[], None]) -> None:
    """The child's whole life; never returns."""
    code = 1
    try:
        for number in _PASSED_ON:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        die_with_parent(signal.SIGKILL)
        work()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
