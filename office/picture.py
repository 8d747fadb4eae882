"""What a photograph is, read from its first bytes without decoding it: JPEG, PNG or HEIC, and its size. Pure.

A decoder is never fed by a stranger inside a node; everything that is needed to accept a picture stands in its header.
"""

import struct

from msgspec import Struct

MOST_PIXELS = 120_000_000
"""The largest phone sensors make 108 million; more is a decompression bomb."""

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
# JPEG markers that start a frame and carry its size (ISO/IEC 10918-1 table B.1), without DHT, JPG and DAC between.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Picture(Struct, frozen=True):
    """`width` and `height` in pixels as stored, before any rotation that the file asks for."""

    mime: str
    width: int
    height: int


def recognise(data: bytes) -> Picture | None:
    """What this is; None if it is no photograph that we take, or one of impossible size."""
    size: tuple[int, int] | None = None
    mime = ""
    if data[:3] == b"\xff\xd8\xff":
        mime, size = "image/jpeg", _jpeg_size(data)
    elif data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and len(data) >= 24:
        mime, size = "image/png", struct.unpack(">II", data[16:24])
    elif data[4:8] == b"ftyp" and _is_heic(data):
        mime, size = "image/heic", _heic_size(data)
    if size is None or not (0 < size[0] * size[1] <= MOST_PIXELS):
        return None
    return Picture(mime, size[0], size[1])


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        if marker in (0xD8, 0x01) or 0xD0 <= marker <= 0xD7:
            at += 2
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _is_heic(data: bytes) -> bool:
    length = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, length, 4))}
    return bool(brands & _HEIC_BRANDS)


def _heic_size(data: bytes) -> tuple[int, int] | None:
    """The largest `ispe` (ISO/IEC 23008-12 §6.5.3.1): tiles and thumbnails have smaller ones."""
    best: tuple[int, int] | None = None
    at = data.find(b"ispe", 0, 65536)
    while at >= 0 and at + 16 <= len(data):
        width, height = struct.unpack(">II", data[at + 8 : at + 16])
        if best is None or width * height > best[0] * best[1]:
            best = (width, height)
        at = data.find(b"ispe", at + 4, 65536)
    return best
