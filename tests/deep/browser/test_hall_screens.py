"""Every page of the hall in every state, looked at as a visitor would, in both languages."""

import pytest

from foundation.bus import Bus
from foundation.clock import ManualClock
from foundation.db import Database
from tests.deep.browser.test_screens import FORESEEN
from tests.rehearsal.browsers import Console
from tests.rehearsal.gallery import Gallery, folder
from tests.rehearsal.hall_visits import HallVisits, citizen
from tests.support.hall import open_hall
from tests.support.hall_site import DIST, hall_site
from tests.support.http import Serve


@pytest.mark.may_block("reads the built pages")
@pytest.mark.timeout(600)  # ends a hopeless run; an idle machine needs a fifth
@pytest.mark.parametrize("lang", ["zh-CN", "en-GB"])
async def test_every_page_of_the_hall_is_worthy_of_a_public_office(
    sqlite_database: Database, clock: ManualClock, bus: Bus, serve: Serve, lang: str
) -> None:
    gallery, console = Gallery(folder(), lang), Console()
    hall = await open_hall(sqlite_database, clock)
    async with hall_site(hall, bus, serve, dist=DIST) as site, citizen(site, lang) as context:
        try:
            await HallVisits(site, gallery, context, console).all()
        finally:
            print("\n".join(gallery.faults))
    assert not gallery.faults, "\n".join(["what a visitor would notice:", *gallery.faults])
    assert [line for line in console.lines if not any(known in line for known in FORESEEN)] == []
