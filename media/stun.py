"""STUN Binding messages as ICE uses them (RFC 8489, RFC 8445 §7): bytes in, facts out, nothing else understood.

Every byte parsed here is from a stranger until ``verify_integrity`` has said otherwise, so the parser accepts exactly
one shape: a Binding request whose lengths add up, whose FINGERPRINT (if there is one) is last and right, and which
carries no attribute that must be understood but is not.
"""

import hmac
import ipaddress
import struct
import zlib
from dataclasses import dataclass

MAGIC = 0x2112A442
HEADER_BYTES = 20

_REQUEST = 0x0001
_SUCCESS = 0x0101
_ERROR = 0x0111

_USERNAME = 0x0006
_MESSAGE_INTEGRITY = 0x0008
_ERROR_CODE = 0x0009
_MESSAGE_INTEGRITY_SHA256 = 0x001C
_XOR_MAPPED_ADDRESS = 0x0020
_PRIORITY = 0x0024
_USE_CANDIDATE = 0x0025
_FINGERPRINT = 0x8028
_ICE_CONTROLLED = 0x8029
_ICE_CONTROLLING = 0x802A

_FINGERPRINT_XOR = 0x5354554E  # RFC 8489 §14.7: sets a STUN checksum apart from other CRC-32s in the same datagram
_USERNAME_MAX = 508  # RFC 8489 §14.3: fewer than 509 bytes
_MESSAGE_MAX = 1280  # RFC 8489 §6.1: a request without known path MTU stays below the smallest IPv6 MTU

_HEADER = struct.Struct("!HHL12s")
_TLV = struct.Struct("!HH")


class StunError(ValueError):
    """Not a Binding request we may answer."""


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """A well-formed, not yet authenticated ICE connectivity check.

    ``integrity_at`` is the offset of MESSAGE-INTEGRITY; the attributes reported here all lie before it.
    """

    transaction: bytes
    username: str
    priority: int
    use_candidate: bool
    controlling: bool
    integrity_at: int


def is_stun(data: bytes) -> bool:
    """True when the datagram is in STUN's range and carries the magic cookie (RFC 7983 §7, RFC 8489 §6.3)."""
    return len(data) >= HEADER_BYTES and data[0] < 4 and data[4:8] == b"\x21\x12\xa4\x42"


def parse_binding_request(data: bytes) -> BindingRequest:
    """Read a Binding request. Raises StunError for everything else."""
    if not HEADER_BYTES <= len(data) <= _MESSAGE_MAX:
        raise StunError("length out of range")
    kind, length, cookie, transaction = _HEADER.unpack_from(data)
    if kind != _REQUEST or cookie != MAGIC:
        raise StunError("not a Binding request")
    if length % 4 or length != len(data) - HEADER_BYTES:
        raise StunError("length does not match")
    username = ""
    priority = 0
    use_candidate = controlling = False
    integrity_at = 0
    at = HEADER_BYTES
    while at < len(data):
        if at + 4 > len(data):
            raise StunError("attribute header cut off")
        tag, size = _TLV.unpack_from(data, at)
        value = data[at + 4 : at + 4 + size]
        if len(value) != size:
            raise StunError("attribute cut off")
        if tag == _FINGERPRINT:
            _check_fingerprint(data, at, value)
        elif integrity_at:
            pass  # RFC 8489 §14.5: what follows MESSAGE-INTEGRITY is not protected and must be ignored
        elif tag == _USERNAME:
            username = _username(value)
        elif tag == _MESSAGE_INTEGRITY:
            if size != 20:
                raise StunError("MESSAGE-INTEGRITY is not 20 bytes")
            integrity_at = at
        elif tag == _PRIORITY:
            if size != 4:
                raise StunError("PRIORITY is not 4 bytes")
            priority = int.from_bytes(value, "big")
        elif tag == _USE_CANDIDATE:
            use_candidate = True
        elif tag == _ICE_CONTROLLING:
            controlling = True
        elif tag < 0x8000 and tag != _MESSAGE_INTEGRITY_SHA256:
            raise StunError(f"attribute {tag:#06x} must be understood and is not")
        at += 4 + size + (-size & 3)
    if at != len(data):
        raise StunError("padding cut off")
    if not integrity_at or ":" not in username:
        raise StunError("no credentials")
    return BindingRequest(transaction, username, priority, use_candidate, controlling, integrity_at)


def _check_fingerprint(data: bytes, at: int, value: bytes) -> None:
    if len(value) != 4 or at + 8 != len(data):
        raise StunError("FINGERPRINT is not the last attribute")
    if (zlib.crc32(data[:at]) ^ _FINGERPRINT_XOR) != int.from_bytes(value, "big"):
        raise StunError("FINGERPRINT does not match")


def _username(value: bytes) -> str:
    if len(value) > _USERNAME_MAX:
        raise StunError("USERNAME too long")
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise StunError("USERNAME is not UTF-8") from None


def verify_integrity(data: bytes, request: BindingRequest, password: bytes) -> bool:
    """True when the sender knows our ICE password (short-term credentials, RFC 8489 §9.1.3)."""
    at = request.integrity_at
    return hmac.compare_digest(_integrity(data[:at], password), data[at + 4 : at + 24])


def _integrity(head: bytes, password: bytes) -> bytes:
    # The length field counts as if MESSAGE-INTEGRITY were the last attribute (RFC 8489 §14.5).
    adjusted = head[:2] + struct.pack("!H", len(head) - HEADER_BYTES + 24) + head[4:]
    return hmac.digest(password, adjusted, "sha1")


def success_response(transaction: bytes, host: str, port: int, password: bytes) -> bytes:
    """Answer a check: tells the client the address we see it at."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mask = struct.pack("!L", MAGIC) + transaction
    packed = bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
    value = struct.pack("!BBH", 0, 1 if address.version == 4 else 2, port ^ (MAGIC >> 16)) + packed
    return _seal(_SUCCESS, transaction, _attribute(_XOR_MAPPED_ADDRESS, value), password)


def role_conflict_response(transaction: bytes, password: bytes) -> bytes:
    """Tell a client that believes to be controlled that we, being ICE-lite, cannot control (RFC 8445 §7.3.1.1)."""
    value = struct.pack("!HBB", 0, 4, 87) + b"Role Conflict"
    return _seal(_ERROR, transaction, _attribute(_ERROR_CODE, value), password)


def binding_request(
    transaction: bytes,
    username: str,
    password: bytes,
    *,
    priority: int = 0,
    tie_breaker: int = 0,
    controlling: bool = True,
    use_candidate: bool = False,
) -> bytes:
    """A connectivity check as a client sends it; the worker itself never sends one (ICE-lite)."""
    role = _ICE_CONTROLLING if controlling else _ICE_CONTROLLED
    body = _attribute(_USERNAME, username.encode()) + _attribute(_PRIORITY, priority.to_bytes(4, "big"))
    body += _attribute(role, tie_breaker.to_bytes(8, "big"))
    if use_candidate:
        body += _attribute(_USE_CANDIDATE, b"")
    return _seal(_REQUEST, transaction, body, password)


def _attribute(tag: int, value: bytes) -> bytes:
    return _TLV.pack(tag, len(value)) + value + bytes(-len(value) & 3)


def _seal(kind: int, transaction: bytes, body: bytes, password: bytes) -> bytes:
    head = _HEADER.pack(kind, len(body), MAGIC, transaction) + body
    message = head + _attribute(_MESSAGE_INTEGRITY, _integrity(head, password))
    message = message[:2] + struct.pack("!H", len(message) - HEADER_BYTES + 8) + message[4:]
    return message + _attribute(_FINGERPRINT, struct.pack("!L", zlib.crc32(message) ^ _FINGERPRINT_XOR))
