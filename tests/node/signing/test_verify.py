"""Our verdict on good files, on damaged ones, and years later. Attacks with a purpose are in attacks.py."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from foundation.clock import SystemClock
from server.verify import sheet_in_words
from signing.certificates import der, new_key, root_certificate, subject
from signing.signature import archive_stamp
from signing.timestamp import InternalTimeStampAuthority
from signing.trust import from_json, to_json
from signing.verdict import PdfVerdict, SignatureVerdict
from signing.verify import verify_pdf
from tests.node.signing.attacks import flip, flip_digit, signatures, unstamped
from tests.node.signing.finished import Finished


def judge(finished: Finished, pdf: bytes, now: datetime | None = None) -> PdfVerdict:
    return verify_pdf(pdf, finished.trust, now or datetime.now(UTC))


def test_a_good_file_says_who_signed_when_in_which_role_and_how_identified(finished: Finished) -> None:
    verdict = judge(finished, finished.pdf)
    assert verdict.state == "pass", verdict
    assert [(one.role, one.name) for one in verdict.signatures[1:4]] == [
        ("applicant", "张䶮"),
        ("lead", "周岚"),
        ("assist", "李𬍛"),
    ]
    assert all(one.at is not None and abs(one.at - finished.at) < timedelta(minutes=5) for one in verdict.signatures)
    assert verdict.codes() == {"V21", "V23"}
    assert verdict.case_number == "松汀勘〔2025〕001732号"


def test_a_help_services_people_go_by_the_services_own_names() -> None:
    seen = [SignatureVerdict(field=role, state="pass", role=role, name="王芳") for role in ("applicant", "lead")]
    verdict = PdfVerdict(state="pass", kind="help", signatures=tuple(seen))
    assert "✓ 办事人 王芳" in sheet_in_words(verdict) and "✓ 帮办员 王芳" in sheet_in_words(verdict)
    alike = sheet_in_words(msgspec.structs.replace(verdict, kind="inspection"))
    assert "✓ 申请人 王芳" in alike and "✓ 主勘人员 王芳" in alike


def test_the_verdict_is_the_same_today_and_decades_later(finished: Finished) -> None:
    today = judge(finished, finished.pdf)
    assert today.state == "pass"
    for days in (1, 5 * 365, 18 * 365):
        assert judge(finished, finished.pdf, finished.at + timedelta(days=days)) == today


def test_a_verdict_is_plain_data_that_any_encoder_takes(finished: Finished) -> None:
    def strings(value: object) -> list[str]:
        if isinstance(value, dict):
            return [found for each in value.items() for found in strings(each)]
        if isinstance(value, list | tuple):
            return [found for each in value for found in strings(each)]
        return [value] if isinstance(value, str) else []

    for pdf in (finished.pdf, flip(finished.pdf, len(finished.pdf) // 2)):
        verdict = judge(finished, pdf)
        assert {type(found) for found in strings(msgspec.to_builtins(verdict))} == {str}
        assert msgspec.json.decode(msgspec.json.encode(verdict), type=PdfVerdict) == verdict


def test_the_trust_bundle_survives_its_json(finished: Finished) -> None:
    assert from_json(to_json(finished.trust)) == finished.trust


@pytest.mark.parametrize("pdf", [b"", b"%PDF-1.7\n" + bytes(range(256)) * 40], ids=["empty", "garbage"])
def test_what_is_no_sheet_is_called_so(finished: Finished, pdf: bytes) -> None:
    assert judge(finished, pdf).codes() == {"V01"}


@pytest.mark.parametrize("number", range(6))
def test_whatever_byte_of_a_signature_changes_the_cause_is_named(finished: Finished, number: int) -> None:
    """Some bytes break the hash, others the parser: the cause has a name.

    A certificate carried along may change without harm to its signature; the stamps that cover it then fail.
    """
    start = signatures(finished.pdf)[number]
    filled = len(finished.pdf[start : finished.pdf.index(b">", start)].rstrip(b"0"))
    for at in random.Random(number).sample(range(filled - 2), 3):
        verdict = judge(finished, flip_digit(finished.pdf, start + at))
        assert verdict.state == "fail", (at, verdict)
        assert verdict.codes() & {"V01", "V03", "V05"}, (at, verdict)


async def test_an_archive_time_stamp_may_be_made_anew(finished: Finished) -> None:
    """The same content, closed again by the same service, is still everything that was signed."""
    stamps = InternalTimeStampAuthority(finished.keys.tsa, SystemClock())
    again = await archive_stamp(unstamped(finished.pdf), stamps)
    assert (await asyncio.to_thread(judge, finished, again)).state == "pass"


def test_only_the_published_system_and_seals_are_believed(finished: Finished) -> None:
    verdict = verify_pdf(finished.pdf, msgspec.structs.replace(finished.trust, seals=(), systems=()), finished.at)
    assert {"V02", "V09"} <= verdict.codes()


def test_another_offices_anchors_believe_nothing(finished: Finished) -> None:
    root_key = new_key()
    stranger = root_certificate(subject("别处"), root_key, finished.at)
    trust = msgspec.structs.replace(finished.trust, roots=(der(stranger),), stamps=(der(stranger),))
    verdict = verify_pdf(finished.pdf, trust, finished.at)
    assert {"V03", "V07", "V08"} <= verdict.codes()


def test_a_stamp_from_the_future_is_not_believed(finished: Finished) -> None:
    assert "V16" in judge(finished, finished.pdf, datetime(2020, 1, 1, tzinfo=UTC)).codes()
