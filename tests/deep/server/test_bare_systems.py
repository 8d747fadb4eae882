"""The one command on a Debian and an Ubuntu that have python3 and nothing else: no pip, no venv, no Node, no git."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator

import cv2
import numpy
import pytest

from tests.rehearsal.installation import free_port
from tests.support.bare_root import DEBIAN, ROOT, UBUNTU, BareRoot, make_bare_root
from tests.support.serving import UP, Serving

RUN = "cd /opt/yuankan && exec ./run"
# Packages come over a network that others use too.
FIRST_START_S, SECOND_START_S = 1500.0, 60.0


@pytest.fixture(scope="module", params=(DEBIAN, UBUNTU), ids=("debian", "ubuntu"))
def bare(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareRoot]:
    """The committed files, and nothing that this machine made of them."""
    if os.geteuid() or not shutil.which("debootstrap"):
        pytest.skip("a root of its own needs root and debootstrap")
    root = make_bare_root(request.param, tmp_path_factory.mktemp("bare") / "root")
    there = root.folder / "opt" / "yuankan"
    there.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(there)], input=archive, check=True)
    yield root
    shutil.rmtree(root.folder)


def start(root: BareRoot) -> Serving:
    ports = {"YUANKAN_PORT": str(free_port()), "YUANKAN_MEDIA_PORT": str(free_port())}
    return Serving(root.start(RUN, more=ports))


def is_ready(serving: Serving) -> bool:
    with urllib.request.urlopen(f"{serving.address}/readyz") as answer:
        return int(answer.status) == 200


def may_log_in(serving: Serving, account: str, password: str) -> bool:
    body = json.dumps({"account": account, "password": password}).encode()
    head = {"Content-Type": "application/json", "Origin": serving.address}
    with urllib.request.urlopen(urllib.request.Request(f"{serving.address}/api/login", body, head)) as answer:
        return int(answer.status) == 200


@pytest.fixture
def starting(bare: BareRoot) -> Iterator[list[Serving]]:
    """Whatever was started; killed when a test leaves it running."""
    started: list[Serving] = []
    yield started
    for one in started:
        one.end()


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
    assert "Please run: sudo apt-get install" in said and f"python{bare.release.python}-venv" in said
    assert "Traceback" not in said


@pytest.mark.timeout(2400)
def test_root_goes_from_nothing_to_pages_people_can_work_with_twice(bare: BareRoot, starting: list[Serving]) -> None:
    first = start(bare)
    starting.append(first)
    first.wait_for(UP, FIRST_START_S)
    assert is_ready(first)
    assert len(first.accounts) >= 4 and first.invitation, first.said
    assert picture_in(first.said) == first.invitation
    account, password = next(iter(first.accounts.items()))
    assert may_log_in(first, account, password)
    assert first.stop_as_ctrl_c_does() == 0
    assert "Stopped." in first.said and "Traceback" not in first.said
    assert bare.processes() == []

    second = start(bare)
    starting.append(second)
    second.wait_for(UP, SECOND_START_S)
    assert is_ready(second)
    assert "Installing" not in second.said and password not in second.said
    assert may_log_in(second, account, password)
    assert second.stop_as_ctrl_c_does() == 0
    assert bare.processes() == []
