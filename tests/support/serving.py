"""The one command as a person starts it: what it prints, read as it comes, and Ctrl-C at the end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

UP = "stop: Ctrl-C"


class Serving:
    """`./run` or `yuankan serve` in a session of its own, with both outputs on one pipe."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self._lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def said(self) -> str:
        return "".join(self._lines)

    def wait_for(self, text: str, seconds: float) -> None:
        """Until it has said this. Fails with all it said."""
        deadline = time.monotonic() + seconds
        while text not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, f"no “{text}” after {seconds:.0f} s:\n{self.said}"
            time.sleep(0.1)

    @property
    def address(self) -> str:
        """Where officers go."""
        found = re.search(r"/ staff +(\S+)/$", self.said, re.MULTILINE)
        assert found, self.said
        return found[1]

    @property
    def accounts(self) -> dict[str, str]:
        """Passwords by account, as printed."""
        return dict(re.findall(r"^ {4}(\w+) +(\S{8,})   \S+ \S+$", self.said, re.MULTILINE))

    @property
    def invitation(self) -> str | None:
        """The applicant's link, as printed."""
        found = re.search(r"as the applicant\n +(\S+)$", self.said, re.MULTILINE)
        return found[1] if found else None

    def children(self) -> dict[int, str]:
        """Its living children by process number, each with its command line."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and _parent(entry) == self.process.pid:
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue  # it ended while we looked
        return found

    def stop_as_ctrl_c_does(self) -> int:
        """The terminal sends SIGINT to the whole foreground group (termios(3), ISIG)."""
        os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(60)
        self._reader.join(10)
        return code

    def end(self) -> None:
        """Whatever state it is in."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reader.join(10)


def _parent(entry: Path) -> int:
    # The name before it may hold spaces and brackets (proc_pid_stat(5)).
    return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
