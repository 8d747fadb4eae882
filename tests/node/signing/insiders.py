"""What whoever holds every key of the office could do to a sheet, and what `verify` says of it.

Each file is whole and closed as it should be, and has one fault. What no verifier can see from the file alone is a
signature made with a key that was never its person's: docs/security.md says so.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.clock import Clock, ManualClock, SystemClock
from signing.appearance import person_appearance
from signing.authority import InternalAuthority
from signing.certificates import SigningAct, der, event_certificate, new_key
from signing.keys import ServerKey
from signing.report import SEAL_FIELD
from signing.revocation import Revoked
from signing.signature import add_revocation, archive_stamp, sign_with
from signing.signers import Signer
from signing.timestamp import InternalTimeStampAuthority
from tests.node.signing.attacks import ATTACKS, attack, signatures, stranger
from tests.node.signing.finished import Finished

PEOPLE = {
    "Applicant": ("applicant", "张䶮", "inv_1"),
    "Lead": ("lead", "周岚", "stf_1"),
    "Assist": ("assist", "李𬍛", "stf_2"),
}

__all__ = ["ATTACKS"]


class Untroubled:
    """Nothing was revoked."""

    def __init__(self, finished: Finished) -> None:
        self._root_list = finished.trust.crls[0]

    async def root_list(self) -> bytes:
        return self._root_list

    async def revoked(self, _authority: str) -> list[Revoked]:
        return []


class Insider:
    """Whoever holds every key of the office: what they can still not do is listed here."""

    def __init__(self, finished: Finished, clock: Clock | None = None) -> None:
        self.finished, self.keys, self.clock = finished, finished.keys, clock or SystemClock()
        self.stamps = InternalTimeStampAuthority(self.keys.tsa, self.clock)
        self.authority = InternalAuthority(self.keys, Untroubled(finished), self.clock)

    def act(self, pdf: bytes, field: str, /, **changed: Any) -> SigningAct:
        role, name, party = PEOPLE[field]
        honest = SigningAct(
            record=self.finished.record,
            role=role,
            field=field,
            name=name,
            party=party,
            identity="",
            revision_sha256=hashlib.sha256(pdf).hexdigest(),
            revision_size=len(pdf),
            lease="lse_x",
        )
        return msgspec.structs.replace(honest, **changed)

    def certificate(self, act: SigningAct, now: datetime | None = None) -> ServerKey:
        key: ec.EllipticCurvePrivateKey = new_key()
        ca = self.keys.event_ca
        made = event_certificate(act, key.public_key(), ca.certificate, ca.key, now or self.clock.now())
        return ServerKey("event", made, key)

    async def sign(self, pdf: bytes, field: str, key: ServerKey) -> bytes:
        role, name, _ = PEOPLE[field]
        chain = [der(key.certificate), der(self.keys.event_ca.certificate)]
        now = self.clock.now()

        def look(size: tuple[float, float]) -> bytes:
            return person_appearance(self.finished.fonts, size, name=name, role=role, at=now, strokes=None, remark="")

        signed = await sign_with(
            key, chain[1:], pdf, self.stamps, field=field, name=name, role=role, reason="已阅读本单并签名",
            now=now, appearance=look,
        )  # fmt: skip
        return add_revocation(signed, await self.authority.revocation(chain), (der(self.keys.tsa.certificate),))

    async def honest(self, pdf: bytes, *fields: str) -> bytes:
        for field in fields:
            pdf = await self.sign(pdf, field, self.certificate(self.act(pdf, field)))
        return pdf

    async def close(self, pdf: bytes, seal: Signer | None = None) -> bytes:
        """Sealed and stamped as a whole sheet is."""
        key = seal or self.finished.seal
        signed = await sign_with(
            key,
            [],
            pdf,
            self.stamps,
            field=SEAL_FIELD,
            name="",
            role="seal",
            reason="加盖机关印章",
            now=self.clock.now(),
        )
        revocation = await self.authority.revocation(list(key.chain))
        return await archive_stamp(add_revocation(signed, revocation, (der(self.keys.tsa.certificate),)), self.stamps)


@attack("A signature of another case moved in", "V05", "V09")
async def moved_from_another_case(finished: Finished) -> bytes:
    """The applicant's signature on another sheet, put into this one's field."""
    insider = Insider(finished)
    pdf = await insider.honest(finished.revisions[0], "Applicant")
    theirs = finished.other.revisions[1]
    start = signatures(theirs)[1]
    moved = theirs[start : theirs.index(b">", start)]
    place = signatures(pdf)[1]
    end = pdf.index(b">", place)  # behind the value there are zeros, more or fewer
    pdf = pdf[:place] + moved[: end - place].ljust(end - place, b"0") + pdf[end:]
    return await insider.close(await insider.honest(pdf, "Lead", "Assist"))


@attack("A certificate of another case used here", "V09")
async def certificate_of_another_case(finished: Finished) -> bytes:
    return await _with_applicants_act(finished, record="rec_another")


@attack("A certificate for an older revision used again", "V09")
async def certificate_of_another_revision(finished: Finished) -> bytes:
    return await _with_applicants_act(finished, revision_sha256="00" * 32)


@attack("A signature in the wrong role", "V09")
async def wrong_role(finished: Finished) -> bytes:
    return await _with_applicants_act(finished, role="lead", field="Lead")


@attack("A signature by another person", "V09")
async def another_person(finished: Finished) -> bytes:
    return await _with_applicants_act(finished, name="王五", party="inv_9")


async def _with_applicants_act(finished: Finished, **changed: Any) -> bytes:
    insider = Insider(finished)
    pdf = finished.revisions[0]
    key = insider.certificate(insider.act(pdf, "Applicant", **changed))
    pdf = await insider.sign(pdf, "Applicant", key)
    return await insider.close(await insider.honest(pdf, "Lead", "Assist"))


@attack("One certificate used for two signatures", "V09", "V14")
async def certificate_reused(finished: Finished) -> bytes:
    insider = Insider(finished)
    pdf = await insider.honest(finished.revisions[0], "Applicant")
    key = insider.certificate(insider.act(pdf, "Lead"))
    pdf = await insider.sign(pdf, "Lead", key)
    return await insider.close(await insider.sign(pdf, "Assist", key))


@attack("A certificate that had expired before the signing", "V07")
async def certificate_expired(finished: Finished) -> bytes:
    insider = Insider(finished)
    pdf = finished.revisions[0]
    old = finished.at - timedelta(days=3)
    key = insider.certificate(insider.act(pdf, "Applicant"), old)
    pdf = await insider.sign(pdf, "Applicant", key)
    return await insider.close(await insider.honest(pdf, "Lead", "Assist"))


@attack("A person's signature by a certificate of a stranger's authority", "V07", "V09")
async def certificate_of_a_stranger(finished: Finished) -> bytes:
    insider = Insider(finished)
    pdf = await insider.sign(finished.revisions[0], "Applicant", stranger("seal", finished.at))
    return await insider.close(await insider.honest(pdf, "Lead", "Assist"))


@attack("A person's field signed with the office's seal", "V09")
async def seal_in_a_persons_field(finished: Finished) -> bytes:
    insider = Insider(finished)
    pdf = await insider.sign(finished.revisions[0], "Applicant", finished.seal)
    return await insider.close(await insider.honest(pdf, "Lead", "Assist"))


@attack("Sealed before everybody had signed", "V06", "V11", "V15")
async def sealed_too_early(finished: Finished) -> bytes:
    insider = Insider(finished)
    sealed = await insider.close(await insider.honest(finished.revisions[0], "Applicant", "Lead"))
    return await archive_stamp(await insider.honest(sealed, "Assist"), insider.stamps, field="Again")


@attack("Sealed although one has neither signed nor refused", "V10")
async def sealed_without_one(finished: Finished) -> bytes:
    insider = Insider(finished)
    return await insider.close(await insider.honest(finished.revisions[0], "Applicant", "Lead"))


@attack("The seal of a stranger", "V07", "V09")
async def seal_of_a_stranger(finished: Finished) -> bytes:
    insider = Insider(finished)
    pdf = await insider.honest(finished.revisions[0], "Applicant", "Lead", "Assist")
    return await insider.close(pdf, stranger("seal", finished.at))


@attack("Dated in the future", "V16")
async def dated_in_the_future(finished: Finished) -> bytes:
    later = ManualClock(finished.at + timedelta(days=1))
    insider = Insider(finished, later)
    return await insider.close(await insider.honest(finished.revisions[0], "Applicant", "Lead", "Assist"))
