"""SHA-256 and SM3 (GB/T 32905) of what was recorded; of several pieces at once in compiled code (``native/digests.c``).

Most of what a packager did was hashing, one cluster after the other. Eight at once take a fifth of the time. The
compiled code is trusted once it has given the same as OpenSSL for pieces of every length of a tail; the verifier
(`verify`) hashes with OpenSSL alone.
"""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from foundation import compiled, log

HAS_SM3 = "sm3" in hashlib.algorithms_available  # an OpenSSL built without it: the column stays empty
_NATIVE = Path(__file__).with_name("native")
_SIZE = 32  # bytes of either digest
_log = log.get("packager")


class Digest(NamedTuple):
    """Of one piece; `sm3` is empty where OpenSSL has none."""

    sha256: bytes
    sm3: bytes


def digest_of(piece: bytes, beside: bytes | None = None) -> Digest:
    """By OpenSSL; the SM3 is of `beside`, if that is given."""
    of = piece if beside is None else beside
    return Digest(hashlib.sha256(piece).digest(), hashlib.new("sm3", of).digest() if HAS_SM3 else b"")


def digests(pieces: Sequence[bytes]) -> list[Digest]:
    """Of each piece. Other threads run meanwhile."""
    if len(pieces) < 2 or (library := load()) is None:
        return [digest_of(piece) for piece in pieces]
    return _together(library, pieces)


def _together(library: tuple[Any, Any], pieces: Sequence[bytes]) -> list[Digest]:
    ffi, lib = library
    count = len(pieces)
    at = [ffi.from_buffer("uint8_t[]", piece) for piece in pieces]
    sha256, sm3 = bytearray(_SIZE * count), bytearray(_SIZE * count)
    lib.dg_digest(at, [len(piece) for piece in pieces], count, ffi.from_buffer(sha256), ffi.from_buffer(sm3))
    places = [slice(each * _SIZE, each * _SIZE + _SIZE) for each in range(count)]
    return [Digest(bytes(sha256[place]), bytes(sm3[place])) for place in places]


@functools.cache
def load() -> tuple[Any, Any] | None:
    """The compiled code, built if need be (seconds, once); None where it cannot be."""
    if not HAS_SM3:
        return None
    try:
        library = compiled.load(_NATIVE / "digests.h", [_NATIVE / "digests.c"])
    except compiled.NotCompiled as reason:
        _log.warning("recordings are hashed one by one, at five times the processor time", reason=str(reason))
        return None
    known = [bytes(range(size)) for size in range(129)]
    if _together(library, known) != [digest_of(piece) for piece in known]:
        _log.error("compiled hashing gave another result than OpenSSL and is not used")
        return None
    return library
