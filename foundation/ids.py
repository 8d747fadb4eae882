"""Names for things: identifiers that sort by the time they were made, and secrets that nobody can guess.

An identifier is a kind, an underscore and a ULID (26 characters of Crockford's base 32: 48 bits of Unix milliseconds,
80 random bits; https://github.com/ulid/spec). It is not a secret. A token is one: 256 random bits.
"""

import secrets
import time

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 80
_LENGTH = 26


def new_id(prefix: str) -> str:
    """A fresh identifier such as ``rec_01jd9zk3f8…``: lower case, 26 characters after the underscore."""
    return f"{prefix}_{encode(time.time_ns() // 1_000_000, secrets.randbits(_RANDOM_BITS))}"


def encode(unix_ms: int, entropy: int) -> str:
    """The 26 characters of a ULID with this time (milliseconds since 1970, < 2**48) and these 80 bits."""
    value = (unix_ms << _RANDOM_BITS) | entropy
    return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))


def is_id(text: str, prefix: str) -> bool:
    """Whether a stranger's text has the shape of our identifier of this kind; it may still name nothing."""
    head, _, tail = text.partition("_")
    return head == prefix and len(tail) == _LENGTH and tail[0] <= "7" and all(c in _CROCKFORD for c in tail)


def new_token() -> str:
    """A bearer secret of 256 bits, safe in a URL path. ASVS 5 7.2.3 asks for at least 128."""
    return secrets.token_urlsafe(32)
