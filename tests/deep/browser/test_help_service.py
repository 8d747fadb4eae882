"""The rehearsal of a help service as a test: real browsers, from words to a rating, handed over once, verified."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rehearsal.__main__ import rehearse_help
from tests.rehearsal.gallery import Gallery, folder, wanted


@pytest.mark.timeout(900)  # ends a hopeless run; an idle machine needs a minute
@pytest.mark.parametrize("lang", ["zh-CN", "en-GB"] if wanted() else ["zh-CN"])
async def test_a_help_service_from_words_to_the_verified_package(tmp_path: Path, lang: str) -> None:
    gallery = Gallery(folder(), lang) if wanted() else None
    findings = await rehearse_help(tmp_path, gallery, lang)
    assert findings.verdict_of_button == "pass"
    assert findings.verdict_offline == "pass"
    assert findings.verdict_pdfsig == "pass"
    assert findings.complaints == [], "a page complained in its console"
    faults = gallery.faults if gallery else []
    assert not faults, "\n".join(["what a visitor would notice:", *faults])
