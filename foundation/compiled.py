"""C sources that stand beside a Python module, built where this machine has a compiler.

A library is built once, under the digest of what it is built from. Whoever loads one can do without it: there is always
a way in Python that comes to the same, and tests hold the two together.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cffi import FFI  # type: ignore[import-untyped]

BUILT = Path(__file__).parent.parent / "build" / "native"
# No -Wpsabi: vectors are passed between functions of one library only.
FLAGS = (
    *("-O2", "-shared", "-fPIC", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"),
    *("-Wall", "-Wextra", "-Werror", "-Wno-psabi"),
)


class NotCompiled(Exception):
    """There is no compiler here, or it refused; the text says which."""


def load(header: Path, sources: Sequence[Path]) -> tuple[FFI, Any]:
    """The functions that `header` declares, built from `sources` if need be. Blocks while it compiles; raises
    NotCompiled.
    """
    if not sys.platform.startswith("linux"):
        raise NotCompiled("compiled code is for Linux")
    ffi = FFI()
    # The header itself, without what is only for the compiler: so the two cannot disagree.
    ffi.cdef(re.sub(r"(?m)^#(?!define \w+ \d).*$", "", header.read_text()))
    try:
        return ffi, ffi.dlopen(str(_build(header, sources)))
    except subprocess.CalledProcessError as error:
        raise NotCompiled(error.stderr.decode(errors="replace")[-500:]) from error
    except OSError as error:
        raise NotCompiled(str(error)) from error


def _build(header: Path, sources: Sequence[Path]) -> Path:
    made_from = b"".join(path.read_bytes() for path in (header, *sources)) + " ".join(FLAGS).encode()
    built = BUILT / f"{header.stem}-{hashlib.sha256(made_from).hexdigest()[:16]}.so"
    if built.exists():
        return built
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise FileNotFoundError("there is no C compiler; Debian's package gcc brings one, with libc6-dev")
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILT) as folder:  # two processes may build at once: one replaces the other
        made = Path(folder) / built.name
        subprocess.run([compiler, *FLAGS, "-o", str(made), *map(str, sources)], check=True, capture_output=True)
        made.replace(built)
    return built
