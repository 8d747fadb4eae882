"""Reading a package where it lies: a tar or a folder, without unpacking and without trusting a name in it."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_BLOCK = 512
_CHUNK = 1 << 20
MOST_FILES = 100_000  # a record has some hundred; a package with more is not one of ours


class NotAPackage(Exception):
    """Neither a tar nor a folder with one bag in it; the text says what was met."""


class PackageFiles:
    """The files of a bag by their path inside it. Close after use."""

    def __init__(self, path: Path) -> None:
        """Raises NotAPackage, OSError."""
        self._at: dict[str, tuple[int, int]] = {}
        self._folder: Path | None = None
        self._file: BinaryIO | None = None
        if path.is_dir():
            self._folder = path if (path / "bagit.txt").exists() else _only(path)
            for found in self._folder.rglob("*"):
                if found.is_file() and not found.is_symlink():
                    self._at[found.relative_to(self._folder).as_posix()] = (0, found.stat().st_size)
            return
        self._file = path.open("rb")
        try:
            self._scan()
        except (tarfile.TarError, ValueError, OverflowError, UnicodeError) as error:
            self._file.close()
            raise NotAPackage(str(error)) from None
        except NotAPackage:
            self._file.close()
            raise

    def _scan(self) -> None:
        assert self._file is not None
        end, roots = 0, set()
        with tarfile.open(fileobj=self._file, mode="r:") as tar:
            for member in tar:
                if not member.isreg() or len(self._at) >= MOST_FILES:
                    raise NotAPackage(member.name)
                root, _, name = member.name.partition("/")
                roots.add(root)
                if name in self._at or not name:
                    raise NotAPackage(member.name)  # two files of one name: readers would differ in which they take
                self._at[name] = (member.offset_data, member.size)
                end = member.offset_data + member.size
                self._zeros(end, -end % _BLOCK, member.name)
                end += -end % _BLOCK
        if len(roots) != 1:
            raise NotAPackage("not one folder")
        self._file.seek(0, 2)
        self._zeros(end, self._file.tell() - end, "end")

    def _zeros(self, at: int, length: int, where: str) -> None:
        """Bytes outside the files must be nothing: there is no place to hide anything in."""
        assert self._file is not None
        self._file.seek(at)
        while length > 0:
            piece = self._file.read(min(length, _CHUNK))
            if not piece or piece.strip(b"\0"):
                raise NotAPackage(f"bytes outside the files: {where}")
            length -= len(piece)

    def names(self) -> list[str]:
        return sorted(self._at)

    def size(self, name: str) -> int:
        return self._at[name][1]

    def pieces(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Bytes of a file from `start`, a megabyte at a time. KeyError for a name that is not there."""
        at, size = self._at[name]
        left = size - start if length is None else min(length, size - start)
        if self._folder is not None:
            with (self._folder / name).open("rb") as file:
                yield from _read(file, start, left)
        else:
            assert self._file is not None
            yield from _read(self._file, at + start, left)

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        return b"".join(self.pieces(name, start, length))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _read(file: BinaryIO, at: int, left: int) -> Iterator[bytes]:
    while left > 0:
        file.seek(at)
        piece = file.read(min(left, _CHUNK))
        if not piece:
            return
        at += len(piece)
        left -= len(piece)
        yield piece


def _only(path: Path) -> Path:
    inside = [each for each in path.iterdir() if each.is_dir()]
    if len(inside) != 1 or not (inside[0] / "bagit.txt").exists():
        raise NotAPackage("no bagit.txt")
    return inside[0]
