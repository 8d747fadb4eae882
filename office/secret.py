"""Short secrets that must be shown again (a link, a code), sealed under their record's key; codes as keyed hashes."""

import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


def seal_text(key: bytes, text: str, owner: str) -> bytes:
    """AES-256-GCM with a random nonce in front; `owner` is bound in, so that a sealed text fits one row only."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text.encode("utf-8"), owner.encode("utf-8"))


def open_text(key: bytes, sealed: bytes, owner: str) -> str:
    """Raises cryptography's InvalidTag for another key, owner or content."""
    plain = AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner.encode("utf-8"))
    return plain.decode("utf-8")


def hash_token(token: str) -> str:
    """A token of 256 random bits needs no salt."""
    return hashlib.sha256(token.encode("utf-8")).hexdigest()


def hash_code(key: bytes, salt: str, code: str) -> str:
    """A six-digit code is guessed from any plain hash in a second, so a key that is not in the database goes in."""
    return hmac.new(key, f"{salt}|{code}".encode(), hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left, right)
