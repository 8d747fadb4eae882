"""A Debian or Ubuntu with python3 and nothing else, from debootstrap, where commands run as on a machine of their own.

It shares this machine's kernel, network and clock, and none of its programs. What it takes to fetch packages from here
(mirror, indexes, proxies, certificates) is handed in as found; nothing of it stands in the repository. Each command
has its own mount namespace, so no mount outlives it and none can be swept away with the folder.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPTS = Path("/usr/share/debootstrap/scripts")
# How this machine reaches mirrors and indexes.
PASSED = ("PIP_", "NPM_CONFIG_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_", "NODE_EXTRA_CA_", "REQUESTS_CA_")
COPIED = (
    *("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/xdg/pip", "/etc/npmrc", "/usr/etc/npmrc"),
    *("~/.config/pip", "~/.pip", "~/.npmrc", "/etc/ssl/certs/ca-certificates.crt"),
)


@dataclass(frozen=True)
class Release:
    """What debootstrap makes. ``python`` is its python3; ``like`` names a script for a debootstrap older than it."""

    origin: str
    codename: str
    python: str
    components: str
    like: str
    archive: str

    @property
    def kept(self) -> Path:
        """Kept between runs, because making it takes minutes; delete it for a new one."""
        return ROOT / "build" / "deep" / f"{self.codename}.tar"


DEBIAN = Release("Debian", "bookworm", "3.11", "main", "sid", "http://deb.debian.org/debian")
# Ubuntu keeps python3-venv in universe. Debian has none of its keys to check it with, so it comes over TLS.
UBUNTU = Release("Ubuntu", "noble", "3.12", "main,universe", "gutsy", "https://archive.ubuntu.com/ubuntu")


@dataclass(frozen=True)
class BareRoot:
    """``folder`` is its `/`; ``lent`` are folders of this machine that package tools are told to look into."""

    release: Release
    folder: Path
    environment: Mapping[str, str]
    lent: Sequence[str]

    def start(self, command: str, user: str = "root", more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Run a shell command in it, in a session of its own; both outputs on one pipe."""
        folder = shlex.quote(str(self.folder))
        mounts = [f"mount -t proc proc {folder}/proc", f"mount --rbind /dev {folder}/dev"]
        mounts += [f"mount --rbind -o ro {shlex.quote(one)} {folder}{shlex.quote(one)}" for one in self.lent]
        inside = ["chroot", f"--userspec={user}", str(self.folder), "/bin/sh", "-c", command]
        script = " && ".join([*mounts, f"exec {shlex.join(inside)}"])
        return subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
            env={**self.environment, **(more or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def processes(self) -> list[str]:
        """The command lines of whatever runs in it."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "root").readlink() == self.folder:
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip())
            except OSError:
                continue  # it ended while we looked
        return found


def make_bare_root(release: Release, folder: Path) -> BareRoot:
    """Make one in ``folder``. Root only; takes minutes the first time. Raises CalledProcessError with what was said."""
    if not release.kept.exists():
        release.kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = folder.parent / f"{folder.name}-fresh"
        script = SCRIPTS / (release.codename if (SCRIPTS / release.codename).exists() else release.like)
        options = ["--variant=minbase", "--include=python3,ca-certificates", f"--components={release.components}"]
        command = ["debootstrap", *options, release.codename, str(fresh), mirror(release), str(script)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        unfinished = release.kept.with_suffix(".part")
        subprocess.run(["tar", "-C", str(fresh), "-cf", str(unfinished), "."], check=True)
        unfinished.rename(release.kept)
        shutil.rmtree(fresh)
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-C", str(folder), "-xpf", str(release.kept)], check=True)
    for name in COPIED:
        copy_in(folder, Path(name).expanduser())
    (folder / "etc/apt/apt.conf.d/99fetch").write_text(fetching())
    lent = local_indexes()
    for one in lent:
        (folder / one.removeprefix("/")).mkdir(parents=True, exist_ok=True)
    passed = {name: value for name, value in os.environ.items() if name.upper().startswith(PASSED)}
    clean = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
    return BareRoot(release, folder, {**passed, **clean}, lent)


def mirror(release: Release) -> str:
    """The archive that this machine itself installs from, else everybody's."""
    known = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)"], stdout=subprocess.PIPE, text=True
    )
    for line in known.stdout.splitlines():
        origin, codename, address = line.rsplit(" ", 2)
        if (origin, codename) == (release.origin, release.codename):
            return address
    return release.archive


def fetching() -> str:
    """apt's settings for fetching (proxy, checks of dates) without what belongs to this machine's own lists."""
    said = subprocess.run(["apt-config", "dump", "Acquire"], stdout=subprocess.PIPE, text=True, check=True).stdout
    kept = [line for line in said.splitlines() if not line.startswith(("Acquire::IndexTargets", "Acquire::cdrom"))]
    return "\n".join(line for line in kept if not line.endswith(' "";')) + "\n"


def local_indexes() -> list[str]:
    """Folders that pip is told to look into, by path or by file address."""
    said = subprocess.run(["python3", "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True).stdout
    words = [word.strip("'\"") for line in said.splitlines() for word in line.partition("=")[2].split()]
    paths = [urlsplit(word).path if word.startswith("file:") else word for word in words]
    folders = {path for path in paths if path.startswith("/") and Path(path).is_dir()}
    # A simple index links to files beside it.
    return sorted(str(Path(path).parent) if Path(path).name == "simple" else path for path in folders)


def copy_in(folder: Path, path: Path) -> None:
    target = folder / str(path).removeprefix("/")
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
    elif path.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
