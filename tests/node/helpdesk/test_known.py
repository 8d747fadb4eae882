"""What a node knows of offices, lines and guides without asking each time."""

from types import SimpleNamespace

import pytest

from helpdesk import known
from helpdesk.known import FRESH_S, Known
from tests.support.hall import PENSION, SOCIAL, Hall


async def test_a_place_is_found_however_long_its_parts_take_to_read(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read first is old by the time the last part is there; nobody is told that their matter is not done."""
    seconds = iter(range(0, 10_000, int(FRESH_S)))
    monkeypatch.setattr(known, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))
    async with hall.db.read() as conn:
        place = await Known().place(conn, "990101", PENSION)
    assert place is not None and place.line.id == SOCIAL


async def test_a_place_that_is_known_needs_no_asking_until_it_is_old(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, now = Known(), 1000.0
    monkeypatch.setattr(known, "time", SimpleNamespace(monotonic=lambda: now))
    assert kept.kept_place("990101", PENSION) is None
    async with hall.db.read() as conn:
        place = await kept.place(conn, "990101", PENSION)
        assert await kept.place(conn, "990101", "no such matter") is None
        assert await kept.place(conn, "no such office", PENSION) is None
    assert kept.kept_place("990101", PENSION) == place
    now += FRESH_S
    assert kept.kept_place("990101", PENSION) is None
