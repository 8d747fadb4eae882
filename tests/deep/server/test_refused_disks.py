"""Disks on which nothing can be started: full, or only to be read. Mounted for one process and its children."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.node.server.test_refused_starts import refused


def test_a_full_disk_is_told_in_megabytes(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    # A disk of 8 MB for this one process and its children.
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    mount = f'mount -t tmpfs -o size=8m none "{disk}" && exec "$@"'
    before = ["unshare", "--mount", *user, "sh", "-c", mount, "sh"]
    if subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    said = refused(disk, {}, before=before)
    assert "只剩8 MB" in said and "Free some space" in said


def test_a_disk_that_may_only_be_read_is_named(tmp_path: Path) -> None:
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("only root mounts")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o ro none "{disk}" && exec "$@"'
    said = refused(disk, {}, before=["unshare", "--mount", "sh", "-c", mount, "sh"])
    assert "Read-only file system" in said
