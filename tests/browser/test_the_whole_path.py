"""The rehearsal as a test: one inspection with real browsers, from the text message to a package that verifies offline.

What it asserts does not depend on how fast the machine is: nothing that was sent is missing, every picture is the one
that was sent, sheet and package verify by our own and by foreign eyes. The rehearsal itself also holds its times.
When the documents' pictures are asked for (`YUANKAN_SCREENS`), every page is looked at on the way, in both languages.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rehearsal.__main__ import rehearse
from tests.rehearsal.gallery import Gallery, folder, wanted

COUNTS = {"frames_sent", "frames_recorded", "frames_missing", "frames_unreadable"}


@pytest.mark.timeout(1500)  # ends a hopeless run; an idle machine needs a tenth
@pytest.mark.parametrize("lang", ["zh-CN", "en-GB"] if wanted() else ["zh-CN"])
async def test_an_inspection_from_the_link_to_the_verified_package(tmp_path: Path, lang: str) -> None:
    gallery = Gallery(folder(), lang) if wanted() else None
    # Browsers encode in software, and two cores carry all of them: a quarter of the picture is half of the time.
    figures, findings = await rehearse(tmp_path, gallery, lang, lines=720 if gallery else 360)
    assert {one.name: one.holds for one in figures if one.name in COUNTS} == dict.fromkeys(COUNTS, True)
    assert findings.verdict_of_button == "pass"
    assert findings.verdict_offline == "pass"
    assert findings.verdict_pdfsig == "pass"
    assert findings.keys == dict.fromkeys(("applicant", "witness1", "lead", "assist"), "pass"), (
        "each certificate is of its page's key"
    )
    assert findings.photographs and all(photo["matches"] for photo in findings.photographs)
    assert findings.complaints == [], "a page complained in its console"
    faults = gallery.faults if gallery else []
    assert not faults, "\n".join(["what a visitor would notice:", *faults])
