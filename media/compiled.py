"""The compiled fast path (``native/fastpath.c``), built where this machine has a C compiler.

Without a compiler, or on another system than Linux, everything works the same in Python at about one and a half times
the processor time.
"""

import functools
from pathlib import Path
from typing import Any, NamedTuple

from cffi import FFI  # type: ignore[import-untyped]
from pylibsrtp import ffi as srtp_ffi  # type: ignore[attr-defined]
from pylibsrtp import lib as srtp_lib  # type: ignore[attr-defined]

from foundation import compiled, log

NATIVE = Path(__file__).with_name("native")
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
    try:
        ffi, lib = compiled.load(NATIVE / "fastpath.h", sorted(NATIVE.glob("*.c")))
    except compiled.NotCompiled as reason:
        _log.warning(
            "packets are forwarded by Python, at about one and a half times the processor time", reason=str(reason)
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
