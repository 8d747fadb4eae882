"""A certificate of this machine's own making, so that phones on the local network get the secure page cameras need.

Browsers give camera and microphone only to secure contexts (W3C Secure Contexts); a local address has no public
certificate. The authority made here stays on this machine and signs for its own addresses only (name constraints are
not used: old Android WebViews reject them). Not for production: there `YUANKAN_TLS_CERT` and `YUANKAN_TLS_KEY` stand.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Apple refuses server certificates that live longer (support.apple.com/HT210176).
SERVER_DAYS = 397
AUTHORITY_DAYS = 1825


@dataclass(frozen=True)
class LocalCertificate:
    authority: Path  # what a phone installs once
    certificate: Path
    key: Path
    addresses: tuple[str, ...]


def local_addresses() -> tuple[str, ...]:
    """Addresses under which other machines of the network reach this one, the preferred first."""
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # No packet leaves: connecting a datagram socket only asks the routing table (RFC 5737 test address).
            probe.connect(("192.0.2.1", 9))
            found.append(probe.getsockname()[0])
        except OSError:
            pass
    try:
        found += [str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    except OSError:
        pass
    return tuple(dict.fromkeys(address for address in found if not address.startswith("127.")))


def ensure(folder: Path, now: datetime.datetime, addresses: tuple[str, ...]) -> LocalCertificate:
    """The certificate for ``addresses``, made anew when an address is not in it or it ends within a week."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    local = LocalCertificate(folder / "authority.crt", folder / "server.crt", folder / "server.key", addresses)
    if local.certificate.exists() and _serves(local.certificate, now, addresses):
        return local
    authority_key, authority = _authority(folder, now)
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name("Yuankan on this machine"))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=SERVER_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    _write(local.key, _private(key))
    _write(local.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    return local


def _serves(path: Path, now: datetime.datetime, addresses: tuple[str, ...]) -> bool:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    held = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    return set(addresses) <= held and certificate.not_valid_after_utc - now > datetime.timedelta(days=7)


def _authority(folder: Path, now: datetime.datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key_path, certificate_path = folder / "authority.key", folder / "authority.crt"
    if key_path.exists() and certificate_path.exists():
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key, x509.load_pem_x509_certificate(certificate_path.read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Yuankan local authority")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(key_path, _private(key))
    _write(certificate_path, certificate.public_bytes(serialization.Encoding.PEM))
    return key, certificate


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(data)
