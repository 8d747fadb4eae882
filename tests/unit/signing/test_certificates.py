from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from signing.certificates import (
    SigningAct,
    act_of,
    asn1,
    dn_safe,
    event_certificate,
    new_key,
    public_key,
    root_certificate,
    server_certificate,
    subject,
)
from tests.unit.signing.samples import RARE_NAMES

NOW = datetime(2025, 11, 24, 6, 30, tzinfo=UTC)
SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def act(name: str) -> SigningAct:
    return SigningAct(
        record="rec_1", role="applicant", field="Applicant", name=name, party="inv_1", identity="身份证",
        revision_sha256="ab" * 32, revision_size=1234, lease="lse_1",
    )  # fmt: skip


@pytest.mark.parametrize("name", RARE_NAMES)
def test_a_certificate_for_a_rare_name_loads_and_keeps_the_real_name(name: str) -> None:
    root_key, ca_key, key = new_key(), new_key(), new_key()
    root = root_certificate(subject("根"), root_key, NOW)
    ca = server_certificate("event_ca", subject("事件"), ca_key.public_key(), root, root_key, NOW)
    made = asn1(event_certificate(act(name), key.public_key(), ca, ca_key, NOW, "https://x.example/ocsp"))
    assert made.subject.native["common_name"] == dn_safe(name)
    made.subject.hashable  # noqa: B018  # prepares the name as a certificate store does; raises for what it cannot
    found = act_of(made)
    assert found == act(name)


def test_only_characters_that_old_name_rules_do_not_know_are_replaced() -> None:
    assert dn_safe("张䶮") == "张䶮"
    assert dn_safe("李𬍛") == "李〓"
    assert len(dn_safe("长" * 200)) == 64


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-384", "Ed25519", "RSA"],
)
def test_only_p_256_keys_are_certified(key: ec.EllipticCurvePrivateKey) -> None:
    with pytest.raises(ValueError, match="P-256"):
        public_key(key.public_key().public_bytes(*SPKI))


def test_a_server_certificate_speaks_of_no_act() -> None:
    root_key = new_key()
    assert act_of(asn1(root_certificate(subject("根"), root_key, NOW))) is None
