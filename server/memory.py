"""How the processes that carry media ask the C library for memory, so that a call costs what it holds and no more."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of mallopt(3)
_LARGE = 128 << 10  # bytes: a cluster and what is read of a journal at once are more, a datagram is less


def be_thrifty() -> None:
    """One heap for all threads, since what one fills another empties; large pieces go back to the system when they are
    free. Half of what a call costs the packager. Before any thread begins; nothing where the C library is not GNU's.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, 2 * _LARGE)
