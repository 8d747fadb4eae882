"""What a file sent in a call is, judged by its bytes first and then by its name. Pure.

A stranger's file is stored and given out as it came and never opened inside a node: what it is stands in its head, and
for an office document in the list of its parts. Nothing that runs is taken.
"""

import io
import struct
import unicodedata
import zipfile
from collections.abc import Mapping

from office.picture import recognise
from office.session import Refused

MOST_MB = 10
MOST_BYTES = MOST_MB * 1024 * 1024
"""A form, a certificate, a scan; what is larger is brought to the window."""

LONGEST_NAME = 80

_PICTURES = ("jpg", "jpeg", "png", "heic", "heif")
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

SUFFIXES: Mapping[str, tuple[str, ...]] = {
    # Phones and messengers name one kind of picture by another's suffix; nothing that runs is among them.
    "image/jpeg": _PICTURES,
    "image/png": _PICTURES,
    "image/heic": _PICTURES,
    "application/pdf": ("pdf",),
    _WORD: ("docx",),
    _EXCEL: ("xlsx",),
}
"""What is taken, and how its name may end."""

_MAIN_PARTS = {"word/document.xml": _WORD, "xl/workbook.xml": _EXCEL}
"""Of an office document (ECMA-376-2); an older one (OLE) may hold macros anywhere and is not taken."""

_LARGEST_LIST = 256 * 1024
"""Bytes of a ZIP's list of parts: the longest document has some hundred parts of a hundred bytes each."""


def judge(name: str, data: bytes) -> tuple[str, str] | Refused:
    """(name, media type) of a file. Refused: F04 too large, F05 not what is taken, F06 its name."""
    if len(data) > MOST_BYTES:
        return Refused("F04", {"mb": MOST_MB})
    mime = _sort(data)
    if mime is None:
        return Refused("F05")
    clean = unicodedata.normalize("NFC", name)
    stem, dot, suffix = clean.rpartition(".")
    if not dot or not stem.strip() or suffix.lower() not in SUFFIXES[mime] or not _speakable(clean):
        shown = "".join(sign for sign in clean[:LONGEST_NAME] if not _hidden(sign))
        return Refused("F06", {"name": shown})
    return clean, mime


def _speakable(name: str) -> bool:
    """Whether every system can keep a file of this name, and shows the whole of it."""
    if len(name) > LONGEST_NAME or name[0] in ". " or any(sign in '/\\:*?"<>|' for sign in name):
        return False
    return not any(_hidden(sign) for sign in name)


def _hidden(sign: str) -> bool:
    """Control signs and those that turn the direction of writing (“exe.pdf” that reads “fdp.exe”)."""
    return unicodedata.category(sign)[0] == "C" or unicodedata.category(sign) in ("Zl", "Zp")


def _sort(data: bytes) -> str | None:
    picture = recognise(data)
    if picture is not None:
        return picture.mime
    if data.startswith((b"%PDF-1.", b"%PDF-2.")):
        return "application/pdf"
    return _document(data) if data.startswith(b"PK\x03\x04") else None


def _document(data: bytes) -> str | None:
    """Word or Excel, by the list at a ZIP's end (APPNOTE.TXT 4.3.16); no part is unpacked."""
    end = data.rfind(b"PK\x05\x06")
    if end < 0 or end + 22 > len(data) or struct.unpack("<I", data[end + 12 : end + 16])[0] > _LARGEST_LIST:
        return None
    if data[max(0, end - 20) : end].startswith(b"PK\x06\x07"):
        # ZIP64, for what is hundreds of times as large: another list, of any length, would count (4.3.15).
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            names = {name.lower() for name in parts.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        # No list, one of a version to come, a part whose name is no text: none that an office program writes. The
        # sender is told that such a file is not taken.
        return None
    if "[content_types].xml" not in names or any(name.endswith("vbaproject.bin") for name in names):
        return None
    kinds = [kind for part, kind in _MAIN_PARTS.items() if part in names]
    return kinds[0] if len(kinds) == 1 else None
