"""The process that decodes strangers' pictures: it works, it can do nothing else, and whatever happens to it, another
takes its place."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from media import reading
from media.reading import Reader, Resting, SandboxDied
from media.still import Still
from tests.support.scenes import h264_keyframes, keyframes, lit, room

GOOD = Still("VP8", keyframes([room(1, 320, 180)])[0])
GOOD_H264 = Still("H264", h264_keyframes([room(1, 320, 180)])[0])
linux = pytest.mark.skipif(sys.platform != "linux", reason="what holds elsewhere is less")


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.setattr(reading, "PAUSE_S", 0.0)
    made = Reader()
    made._pause_s = 0.0
    yield made
    made.close()


def test_a_keyframe_is_read_and_compared_with_the_one_before_of_its_source(reader: Reader) -> None:
    first = reader.read(1, GOOD)
    assert first is not None and (first.width, first.height) == (320, 180)
    assert 60 < first.brightness < 190 and first.changed == -1
    again, other = reader.read(1, GOOD), reader.read(2, GOOD)
    assert again is not None and again.changed == 0
    assert other is not None and other.changed == -1
    dusk = reader.read(1, Still("VP8", keyframes([lit(room(1, 320, 180), 0.2)])[0]))
    assert dusk is not None and dusk.brightness < 45
    assert reader.started == 1


def test_a_keyframe_of_h264_is_read_as_that_of_vp8_is(reader: Reader) -> None:
    """Both encoders leave the same room as bright, as sharp and as red."""
    one, other = reader.read(1, GOOD), reader.read(2, GOOD_H264)
    assert one is not None and other is not None
    assert (other.width, other.height) == (320, 180)
    assert other.brightness == pytest.approx(one.brightness, abs=3)
    assert (other.blur, other.blind, other.red) == pytest.approx((one.blur, one.blind, one.red), abs=0.1)
    assert reader.started == 1
    for frame in (b"", GOOD_H264.data[:30], GOOD.data, b"\0\0\0\1" + GOOD_H264.data[10:]):
        assert reader.read(1, Still("H264", frame)) is None
    full = Still("H264", h264_keyframes([room(1, 320, 180)], full_range=True)[0])
    seen = reader.read(3, full)
    assert seen is not None and seen.brightness == pytest.approx(one.brightness, abs=3)
    assert reader.started == 1


def test_what_is_no_keyframe_never_gets_there(reader: Reader) -> None:
    for frame in (b"", b"\x00" * 40, b"\x11" + GOOD.data[1:], GOOD.data[:6] + b"\xff\x3f\xff\x3f" + GOOD.data[10:]):
        assert reader.read(1, Still("VP8", frame)) is None
    assert reader.started == 0


@pytest.mark.parametrize("good", [GOOD, GOOD_H264], ids=["VP8", "H264"])
def test_broken_keyframes_cost_at_most_the_sandbox(reader: Reader, good: Still) -> None:
    dice = random.Random(7)
    for _ in range(150):
        broken = bytearray(good.data[: dice.randrange(11, len(good.data) + 1)])
        for _ in range(dice.randrange(1, 30)):
            broken[dice.randrange(10, len(broken))] = dice.randrange(256)
        try:
            seen = reader.read(3, Still(good.codec, bytes(broken)))
        except SandboxDied:
            continue
        assert seen is None or seen.possible
    assert reader.read(1, GOOD) is not None


def test_a_picture_that_would_take_all_memory_is_not_decoded(reader: Reader) -> None:
    wide = GOOD.data[:6] + (4096).to_bytes(2, "little") + (2304).to_bytes(2, "little") + GOOD.data[10:]
    try:
        assert reader.read(1, Still("VP8", wide)) is None or reader.started
    except SandboxDied:
        pass
    assert reader.read(1, GOOD) is not None


def test_a_killed_sandbox_is_replaced(reader: Reader) -> None:
    reader.read(1, GOOD)
    assert reader.pid is not None
    os.kill(reader.pid, signal.SIGKILL)
    with pytest.raises(SandboxDied):
        reader.read(1, GOOD)
    seen = reader.read(1, GOOD)
    assert seen is not None and seen.changed == -1, "what it kept went with it"
    assert reader.started == 2


def test_a_sandbox_that_hangs_is_killed(reader: Reader) -> None:
    reader.read(1, GOOD)
    assert reader.pid is not None
    pid = reader.pid
    os.kill(pid, signal.SIGSTOP)
    assert reader._link is not None
    reader._link.settimeout(0.2)  # it will not answer, however long it is waited for
    with pytest.raises(SandboxDied):
        reader.read(1, GOOD)
    assert reader.pid is None
    assert not Path(f"/proc/{pid}").exists()


def test_a_read_that_waits_can_be_ended_from_outside(reader: Reader) -> None:
    reader.read(1, GOOD)
    assert reader.pid is not None
    os.kill(reader.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(reader.read, 1, GOOD)
        reader.interrupt()
        with pytest.raises(SandboxDied):
            waiting.result()


def test_who_dies_again_and_again_rests_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "COMMAND", ("/bin/false",))
    reader = Reader()
    with pytest.raises(SandboxDied):
        reader.read(1, GOOD)
    with pytest.raises(Resting):
        reader.read(1, GOOD)
    assert reader._pause_s == 2 * reading.PAUSE_S


@linux
def test_it_has_no_rights_and_nothing_of_ours(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YUANKAN_TURN_SECRET", "hush")
    reader.read(1, GOOD)
    proc = Path(f"/proc/{reader.pid}")
    status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    assert status["Seccomp"].strip() == "2", "a list of allowed calls is in force"
    assert status["NoNewPrivs"].strip() == "1"
    assert int(status["CapEff"], 16) == 0
    if os.geteuid() == 0:
        assert status["Uid"].split() == ["65534"] * 4
    held = {path.name: str(path.readlink()) for path in (proc / "fd").iterdir()}
    assert held.keys() == {"0", "1", "2"} and held["1"] == held["2"] == "/dev/null", held
    assert b"hush" not in (proc / "environ").read_bytes()
    limits = (proc / "limits").read_text()
    for name in ("open files", "file size", "core file size"):
        assert re.search(rf"{name} +0 +0 ", limits), limits
    if (proc / "ns/net").readlink() != Path("/proc/self/ns/net").readlink():
        interfaces = (proc / "net/dev").read_text().splitlines()[2:]
        assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]


@linux
@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.socket()",
        "open('/etc/passwd')",
        "import os; os.open('written', os.O_CREAT | os.O_WRONLY)",
        "import os; os.fork()",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.kill(os.getppid(), 0)",
    ],
)
def test_whoever_takes_it_over_is_ended_at_the_first_step_out(attempt: str) -> None:
    program = f"""
import os, sys
sys.path.insert(0, sys.argv[1])
import socket
from media.confinement import leave_network, lock
leave_network()
closed = lock(64 << 20, 60)
os.write(1, ",".join(closed).encode())
{attempt}
os.write(1, b" out")
"""
    root = str(Path(reading.__file__).parent.parent)
    ran = subprocess.run([sys.executable, "-I", "-c", program, root], capture_output=True, timeout=60, check=False)
    assert ran.stdout == b"limits,user,calls", ran
    assert ran.returncode == -signal.SIGSYS


@linux
def test_memory_has_an_end() -> None:
    program = """
import os, sys
sys.path.insert(0, sys.argv[1])
from media.confinement import lock
lock(64 << 20, 60)
try:
    bytearray(256 << 20)
except MemoryError:
    os.write(1, b"refused")
"""
    root = str(Path(reading.__file__).parent.parent)
    ran = subprocess.run([sys.executable, "-I", "-c", program, root], capture_output=True, timeout=60, check=False)
    assert ran.stdout == b"refused", ran


def test_it_ends_with_whoever_started_it() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        child = subprocess.Popen(reading.COMMAND, stdin=theirs.fileno(), env={}, cwd="/")
    with ours:
        ours.settimeout(30)
        assert ours.recv(1) == b"\x01"
    assert child.wait(30) == 0
