"""Sealing an object in frames, so that any part can be opened alone and nothing can be cut, moved or swapped.

    object = magic (8) ‖ salt (16) ‖ frame 0 ‖ frame 1 ‖ …
    frame = AES-256-GCM of ≤ 65,536 plain bytes, with its tag (16)

The object's own key is HKDF-SHA256(record's key, salt), so two objects never share a nonce. The nonce is the frame's
index (11 bytes) and whether it is the last (1 byte): the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár:
"Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015), as age uses it. A frame out of
place, an object cut at a frame's edge and one with frames added all fail to open. The object's name is authenticated
with every frame: another object of the same record under this name fails too.

Every frame but the last is full. An empty object is one empty last frame.
"""

import os
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"YKOBJ\x00\x00\x01"
SALT = 16
HEADER = len(MAGIC) + SALT
PLAIN = 64 * 1024
TAG = 16
FRAME = PLAIN + TAG
KEY = 32


class Tampered(Exception):
    """What is stored is not what was sealed under this name with this key."""


def plain_size(stored: int) -> int:
    """Bytes of the plain object in `stored` bytes. Raises Tampered for a size no object has."""
    body = stored - HEADER
    frames, rest = divmod(body, FRAME)
    # A last frame without a plain byte exists only in the empty object.
    if body < TAG or 0 < rest < TAG or (rest == TAG and frames > 0):
        raise Tampered("no object has this size")
    return body - TAG * (frames + (1 if rest else 0))


def frame_count(plain: int) -> int:
    """Frames of an object of this many plain bytes."""
    return max(1, -(-plain // PLAIN))


def frame_span(first: int, last: int) -> tuple[int, int]:
    """(offset, most bytes) in the stored object of frames `first` to `last`, both included."""
    return HEADER + first * FRAME, (last - first + 1) * FRAME


def _nonce(index: int, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _aead(record_key: bytes, salt: bytes) -> AESGCM:
    if len(record_key) != KEY:
        raise ValueError("a record's key has 32 bytes")
    return AESGCM(HKDF(SHA256(), KEY, salt, b"yuankan object 1").derive(record_key))


def seal(record_key: bytes, name: str, plain: bytes) -> Iterator[bytes]:
    """A whole object in pieces that follow each other, each sealed where it lies: for objects that are small."""
    salt, view, last = os.urandom(SALT), memoryview(plain), frame_count(len(plain)) - 1
    aead, bound = _aead(record_key, salt), name.encode()
    yield MAGIC + salt
    for index in range(last + 1):
        yield aead.encrypt(_nonce(index, index == last), view[index * PLAIN : (index + 1) * PLAIN], bound)


class Sealer:
    """Seals one object: `update` as plain bytes come, `finish` once."""

    def __init__(self, record_key: bytes, name: str, salt: bytes | None = None) -> None:
        salt = salt or os.urandom(SALT)
        self._aead = _aead(record_key, salt)
        self._name = name.encode()
        self._index = 0
        self._held = bytearray()
        self._out = bytearray(MAGIC + salt)

    def update(self, plain: bytes) -> bytes:
        """Sealed bytes that are ready. A full frame is held until it is known not to be the last."""
        self._held += plain
        done = max(0, (len(self._held) - 1) // PLAIN)
        view = memoryview(self._held)
        for number in range(done):
            self._out += self._seal(view[number * PLAIN : (number + 1) * PLAIN], last=False)
        view.release()
        del self._held[: done * PLAIN]
        return self._take()

    def finish(self) -> bytes:
        """The last frame, and the header if nothing came before."""
        self._out += self._seal(self._held, last=True)
        return self._take()

    def _seal(self, plain: bytearray | memoryview, *, last: bool) -> bytes:
        sealed = self._aead.encrypt(_nonce(self._index, last), plain, self._name)
        self._index += 1
        return sealed

    def _take(self) -> bytes:
        out = bytes(self._out)
        self._out.clear()
        return out


class Opener:
    """Opens frames of one object of `stored` bytes, given its first `HEADER` bytes. Raises Tampered."""

    def __init__(self, record_key: bytes, name: str, header: bytes, stored: int) -> None:
        if len(header) != HEADER or not header.startswith(MAGIC):
            raise Tampered("not one of our objects")
        self.size = plain_size(stored)
        self._last = frame_count(self.size) - 1
        self._aead = _aead(record_key, header[len(MAGIC) :])
        self._name = name.encode()

    def open(self, first: int, sealed: bytes | memoryview) -> bytes:
        """The plain bytes of whole consecutive frames, the first of which has this index. Raises Tampered."""
        return b"".join(self.each(first, sealed))

    def each(self, first: int, sealed: bytes | memoryview) -> Iterator[bytes]:
        """The same, frame by frame."""
        view = memoryview(sealed)
        for number in range(-(-len(sealed) // FRAME)):
            index = first + number
            try:
                frame = view[number * FRAME : (number + 1) * FRAME]
                yield self._aead.decrypt(_nonce(index, index == self._last), frame, self._name)
            except (InvalidTag, ValueError):
                raise Tampered(f"frame {index} does not open") from None
