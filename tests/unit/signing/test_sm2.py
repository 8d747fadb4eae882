"""SM2 over SM3: the standard's example, and agreement with OpenSSL on what stands and what does not."""

from pathlib import Path

import pytest
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from asn1crypto.algos import SignedDigestAlgorithm
from asn1crypto.keys import PublicKeyInfo
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from pyhanko_certvalidator.sig_validate import SignatureValidationContext

from signing.certificates import new_key
from signing.sm2 import SIGNATURE, N, P, Point, Validator, public_point, verify
from tests.support import sm2

# GB/T 32918.5, annex A: key, message, r, s.
KEY: Point = (
    0x09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020,
    0xCCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13,
)
MESSAGE = b"message digest"
R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA


def info(point: Point, curve: str = "1.2.156.10197.1.301") -> PublicKeyInfo:
    form = b"\x04" + b"".join(value.to_bytes(32, "big") for value in point)
    return PublicKeyInfo({"algorithm": {"algorithm": "ec", "parameters": ("named", curve)}, "public_key": form})


def test_the_example_of_the_standard_stands() -> None:
    verify(KEY, MESSAGE, encode_dss_signature(R, S))
    assert public_point(info(KEY)) == KEY


@pytest.mark.parametrize(
    ("data", "r", "s"),
    [
        (MESSAGE + b"\0", R, S),
        (MESSAGE, R ^ 1, S),
        (MESSAGE, R, S ^ 1),
        (MESSAGE, S, R),
        (MESSAGE, R + N, S),
        (MESSAGE, R, S + N),
        (MESSAGE, R, N - R),
        (MESSAGE, 0, S),
        (MESSAGE, R, 0),
        (MESSAGE, 0, 0),
    ],
)
def test_anything_else_does_not(data: bytes, r: int, s: int) -> None:
    with pytest.raises(InvalidSignature):
        verify(KEY, data, encode_dss_signature(r, s))


def test_another_signer_another_identity_and_what_is_no_signature_are_refused() -> None:
    good = encode_dss_signature(R, S)
    with pytest.raises(InvalidSignature):
        verify((KEY[0], P - KEY[1]), MESSAGE, good)
    with pytest.raises(InvalidSignature):
        verify(KEY, MESSAGE, good, identity="ALICE123@YAHOO.COM")
    for torn in (b"", good[:-1], good + b"\0"):
        with pytest.raises(InvalidSignature):
            verify(KEY, MESSAGE, torn)


@pytest.mark.parametrize("point", [(KEY[0], KEY[1] ^ 1), (0, 0), (KEY[0] + P if KEY[0] + P < 1 << 256 else P, 0)])
def test_a_key_off_the_curve_is_refused(point: Point) -> None:
    with pytest.raises(ValueError, match="not an uncompressed point"):
        public_point(info(point))


def test_a_key_of_another_curve_is_no_sm2_key() -> None:
    x, y = new_key().public_key().public_numbers().x, new_key().public_key().public_numbers().y
    assert public_point(info((x, y), "secp256r1")) is None


@pytest.mark.parametrize("md, prehashed", [("sha256", False), ("sm3", True)])
def test_the_library_takes_it_with_sm3_and_signed_attributes_only(md: str, prehashed: bool) -> None:
    how = SignedDigestAlgorithm({"algorithm": SIGNATURE})
    good = encode_dss_signature(R, S)
    Validator().validate_signature(good, MESSAGE, info(KEY), how, SignatureValidationContext("sm3"))
    with pytest.raises(InvalidSignature):
        Validator().validate_signature(good, MESSAGE, info(KEY), how, SignatureValidationContext(md, prehashed))
    with pytest.raises(InvalidSignature):
        Validator().validate_signature(good, MESSAGE, info(KEY, "secp256r1"), how, SignatureValidationContext("sm3"))


def test_it_agrees_with_openssl(tmp_path: Path) -> None:
    made = sm2.issue(tmp_path / "office")
    certificate = asn1_x509.Certificate.load(pem.unarmor(made.certificate.read_bytes())[2])
    point = public_point(certificate.public_key)
    assert point is not None
    data, value = tmp_path / "data", tmp_path / "value"
    for size in (0, 1, 63, 64, 1000):
        told = bytes(range(256)) * 4
        data.write_bytes(told[:size])
        good = sm2.sign(made.file, told[:size])
        value.write_bytes(good)
        assert sm2.verifies(made.certificate, data, value)
        verify(point, told[:size], good)
        r, s = decode_dss_signature(good)
        value.write_bytes(encode_dss_signature(r, s ^ 4))
        assert not sm2.verifies(made.certificate, data, value)
        with pytest.raises(InvalidSignature):
            verify(point, told[:size], value.read_bytes())
    assert certificate["signature_algorithm"]["algorithm"].dotted == SIGNATURE
    issuer = asn1_x509.Certificate.load(pem.unarmor(made.issuer.read_bytes())[2])
    issued_by = public_point(issuer.public_key)
    assert issued_by is not None
    verify(issued_by, certificate["tbs_certificate"].dump(), certificate["signature_value"].native)
