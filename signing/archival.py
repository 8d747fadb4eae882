"""One pass over the set pages: PDF/A-3u (ISO 19005-3), attachments, and the signature fields, all before any signature.

Fields come first because a signature may only fill what the certified document already has (ISO 32000-1 12.8.2.2).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pikepdf
from pikepdf import Array, Dictionary, Name, String
from PIL import ImageCms

from signing.page import FieldPlace
from signing.report import SYSTEM_FIELD

PRODUCER = "Yuankan"
_MIME = {"json": "application/json"}


def finish(
    pdf: bytes,
    *,
    title: str,
    author: str,
    at: datetime,
    attachments: Mapping[str, tuple[bytes, str]],
    fields: Sequence[FieldPlace],
) -> bytes:
    """`attachments`: bytes and AFRelationship by file name. With fields, the invisible System field is added too."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        _colour(document)
        _attach(document, attachments, at)
        if fields:
            _fields(document, fields)
        _describe(document, title, author, at)
        out = io.BytesIO()
        document.save(
            out, min_version="1.7", object_stream_mode=pikepdf.ObjectStreamMode.disable, deterministic_id=True
        )
    return out.getvalue()


def _colour(document: pikepdf.Pdf) -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # LittleCMS writes the time of making into bytes 24..35 of the header (ICC.1 7.2.8): fixed, so that bytes repeat.
    profile[24:36] = bytes((7, 0xE9, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))
    profile[84:100] = bytes(16)  # profile id: optional, would be a hash over the date (7.2.18)
    icc = document.make_stream(bytes(profile), N=3, Alternate=Name.DeviceRGB)
    document.Root.OutputIntents = Array(
        [
            Dictionary(
                Type=Name.OutputIntent,
                S=Name.GTS_PDFA1,
                OutputConditionIdentifier=String("sRGB"),
                Info=String("sRGB IEC61966-2.1"),
                DestOutputProfile=icc,
            )
        ]
    )
    document.Root.Lang = String("zh-CN")
    document.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)


def _attach(document: pikepdf.Pdf, attachments: Mapping[str, tuple[bytes, str]], at: datetime) -> None:
    for name, (data, relationship) in attachments.items():
        mime = _MIME[name.rpartition(".")[2]]
        spec = pikepdf.AttachedFileSpec(  # type: ignore[call-arg]  # its stub lacks `relationship`
            document,
            data,
            filename=name,
            description=name,
            mime_type=mime,
            relationship=Name(f"/{relationship}"),
            creation_date=at.strftime("D:%Y%m%d%H%M%S+00'00'"),
            mod_date=at.strftime("D:%Y%m%d%H%M%S+00'00'"),
        )
        document.attachments[name] = spec
    # ISO 19005-3 6.8: every embedded file is associated with the document; newer pikepdf does it by itself.
    document.Root.AF = Array([document.attachments[name].obj for name in attachments])


def _fields(document: pikepdf.Pdf, places: Sequence[FieldPlace]) -> None:
    form = document.make_indirect(Dictionary(Fields=Array([]), SigFlags=3))
    document.Root.AcroForm = form
    last = len(document.pages) - 1
    invisible = FieldPlace(SYSTEM_FIELD, last, (0.0, 0.0, 0.0, 0.0), "系统签发 Issued as generated")
    for place in (invisible, *places):
        page = document.pages[place.page]
        x0, y0, x1, y1 = (round(value, 2) for value in place.box)
        widget = document.make_indirect(
            Dictionary(
                Type=Name.Annot,
                Subtype=Name.Widget,
                FT=Name.Sig,
                T=String(place.name),
                TU=String(place.label),
                Rect=Array([x0, y0, x1, y1]),
                F=132,  # printed and locked: ISO 32000-1 table 165
                P=page.obj,
            )
        )
        if x1 > x0:
            # A visible annotation needs an appearance even while empty (ISO 19005-3 6.3.3): a refusal leaves this one.
            empty = document.make_stream(
                b"", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, x1 - x0, y1 - y0])
            )
            widget.AP = Dictionary(N=empty)
        if "/Annots" not in page.obj:
            page.obj.Annots = Array([])
        page.obj.Annots.append(widget)
        form.Fields.append(widget)


def _describe(document: pikepdf.Pdf, title: str, author: str, at: datetime) -> None:
    stamp = at.astimezone(UTC).replace(microsecond=0)
    with document.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as xmp:
        xmp["pdfaid:part"] = "3"
        xmp["pdfaid:conformance"] = "U"
        xmp["dc:title"] = title
        xmp["dc:creator"] = [author]
        xmp["xmp:CreateDate"] = stamp.isoformat()
        xmp["xmp:ModifyDate"] = stamp.isoformat()
        xmp["xmp:CreatorTool"] = PRODUCER
        xmp["pdf:Producer"] = PRODUCER
    for key in list(document.docinfo.keys()):
        del document.docinfo[key]
    document.docinfo["/Title"] = title
    document.docinfo["/Author"] = author
    document.docinfo["/Creator"] = document.docinfo["/Producer"] = PRODUCER
    document.docinfo["/CreationDate"] = document.docinfo["/ModDate"] = stamp.strftime("D:%Y%m%d%H%M%S+00'00'")
