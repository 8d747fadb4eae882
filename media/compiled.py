"""The compiled fast path (``native/fastpath.c``), built where this machine has a C compiler.

It is built once, beside the sources, under the digest of what it is built from. Without a compiler, or on another
system than Linux, everything works the same in Python at about one and a half times the processor time.
"""

import functools
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from cffi import FFI  # type: ignore[import-untyped]
from pylibsrtp import ffi as srtp_ffi  # type: ignore[attr-defined]
from pylibsrtp import lib as srtp_lib  # type: ignore[attr-defined]

from foundation import log

NATIVE = Path(__file__).with_name("native")
BUILT = NATIVE.parent.parent / "build" / "native"
FLAGS = ("-O2", "-shared", "-fPIC", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-Wall", "-Wextra", "-Werror")
_STEPS = ("unprotect", "unprotect_rtcp", "protect")

_log = log.get("media")


class Library(NamedTuple):
    """The loaded code, and the SRTP library's own functions as it wants them."""

    ffi: FFI
    lib: Any
    steps: tuple[Any, ...]
    run_fields: tuple[int, int, int]  # where in struct fp_run shares, beginnings and records are
    unset: Any  # like ffi.new, without clearing: what is never used takes no memory
    body: Any  # room for one congestion feedback, used again and again

    def pointer(self, handle: Any) -> Any:
        """A session of the SRTP library as our functions take it."""
        return self.ffi.cast("void *", int(srtp_ffi.cast("uintptr_t", handle)))


@functools.cache
def load() -> Library | None:
    """The library, built if need be; None where it cannot be, which is said once. Blocks while it compiles."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        built = build()
        ffi = FFI()
        # The header itself, without what is only for the compiler: so the two cannot disagree.
        ffi.cdef(re.sub(r"(?m)^#(?!define \w+ \d).*$", "", (NATIVE / "fastpath.h").read_text()))
        lib = ffi.dlopen(str(built))
    except (OSError, subprocess.CalledProcessError) as error:
        _log.warning(
            "packets are forwarded by Python, at about one and a half times the processor time", reason=str(error)
        )
        return None
    steps = [int(srtp_ffi.cast("uintptr_t", srtp_ffi.addressof(srtp_lib, f"srtp_{name}"))) for name in _STEPS]
    share, beginning, records = (ffi.offsetof("struct fp_run", field) for field in ("share", "beginning", "records"))
    return Library(
        ffi,
        lib,
        tuple(ffi.cast("void *", step) for step in steps),
        (share, beginning, records),
        ffi.new_allocator(should_clear_after_alloc=False),
        ffi.new("uint8_t[]", lib.FEEDBACK_MAX),
    )


def build() -> Path:
    """Compile, unless that was done before; the shared object. Raises OSError, CalledProcessError."""
    sources, header = sorted(NATIVE.glob("*.c")), NATIVE / "fastpath.h"
    made_from = b"".join(path.read_bytes() for path in (header, *sources)) + " ".join(FLAGS).encode()
    built = BUILT / f"fastpath-{hashlib.sha256(made_from).hexdigest()[:16]}.so"
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
