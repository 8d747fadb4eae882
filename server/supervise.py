"""Starts the processes of one machine, starts again what dies, and takes all of them along when it ends.

Each child says ``ready`` on its standard output once it serves; whatever it prints to standard error goes to its own
file under ``data/logs``. A child that ends by itself is started again after a pause that doubles from 0.2 s to 5 s,
and one line on the terminal says which, how it ended and where its log is. A child that ends with ``CANNOT_START``
printed a sentence for people (a taken port, a missing permission): it is shown and everything stops, because trying
again would not help.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

# sysexits.h EX_CONFIG: the child knows that a restart will end the same way.
CANNOT_START = 78
READY = "ready"
# A job worker may be in the middle of a signature; it finishes its step within this.
STOP_SECONDS = 8.0
PATIENCE = ("nice", "-n", "5")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
# One that ran this long died of something new: its pause starts anew.
STEADY_SECONDS = 30.0


@dataclass(frozen=True)
class Child:
    """One process: its name for people, its command, and what it finds in its environment.

    A ``patient`` one starts when all others serve, and runs when no other needs the processor.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    patient: bool = False


class CannotStart(Exception):
    """A child said why it cannot run here; the text is for people."""


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Ask Linux to end this process when its parent ends, however that ends (prctl(2), PR_SET_PDEATHSIG). What was
    asked for first holds."""
    if sys.platform == "linux":
        libc, asked = ctypes.CDLL(None, use_errno=True), ctypes.c_int()
        libc.prctl(2, ctypes.byref(asked))
        if not asked.value:
            libc.prctl(1, number)


def announce_ready() -> None:
    """Tell the parent that this process serves."""
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()


class Supervisor:
    """Runs ``children`` until ``stop`` is set or one of them cannot start (``CannotStart``).

    ``on_ready`` is called when all but the patient ones serve: from then on people can work.
    """

    def __init__(self, children: Sequence[Child], logs: Path, say: Callable[[str], None]) -> None:
        self._children = children
        self._logs = logs
        self._say = say
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._ready = {child.name: asyncio.Event() for child in children}

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
        await asyncio.to_thread(self._logs.mkdir, parents=True, exist_ok=True)
        keepers = [asyncio.create_task(self._keep(child)) for child in self._children]
        started = asyncio.create_task(self._announce(on_ready))
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([*keepers, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()
        finally:
            for task in (*keepers, started, stopping):
                task.cancel()
            await asyncio.gather(*keepers, started, stopping, return_exceptions=True)
            await self._stop_all()

    async def _announce(self, on_ready: Callable[[], None]) -> None:
        await self._others_ready()
        on_ready()

    async def _others_ready(self) -> None:
        for child in self._children:
            if not child.patient:
                await self._ready[child.name].wait()

    async def _keep(self, child: Child) -> None:
        pause = FIRST_PAUSE_S
        if child.patient:
            await self._others_ready()
        while True:
            began = asyncio.get_running_loop().time()
            code, last_words = await self._run_once(child)
            if code == CANNOT_START:
                raise CannotStart(last_words or f"{child.name}: see {self._log_of(child)}")
            if asyncio.get_running_loop().time() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE_S
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            line = f"{child.name} ended ({how}); starting it again in {pause:.1f} s."
            self._say(f"{line} Log: {self._log_of(child)}")
            await asyncio.to_thread(self._note, child, line)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _run_once(self, child: Child) -> tuple[int, str]:
        with await asyncio.to_thread(self._log_of(child).open, "ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(PATIENCE if child.patient else ()),
                *child.command,
                env={**os.environ, **child.environment},
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                # Ctrl-C reaches the whole foreground group; children stop when we tell them, in order.
                start_new_session=True,
            )
        self._running[child.name] = process
        last_words = ""
        assert process.stdout is not None
        async for line in process.stdout:
            text = line.decode(errors="replace").strip()
            if text == READY:
                self._ready[child.name].set()
            elif text:
                last_words = text
        return await process.wait(), last_words

    async def _stop_all(self) -> None:
        """Last started, first stopped, so that nobody loses what they depend on while they finish."""
        for name in reversed(list(self._running)):
            process = self._running.pop(name)
            if process.returncode is not None:
                continue
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                self._say(f"{name} did not stop within {STOP_SECONDS:.0f} s and was killed.")
                process.kill()
                await process.wait()

    def _note(self, child: Child, line: str) -> None:
        """In the child's own log too, right below its last words: the terminal may be closed by then."""
        # Perhaps it died of the full disk that this line does not fit on either.
        with contextlib.suppress(OSError), self._log_of(child).open("a") as log:
            log.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}\n")

    def _log_of(self, child: Child) -> Path:
        return self._logs / f"{child.name}.log"
