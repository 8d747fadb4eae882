"""Keys: one per record, wrapped by the office's key, which lies in a file only this service may read.

Wrapped keys lie with the records in the database, sealed objects in the store; neither opens without the office's key.
Destroying a record's wrapped key destroys all its objects at once, copies in backups included.
"""

import hashlib
import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

KEY = 32
_VERSION = b"\x01"
_ID = 4


class WrongOfficeKey(Exception):
    """The wrapped key was made under another office key, or damaged: the operator has the wrong key file."""


class Keyring:
    """Wraps record keys with the office key (RFC 3394). Older office keys still unwrap what they wrapped."""

    def __init__(self, office_key: bytes, *older: bytes) -> None:
        for key in (office_key, *older):
            if len(key) != KEY:
                raise ValueError("an office key has 32 bytes")
        self._current = office_key
        self._by_id = {_key_id(key): key for key in (*older, office_key)}

    def new_record_key(self) -> bytes:
        """32 random bytes."""
        return os.urandom(KEY)

    def wrap(self, key: bytes) -> bytes:
        """Version (1) ‖ office key's id (4) ‖ RFC 3394 blob (40): 45 bytes."""
        return _VERSION + _key_id(self._current) + aes_key_wrap(self._current, key)

    def unwrap(self, blob: bytes) -> bytes:
        """The record's key. Raises WrongOfficeKey."""
        office_key = self._by_id.get(blob[1 : 1 + _ID])
        if blob[:1] != _VERSION or office_key is None:
            raise WrongOfficeKey("wrapped by a key that is not on this ring")
        try:
            return aes_key_unwrap(office_key, blob[1 + _ID :])
        except (InvalidUnwrap, ValueError) as error:
            raise WrongOfficeKey("damaged") from error


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"yuankan office key" + key).digest()[:_ID]


def load_keyring(path: Path) -> Keyring:
    """The ring of the key file, made on first start with mode 0600.

    Raises PermissionError when others may read the file, ValueError when it is not a key.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _make(path)
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PermissionError(f"{path} must be readable by its owner alone (chmod 600)")
    # One key a line in hexadecimal: the first is in use, the others still open what they wrapped.
    keys = [bytes.fromhex(line) for line in path.read_text().split()]
    if not keys:
        raise ValueError(f"{path} holds no key")
    return Keyring(*keys)


def _make(path: Path) -> None:
    # Written whole under another name and linked: two processes of a first start agree on one key.
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(os.urandom(KEY).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
