import io
import subprocess
from pathlib import Path

import msgspec
import pikepdf
import pytest
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas

from foundation.errors import Problem
from signing.fonts import FontSet
from signing.pdf import build_pdf
from signing.report import Report, from_json
from signing.typeset import Text
from tests.unit.signing.samples import RARE_NAMES, report, thumbnails

MANIFEST = b'{"epochs":[]}'


def text_of(pdf: bytes, tmp_path: Path, order: str = "-layout") -> str:
    """What a foreign reader copies out of the file."""
    path = tmp_path / "sheet.pdf"
    path.write_bytes(pdf)
    return subprocess.run(["pdftotext", order, str(path), "-"], capture_output=True, text=True, check=True).stdout


def test_the_same_report_gives_the_same_bytes(fonts: FontSet) -> None:
    one = build_pdf(report(), thumbnails(5), MANIFEST, fonts)
    build_pdf(report(items=2, photos=0, note="别的文字"), {}, MANIFEST, fonts)
    assert build_pdf(report(), thumbnails(5), MANIFEST, fonts) == one


def test_everything_the_sheet_must_say_can_be_found_by_a_foreign_reader(fonts: FontSet, tmp_path: Path) -> None:
    made = report()
    text = text_of(build_pdf(made, thumbnails(5), MANIFEST, fonts), tmp_path).replace("\n", "").replace(" ", "")
    said = [
        "远程视频勘验单",
        made.office.name,
        made.case_number,
        made.matter,
        made.business_name,
        made.registered_address,
        "精度±12米",
        "距登记地址38米",
        "核验身份",
        "第三十三条第一款第（一）项",
        "条款待核",
        "实测31.2m",
        "录像00:03:20",
        "记录完整度",
        "接听来电",
        made.heads.record_head,
        made.heads.manifest_head,
        made.photos[4].sha256[24:],
        "整改期限：2025-12-08",
        made.objections[0].text,
        "第3页，共3页",
        *RARE_NAMES[:2],
    ]
    missing = [part for part in said if part.replace(" ", "") not in text]
    assert missing == []


def test_officers_of_two_offices_are_printed_with_both_offices_in_the_order_of_signing(
    fonts: FontSet, tmp_path: Path
) -> None:
    made = report(items=2, photos=1)
    applicant, lead, assist = made.signers
    brigade = "松汀区消防救援大队"
    joint = msgspec.structs.replace(
        made, signers=(applicant, lead, msgspec.structs.replace(assist, organisation=brigade))
    )
    text = (
        text_of(build_pdf(joint, thumbnails(1), MANIFEST, fonts), tmp_path, "-raw").replace(" ", "").replace("\n", "")
    )
    blocks = text[text.rindex(f"申请人{applicant.name}") :]
    said = (f"主勘人员{lead.name}", made.office.name, f"协勘人员{assist.name}", brigade, "机关印章")
    places = [blocks.index(one) for one in said]
    assert places == sorted(places), blocks


@pytest.mark.parametrize("name", RARE_NAMES)
def test_a_rare_name_prints_and_is_found(fonts: FontSet, tmp_path: Path, name: str) -> None:
    made = msgspec.structs.replace(report(items=1, photos=0), applicant_name=name)
    assert name in text_of(build_pdf(made, {}, MANIFEST, fonts), tmp_path)


def test_a_second_sheet_in_the_same_process_loses_no_character(fonts: FontSet, tmp_path: Path) -> None:
    build_pdf(report(items=1, photos=0), {}, MANIFEST, fonts)
    made = report(items=1, photos=0, note="鼯鼠戥秤罅隙氍毹")
    assert "鼯鼠戥秤罅隙氍毹" in text_of(build_pdf(made, {}, MANIFEST, fonts), tmp_path)


def test_a_name_that_cannot_be_printed_stops_the_sheet(fonts: FontSet) -> None:
    made = msgspec.structs.replace(report(), applicant_name="张\U0010fffd")
    with pytest.raises(Problem) as caught:
        build_pdf(made, {}, MANIFEST, fonts)
    assert caught.value.code == "R01"


HOSTILE = '<font color="white">合格</font> & <a href="javascript:1">x</a> \u202e倒\u200b\u2066 %%EOF endobj )>> /JS'


def hostile(made: Report) -> Report:
    """The same sheet with this in every place that people fill in."""
    named = msgspec.structs.replace
    return named(
        made,
        business_name=HOSTILE,
        registered_address=HOSTILE,
        people=tuple(named(one, organisation=HOSTILE, identified=HOSTILE) for one in made.people),
        steps=tuple(named(one, note=HOSTILE, method=HOSTILE, by=HOSTILE) for one in made.steps),
        sections=tuple(
            named(section, items=tuple(named(one, note=HOSTILE, measured=HOSTILE) for one in section.items))
            for section in made.sections
        ),
        objections=tuple(named(one, text=HOSTILE) for one in made.objections),
        result=named(made.result, note=HOSTILE),
    )


ACTIVE = {
    "/JS",
    "/JavaScript",
    "/Launch",
    "/URI",
    "/OpenAction",
    "/AA",
    "/A",
    "/GoToR",
    "/SubmitForm",
    "/RichMedia",
    "/XFA",
}


def active(pdf: bytes) -> set[str]:
    """Everything in the file that could act: keys and kinds of action anywhere in its objects."""
    found: set[str] = set()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        for thing in document.objects:
            if isinstance(thing, pikepdf.Dictionary | pikepdf.Stream):
                found |= set(thing.keys()) & ACTIVE
                found |= {str(thing.get(key)) for key in ("/S", "/Subtype")} & ACTIVE
    return found


@pytest.mark.parametrize("room", [0, 11, 20, 25, 35])
def test_a_paragraph_without_room_is_set_whole_on_the_next_page(room: float) -> None:
    text = Text("Three lines of words that have to be broken for a narrow column", ParagraphStyle("p", leading=12))
    _, height = text.wrap(110, 800)
    assert height == 36
    for piece in text.split(110, room) or [text]:
        piece.wrap(110, 800)
        piece.drawOn(Canvas(io.BytesIO()), 0, 0)


def test_untrusted_text_stays_text(fonts: FontSet, tmp_path: Path) -> None:
    pdf = build_pdf(hostile(report(items=3, photos=0)), {}, MANIFEST, fonts)
    text = text_of(pdf, tmp_path)
    assert "<font" in text and "</a>" in text.replace("\n", "").replace(" ", "")
    assert not set("\u202e\u200b\u2066") & set(text), "nothing turns a sentence round or hides in it"
    assert active(pdf) == set()


def test_what_acts_would_be_found() -> None:
    document = pikepdf.new()
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("1"))
    document.Root.Extra = document.make_indirect(document.Root.OpenAction)
    out = io.BytesIO()
    document.save(out)
    assert active(out.getvalue()) >= {"/OpenAction", "/JS", "/JavaScript"}


def test_a_hundred_thousand_characters_do_not_break_the_form(fonts: FontSet, tmp_path: Path) -> None:
    made = report(items=1, photos=0, note="长" * 100_000)
    pdf = build_pdf(made, {}, MANIFEST, fonts)
    text = text_of(pdf, tmp_path).replace("\n", "").replace(" ", "")
    assert "全文见附注1" in text and "全文100000字" in text
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert len(from_json(document.attachments["report.json"].get_file().read_bytes()).items()[0].note) == 100_000


def test_fields_and_attachments_are_there_before_anybody_signs(fonts: FontSet) -> None:
    with pikepdf.open(io.BytesIO(build_pdf(report(), thumbnails(5), MANIFEST, fonts))) as document:
        fields = {str(field.T): field for field in document.Root.AcroForm.Fields}
        assert list(fields) == ["System", "Applicant", "Lead", "Assist", "Seal"]
        assert all("/V" not in field for field in fields.values())
        assert [float(side) for side in fields["System"].Rect] == [0, 0, 0, 0]
        assert all("/AP" in field for name, field in fields.items() if name != "System")
        assert document.attachments["manifest.json"].get_file().read_bytes() == MANIFEST
        relations = {str(spec.UF): str(spec.AFRelationship) for spec in document.Root.AF}
        assert len(document.Root.AF) == 2
        assert relations == {"report.json": "/Source", "manifest.json": "/Data"}
        with document.open_metadata() as xmp:
            assert (xmp["pdfaid:part"], xmp["pdfaid:conformance"]) == ("3", "U")


def test_a_draft_says_so_and_cannot_be_signed(fonts: FontSet, tmp_path: Path) -> None:
    pdf = build_pdf(report(items=1, photos=0, draft=True), {}, MANIFEST, fonts)
    text = text_of(pdf, tmp_path, "-raw")
    assert {"草", "稿"} <= set(text) and "未作结论" in text
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert "/AcroForm" not in document.Root


def test_every_glyph_of_the_sheet_is_drawn(fonts: FontSet, tmp_path: Path) -> None:
    """A missing glyph would be a box or nothing; a reader of the text layer sees replacement or control characters."""
    text = text_of(build_pdf(report(items=60, photos=20), thumbnails(20), MANIFEST, fonts), tmp_path)
    assert "\ufffd" not in text
    assert not [char for char in text if ord(char) < 32 and char not in "\n\f"]
