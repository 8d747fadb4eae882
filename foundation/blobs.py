"""Where sealed objects lie: a folder of this host, or S3. Written once; calls block and are made from threads.

Both raise FileExistsError for a name that is taken and FileNotFoundError for one that is not there.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, NotFoundError, PreconditionError
from obstore.store import S3Store

from foundation.ids import new_id

# Objects up to this size go to S3 in one conditional request, larger ones in parts of it.
_PART = 8 * 1024 * 1024
# No object's name may begin with a dot.
_INCOMING = ".incoming"


class Upload(Protocol):
    """An object being written; it exists from `commit` on, whole, or never."""

    def write(self, piece: bytes) -> None: ...

    def commit(self) -> None: ...

    def abort(self) -> None: ...


class Blobs(Protocol):
    """A flat store of bytes by name."""

    def begin(self, name: str) -> Upload: ...

    def read(self, name: str, start: int, length: int) -> tuple[bytes, int]:
        """(up to `length` bytes from `start`, the object's size)."""
        ...

    def exists(self, name: str) -> bool: ...

    def delete(self, name: str) -> None:
        """Remove; nothing happens if it is not there."""
        ...

    def list(self, prefix: str) -> list[str]:
        """Names that begin with `prefix`, sorted."""
        ...


class Folder:
    """A local folder. A committed object survives a power cut: file and directories are synced before `commit` ends."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._swept = False

    def begin(self, name: str) -> Upload:
        incoming = self._root / _INCOMING
        incoming.mkdir(parents=True, exist_ok=True)
        if not self._swept:
            self._swept = True
            _sweep(incoming)
        return _FolderUpload(self._root, incoming / new_id("up"), self._root / name)

    def read(self, name: str, start: int, length: int) -> tuple[bytes, int]:
        with (self._root / name).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return os.pread(file.fileno(), length, start), size

    def exists(self, name: str) -> bool:
        return (self._root / name).is_file()

    def delete(self, name: str) -> None:
        path = self._root / name
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync_folder(path.parent)

    def list(self, prefix: str) -> list[str]:
        # Only the folder the prefix reaches into is walked, not the whole store.
        top = self._root / prefix.rpartition("/")[0]
        names = (path.relative_to(self._root).as_posix() for path in top.rglob("*") if path.is_file())
        return sorted(name for name in names if name.startswith(prefix) and not name.startswith(_INCOMING))


class _FolderUpload:
    def __init__(self, root: Path, draft: Path, path: Path) -> None:
        self._root = root
        self._draft = draft
        self._path = path
        self._file = draft.open("xb")

    def write(self, piece: bytes) -> None:
        self._file.write(piece)

    def commit(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        _make_folders(self._root, self._path.parent)
        try:
            os.link(self._draft, self._path)  # refuses a taken name, unlike rename
        finally:
            self._draft.unlink()
        _sync_folder(self._path.parent)

    def abort(self) -> None:
        self._file.close()
        self._draft.unlink(missing_ok=True)


def _sweep(incoming: Path) -> None:
    """Remove what a crash left half-written; a living upload of another process is never a day old."""
    for draft in incoming.iterdir():
        with suppress(FileNotFoundError):  # it was committed meanwhile
            if draft.stat().st_mtime < time.time() - 86_400:
                draft.unlink()


def _make_folders(root: Path, folder: Path) -> None:
    if folder == root or folder.is_dir():
        return
    _make_folders(root, folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Bucket:
    """An S3 bucket, by conditional writes (If-None-Match), which S3, MinIO and Ceph know."""

    def __init__(self, store: Any) -> None:
        self._store = store

    @classmethod
    def open(
        cls, url: str, *, endpoint: str | None, region: str, access_key: str | None, secret_key: str | None
    ) -> "Bucket":
        parts = urlsplit(url)
        config: Any = {"aws_region": region, "aws_copy_if_not_exists": "multipart"}
        if endpoint:
            config["aws_endpoint"] = endpoint
        if access_key:
            config["aws_access_key_id"] = access_key
        if secret_key:
            config["aws_secret_access_key"] = secret_key
        plain = bool(endpoint and endpoint.startswith("http://"))
        prefix = unquote(parts.path.strip("/")) or None
        return cls(S3Store(parts.netloc, prefix=prefix, config=config, client_options={"allow_http": plain}))

    def begin(self, name: str) -> Upload:
        return _BucketUpload(self._store, name)

    def read(self, name: str, start: int, length: int) -> tuple[bytes, int]:
        try:
            found = obstore.get(self._store, name, options={"range": (start, start + length)})
            return bytes(found.bytes()), int(found.meta["size"])
        except (NotFoundError, FileNotFoundError):
            raise FileNotFoundError(name) from None

    def exists(self, name: str) -> bool:
        try:
            obstore.head(self._store, name)
        except (NotFoundError, FileNotFoundError):
            return False
        return True

    def delete(self, name: str) -> None:
        try:
            obstore.delete(self._store, name)
        except (NotFoundError, FileNotFoundError):
            pass

    def list(self, prefix: str) -> list[str]:
        # S3 lists by whole folders here, so the rest of the prefix is compared by us.
        folder = prefix.rpartition("/")[0] or None
        names = (str(item["path"]) for page in self._pages(folder) for item in page)
        return sorted(name for name in names if name.startswith(prefix) and not name.startswith(_INCOMING))

    def _pages(self, folder: str | None) -> Iterator[Any]:
        yield from obstore.list(self._store, folder)


class _BucketUpload:
    """Small: one conditional PUT. Large: parts under another name, then a conditional copy inside the store."""

    def __init__(self, store: Any, name: str) -> None:
        self._store = store
        self._name = name
        self._draft = f"{_INCOMING}/{new_id('up')}"
        self._held = bytearray()
        self._writer: Any = None

    def write(self, piece: bytes) -> None:
        self._held += piece
        if len(self._held) > _PART:
            if self._writer is None:
                self._writer = obstore.open_writer(self._store, self._draft, buffer_size=_PART)
            self._writer.write(bytes(self._held))
            self._held.clear()

    def commit(self) -> None:
        try:
            if self._writer is None:
                obstore.put(self._store, self._name, bytes(self._held), mode="create", use_multipart=False)
                return
            self._writer.write(bytes(self._held))
            self._writer.close()
            try:
                obstore.copy(self._store, self._draft, self._name, overwrite=False)
            finally:
                obstore.delete(self._store, self._draft)
        except (AlreadyExistsError, PreconditionError, FileExistsError):
            raise FileExistsError(self._name) from None

    def abort(self) -> None:
        # Parts of an unfinished multipart upload are dropped by the bucket's lifecycle rule (docs/operations.md).
        self._writer = None
        self._held.clear()
