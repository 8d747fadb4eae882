"""The root's key in a file, for whoever keeps it off the machine: PKCS#12 (RFC 7292) under a passphrase."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from signing.keys import ServerKey
from signing.signers import KeyUnusable


def closed(root: ServerKey, passphrase: str) -> bytes:
    """What is to be kept."""
    closing = serialization.BestAvailableEncryption(passphrase.encode())
    return pkcs12.serialize_key_and_certificates(b"root", root.key, root.certificate, None, closing)


def opened(data: bytes, passphrase: str) -> ServerKey:
    """Raises KeyUnusable for another passphrase or what is no such file."""
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(data, passphrase.encode())
    except ValueError as error:
        raise KeyUnusable(f"it does not open: {error}") from None
    if not isinstance(certificate, x509.Certificate) or not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyUnusable("it holds no key with its certificate")
    if key.public_key() != certificate.public_key():
        raise KeyUnusable("its key is not that of its certificate")
    return ServerKey("root", certificate, key)
