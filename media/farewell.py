"""The one word that a DTLS connection still says when its keys have left it: that it is over (RFC 5246 §7.2.1).

An OpenSSL connection keeps 69 kB as long as it lives, four of them for two people, and after the handshake no more than
this alert ever passes: media has keys of its own, and no data channel is negotiated. So the connection is let go, and
what remains are the record keys of its two directions, of the one cipher that dtls.py offers.
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from OpenSSL import SSL

_KEY, _SALT, _NONCE, _TAG = 16, 4, 8, 16  # bytes (RFC 5288 §3)
_HEADER = 13
_FATAL, _CLOSE_NOTIFY = 2, 0
_BEGINNING = b"\x15\xfe\xfd"  # alert, DTLS 1.2
_EPOCH = b"\0\1"
# Far beyond what a handshake has used: the other end takes any number newer than those it has seen.
_NUMBER = _EPOCH + (1 << 40).to_bytes(6, "big")


@dataclass(frozen=True, slots=True)
class Farewell:
    """Record keys of a finished handshake with AES-128-GCM, each a key with its salt."""

    mine: bytes
    theirs: bytes

    @classmethod
    def of(cls, tls: SSL.Connection, role: Literal["client", "server"]) -> "Farewell":
        """Those of this connection, whose handshake is done."""
        master, client, server = tls.master_key(), tls.client_random(), tls.server_random()
        assert master and client and server, "the handshake is done"
        block = _expanded(master, b"key expansion" + server + client, 2 * (_KEY + _SALT))
        salts = block[2 * _KEY :]
        ends = block[:_KEY] + salts[:_SALT], block[_KEY : 2 * _KEY] + salts[_SALT:]
        return cls(*ends) if role == "client" else cls(*reversed(ends))

    def say(self) -> bytes:
        """The datagram that says it; to be sent once."""
        # OpenSSL counts its nonces from a random one, so another random one is as good as new.
        nonce = secrets.token_bytes(_NONCE)
        word = bytes((1, _CLOSE_NOTIFY))
        key, salt = self.mine[:_KEY], self.mine[_KEY:]
        sealed = AESGCM(key).encrypt(salt + nonce, word, _associated(_NUMBER, len(word)))
        return _BEGINNING + _NUMBER + (_NONCE + len(sealed)).to_bytes(2, "big") + nonce + sealed

    def said_in(self, datagram: bytes) -> bool:
        """Whether the other end says it here, or that it has failed."""
        at = 0
        while at + _HEADER <= len(datagram):
            end = at + _HEADER + int.from_bytes(datagram[at + 11 : at + _HEADER], "big")
            if end <= len(datagram) and self._ends(datagram[at:end]):
                return True
            at = end
        return False

    def _ends(self, record: bytes) -> bool:
        body = record[_HEADER + _NONCE :]
        key, salt = self.theirs[:_KEY], self.theirs[_KEY:]
        nonce = salt + record[_HEADER : _HEADER + _NONCE]
        if not record.startswith(_BEGINNING + _EPOCH) or len(body) != 2 + _TAG:
            return False
        try:
            level, description = AESGCM(key).decrypt(nonce, body, _associated(record[3:11], 2))
        except InvalidTag:
            return False
        return level == _FATAL or description == _CLOSE_NOTIFY


def _associated(number: bytes, size: int) -> bytes:
    """RFC 5246 §6.2.3.3, with the number as RFC 6347 §4.1.2.1 has it."""
    return number + _BEGINNING + size.to_bytes(2, "big")


def _expanded(secret: bytes, seed: bytes, size: int) -> bytes:
    """RFC 5246 §5, with SHA-256."""
    out, link = b"", seed
    while len(out) < size:
        link = hmac.digest(secret, link, "sha256")
        out += hmac.digest(secret, link + seed, "sha256")
    return out[:size]
