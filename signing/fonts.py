"""Which fonts print a name, and small files that hold just the characters of one document.

A PDF library draws nothing where a font has no glyph, without an error. So coverage is asked here first: Noto Sans SC
(npm, SIL OFL) for the text, HanaMinB and HanaMinA (Debian fonts-hanazono) for the rest of GB 18030-2022 level 3, and a
`Problem("R01")` that names the character where neither has it.

Static TrueType outlines only: the setter refuses CFF, and a variable font would register its thinnest instance.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import uharfbuzz as hb

from foundation.errors import Problem

PACKAGE = "@expo-google-fonts/noto-sans-sc"
DEBIAN_RARE = Path("/usr/share/fonts/truetype/hanazono")
REGULAR, BOLD, RARE, RARE_BMP = "regular", "bold", "rare", "rare_bmp"
FILES = {
    REGULAR: "NotoSansSC_400Regular.ttf",
    BOLD: "NotoSansSC_700Bold.ttf",
    RARE: "HanaMinB.ttf",
    RARE_BMP: "HanaMinA.ttf",
}
# GB 18030-2022 moved these 18 punctuation marks out of the private use area; Python's codec still has the 2005 mapping.
PRIVATE_TO_2022 = {
    **dict(enumerate((0xFE10, 0xFE12, 0xFE11, 0xFE13, 0xFE14, 0xFE15, 0xFE16, 0xFE17, 0xFE18, 0xFE19), start=0xE78D)),
    0xE81E: 0x9FB4,
    0xE826: 0x9FB5,
    0xE82B: 0x9FB6,
    0xE82C: 0x9FB7,
    0xE832: 0x9FB8,
    0xE843: 0x9FB9,
    0xE854: 0x9FBA,
    0xE864: 0x9FBB,
}


def cleaned(text: str) -> str:
    """Text as it may be printed: GB 18030-2022 code points, no control, bidirectional or zero-width characters.

    Invisible characters could make the sheet read differently from what was signed (Trojan Source, CVE-2021-42574).
    """
    mapped = unicodedata.normalize("NFC", text.translate(PRIVATE_TO_2022))
    return "".join(
        char if char == "\n" else " " if char.isspace() else char
        for char in mapped
        if char == "\n" or char.isspace() or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    )


def font_folders(extra: str | Path | None = None) -> list[Path]:
    """Places to look, best first: `extra` (the setting font_dir), the web client's npm packages, Debian's fonts."""
    root = Path(__file__).resolve().parent.parent
    return [*([Path(extra)] if extra else []), root / "web_client" / "node_modules" / PACKAGE, DEBIAN_RARE]


def _find(name: str, folders: Iterable[Path]) -> Path | None:
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
        found = sorted(folder.rglob(name)) if folder.is_dir() else []
        if found:
            return found[0]
    return None


class FontSet:
    """The open fonts. Reading a face maps the file; nothing is parsed until a subset is asked for (about 4 ms)."""

    def __init__(self, paths: dict[str, Path]) -> None:
        self.paths = paths
        self._faces = {key: hb.Face(hb.Blob.from_file_path(str(path))) for key, path in paths.items()}
        # For each character the first font that draws it: in regular text, and in bold.
        self._fonts = {
            False: self._first_of(REGULAR, RARE, RARE_BMP),
            True: self._first_of(BOLD, REGULAR, RARE, RARE_BMP),
        }

    def missing_glyphs(self, text: str) -> list[str]:
        """Characters of `text` that no font can draw, each once, in order. Empty means the text prints whole."""
        return self._lost(cleaned(text))

    def require(self, text: str, what: str) -> str:
        """The cleaned text, or `Problem("R01")` that names what cannot be printed. For names and addresses."""
        lost = self.missing_glyphs(text)
        if lost:
            named = " ".join(f"{char} U+{ord(char):04X}" for char in lost)
            raise Problem("R01", status=422, what=what, characters=named)
        return cleaned(text)

    def printable(self, text: str) -> str:
        """Cleaned text in which a character without a glyph shows as 〔U+1F600〕: nothing vanishes. For free text."""
        text = cleaned(text)
        lost = self._lost(text)
        return "".join(f"〔U+{ord(char):04X}〕" if char in lost else char for char in text) if lost else text

    def runs(self, text: str, *, bold: bool = False) -> Iterator[tuple[str, str]]:
        """The text cut into (font key, stretch) so that every stretch has its glyphs in that font."""
        current, stretch = "", ""
        fonts, usual = self._fonts[bold], BOLD if bold else REGULAR
        for char in text:
            key = fonts.get(ord(char)) if char != "\n" else usual
            if key is None:
                raise Problem("R01", status=422, what="", characters=f"{char} U+{ord(char):04X}")
            if key != current and stretch:
                yield current, stretch
                stretch = ""
            current = key
            stretch += char
        if stretch:
            yield current, stretch

    def subset(self, key: str, characters: Iterable[str]) -> bytes:
        """A TrueType file with only these characters; the same characters give the same bytes."""
        wanted = hb.SubsetInput()
        wanted.sets(hb.SubsetInputSets.UNICODE).update({ord(char) for char in characters} | {0x20})
        names = wanted.sets(hb.SubsetInputSets.NAME_ID)
        names.update({1, 2, 4, 6})  # the setter refuses a font without its PostScript name
        blob = hb.subset(self._faces[key], wanted).blob
        return bytes(blob.data)

    def _lost(self, text: str) -> list[str]:
        fonts = self._fonts[False]
        return [char for char in dict.fromkeys(text) if char != "\n" and ord(char) not in fonts]

    def _first_of(self, *order: str) -> dict[int, str]:
        return {code: key for key in reversed(order) if key in self._faces for code in self._faces[key].unicodes}


def open_fonts(extra: str | Path | None = None) -> FontSet:
    """Find and open the fonts, or `Problem("R02")` that names the missing file and how to get it."""
    folders = font_folders(extra)
    paths = {key: path for key, name in FILES.items() if (path := _find(name, folders))}
    for needed in (REGULAR, BOLD):
        if needed not in paths:
            raise Problem("R02", status=500, file=FILES[needed], package=PACKAGE)
    return FontSet(paths)
