"""Why the real command will not start: each time one sentence in both languages that says what to do, never a trace."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from server.supervise import CANNOT_START
from tests.rehearsal.installation import ROOT, free_port

pytestmark = pytest.mark.may_block("commands of their own: no loop serves anybody meanwhile")

# Root may write everywhere; without these two rights it is as anybody else (capabilities(7)).
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
NOBODY = 65534


def refused(
    folder: Path, settings: Mapping[str, str], *, options: Sequence[str] = (), before: Sequence[str] = ()
) -> str:
    """What `yuankan serve` says when it does not start."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("YUANKAN_")} | {
        "YUANKAN_DATA_DIR": str(folder / "data"),
        "YUANKAN_PORT": str(free_port()),
        "YUANKAN_MEDIA_PORT": str(free_port()),
        **settings,
    }
    command = [*before, sys.executable, "-m", "server.cli", "serve", *options]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == CANNOT_START, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2, f"one sentence in each language:\n{done.stderr}"
    return done.stderr


@pytest.mark.parametrize(
    "setting, kind",
    [("YUANKAN_PORT", socket.SOCK_STREAM), ("YUANKAN_MEDIA_PORT", socket.SOCK_DGRAM)],
)
def test_a_taken_port_is_named_with_the_setting_that_moves_it(
    tmp_path: Path, setting: str, kind: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        said = refused(tmp_path, {setting: str(port)})
    assert f"端口{port}已被别的程序占用" in said
    assert f"Stop it, or set {setting} to another port" in said


@pytest.mark.parametrize("options", [(), ("--lan",)])
def test_a_folder_without_permission_is_named(tmp_path: Path, options: Sequence[str]) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    as_root = os.geteuid() == 0
    if as_root:
        os.chown(locked, NOBODY, NOBODY)
    said = refused(locked, {}, options=options, before=AS_ANYBODY if as_root else ())
    assert f"Cannot write to the data folder {locked / 'data'}: Permission denied" in said
    assert "YUANKAN_DATA_DIR" in said


def test_files_that_another_user_made_are_named(tmp_path: Path) -> None:
    key = tmp_path / "data" / "office.key"
    key.parent.mkdir()
    key.write_bytes(b"")
    key.chmod(0o000)
    as_root = os.geteuid() == 0
    if as_root:
        os.chown(key, NOBODY, NOBODY)
    said = refused(tmp_path, {}, before=AS_ANYBODY if as_root else ())
    assert f"Cannot open {key}: Permission denied. Run as the user who started it before" in said


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"YUANKAN_PORT": "abc"}, "Wrong setting: YUANKAN_PORT: Input should be a valid integer"),
        ({"YUANKAN_TLS_CERT": "/some.crt"}, "Wrong setting: tls_cert and tls_key go together"),
        ({"YUANKAN_TRUSTED_PROXIES": "10.0.0.0/8"}, "trusted_proxies"),
        ({"YUANKAN_TLS_CERT": "/no.crt", "YUANKAN_TLS_KEY": "/no.key"}, "No such file or directory. Check YUANKAN_TLS"),
        ({"YUANKAN_NATS_URL": "nats://127.0.0.1:1"}, "No message server answers at 127.0.0.1:1"),
    ],
)
def test_a_setting_that_cannot_serve_is_named(tmp_path: Path, settings: Mapping[str, str], sentence: str) -> None:
    assert sentence in refused(tmp_path, settings)


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    said = refused(tmp_path, {"YUANKAN_DATABASE_URL": "postgresql://office:secret@127.0.0.1:1/yuankan"})
    assert "The database 127.0.0.1:1/yuankan cannot be used" in said
    assert "secret" not in said
