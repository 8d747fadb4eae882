"""Has keyframes read in the sandbox: starts it when the first one comes, asks, and kills it when it does not answer.

All of it blocks and belongs into a thread of its own (`Reader.read` runs there); the worker's loop never waits. The
sandbox is another program, not a fork: the worker's memory holds the keys of every connection.
"""

import socket
import subprocess
import sys
import time
from pathlib import Path

from foundation import log
from media.quality import Measures
from media.sandbox import FRAME_MAX, PIXELS_MAX, READ, READY, REPLY, REQUEST
from media.still import Still

ANSWER_S = 3.0  # a picture takes hundredths of a second; this is a machine that is very busy
START_S = 30.0  # loading the decoders takes a third of a second, and many times that on such a machine
PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0  # between a death and the next start, doubled while they follow each other
_ROOT = Path(__file__).resolve().parent.parent
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from media.sandbox import main; main()"
# Isolated: no user site, no environment of ours (it has secrets), and one thread for each library.
COMMAND = (sys.executable, "-I", "-c", _BOOT, str(_ROOT))
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # Pictures' memory is kept from look to look: giving it back each time costs a third of the look.
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
}

_log = log.get("media.pictures")


class SandboxDied(Exception):
    """It ended, or had to be killed, over this keyframe. The next one may start another."""


class Resting(Exception):
    """There is no sandbox, and it is too early to start another."""


class Reader:
    """One sandbox at a time. Not thread-safe: one thread calls it, but for `interrupt`."""

    def __init__(self, answer_s: float = ANSWER_S) -> None:
        self._answer_s = answer_s
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._pause_s = PAUSE_S
        self._not_before_s = 0.0
        self.started = 0

    @property
    def pid(self) -> int | None:
        """The sandbox's process, while there is one."""
        return self._process.pid if self._process is not None else None

    def read(self, source: int, still: Still) -> Measures | None:
        """The figures of a whole keyframe of this source, or None if it is none that we decode.

        `source` is any number of 64 bits; its pictures are compared with each other. Raises SandboxDied, Resting,
        OSError where no process can be started.
        """
        size, frame = still.size, still.data
        if size is None or not 0 < size[0] * size[1] <= PIXELS_MAX or len(frame) > FRAME_MAX:
            return None
        link = self._link if self._link is not None else self._start()
        try:
            link.sendall(REQUEST.pack(len(frame), source, still.codec == "H264") + frame)
            answer = _exactly(link, REPLY.size)
        except OSError as error:
            raise self._died(error) from error
        status, width, height, *figures = REPLY.unpack(answer)
        seen = Measures(width, height, *figures)
        if status != READ:
            return None
        if not seen.possible:
            raise self._died(ValueError("figures that no picture has"))
        self._pause_s = PAUSE_S
        return seen

    def interrupt(self) -> None:
        """End what `read` waits for; the one method that another thread may call."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the sandbox, if there is one."""
        link, process = self._link, self._process
        self._link = self._process = None
        if link is not None:
            link.close()
        if process is not None:
            process.kill()
            process.wait()

    def _start(self) -> socket.socket:
        if time.monotonic() < self._not_before_s:
            raise Resting
        ours, theirs = socket.socketpair()
        null = subprocess.DEVNULL
        with theirs:
            try:
                self._process = subprocess.Popen(
                    COMMAND, stdin=theirs.fileno(), stdout=null, stderr=null, env=_ENVIRONMENT, cwd="/", close_fds=True
                )
            except OSError:
                ours.close()
                self._rest()
                raise
        self._link = ours
        self.started += 1
        try:
            ours.settimeout(START_S)
            _exactly(ours, len(READY))
            ours.settimeout(self._answer_s)
        except OSError as error:
            raise self._died(error) from error
        return ours

    def _died(self, error: Exception) -> SandboxDied:
        process = self._process
        self.close()
        code = process.returncode if process is not None else None
        _log.warning("the sandbox for pictures ended", error=error, code=code, pause_s=self._pause_s)
        self._rest()
        return SandboxDied(str(error))

    def _rest(self) -> None:
        self._not_before_s = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)


def _exactly(link: socket.socket, size: int) -> bytes:
    """So many bytes. Raises ConnectionError at the end, TimeoutError after the socket's own time."""
    parts = b""
    while len(parts) < size:
        part = link.recv(size - len(parts))
        if not part:
            raise ConnectionError("it has ended")
        parts += part
    return parts
