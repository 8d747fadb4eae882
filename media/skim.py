"""The middles of pictures, read from a journal by compiled code (``native/skim.c``), for the packager."""

from media.compiled import Library
from recordings.trackqueue import Skim, Skimmed


def skimmer(library: Library) -> Skim:
    """For one epoch: what it hands out is gone with its next call."""
    lib, ffi = library.lib, library.ffi
    out = library.unset("struct fp_skimmed *")
    data = ffi.buffer(ffi.addressof(out, "data"))

    def skim(window: bytes, begin: int, track: int, sequence: int, like: bytes, start: int) -> Skimmed | None:
        out.track, out.sequence = track, sequence
        packets = lib.fp_skim(window, begin, len(window), like, len(like), start, out)
        return Skimmed(out.end, packets, out.newest_ns, data[: out.size]) if packets else None

    return skim
