"""Photographs are known by their first bytes, and only as large as a phone makes them."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from office.picture import recognise


def made(kind: str, size: tuple[int, int] = (640, 480), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (1, 2, 3)).save(out, kind, **options)
    return out.getvalue()


def heic(*sizes: tuple[int, int]) -> bytes:
    """The boxes of a HEIC file that matter here (ISO/IEC 23008-12): brands, and image extents of tiles and whole."""
    ftyp = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"mif1", 0, b"mif1", b"heic")
    extents = b"".join(struct.pack(">I4sIII", 20, b"ispe", 0, *size) for size in sizes)
    return ftyp + struct.pack(">I4s", 8 + len(extents), b"meta") + extents


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": b"Exif\x00\x00" + bytes(900)}])
def test_a_jpeg_tells_its_size_whatever_stands_before(options: dict[str, object]) -> None:
    picture = recognise(made("JPEG", (4032, 3024), **options))
    assert picture is not None and (picture.mime, picture.width, picture.height) == ("image/jpeg", 4032, 3024)


def test_a_png_and_a_heic_tell_theirs() -> None:
    png, photo = recognise(made("PNG", (33, 44))), recognise(heic((512, 512), (4032, 3024), (320, 240)))
    assert png is not None and (png.mime, png.width, png.height) == ("image/png", 33, 44)
    assert photo is not None and (photo.mime, photo.width, photo.height) == ("image/heic", 4032, 3024)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff",
        b"GIF89a" + bytes(40),
        b"%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"RIFF....WEBPVP8 ",
    ],
)
def test_what_is_something_else_is_no_photograph(data: bytes) -> None:
    assert recognise(data) is None


def test_a_picture_of_impossible_size_is_refused_before_anybody_decodes_it() -> None:
    bomb = bytearray(made("PNG"))
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)
    assert recognise(bytes(bomb)) is None


@given(
    st.binary(max_size=400), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x18ftypheic"])
)
def test_no_bytes_can_make_it_fail(data: bytes, start: bytes) -> None:
    recognise(start + data)
