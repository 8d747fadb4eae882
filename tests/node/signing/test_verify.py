"""Our verdict on good files and on every way of spoiling one."""

import io
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pikepdf
import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field

from foundation.clock import SystemClock
from signing.certificates import new_key, root_certificate, server_certificate, subject
from signing.keys import ServerKey
from signing.signature import archive_stamp, sign_with
from signing.timestamp import InternalTimeStampAuthority
from signing.trust import from_json, to_json
from signing.verdict import PdfVerdict
from signing.verify import verify_pdf
from tests.node.signing.conftest import Finished


def judge(finished: Finished, pdf: bytes, now: datetime | None = None) -> PdfVerdict:
    return verify_pdf(pdf, finished.trust, now or finished.at)


def test_a_good_file_says_who_signed_when_in_which_role_and_how_identified(finished: Finished) -> None:
    verdict = judge(finished, finished.pdf)
    assert verdict.state == "pass", verdict
    assert [(one.role, one.name) for one in verdict.signatures[1:4]] == [
        ("applicant", "张䶮"),
        ("lead", "周岚"),
        ("assist", "李𬍛"),
    ]
    assert all(one.at is not None and abs(one.at - finished.at) < timedelta(minutes=5) for one in verdict.signatures)
    assert verdict.codes() == {"V21"}
    assert verdict.case_number == "松汀勘〔2025〕001732号"


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

    for pdf in (finished.pdf, _flip(finished.pdf, len(finished.pdf) // 2)):
        verdict = judge(finished, pdf)
        assert {type(found) for found in strings(msgspec.to_builtins(verdict))} == {str}
        assert msgspec.json.decode(msgspec.json.encode(verdict), type=PdfVerdict) == verdict


def test_the_trust_bundle_survives_its_json(finished: Finished) -> None:
    assert from_json(to_json(finished.trust)) == finished.trust


def _flip(pdf: bytes, at: int) -> bytes:
    return pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]


def in_a_photo(finished: Finished) -> bytes:
    return _flip(finished.pdf, finished.pdf.index(b"/DCTDecode") + 400)


def in_a_signature(finished: Finished) -> bytes:
    return _flip_digit(finished.pdf, _signatures(finished.pdf)[2] + 2000)


def _flip_digit(pdf: bytes, at: int) -> bytes:
    """One bit of one hexadecimal digit, which stays one."""
    return pdf[:at] + b"%x" % (int(pdf[at : at + 1], 16) ^ 1) + pdf[at + 1 :]


def _signatures(pdf: bytes) -> list[int]:
    """Where the hexadecimal text of each signature begins."""
    return [match.end() for match in re.finditer(rb"/Contents <", pdf)]


def title_forged(finished: Finished) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(finished.pdf))
    info = writer.trailer["/Info"]
    info["/Title"] = generic.pdf_string("合格证明")
    writer.update_container(info)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def page_replaced(finished: Finished) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(finished.pdf))
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"0 0 m"))
    writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def bytes_glued_on(finished: Finished) -> bytes:
    return finished.pdf + b"\n%PDF-1.7 another"


def stamp_cut_off(finished: Finished) -> bytes:
    ends = [match.end() for match in re.finditer(rb"%%EOF\n?", finished.pdf)]
    return finished.pdf[: ends[-2]]


def earlier_revision(finished: Finished) -> bytes:
    return finished.revisions[1]


def unsigned(finished: Finished) -> bytes:
    with pikepdf.open(io.BytesIO(finished.pdf)) as document:
        out = io.BytesIO()
        document.save(out)
    return out.getvalue()


def empty(_finished: Finished) -> bytes:
    return b""


def garbage(_finished: Finished) -> bytes:
    return b"%PDF-1.7\n" + bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (in_a_photo, "V05"),
        (in_a_signature, "V05"),
        (title_forged, "V04"),
        (page_replaced, "V06"),
        (bytes_glued_on, "V04"),
        (stamp_cut_off, "V03"),
        (earlier_revision, "V10"),
        (unsigned, "V05"),
        (empty, "V01"),
        (garbage, "V01"),
    ],
)
def test_each_way_of_spoiling_the_file_is_named(
    finished: Finished, spoil: Callable[[Finished], bytes], code: str
) -> None:
    verdict = judge(finished, spoil(finished))
    assert verdict.state == "fail"
    assert code in verdict.codes(), verdict


@pytest.mark.parametrize("number", range(6))
def test_whatever_byte_of_a_signature_changes_the_cause_is_named(finished: Finished, number: int) -> None:
    """Some bytes break the hash, others the parser: the cause has a name.

    A certificate carried along may change without harm to its signature; the stamps that cover it then fail.
    """
    start = _signatures(finished.pdf)[number]
    filled = len(finished.pdf[start : finished.pdf.index(b">", start)].rstrip(b"0"))
    for at in random.Random(number).sample(range(filled - 2), 3):
        verdict = judge(finished, _flip_digit(finished.pdf, start + at))
        assert verdict.state == "fail", (at, verdict)
        assert verdict.codes() & {"V01", "V03", "V05"}, (at, verdict)


async def stamped_by_us(finished: Finished, pdf: bytes) -> bytes:
    """An outsider can have anything stamped by our public service: even that must not help."""
    stamps = InternalTimeStampAuthority(finished.keys.tsa, SystemClock())
    return await archive_stamp(pdf, stamps, field="Again")


@pytest.mark.parametrize(("spoil", "code"), [(title_forged, "V12"), (page_replaced, "V06"), (stamp_cut_off, None)])
async def test_a_stamp_of_our_own_service_does_not_cover_up_a_change(
    finished: Finished, spoil: Callable[[Finished], bytes], code: str | None
) -> None:
    import asyncio

    verdict = await asyncio.to_thread(judge, finished, await stamped_by_us(finished, spoil(finished)))
    if code is None:  # the same content, closed again: still everything that was signed
        assert verdict.state == "pass"
    else:
        assert verdict.state == "fail" and code in verdict.codes(), verdict


async def test_a_stranger_who_adds_a_field_and_signs_it_is_named(finished: Finished) -> None:
    import asyncio

    now = finished.at
    root_key, key = new_key(), new_key()
    root = root_certificate(subject("外人"), root_key, now)
    stranger = ServerKey("x", server_certificate("seal", subject("外人"), key.public_key(), root, root_key, now), key)
    writer = IncrementalPdfFileWriter(io.BytesIO(finished.revisions[-1]))
    append_signature_field(writer, SigFieldSpec("Extra", on_page=0))
    out = io.BytesIO()
    writer.write(out)
    stamps = InternalTimeStampAuthority(finished.keys.tsa, SystemClock())
    pdf = await sign_with(
        stranger, [], out.getvalue(), stamps, field="Extra", name="外人", role="x", reason="", now=now
    )
    verdict = await asyncio.to_thread(judge, finished, await archive_stamp(pdf, stamps))
    assert {"V11", "V07", "V13"} <= verdict.codes()


async def test_an_officer_cannot_sign_with_the_certificate_of_another_act(finished: Finished) -> None:
    """The event certificate names the revision: moved to another file, it does not fit."""
    import asyncio

    other = msgspec.structs.replace(finished.trust, seals=(), systems=())
    verdict = await asyncio.to_thread(verify_pdf, finished.pdf, other, finished.at)
    assert {"V02", "V09"} <= verdict.codes()


def test_another_offices_anchors_believe_nothing(finished: Finished) -> None:
    root_key = new_key()
    stranger = root_certificate(subject("别处"), root_key, finished.at)
    from signing.certificates import der

    trust = msgspec.structs.replace(finished.trust, roots=(der(stranger),), stamps=(der(stranger),))
    verdict = verify_pdf(finished.pdf, trust, finished.at)
    assert {"V03", "V07", "V08"} <= verdict.codes()


def test_a_stamp_from_the_future_is_not_believed(finished: Finished) -> None:
    assert "V16" in judge(finished, finished.pdf, datetime(2020, 1, 1, tzinfo=UTC)).codes()
