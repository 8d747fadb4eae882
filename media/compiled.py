"""The compiled fast path (``fastpath.c``), built where this machine has a C compiler.

It is built once, beside the sources, under the digest of what it is built from. Without a compiler, or on another
system than Linux, everything works the same in Python at more than twice the processor time.
"""

import functools
import hashlib
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

SOURCE = Path(__file__).with_name("fastpath.c")
BUILT = SOURCE.parent.parent / "build" / "compiled"
FLAGS = ("-O2", "-shared", "-fPIC", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-Wall", "-Wextra", "-Werror")
_STEPS = ("unprotect", "unprotect_rtcp", "protect")

# As in fastpath.c; of a port only what is read here.
DECLARATIONS = """
struct fp_target { struct fp_lane *lane; uint32_t ssrc; uint8_t payload_type, extension_size, extension[18];
    uint64_t packets, octets; };
struct fp_stream { struct fp_target **targets; uint32_t count, ssrc; uint16_t highest;
    uint8_t payload_type, boarded; };
struct fp_arrivals { int64_t newest, unreported; uint32_t ticks[1024]; uint8_t came[1024];
    uint8_t extension, begun, pending, count; };
struct fp_lane { void *opening, *sealing; int64_t packets_left, bytes_left;
    uint64_t received_bytes, sent_packets, sent_bytes; uint32_t id, name_size;
    uint8_t name[28]; struct fp_stream streams[8]; struct fp_arrivals arrivals; };
struct fp_entry { int64_t arrival_ns; uint32_t lane, timestamp, ssrc;
    uint16_t size, seq, body_at, payload_bytes, profile, extension_at, extension_end;
    uint8_t first, marker_type, kind, spare[3]; };
struct fp_port { int32_t fd; uint32_t count, urgent, leaving, routes; uint64_t refused, dropped;
    struct fp_entry entries[256]; uint8_t names[256][28]; uint8_t data[256][1600]; };
struct fp_port *fp_new(int fd, void *open_rtp, void *open_rtcp, void *seal_rtp);
void fp_free(struct fp_port *port);
int fp_header(const uint8_t *raw, int size, struct fp_entry *out);
int fp_transport_number(const uint8_t *raw, int size, int wanted);
void fp_arrived(struct fp_arrivals *log, uint16_t number, int64_t now_ns);
int fp_feedback(struct fp_arrivals *log, uint8_t *out);
void fp_flush(struct fp_port *port);
void fp_post(struct fp_port *port, const uint8_t *data, int size, const uint8_t *name, int name_size);
void fp_take(struct fp_port *port, struct fp_lane *lane, const uint8_t *data, int size, int64_t now_ns);
int fp_read(struct fp_port *port, int64_t now_ns);
void fp_settled(struct fp_port *port);
int fp_route(struct fp_port *port, const uint8_t *name, struct fp_lane *lane);
"""

_log = log.get("media")


class Library(NamedTuple):
    """The loaded code, and the SRTP library's own functions as it wants them."""

    ffi: FFI
    lib: Any
    steps: tuple[Any, ...]

    def pointer(self, handle: Any) -> Any:
        """A session of the SRTP library as our functions take it."""
        return self.ffi.cast("void *", int(srtp_ffi.cast("uintptr_t", handle)))


@functools.cache
def load() -> Library | None:
    """The library, built if need be; None where it cannot be, which is said once. Blocks while it compiles."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        built = build(SOURCE)
        ffi = FFI()
        ffi.cdef(DECLARATIONS)
        lib = ffi.dlopen(str(built))
    except (OSError, subprocess.CalledProcessError) as error:
        _log.warning("packets are forwarded by Python, at twice the processor time and more", reason=str(error))
        return None
    steps = [int(srtp_ffi.cast("uintptr_t", srtp_ffi.addressof(srtp_lib, f"srtp_{name}"))) for name in _STEPS]
    return Library(ffi, lib, tuple(ffi.cast("void *", step) for step in steps))


def build(source: Path) -> Path:
    """Compile, unless that was done before; the shared object. Raises OSError, CalledProcessError."""
    digest = hashlib.sha256(source.read_bytes() + " ".join(FLAGS).encode()).hexdigest()[:16]
    built = BUILT / f"{source.stem}-{digest}.so"
    if built.exists():
        return built
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise FileNotFoundError("there is no C compiler; Debian's package gcc brings one, with libc6-dev")
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILT) as folder:  # two processes may build at once: one replaces the other
        made = Path(folder) / built.name
        subprocess.run([compiler, *FLAGS, "-o", str(made), str(source)], check=True, capture_output=True)
        made.replace(built)
    return built
