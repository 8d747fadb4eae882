"""Judge a signed sheet: offline, each signature at its own time stamp, so that the verdict in 18 years is today's.

The rule that closes what other verifiers accept (updates after a signature, cut-off revisions, glued bytes): the last
signature is the pinned service's document time stamp, and it reaches the last byte of the file. Between the signatures
pyHanko's difference analysis allows what DocMDP 2 allows, and nothing more.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pikepdf
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from signing import sm2
from signing.certificates import SigningAct, act_of
from signing.report import ROLE_WORDS, SEAL_FIELD, SYSTEM_FIELD, Report, Signer, clock, from_json
from signing.revocation import taken_back
from signing.trust import TrustBundle
from signing.verdict import PdfVerdict, Reason, SignatureVerdict, judged, reason, whole

# A sheet with eighty photos has 4 MB; what is sixteen times as large is not parsed at all.
SIZE_LIMIT = 64 * 1024 * 1024
# Clocks of two machines may differ; a stamp further ahead is not believed.
AHEAD = timedelta(minutes=5)
_ALLOWED = {ModificationLevel.NONE, ModificationLevel.LTA_UPDATES, ModificationLevel.FORM_FILLING}
_WHOLE = {SignatureCoverageLevel.ENTIRE_FILE, SignatureCoverageLevel.ENTIRE_REVISION}
_SHOWN_INFO = ("/Title", "/Author", "/Subject", "/Keywords")
# The parser reports each oddity of a hostile file on its own logger; the verdict says what matters.
logging.getLogger("pyhanko").addHandler(logging.NullHandler())


def verify_pdf(data: bytes, trust: TrustBundle, now: datetime) -> PdfVerdict:
    """The verdict. Blocking, about 0.4 s for six signatures; call it in a thread. Never raises for bad input."""
    sha256 = hashlib.sha256(data).hexdigest()
    if len(data) > SIZE_LIMIT:
        return PdfVerdict(state="fail", sha256=sha256, reasons=(reason("V01"),))
    try:
        return asyncio.run(_File(data, trust, now).verdict())
    except Exception:  # a parser meeting a hostile file may fail in any way; each of them means: not our sheet
        return PdfVerdict(state="fail", sha256=sha256, reasons=(reason("V01"),))


class _File:
    """One file under judgement."""

    def __init__(self, data: bytes, trust: TrustBundle, now: datetime) -> None:
        self.data, self.trust, self.now = data, trust, now
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.reader = PdfFileReader(io.BytesIO(data))
        self.found: list[EmbeddedPdfSignature] = list(self.reader.embedded_signatures)
        load = asn1_x509.Certificate.load
        self.roots = [load(one) for one in trust.roots]
        self.stamp_roots = [load(one) for one in trust.stamps]
        self.material = self._material()
        self.gone = taken_back(trust.crls)

    def _material(self) -> dict[str, Any]:
        others = [asn1_x509.Certificate.load(one) for one in self.trust.event_authorities]
        crls: list[Any] = []
        ocsps: list[Any] = []
        if "/DSS" in self.reader.root:
            dss = DocumentSecurityStore.read_dss(self.reader)
            others += list(dss.load_certs())
            crls += [one.get_object().data for one in dss.crls]
            ocsps += [one.get_object().data for one in dss.ocsps]
        return {"other_certs": others, "crls": crls, "ocsps": ocsps}

    async def verdict(self) -> PdfVerdict:
        if not self.found or self.found[0].field_name != SYSTEM_FIELD:
            return PdfVerdict(state="fail", sha256=self.sha256, reasons=(reason("V02"),))
        certified = self.data[: _end(self.found[0])]
        report = _report(certified)
        archive, people = self._split()
        reasons = [*self._order(report, people), *await self._archive(archive)]
        if _shown(certified) != _shown(self.data):
            reasons.append(reason("V12"))
        verdicts = [await self._signature(signature, report) for signature in people]
        reasons += self._missing(report, people)
        if report.authority == "internal":
            reasons.append(reason("V21"))
        if report.time_service == "internal":
            reasons.append(reason("V23"))
        return whole(
            verdicts,
            reasons,
            kind=report.kind,
            record=report.record,
            case_number=report.case_number,
            sha256=self.sha256,
        )

    def _split(self) -> tuple[EmbeddedPdfSignature | None, list[EmbeddedPdfSignature]]:
        last = self.found[-1]
        if _stamps(last):
            return last, self.found[:-1]
        return None, self.found

    def _order(self, report: Report, people: Sequence[EmbeddedPdfSignature]) -> list[Reason]:
        names = [str(signature.field_name) for signature in people if not _stamps(signature)]
        expected = {SYSTEM_FIELD, SEAL_FIELD, *(signer.field for signer in report.signers)}
        reasons = [reason("V11", field=name) for name in names if name not in expected]
        if SEAL_FIELD not in names:
            reasons.append(reason("V13"))
        elif names[-1] != SEAL_FIELD or len(set(names)) != len(names):
            reasons.append(reason("V15"))
        certificates = [
            _certificate(signature) for signature in people if signature.field_name not in (SYSTEM_FIELD, SEAL_FIELD)
        ]
        readable = [one for one in certificates if one]
        if len(set(readable)) != len(readable):
            reasons.append(reason("V14"))
        return reasons

    async def _archive(self, archive: EmbeddedPdfSignature | None) -> list[Reason]:
        """The closing rule: our service's stamp, to the end of the file."""
        if archive is None:
            return [reason("V03")]
        reasons = []
        if _end(archive) != len(self.data):
            reasons.append(reason("V04", count=len(self.data) - _end(archive)))
        try:
            moment = _moment(archive.signed_data)
            status = await async_validate_pdf_timestamp(archive, self._stamp_context(moment))
        except Exception:  # damaged in a way the parser did not foresee: no stamp
            return [*reasons, reason("V03")]
        if not (status.valid and status.intact and status.trusted):
            reasons.append(reason("V03"))
        reasons += self._revoked(moment, archive.signer_cert)
        if moment > self.now + AHEAD:
            reasons.append(reason("V16"))
        return reasons

    async def _signature(self, signature: EmbeddedPdfSignature, report: Report) -> SignatureVerdict:
        """One signature's verdict. What cannot even be read is a damaged signature, and the others are still judged."""
        try:
            return await self._read_signature(signature, report)
        except Exception:  # one changed byte can make any layer of the parser fail, each in its own way
            field = str(signature.field_name)
            role, name = _who(signature, _signer(report, field))
            return SignatureVerdict(field=field, state="fail", role=role, name=name, reasons=(reason("V05"),))

    async def _read_signature(self, signature: EmbeddedPdfSignature, report: Report) -> SignatureVerdict:
        field = str(signature.field_name)
        if _stamps(signature):  # only the last one closes the file
            return SignatureVerdict(field=field, state="fail", role="", name="", reasons=(reason("V11", field=field),))
        signer = _signer(report, field)
        tokens = list(extract_tst_data_iter(signature.signer_info, signed=False))
        moment = _moment(tokens[0]) if tokens else None
        reasons: list[Reason] = []
        if moment is None:
            reasons.append(reason("V08"))
        elif moment > self.now + AHEAD:
            reasons.append(reason("V16"))
        found = await self._cryptography(signature, moment or self.now)
        act = act_of(signature.signer_cert)
        reasons += found + self._belongs(signature, signer, act, report, intact=reason("V05") not in found)
        role, name = _who(signature, signer)
        return SignatureVerdict(
            field=field,
            state=judged(reasons),
            role=role,
            name=name,
            at=moment,
            identity=act.identity if act else "",
            said=str(signature.sig_object.get("/Reason", "")),
            certificate_serial=f"{signature.signer_cert.serial_number:x}",
            reasons=tuple(reasons),
        )

    async def _cryptography(self, signature: EmbeddedPdfSignature, moment: datetime) -> list[Reason]:
        own = signature.signer_cert
        # The seal of an authority elsewhere is believed as the time stamps are: because it is pinned.
        pinned = [own] if signature.field_name == SEAL_FIELD and own.dump() in self.trust.seals else []
        context = ValidationContext(
            trust_roots=[*self.roots, *pinned],
            moment=moment,
            allow_fetching=False,
            revocation_mode="require",
            retroactive_revinfo=True,
            signature_validator=sm2.Validator(),
            **self.material,
        )
        status = await async_validate_pdf_signature(
            signature, context, ts_validation_context=self._stamp_context(moment)
        )
        reasons = []
        if not (status.intact and status.valid):
            reasons += [reason("V05"), reason("V22")]
        elif not (status.trusted and own.not_valid_before <= moment <= own.not_valid_after):
            reasons.append(reason("V07"))
        stamp = status.timestamp_validity
        if stamp is None or not (stamp.valid and stamp.intact and stamp.trusted):
            reasons.append(reason("V08"))
        used = (own, *self._issuer(own), *((stamp.signing_cert,) if stamp else ()))
        reasons += self._revoked(moment, *used)
        if status.coverage not in _WHOLE:
            reasons.append(reason("V17"))
        allowed = _ALLOWED - ({ModificationLevel.FORM_FILLING} if signature.field_name == SEAL_FIELD else set())
        if status.modification_level not in allowed or status.docmdp_ok is False:
            reasons.append(reason("V06"))
        return reasons

    def _revoked(self, moment: datetime, *certificates: asn1_x509.Certificate) -> list[Reason]:
        """What the published lists say of these, which a file from before a revocation cannot know."""
        found = {self.gone.get((one.issuer.dump(), one.serial_number)) for one in certificates}
        dates = sorted(one for one in found if one is not None)
        return [reason("V18" if at <= moment else "V24", when=clock(at)) for at in dates[:1]]

    def _issuer(self, certificate: asn1_x509.Certificate) -> list[asn1_x509.Certificate]:
        load = asn1_x509.Certificate.load
        return [one for one in map(load, self.trust.event_authorities) if one.subject == certificate.issuer]

    def _belongs(
        self,
        signature: EmbeddedPdfSignature,
        signer: Signer | None,
        act: SigningAct | None,
        report: Report,
        *,
        intact: bool,
    ) -> list[Reason]:
        """Whether this certificate may stand in this field of this file. What is not `intact` has been named."""
        own = signature.signer_cert.dump()
        if signature.field_name == SYSTEM_FIELD:
            certifies = _certifies(signature)
            return [] if own in self.trust.systems and certifies else [reason("V02")]
        if signature.field_name == SEAL_FIELD:
            return [] if own in self.trust.seals else [reason("V09", what="印章")]
        if signer is None:
            return [reason("V11", field=str(signature.field_name))]
        if act is None:
            return [reason("V09", what="证书种类")]
        seen = self.data[: act.revision_size]
        checks = {
            "案卷": act.record == report.record,
            "角色": act.role == signer.role and act.field == signer.field,
            "姓名": act.name == signer.name and act.party == signer.party,
            "文件版本": not intact
            or (
                0 < act.revision_size < _start_of_gap(signature)
                and hashlib.sha256(seen).hexdigest() == act.revision_sha256
            ),
        }
        return [reason("V09", what=what) for what, fits in checks.items() if not fits]

    def _missing(self, report: Report, people: Sequence[EmbeddedPdfSignature]) -> list[Reason]:
        names = {str(signature.field_name) for signature in people}
        seal = next((signature for signature in people if signature.field_name == SEAL_FIELD), None)
        said = str(seal.sig_object.get("/Reason", "")) if seal else ""
        reasons = []
        for signer in report.signers:
            if signer.field not in names:
                title = f"{ROLE_WORDS[signer.role][0]}{signer.name}"
                reasons.append(reason("V20" if f"{title}表示不签" in said else "V10", name=title))
        return reasons

    def _stamp_context(self, moment: datetime) -> ValidationContext:
        """Time stamps are believed because their certificate is pinned; nothing else is asked of them."""
        return ValidationContext(
            trust_roots=self.stamp_roots, moment=moment, allow_fetching=False, revocation_mode="soft-fail"
        )


def _signer(report: Report, field: str) -> Signer | None:
    return next((one for one in report.signers if one.field == field), None)


def _who(signature: EmbeddedPdfSignature, signer: Signer | None) -> tuple[str, str]:
    """Role and name: as the report orders them, else as the signature itself says."""
    if signer:
        return signer.role, signer.name
    role = {SYSTEM_FIELD: "system", SEAL_FIELD: "seal"}.get(str(signature.field_name), "")
    return role, str(signature.sig_object.get("/Name", ""))


def _stamps(signature: EmbeddedPdfSignature) -> bool:
    """Whether it is a document time stamp."""
    return bool(signature.sig_object.get("/Type") == "/DocTimeStamp")


def _certificate(signature: EmbeddedPdfSignature) -> bytes | None:
    """The hash of the signer's certificate, or None if the signature is too damaged to hold one."""
    try:
        return bytes(signature.signer_cert.sha256)
    except Exception:
        return None


def _end(signature: EmbeddedPdfSignature) -> int:
    ranges = signature.byte_range
    return int(ranges[2]) + int(ranges[3])


def _start_of_gap(signature: EmbeddedPdfSignature) -> int:
    return int(signature.byte_range[1])


def _moment(token: Any) -> datetime:
    moment: datetime = token["encap_content_info"]["content"].parsed["gen_time"].native
    return moment


def _certifies(signature: EmbeddedPdfSignature) -> bool:
    """Whether the signature certifies with "only fields may be filled" (DocMDP P = 2)."""
    level = signature.docmdp_level
    return level is not None and int(level.value) == 2


def _report(certified: bytes) -> Report:
    """The frozen report from the bytes that the system certified."""
    with pikepdf.open(io.BytesIO(certified)) as document:
        return from_json(document.attachments["report.json"].get_file().read_bytes())


def _shown(data: bytes) -> tuple[str, ...]:
    """What viewers show as the file's title and author, from both places it is kept."""
    with pikepdf.open(io.BytesIO(data)) as document:
        info = tuple(str(document.docinfo.get(key, "")) for key in _SHOWN_INFO)
        with document.open_metadata() as xmp:
            return (*info, str(xmp.get("dc:title", "")), str(xmp.get("dc:creator", "")))
