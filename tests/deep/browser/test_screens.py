"""Every page in every state that can be seen without a long call, in both languages and in three widths.

One installation with its demonstration; the pages are looked at by `tests/rehearsal/gallery.py`, which says what it
asks of each. Pictures go to `build/screens`, or where `YUANKAN_SCREENS` says: then calls are played too, here and in
`test_the_whole_path.py`. `YUANKAN_SCREENS=docs/screens` makes the pictures of the documents anew.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.rehearsal.browsers import Browsers, browsers
from tests.rehearsal.call_visits import CallVisits, Line
from tests.rehearsal.desk_visits import DeskVisits
from tests.rehearsal.gallery import Gallery, folder, wanted
from tests.rehearsal.installation import Installation, installation
from tests.rehearsal.phone_visits import PhoneVisits
from tests.rehearsal.play import Play

# What a browser writes into its console when a request is refused or cannot be made, which these pages are about.
FORESEEN = (
    "the server responded with a status of 4",
    "the server responded with a status of 502",
    "ERR_INTERNET_DISCONNECTED",
    "Unexpected response code: 404",
)
# Lead, business, business that declines: cases of its own for each language, so that neither is affected by the other.
CASES = {"zh-CN": ("liming", "青禾餐馆", "海湾小厨"), "en-GB": ("zhoulan", "松汀人力资源有限公司", "康泰大药房")}


@pytest.mark.timeout(1500)  # ends a hopeless run; an idle machine needs a tenth
async def test_every_page_is_worthy_of_a_public_office(tmp_path: Path) -> None:
    galleries = [Gallery(folder(), lang) for lang in CASES]
    async with installation(tmp_path) as server, browsers(None) as opened:
        # What can go wrong in a call takes minutes to show: it is shown when pictures are asked for.
        visits = [visit(server, opened, one, calls=wanted()) for one in galleries]
        try:
            await asyncio.gather(*visits)
        finally:
            faults = [fault for gallery in galleries for fault in gallery.faults]
            print("\n".join(faults))
        complaints = [line for line in opened.console.lines if not any(known in line for known in FORESEEN)]
    assert not faults, "\n".join(["what a visitor would notice:", *faults])
    assert complaints == [], "a page complained in its console"
    assert galleries[0].seen == galleries[1].seen, "both languages show the same pages"


async def visit(server: Installation, opened: Browsers, gallery: Gallery, *, calls: bool) -> None:
    lead, business, declining = CASES[gallery.lang]
    play = Play(server, opened, gallery, gallery.lang, business)
    desk = DeskVisits(play, lead)
    old_link = await desk.all()
    officer = await play.log_in(lead)
    link = await desk.link_of(officer, business)
    phones = PhoneVisits(play)
    line = Line()
    phone = await phones.all(link, old_link, officer, line)
    if calls:
        await CallVisits(play).all(officer, phone, line)
        await desk.link_of(officer, business)
    await phones.replaced(link, phone, officer)
    await phones.decline(await desk.link_of(officer, declining), officer)
