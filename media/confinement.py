"""A process shuts itself in for good: no network, no files, no privileges, no child, bounded memory and time.

Theory of operation. Whoever decodes a stranger's picture must expect that the picture takes the decoder over. So before
the first byte is read, the process gives up all it does not need, in layers that do not rely on each other: a network
of its own with nothing in it (namespaces(7)), nobody's user id, resource limits (getrlimit(2)), and a list of the
system calls it may still make (seccomp(2)); any other call ends it. What is left is to compute, and to answer on the
one socket it was given. Each layer is kept where the system has it; `lock` tells which hold.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from contextlib import suppress
from pathlib import Path

NOBODY = 65534
_NEW_USER, _NEW_NET, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
_NO_NEW_PRIVS, _FILTER_ALL_THREADS = 38, 1
_KILL_PROCESS, _ALLOW = 0x80000000, 0x7FFF0000

# By machine: audit's name of the calling convention, the number of seccomp itself, and the calls that remain: memory,
# futexes and signals of the threads there are, time, and recv and send on a descriptor that is open already.
_X86_64 = (0, 1, 3, 9, 10, 11, 12, 13, 14, 15, 24, 25, 28, 39, 44, 45, 60, 98, 160, 186, 202, 204, 219, 228, 231, 302)
_ARM64 = (57, 63, 64, 93, 94, 98, 113, 123, 124, 128, 134, 135, 139, 164, 165, 172, 178, 206, 207, 214, 215, 216, 222)
_MACHINES: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, 317, (*_X86_64, 318, 334)),
    "aarch64": (0xC00000B7, 277, (*_ARM64, 226, 233, 261, 278, 293)),
}


def leave_network() -> bool:
    """Move to a network without interfaces. Call it while the process has one thread; False where it is not allowed."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0 and libc.unshare(_NEW_NET | _NEW_IPC) == 0:
        return True
    return bool(libc.unshare(_NEW_USER | _NEW_NET | _NEW_IPC) == 0)


def lock(memory: int, cpu_s: int) -> list[str]:
    """Close all doors; returns the names of those that are closed. `memory`: bytes on top of what is mapped now;
    `cpu_s`: seconds of processor for the rest of the process's life. Files, modules and libraries must be open by now.
    """
    closed = []
    _limit(memory, cpu_s)
    closed.append("limits")
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    if os.geteuid() != 0:
        closed.append("user")
    if _filter_calls():
        closed.append("calls")
    return closed


def _limit(memory: int, cpu_s: int) -> None:
    limits = {
        resource.RLIMIT_CPU: cpu_s + int(sum(os.times()[:2])),
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    if sys.platform == "linux":
        mapped = int(Path("/proc/self/statm").read_bytes().split()[0])
        limits[resource.RLIMIT_AS] = mapped * resource.getpagesize() + memory
        limits[resource.RLIMIT_NPROC] = 0
    limits[resource.RLIMIT_NOFILE] = 0  # what is open stays open, nothing more can be
    for name, value in limits.items():
        _, most = resource.getrlimit(name)
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        with suppress(ValueError, OSError):  # a system may forbid a limit below what is in use
            resource.setrlimit(name, (value, value))


def _filter_calls() -> bool:
    """Install the list for all threads (BPF: load the architecture, load the number, compare with each allowed one)."""
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.platform != "linux":
        return False
    audit, seccomp, allowed = machine
    last = len(allowed)
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, audit), (0x06, 0, 0, _KILL_PROCESS), (0x20, 0, 0, 0)]
    program += [(0x15, last - n, 0, number) for n, number in enumerate(allowed)]
    program += [(0x06, 0, 0, _KILL_PROCESS), (0x06, 0, 0, _ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in program))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.syscall(seccomp, 1, _FILTER_ALL_THREADS, header) == 0)
