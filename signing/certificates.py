"""Certificate profiles (RFC 5280): root, event authority, responder, server keys, and event certificates for one act.

An event certificate 事件证书 belongs to one signature of one person: a private extension binds it to the record, the
role, how identity was checked and the exact revision of the sheet. All keys are ECDSA P-256: Ed25519 is refused by
poppler, MuPDF and OpenSSL 3.0, and RSA makes every signature four times as large.
"""

from __future__ import annotations

import stringprep
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from asn1crypto import core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

# Arcs under 2.25 are made from a UUID and need no registration (ITU-T X.667); this one is uuid5(DNS,
# "event-certificate.yuankan").
ARC = "2.25.22852512167062567615876219202490530353"
ACT_OID = ObjectIdentifier(f"{ARC}.1")
TSA_POLICY = f"{ARC}.2"

# Longer than any retention: verdicts are judged at a signature's own time, but pinned anchors should outlive files.
ROOT_LIFE = timedelta(days=365 * 40)
SERVER_LIFE = timedelta(days=365 * 30)
EVENT_LIFE = timedelta(hours=24)
# A certificate begins a little early, so that a time stamp service whose clock is behind by seconds still falls inside.
EARLY = timedelta(minutes=5)

_EXTENDED = {
    "tsa": (ExtendedKeyUsageOID.TIME_STAMPING, True),
    "ocsp": (ExtendedKeyUsageOID.OCSP_SIGNING, False),
}


class SigningAct(msgspec.Struct, frozen=True, kw_only=True):
    """What a certificate was issued for. `revision_sha256` and `revision_size` name the file that the signer saw."""

    record: str
    role: str
    field: str
    name: str
    party: str
    identity: str
    revision_sha256: str
    revision_size: int
    lease: str


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def dn_safe(text: str) -> str:
    """A name as a distinguished name can carry it: 〓 for what Unicode 3.2 did not know (RFC 4518 2.1).

    The library that verifies refuses a whole certificate for one such character, so 李𬍛 becomes 李〓; the real name is
    in the private extension, the signature's /Name and the sheet.
    """
    safe = "".join("〓" if stringprep.in_table_a1(char) else char for char in text)
    return safe[:64] or "〓"  # ub-common-name: RFC 5280 A.1


def subject(common_name: str, organisation: str = "", unit: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, "CN")]
    if organisation:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, dn_safe(organisation)))
    if unit:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, dn_safe(unit)))
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, dn_safe(common_name))])


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=not ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    name: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePublicKey,
    start: datetime,
    end: datetime,
    *,
    ca: bool,
    path_length: int | None = None,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start.replace(microsecond=0))
        .not_valid_after(end.replace(microsecond=0))
        .add_extension(x509.BasicConstraints(ca, path_length), critical=True)
        .add_extension(_usage(ca=ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def root_certificate(name: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    public = key.public_key()
    made = _builder(name, public, name, public, now - EARLY, now + ROOT_LIFE, ca=True)
    return made.sign(key, hashes.SHA256())


def server_certificate(
    kind: str,
    name: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """`kind`: event_ca, ocsp, tsa, system or seal."""
    ca = kind == "event_ca"
    made = _builder(
        name,
        key,
        issuer.subject,
        issuer_key.public_key(),
        now - EARLY,
        now + SERVER_LIFE,
        ca=ca,
        path_length=0 if ca else None,
    )
    if kind in _EXTENDED:
        use, critical = _EXTENDED[kind]
        made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=critical)
    if kind == "ocsp":
        made = made.add_extension(x509.OCSPNoCheck(), critical=False)  # RFC 6960 4.2.2.2.1
    return made.sign(issuer_key, hashes.SHA256())


def event_certificate(
    act: SigningAct,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    responder_url: str | None = None,
) -> x509.Certificate:
    """`responder_url` names an OCSP responder that every reader of the file can reach; without one it stays out, or
    poppler offline would call a good certificate doubtful."""
    name = subject(act.name, unit=act.role)
    bound = core.UTF8String(msgspec.json.encode(act, order="deterministic").decode()).dump()
    made = _builder(name, key, issuer.subject, issuer_key.public_key(), now - EARLY, now + EVENT_LIFE, ca=False)
    made = made.add_extension(x509.UnrecognizedExtension(ACT_OID, bound), critical=False)
    if responder_url is not None:
        url = x509.UniformResourceIdentifier(responder_url)
        responder = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, url)
        made = made.add_extension(x509.AuthorityInformationAccess([responder]), critical=False)
    return made.sign(issuer_key, hashes.SHA256())


def act_of(certificate: asn1_x509.Certificate) -> SigningAct | None:
    """The act an event certificate was issued for; None where the certificate is of another kind."""
    for extension in certificate["tbs_certificate"]["extensions"]:
        if extension["extn_id"].dotted == ACT_OID.dotted_string:
            text = core.UTF8String.load(extension["extn_value"].contents).native
            return msgspec.json.decode(text, type=SigningAct)
    return None


def public_key(spki: bytes) -> ec.EllipticCurvePublicKey:
    """A browser's P-256 public key from its SubjectPublicKeyInfo. Raises ValueError for any other key."""
    key = serialization.load_der_public_key(spki)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a P-256 public key")
    return key


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(der(certificate))


def pem(certificates: Sequence[bytes]) -> str:
    """DER certificates as one PEM text."""
    return "".join(
        x509.load_der_x509_certificate(one).public_bytes(serialization.Encoding.PEM).decode() for one in certificates
    )
