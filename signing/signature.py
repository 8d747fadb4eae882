"""One signature in a PDF, in two phases: what must be signed goes out, the signature comes back (PAdES B-T, ETSI EN
319 142-1).

The signer may be a browser: its key never comes here. Between the phases everything that is needed lies in `Prepared`,
plain data that a database can hold, so the second phase may run on another node.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import tzlocal
from asn1crypto import algos, cms
from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509 import load_der_x509_certificate
from pyhanko.pdf_utils.content import PdfContent
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.api import CAdESSignedAttrSpec, GenericCommitment, SignerAttrSpec
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers import ExternalSigner
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner, PdfTBSDocument, PdfTimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing import sm2
from signing.authority import RevocationData
from signing.signers import Signer
from signing.timestamp import Stamper, TimeStampAuthority

# The library asks for the local zone with each signature; the first answer reads files, so it is fetched at import.
tzlocal.get_localzone()

# Hex digits of a CMS without certificates and time stamp, kept free: about 1,700, and 900 more for a signature of RSA.
CMS_DIGITS = 4_000
ARCHIVE_FIELD = "Archive"
# Bytes hashed in one call.
CHUNK = 1 << 20


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A PDF that lacks only a signature value. `attributes` is the DER of the signed attributes, the very bytes that
    the key signs (RFC 5652 5.4); they carry `digest`, the SHA-256 (for an SM2 key the SM3) over `byte_range` of the
    PDF."""

    field: str
    digest: bytes
    attributes: bytes
    chain: tuple[bytes, ...]
    gap_start: int
    gap_end: int
    size: int

    @property
    def byte_range(self) -> list[int]:
        return [0, self.gap_start, self.gap_end, self.size - self.gap_end]


class _Drawing(PdfContent):
    """The only page of a PDF in memory, as the appearance of a signature."""

    def __init__(self, pdf: bytes) -> None:
        super().__init__()
        self._pdf = pdf

    def render(self) -> bytes:
        form = self._ensure_writer.import_page_as_xobject(PdfFileReader(io.BytesIO(self._pdf)))
        self.resources.xobject["/Drawing"] = form
        x0, y0, x1, y1 = form.get_object()["/BBox"]
        self.box = BoxConstraints(width=abs(x1 - x0), height=abs(y1 - y0))
        return b"/Drawing Do"


Look = Callable[[tuple[float, float]], bytes]
"""A one-page PDF of this width and height in points: how a signature is to be seen."""


def field_box(pdf: PdfFileReader, field: str) -> tuple[float, float]:
    """Width and height in points of a signature field. Raises KeyError where the PDF has no such empty field."""
    form = pdf.root["/AcroForm"]
    for reference in form["/Fields"]:
        found = reference.get_object()
        if found["/T"] == field and "/V" not in found:
            x0, y0, x1, y1 = (float(value) for value in found["/Rect"])
            return x1 - x0, y1 - y0
    raise KeyError(field)


class _Signer(ExternalSigner):
    """A signature made elsewhere."""

    async def unsigned_attrs(self, digest_algorithm: str, *args: Any, **named: Any) -> cms.CMSAttributes | None:
        """The time stamp is over SHA-256, whatever the signature is over: its service may know no SM3."""
        return await super().unsigned_attrs("sha256", *args, **named)


def _signer(chain: Sequence[bytes], value: bytes) -> ExternalSigner:
    certificates = [asn1_x509.Certificate.load(one) for one in chain]
    return _Signer(
        signing_cert=certificates[0],
        cert_registry=SimpleCertificateStore.from_certs(certificates),  # type: ignore[no-untyped-call]
        signature_value=value,
        signature_mechanism=(
            algos.SignedDigestAlgorithm({"algorithm": sm2.SIGNATURE}) if _digest_of(chain) == "sm3" else None
        ),
    )


def _digest_of(chain: Sequence[bytes]) -> str:
    """The hash that goes with the signer's key."""
    return "sm3" if sm2.public_point(asn1_x509.Certificate.load(chain[0]).public_key) else "sha256"


async def prepare(
    pdf: bytes,
    *,
    field: str,
    chain: Sequence[bytes],
    name: str,
    role: str,
    reason: str,
    now: datetime,
    token_digits: int,
    appearance: Look | None = None,
    certify: bool = False,
) -> tuple[bytes, Prepared]:
    """The PDF with everything of the signature but its value; it begins with the bytes of `pdf`. `appearance` gets the
    field's size, `token_digits` is the room for the time stamp (`TimeStampAuthority.token_digits`)."""
    signer, hashed_by = _signer(chain, bytes(72)), _digest_of(chain)
    meta = PdfSignatureMetadata(
        field_name=field,
        md_algorithm=hashed_by,
        subfilter=SigSeedSubFilter.PADES,
        name=name,
        reason=reason or None,
        certify=certify,
        docmdp_permissions=MDPPerm.FILL_FORMS,
    )
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    style = None
    if appearance is not None:
        drawing = _Drawing(appearance(field_box(writer.prev, field)))
        style = StaticStampStyle(background=drawing, border_width=0)
    session = PdfSigner(meta, signer, stamp_style=style).init_signing_session(writer, existing_fields_only=True)
    session.system_time = now
    room = CMS_DIGITS + 2 * sum(map(len, chain)) + token_digits
    document = session.prepare_tbs_document(validation_info=None, bytes_reserved=room + room % 2)
    digest, out = document.digest_tbs_document(chunk_size=CHUNK)
    # A role is named by a URI: RFC 5755 4.4.5.
    uri = asn1_x509.GeneralName("uniform_resource_identifier", f"urn:yuankan:role:{role}")
    claimed = cms.AttCertAttribute({"type": "role", "values": [{"role_name": uri}]})
    cades = CAdESSignedAttrSpec(
        commitment_type=(GenericCommitment.PROOF_OF_ORIGIN if certify else GenericCommitment.PROOF_OF_APPROVAL).asn1,
        signer_attributes=SignerAttrSpec(claimed_attrs=[claimed], certified_attrs=[]),
    )
    settings = PdfCMSSignedAttributes(cades_signed_attrs=cades)
    attributes = await signer.signed_attrs(digest.document_digest, hashed_by, use_pades=True, attr_settings=settings)
    out.seek(0)
    data = bytes(out.read())
    return data, Prepared(
        field=field,
        digest=digest.document_digest,
        attributes=attributes.dump(),
        chain=tuple(chain),
        gap_start=digest.reserved_region_start,
        gap_end=digest.reserved_region_end,
        size=len(data),
    )


def der_signature(raw: bytes) -> bytes:
    """WebCrypto's r‖s (IEEE P1363, 64 bytes) as the ECDSA-Sig-Value of RFC 5480. Raises ValueError otherwise."""
    if len(raw) != 64:
        raise ValueError("a P-256 signature is 64 bytes")
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


def signature_fits(prepared: Prepared, signature: bytes) -> bool:
    """Whether the DER signature over the attributes is by the key that the certificate names."""
    key = load_der_x509_certificate(prepared.chain[0]).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        key.verify(signature, prepared.attributes, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


async def finish(pdf: bytes, prepared: Prepared, signature: bytes, stamps: TimeStampAuthority) -> bytes:
    """The prepared PDF with signature and time stamp in place. The caller has checked `signature_fits`."""
    attributes = cms.CMSAttributes.load(prepared.attributes)
    signed = await _signer(prepared.chain, signature).async_sign_prescribed_attributes(
        _digest_of(prepared.chain), signed_attrs=attributes, timestamper=Stamper(stamps)
    )
    out = io.BytesIO(pdf)
    region = PreparedByteRangeDigest(
        document_digest=prepared.digest,
        reserved_region_start=prepared.gap_start,
        reserved_region_end=prepared.gap_end,
    )
    await PdfTBSDocument.async_finish_signing(out, region, signed)
    return out.getvalue()


async def sign_with(
    key: Signer,
    issuers: Sequence[bytes],
    pdf: bytes,
    stamps: TimeStampAuthority,
    *,
    field: str,
    name: str,
    role: str,
    reason: str,
    now: datetime,
    appearance: Look | None = None,
    certify: bool = False,
) -> bytes:
    """Both phases at once, with a key of the service or the office: the certification and the office's seal."""
    waiting, prepared = await prepare(
        pdf,
        field=field,
        chain=[*key.chain, *issuers],
        name=name,
        role=role,
        reason=reason,
        now=now,
        token_digits=stamps.token_digits,
        appearance=appearance,
        certify=certify,
    )
    return await finish(waiting, prepared, await key.sign(prepared.attributes), stamps)


def add_revocation(pdf: bytes, data: RevocationData, extra: Sequence[bytes] = ()) -> bytes:
    """The PDF with this material added to its document security store (PAdES B-LT), as an update of its own."""
    from asn1crypto import crl, ocsp

    out = io.BytesIO(pdf)
    DocumentSecurityStore.add_dss(
        out,
        None,
        certs=[asn1_x509.Certificate.load(one) for one in (*data.certificates, *extra)],
        ocsps=[ocsp.OCSPResponse.load(one) for one in data.ocsps],
        crls=[crl.CertificateList.load(one) for one in data.crls],
    )
    return out.getvalue()


async def archive_stamp(pdf: bytes, stamps: TimeStampAuthority, field: str = ARCHIVE_FIELD) -> bytes:
    """The PDF ended by a document time stamp to its last byte (PAdES B-LTA). Nothing may follow it.

    No validation context is given: the library would write the stamp's own revocation data after it.
    """
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    out = io.BytesIO()
    await PdfTimeStamper(Stamper(stamps), field_name=field).async_timestamp_pdf(
        writer, "sha256", validation_context=None, bytes_reserved=2_000 + stamps.token_digits, output=out
    )
    return out.getvalue()
