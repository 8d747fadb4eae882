"""SM2 signatures over SM3 (GB/T 32918.2, GB/T 32905), checked by arithmetic of our own: the libraries that judge all
others do not know the curve. Only public values pass through here; a key signs in OpenSSL (signers.py).
"""

from __future__ import annotations

from asn1crypto import algos
from asn1crypto.keys import PublicKeyInfo
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from pyhanko_certvalidator.sig_validate import (
    DEFAULT_VALIDATION_CONTEXT,
    DefaultSignatureValidator,
    SignatureValidationContext,
)

CURVE = "1.2.156.10197.1.301"  # GM/T 0006
SIGNATURE = "1.2.156.10197.1.501"  # SM2 with SM3, RFC 8998
_SM3 = "1.2.156.10197.1.401"
IDENTITY = "1234567812345678"  # of the signer, where no other was agreed: GB/T 35276

# GB/T 32918.5: y² = x³ − 3x + b over the integers modulo P, points of order N.
P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
Point = tuple[int, int]
_Sum = Point | None  # None: the point at infinity

# The library reads digest algorithms by their names; it has no way to be told one more but its table.
algos.DigestAlgorithmId._map[_SM3] = "sm3"
algos.DigestAlgorithmId._reverse_map = None


def public_point(key: PublicKeyInfo) -> Point | None:
    """The point of an SM2 public key; None for every other key. Raises ValueError for a point off the curve."""
    if key["algorithm"]["algorithm"].native != "ec" or key["algorithm"]["parameters"].chosen.native != CURVE:
        return None
    form = bytes(key["public_key"])
    x, y = int.from_bytes(form[1:33], "big"), int.from_bytes(form[33:], "big")
    if len(form) != 65 or form[0] != 4 or not (x < P and y < P) or (y * y - x * x * x + 3 * x - _B) % P:
        raise ValueError("not an uncompressed point of the SM2 curve")
    return x, y


def verify(point: Point, data: bytes, signature: bytes, identity: str = IDENTITY) -> None:
    """GB/T 32918.2 7.1; `signature` is the DER of r and s. About 35 ms. Raises InvalidSignature."""
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:
        raise InvalidSignature from None
    t = (r + s) % N
    if not (0 < r < N and 0 < s < N and t):
        raise InvalidSignature
    digest = int.from_bytes(_sm3(_identity_hash(point, identity) + data), "big")
    found = _two_products(s, _G, t, point)
    if found is None or (digest + found[0]) % N != r:
        raise InvalidSignature


def _identity_hash(point: Point, identity: str) -> bytes:
    """Z of GB/T 32918.2 5.5: who signs, the curve, the key."""
    name = identity.encode()
    values = b"".join(value.to_bytes(32, "big") for value in (P - 3, _B, *_G, *point))
    return _sm3((len(name) * 8).to_bytes(2, "big") + name + values)


def _sm3(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def _add(one: _Sum, other: _Sum) -> _Sum:
    if one is None or other is None:
        return one or other
    if one[0] != other[0]:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, P)
    elif one[1] == other[1] != 0:
        slope = 3 * (one[0] * one[0] - 1) * pow(2 * one[1], -1, P)
    else:
        return None
    x = (slope * slope - one[0] - other[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def _two_products(a: int, one: Point, b: int, other: Point) -> _Sum:
    """a × one + b × other, bit by bit of both at once."""
    found: _Sum = None
    addends: tuple[_Sum, ...] = (None, one, other, _add(one, other))
    for bit in range(255, -1, -1):
        found = _add(found, found)
        found = _add(found, addends[(a >> bit & 1) | (b >> bit & 1) << 1])
    return found


class Validator(DefaultSignatureValidator):
    """The library's judge of signatures, taught SM2: a key of its curve, SM3 and signed attributes, or not at all."""

    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: PublicKeyInfo,
        signature_algorithm: algos.SignedDigestAlgorithm,
        context: SignatureValidationContext = DEFAULT_VALIDATION_CONTEXT,
    ) -> None:
        if signature_algorithm["algorithm"].dotted != SIGNATURE:
            super().validate_signature(signature, signed_data, public_key_info, signature_algorithm, context)
            return
        try:
            point = public_point(public_key_info)
        except ValueError:
            point = None
        if point is None or context.prehashed or context.contextual_md_algorithm not in (None, "sm3"):
            raise InvalidSignature
        verify(point, signed_data, signature)
