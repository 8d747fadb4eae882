"""Every way of changing a signed sheet that we know for who holds none of the office's keys (insiders.py: who does).

Letters are those of the matrix of known attacks on signed PDFs (https://pdf-insecurity.org); "closed again" means that
our own public time stamp service ended the forged file, as it would for anybody.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pikepdf
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field

from foundation.clock import SystemClock
from signing.certificates import new_key, root_certificate, server_certificate
from signing.certificates import subject as subject_name
from signing.keys import ServerKey
from signing.signature import archive_stamp, sign_with
from signing.timestamp import InternalTimeStampAuthority
from tests.node.signing.finished import Finished

Spoil = Callable[[Finished], Coroutine[Any, Any, bytes]]


@dataclass(frozen=True)
class Attack:
    """`named`: what `verify` must say, all of it and nothing else but notes."""

    title: str
    named: frozenset[str]
    spoil: Spoil

    @property
    def key(self) -> str:
        return self.spoil.__name__


ATTACKS: list[Attack] = []


def attack(title: str, *named: str) -> Callable[[Spoil], Spoil]:
    def note(spoil: Spoil) -> Spoil:
        ATTACKS.append(Attack(title, frozenset(named), spoil))
        return spoil

    return note


def public_stamps(finished: Finished) -> InternalTimeStampAuthority:
    """Our time stamp service, that anybody may ask."""
    return InternalTimeStampAuthority(finished.keys.tsa, SystemClock())


async def closed_again(finished: Finished, pdf: bytes) -> bytes:
    return await archive_stamp(pdf, public_stamps(finished))


def stranger(kind: str, now: datetime) -> ServerKey:
    root_key, key = new_key(), new_key()
    root = root_certificate(subject_name("外人"), root_key, now)
    return ServerKey("x", server_certificate(kind, subject_name("外人"), key.public_key(), root, root_key, now), key)


# --- bytes changed where they are -------------------------------------------------------------------------------------


def flip(pdf: bytes, at: int) -> bytes:
    return pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]


def flip_digit(pdf: bytes, at: int) -> bytes:
    """One bit of one hexadecimal digit, which stays one."""
    return pdf[:at] + b"%x" % (int(pdf[at : at + 1], 16) ^ 1) + pdf[at + 1 :]


def signatures(pdf: bytes) -> list[int]:
    """Where the hexadecimal text of each signature begins."""
    return [match.end() for match in re.finditer(rb"/Contents <", pdf)]


def unstamped(pdf: bytes) -> bytes:
    """Without the archive time stamp, as if it had never been there."""
    return pdf[: [match.end() for match in re.finditer(rb"%%EOF\n?", pdf)][-2]]


@attack("A. One bit of a photograph", "V03", "V05")
async def bit_in_a_photo(finished: Finished) -> bytes:
    return flip(finished.pdf, finished.pdf.index(b"/DCTDecode") + 400)


@attack("B. One digit of the certificate inside a signature", "V03", "V05")
async def digit_in_a_certificate(finished: Finished) -> bytes:
    start = signatures(finished.pdf)[1]
    name = "张䶮".encode().hex().encode()
    return flip_digit(finished.pdf, finished.pdf.lower().index(name, start) + 3)


@attack("I. Bytes in the unused room behind a signature", "V03", "V05")
async def garbage_in_the_padding(finished: Finished) -> bytes:
    pdf = finished.pdf
    end = pdf.index(b">", signatures(pdf)[2])
    return pdf[: end - 8] + b"deadbeef" + pdf[end:]


@attack("A photograph swapped for another, byte for byte", "V03", "V05")
async def photo_swapped_in_place(finished: Finished) -> bytes:
    found = list(re.finditer(rb"/DCTDecode.*?stream\r?\n(.*?)endstream", finished.pdf, re.DOTALL))
    one = found[0]
    other = found[1][1][: len(one[1])].ljust(len(one[1]), b"\0")
    assert other != one[1]
    return finished.pdf[: one.start(1)] + other + finished.pdf[one.end(1) :]


# --- updates appended -------------------------------------------------------------------------------------------------


def updated(pdf: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _page(writer: IncrementalPdfFileWriter, number: int = 0) -> Any:
    return writer.root["/Pages"]["/Kids"][number].get_object()


def _replace_page(writer: IncrementalPdfFileWriter) -> None:
    page = _page(writer)
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"0 0 m"))
    writer.update_container(page)


def _free_text(writer: IncrementalPdfFileWriter) -> None:
    page = _page(writer)
    name = generic.NameObject
    note = generic.DictionaryObject(
        {
            name("/Type"): name("/Annot"),
            name("/Subtype"): name("/FreeText"),
            name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (100, 500, 400, 560))),
            name("/Contents"): generic.pdf_string("合格"),
            name("/DA"): generic.pdf_string("/Helv 24 Tf"),
        }
    )
    page["/Annots"] = generic.ArrayObject([*page.get("/Annots", ()), writer.add_object(note)])
    writer.update_container(page)


def _title(writer: IncrementalPdfFileWriter) -> None:
    info = writer.trailer["/Info"]
    info["/Title"] = generic.pdf_string("合格证明")
    writer.update_container(info)


def _metadata(writer: IncrementalPdfFileWriter) -> None:
    stream = writer.root["/Metadata"]
    forged = stream.data.replace("松汀区政务服务中心".encode(), "松汀区人民政府".encode())
    assert forged != stream.data
    stream._data, stream._encoded_data = forged, None
    writer.mark_update(writer.root.raw_get("/Metadata"))


def _drawing(writer: IncrementalPdfFileWriter) -> None:
    for reference in writer.root["/AcroForm"]["/Fields"]:
        field = reference.get_object()
        if field["/T"] == "Applicant":
            blank = generic.StreamObject(
                {
                    generic.NameObject("/Subtype"): generic.NameObject("/Form"),
                    generic.NameObject("/BBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 10, 10))),
                },
                stream_data=b"",
            )
            field["/AP"] = generic.DictionaryObject({generic.NameObject("/N"): writer.add_object(blank)})
            writer.update_container(field)


def _photo(writer: IncrementalPdfFileWriter) -> None:
    for page in writer.root["/Pages"]["/Kids"]:
        for reference in page.get_object()["/Resources"].get("/XObject", {}).values():
            image = reference.get_object()
            if image.get("/Subtype") == "/Image":
                image._encoded_data = b"\xff\xd8\xff\xd9"
                image._data = None
                writer.update_container(image)
                return
    raise AssertionError("no photograph")


def _add_page(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root["/Pages"]
    extra = generic.DictionaryObject(
        {
            generic.NameObject("/Type"): generic.NameObject("/Page"),
            generic.NameObject("/Parent"): writer.root.raw_get("/Pages"),
            generic.NameObject("/MediaBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 595, 842))),
        }
    )
    pages["/Kids"].append(writer.add_object(extra))
    pages["/Count"] = generic.NumberObject(int(pages["/Count"]) + 1)
    writer.update_container(pages)
    writer.update_container(pages["/Kids"])


def _remove_page(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root["/Pages"]
    pages["/Kids"] = generic.ArrayObject(list(pages["/Kids"])[:-1])
    pages["/Count"] = generic.NumberObject(int(pages["/Count"]) - 1)
    writer.update_container(pages)


def _attachment(writer: IncrementalPdfFileWriter) -> None:
    names = writer.root["/Names"]["/EmbeddedFiles"]["/Names"]
    spec = next(value.get_object() for value in names if isinstance(value.get_object(), generic.DictionaryObject))
    file = spec["/EF"]["/F"]
    file._data, file._encoded_data = b"{}", None
    writer.update_container(file)


def _script(writer: IncrementalPdfFileWriter) -> None:
    action = {
        generic.NameObject("/S"): generic.NameObject("/JavaScript"),
        generic.NameObject("/JS"): generic.pdf_string("x"),
    }
    writer.root["/OpenAction"] = generic.DictionaryObject(action)
    writer.update_root()


UPDATES: list[tuple[str, Callable[[IncrementalPdfFileWriter], None], tuple[str, ...]]] = [
    ("C. A page's content replaced", _replace_page, ("V06",)),
    ("D. A text laid over a page", _free_text, ("V06",)),
    ("E. Title forged", _title, ("V12",)),
    ("Author forged in the metadata", _metadata, ("V12",)),
    ("K. A person's drawn signature swapped", _drawing, ("V06",)),
    ("A photograph replaced", _photo, ("V06",)),
    ("A page added", _add_page, ("V06",)),
    ("The last page removed", _remove_page, ("V06",)),
    ("The attached data replaced", _attachment, ("V06",)),
    ("A script to run when the file is opened", _script, ("V06",)),
]


def _note_updates() -> None:
    for title, change, named in UPDATES:

        async def spoil(finished: Finished, change: Callable[[IncrementalPdfFileWriter], None] = change) -> bytes:
            return updated(finished.pdf, change)

        async def closed(finished: Finished, change: Callable[[IncrementalPdfFileWriter], None] = change) -> bytes:
            return await closed_again(finished, updated(unstamped(finished.pdf), change))

        spoil.__name__ = change.__name__.strip("_")
        closed.__name__ = f"{spoil.__name__}_closed_again"
        attack(title, "V04", *named)(spoil)
        attack(f"{title}, closed again", *named)(closed)


_note_updates()


@attack("J. Bytes glued on", "V04")
async def bytes_glued_on(finished: Finished) -> bytes:
    return finished.pdf + b"\n%PDF-1.7 another"


@attack("A second sheet glued on", "V01")
async def second_file_glued_on(finished: Finished) -> bytes:
    return finished.pdf + finished.other.pdf


@attack("A second sheet glued on in front", "V01")
async def second_file_in_front(finished: Finished) -> bytes:
    return finished.other.pdf + finished.pdf


@attack("Everything written anew by another program", "V03", "V04", "V05", "V06", "V12", "V17")
async def written_anew(finished: Finished) -> bytes:
    with pikepdf.open(io.BytesIO(finished.pdf)) as document:
        out = io.BytesIO()
        document.save(out)
    return out.getvalue()


# --- revisions taken away ---------------------------------------------------------------------------------------------


@attack("G. An earlier revision put back: one has not signed", "V03", "V10", "V13")
async def earlier_revision(finished: Finished) -> bytes:
    return finished.revisions[-2]


@attack("G. An earlier revision put back, closed again", "V10", "V13")
async def earlier_revision_closed_again(finished: Finished) -> bytes:
    return await closed_again(finished, finished.revisions[-2])


@attack("The seal taken away, closed again", "V13")
async def seal_taken_away_closed_again(finished: Finished) -> bytes:
    return await closed_again(finished, finished.revisions[-1])


@attack("H. The archive time stamp dropped", "V03")
async def stamp_dropped(finished: Finished) -> bytes:
    return unstamped(finished.pdf)


@attack("The archive time stamp of a service that is not ours", "V03")
async def foreign_stamp(finished: Finished) -> bytes:
    stamps = InternalTimeStampAuthority(stranger("tsa", finished.at), SystemClock())
    return await archive_stamp(unstamped(finished.pdf), stamps)


# --- a signature too many ---------------------------------------------------------------------------------------------


@attack("F. A stranger adds a field and signs it", "V03", "V06", "V07", "V11", "V15")
async def stranger_signs(finished: Finished) -> bytes:
    pdf = updated(
        unstamped(finished.pdf), lambda writer: append_signature_field(writer, SigFieldSpec("Extra", on_page=0))
    )
    return await sign_with(
        stranger("seal", finished.at), [], pdf, public_stamps(finished), field="Extra", name="外人", role="x",
        reason="", now=finished.at,
    )  # fmt: skip


@attack("F. A stranger adds a field and signs it, closed again", "V06", "V07", "V11", "V15")
async def stranger_signs_closed_again(finished: Finished) -> bytes:
    return await closed_again(finished, await stranger_signs(finished))
