"""HTTP routes of citizens before they have a number: whose hall, what they need, what to bring, where it is done."""

from typing import Any

import msgspec

from foundation.errors import Problem
from foundation.http import Asked, Call, Route
from foundation.rates import Rate
from helpdesk import directory, view
from helpdesk.hours import gives_numbers, is_open, next_opening
from helpdesk.live import Lines
from office import register
from office.person import distance_m
from office.register import Office
from office.routes import OfficeCard
from office.services import Services

FOUND = 5
"""Guides on one screen."""

_LOOKS = Rate(120, 60)
"""Searches and guides from one address, typed letter by letter."""


class GuideDesk:
    """Handlers of these routes on one node."""

    def __init__(self, services: Services, lines: Lines) -> None:
        self.services = services
        self.lines = lines

    async def home(self, call: Call) -> OfficeCard:
        """Whose hall this is, before anybody has said what they need."""
        async with self.services.db.read() as conn:
            offices = await register.list_offices(conn)
        # The office above all others: whoever answers there knows the rest.
        first = next((one for one in offices if one.parent is None), None)
        if first is None:
            raise Problem("S404")
        return OfficeCard(name=first.name, gloss=first.gloss, phone=first.phone)

    async def search(self, call: Call) -> list[Any]:
        async with self.services.db.read() as conn:
            found = await directory.search(conn, call.query.get("q", "")[:200], FOUND)
        return [view.guide_card(guide) for guide in found]

    async def guide(self, call: Call) -> view.GuidePage:
        here = _position(call)
        async with self.services.db.read() as conn:
            guide = await directory.get_guide(conn, call.path["guide"])
            if guide is None:
                raise Problem("Q10")
            offices = {one.code: one for one in await register.list_offices(conn) if guide.slug in one.help_matters}
            lines = [one for one in await directory.list_lines(conn, list(offices)) if guide.slug in one.guides]
        places = [await self._place(offices[line.office], line.id, here) for line in lines]
        return view.GuidePage(
            **msgspec.structs.asdict(view.guide_card(guide)),
            papers=guide.documents,
            steps=guide.steps,
            time_limit=guide.time_limit.text if guide.time_limit else "",
            note=guide.note,
            elderly_friendly=guide.elderly_friendly,
            places=sorted(places, key=_nearest_open),
        )

    async def _place(self, office: Office, line: str, here: tuple[float, float] | None) -> view.PlaceCard:
        now = self.services.clock.now()
        standing = await self.lines.now(line)
        if standing is None:
            raise Problem("Q10")
        there = (office.lat, office.lon) if office.lat is not None and office.lon is not None else None
        return view.PlaceCard(
            office=office.code,
            name=office.name,
            gloss=office.gloss,
            phone=office.phone,
            address=office.address,
            line=standing.line.name,
            line_gloss=standing.line.gloss,
            open=is_open(office.hours, now),
            gives_numbers=gives_numbers(office.hours, now),
            opens=next_opening(office.hours, now),
            distance_m=round(distance_m(here, there)) if here and there else None,
            wait=standing.wait_of(),
        )


def _nearest_open(place: view.PlaceCard) -> tuple[bool, bool, float, int, str]:
    """Open ones first; then the nearest, or where nobody said where they are, where the wait is shortest."""
    wait = place.wait.minutes_high
    return (not place.open, wait is None, place.distance_m or 0.0, wait or 0, place.office)


def _position(call: Call) -> tuple[float, float] | None:
    lat, lon = call.query.get("lat"), call.query.get("lon")
    if lat is None or lon is None:
        return None
    try:
        here = float(lat), float(lon)
    except ValueError:
        raise Problem("Q13", field="lat") from None
    if not (-90 <= here[0] <= 90 and -180 <= here[1] <= 180):
        raise Problem("Q13", field="lat")
    return here


def routes(services: Services, lines: Lines) -> list[Route]:
    desk = GuideDesk(services, lines)
    where = (Asked("lat", "Where the asker is, WGS84 degrees"), Asked("lon", "Where the asker is, WGS84 degrees"))
    return [
        Route("GET", "/api/hall", desk.home, "public", "Whose hall this is", response=OfficeCard, rate=_LOOKS),
        Route(
            "GET",
            "/api/hall/guides",
            desk.search,
            "public",
            "Guides for what somebody says they need",
            response=list[view.GuideCard],
            rate=_LOOKS,
            query=(Asked("q", "Their words, pinyin or initials"),),
        ),
        Route(
            "GET",
            "/api/hall/guides/{guide}",
            desk.guide,
            "public",
            "A guide and where it is done",
            response=view.GuidePage,
            rate=_LOOKS,
            query=where,
        ),
    ]
