"""A file in a call is what its bytes are; its name must fit, and nothing that runs is taken."""

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.attachment import LONGEST_NAME, MOST_BYTES, SUFFIXES, judge
from office.session import Refused
from tests.support.documents import PDF, excel, picture, word, zipped

WINDOWS_PROGRAM = b"MZ\x90\x00" + bytes(200)


def code(name: str, data: bytes) -> str:
    judged = judge(name, data)
    assert isinstance(judged, Refused), judged
    return judged.code


@pytest.mark.parametrize(
    ("name", "data", "mime"),
    [
        ("户口本.jpg", picture(), "image/jpeg"),
        ("Screenshot 2026-11-23.PNG", picture("PNG"), "image/png"),
        ("photo.jpg", picture("PNG"), "image/png"),
        ("申请表.pdf", PDF, "application/pdf"),
        ("表.docx", word(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("明细.xlsx", excel(), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ],
)
def test_what_people_bring_to_a_counter_is_taken_for_what_it_is(name: str, data: bytes, mime: str) -> None:
    assert judge(name, data) == (name, mime)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        WINDOWS_PROGRAM,
        b"<html><script>alert(1)</script></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        b"PK\x03\x04" + bytes(100),
        zipped("setup.exe"),
        word("word/vbaProject.bin"),
        word("xl/workbook.xml"),
        b" %PDF-1.7",
    ],
)
def test_what_runs_or_hides_is_not_taken_whatever_it_is_called(data: bytes) -> None:
    assert {code(f"申请表.{end}", data) for end in ("pdf", "jpg", "docx")} == {"F05"}


def test_a_zip_with_a_list_longer_than_any_document_is_not_read() -> None:
    assert code("表.docx", word(*(f"word/media/{n:0200}.xml" for n in range(1200)))) == "F05"


def test_a_zip_whose_list_is_told_elsewhere_is_not_read() -> None:
    """ZIP64: the number at the end is small, and the list that counts is as long as its maker likes."""
    whole = word(*(f"word/media/{n:0200}.xml" for n in range(1200)))
    at = whole.rindex(b"PK\x05\x06")
    start, size, count = *struct.unpack("<II", whole[at + 12 : at + 20])[::-1], 1202
    list64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, 0, 0, 0)
    hidden = whole[:at] + list64 + locator + end
    assert len(zipfile.ZipFile(io.BytesIO(hidden)).namelist()) > 1200, "it can be read"
    assert code("表.docx", hidden) == "F05"


@pytest.mark.parametrize(
    "name",
    [
        "", ".pdf", "pdf", "表.exe", "表.pdf.exe", "表.jpg", "../../etc/passwd.pdf", "a/b.pdf", "a\\b.pdf", " 表.pdf",
        ".hid.pdf", "表\n.pdf", "a\x00.pdf", "\u202efdp.pdf", "a\u200bb.pdf", 'a".pdf', "a|b.pdf", "a\ud800.pdf",
        "a" * LONGEST_NAME + ".pdf",
    ],
)  # fmt: skip
def test_a_name_that_deceives_or_cannot_be_kept_is_refused_and_shown_without_its_tricks(name: str) -> None:
    judged = judge(name, PDF)
    assert isinstance(judged, Refused) and judged.code == "F06"
    shown = judged.params["name"]
    assert shown.isprintable() and len(shown) <= LONGEST_NAME


def test_a_name_is_kept_in_one_spelling() -> None:
    assert judge("Ame\u0301lie.pdf", PDF) == ("Am\u00e9lie.pdf", "application/pdf")


def test_size_comes_first() -> None:
    assert code("表.exe", PDF + bytes(MOST_BYTES)) == "F04"


@given(
    document=st.sampled_from([word(), excel()]),
    wounds=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.integers(0, 40),
)
def test_a_damaged_document_is_taken_or_refused(document: bytes, wounds: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(document)
    for back, value in wounds:  # from the end: the list of parts is there
        damaged[-1 - back % len(damaged)] = value
    judged = judge("表.docx", bytes(damaged[: len(damaged) - cut]))
    assert isinstance(judged, Refused) or judged[1] in SUFFIXES


HEADS = [b"", b"PK\x03\x04", b"%PDF-1.", b"\xff\xd8\xff"]


@given(name=st.text(max_size=100), data=st.binary(max_size=300), head=st.sampled_from(HEADS))
def test_whatever_comes_is_taken_or_refused(name: str, data: bytes, head: bytes) -> None:
    judged = judge(name, head + data)
    assert isinstance(judged, Refused) or judged[1] in SUFFIXES
