"""The one command on a Debian that has python3 and nothing else: no pip, no venv, no Node, no git."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import cv2
import numpy
import pytest

from tests.rehearsal.installation import free_port
from tests.support.bare_root import ROOT, BareRoot, make_bare_root

RUN = "cd /opt/yuankan && exec ./run"
# Packages come over a network that others use too.
FIRST_START_S, SECOND_START_S = 1500.0, 60.0


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareRoot]:
    """The committed files, and nothing that this machine made of them."""
    if os.geteuid() or not shutil.which("debootstrap"):
        pytest.skip("a root of its own needs root and debootstrap")
    root = make_bare_root(tmp_path_factory.mktemp("bare") / "root")
    there = root.folder / "opt" / "yuankan"
    there.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(there)], input=archive, check=True)
    yield root
    shutil.rmtree(root.folder)


class Started:
    """`./run` in the bare root: what it says, read as it comes."""

    def __init__(self, root: BareRoot) -> None:
        self.port = free_port()
        ports = {"YUANKAN_PORT": str(self.port), "YUANKAN_MEDIA_PORT": str(free_port(socket.SOCK_DGRAM))}
        self.process = root.start(RUN, more=ports)
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self._lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def said(self) -> str:
        return "".join(self._lines)

    def wait_until_people_can_work(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while "stop: Ctrl-C" not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, f"not up after {seconds:.0f} s:\n{self.said}"
            time.sleep(0.2)
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz") as answer:
            assert answer.status == 200

    def may_log_in(self, account: str, password: str) -> bool:
        body = json.dumps({"account": account, "password": password}).encode()
        head = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{self.port}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/login", body, head)
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status) == 200
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.code}: {error.read().decode()}") from error

    def stop_as_ctrl_c_does(self) -> int:
        """The terminal sends SIGINT to the whole foreground group (termios(3), ISIG)."""
        os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(60)
        self._reader.join(10)
        return code


@pytest.fixture
def starting(bare: BareRoot) -> Iterator[list[Started]]:
    """Whatever was started; killed when a test leaves it running."""
    started: list[Started] = []
    yield started
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()


def picture_in(text: str) -> str:
    """What the code of half blocks on the terminal says to a camera."""
    blocks = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    rows = [line for line in plain.splitlines() if len(line) > 20 and set(line) <= set(blocks)]
    assert rows, f"no code in:\n{text}"
    dots = [[blocks[char][half] for char in line] for line in rows for half in (0, 1)]
    # Terminals are dark: a filled block is light.
    picture = numpy.kron(numpy.array(dots, numpy.uint8) * 255, numpy.ones((8, 8), numpy.uint8))
    found, _, _ = cv2.QRCodeDetector().detectAndDecode(cv2.copyMakeBorder(picture, 40, 40, 40, 40, 0, value=255))
    return str(found)


@pytest.mark.timeout(2400)
def test_the_root_has_python_and_none_of_the_rest(bare: BareRoot) -> None:
    asked = bare.start("which python3; which pip pip3 node npm git; python3 -c 'import ensurepip'")
    said, _ = asked.communicate(timeout=30)
    assert said.splitlines()[0] == "/usr/bin/python3"
    assert "ensurepip" in said and "node" not in said and "git" not in said


@pytest.mark.timeout(120)
def test_without_venv_an_ordinary_user_is_told_the_one_command(bare: BareRoot) -> None:
    refused = bare.start(RUN, user="nobody:nogroup")
    said, _ = refused.communicate(timeout=60)
    assert refused.returncode == 1
    assert "Please run: sudo apt-get install" in said and "python3.11-venv" in said
    assert "Traceback" not in said


@pytest.mark.timeout(2400)
def test_root_goes_from_nothing_to_pages_people_can_work_with_twice(bare: BareRoot, starting: list[Started]) -> None:
    first = Started(bare)
    starting.append(first)
    first.wait_until_people_can_work(FIRST_START_S)
    address = f"http://127.0.0.1:{first.port}/"
    accounts = dict(re.findall(r"^ {4}(\w+) +(\S{8,})   \S+ \S+$", first.said, re.MULTILINE))
    invitation = re.search(rf"{address}i/\S+", first.said)
    assert address in first.said and len(accounts) >= 4 and invitation, first.said
    assert picture_in(first.said) == invitation.group()
    account, password = next(iter(accounts.items()))
    assert first.may_log_in(account, password)
    assert first.stop_as_ctrl_c_does() == 0
    assert "Stopped." in first.said and "Traceback" not in first.said
    assert bare.processes() == []

    second = Started(bare)
    starting.append(second)
    second.wait_until_people_can_work(SECOND_START_S)
    assert "Installing" not in second.said and password not in second.said
    assert second.may_log_in(account, password)
    assert second.stop_as_ctrl_c_does() == 0
    assert bare.processes() == []
