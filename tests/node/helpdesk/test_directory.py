"""Guides are found by the words people use, alike on both engines."""

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from foundation.clock import ManualClock
from foundation.db import Database
from helpdesk import directory, store
from helpdesk.demo import open_demo_hall
from helpdesk.tables import guides
from tests.support.hall import SOCIAL, TAX, Hall

ASKED = {
    "我想开个小店办执照": "individual-register",
    "公积金贷款": "housing-fund-loan",
    "gongjijin daikuan": "housing-fund-loan",
    "zfgjj": "housing-fund-withdraw",
    "老人补贴": "old-age-allowance",
    "打官司没钱怎么办": "legal-aid",
    "孩子上户口": "birth-registration",
    "ＩＤ ｃａｒｄ": "id-card-renew",
    "passport": "passport",
    "退税": "iit-settlement",
}


async def test_a_matter_is_found_by_the_words_people_use(hall: Hall) -> None:
    async with hall.db.read() as conn:
        found = {question: await directory.search(conn, question) for question in ASKED}
    assert {question: guides[0].slug for question, guides in found.items() if guides} == ASKED


async def test_what_means_nothing_finds_nothing(hall: Hall) -> None:
    async with hall.db.read() as conn:
        for question in ("", "  ", "？！", "qqqqq", 'x" OR "', "🙂", "的" * 5000):
            assert await directory.search(conn, question) == [], question


async def test_every_guide_is_found_by_its_name_and_by_each_synonym(hall: Hall) -> None:
    async with hall.db.read() as conn:
        for guide in hall.guides.values():
            for words in (guide.name, guide.pinyin, guide.initials, guide.gloss, *guide.synonyms):
                assert guide.slug in {each.slug for each in await directory.search(conn, words)}, (guide.slug, words)


async def test_the_index_follows_a_guide_that_changes_or_goes(hall: Hall) -> None:
    from msgspec.structs import replace

    async def found(question: str) -> list[str]:
        async with hall.db.read() as conn:
            return [guide.slug for guide in await directory.search(conn, question)]

    changed = replace(hall.guides["passport"], synonyms=["环球旅行本本"])
    async with hall.db.begin() as conn:
        await directory.add_guide(conn, changed)
    assert await found("环球旅行") == ["passport"]
    async with hall.db.begin() as conn:
        await conn.execute(delete(guides).where(guides.c.slug == "passport"))
    assert await found("环球旅行") == []


async def test_one_person_sits_at_one_window(hall: Hall) -> None:
    await hall.sit("990101-S01", "stf_a")
    async with hall.db.begin() as conn:
        assert not await directory.sit_down(conn, "990101-S01", "stf_b", hall.clock.now())
        assert await directory.sit_down(conn, "990101-S01", "stf_a", hall.clock.now()), "again is no harm"
    with pytest.raises(IntegrityError):
        await hall.sit("990101-S02", "stf_a")


async def test_the_demonstration_s_lines_lead_every_offered_matter_to_a_window(database: Database, hall: Hall) -> None:
    async with database.read() as conn:
        for line in await directory.list_lines(conn, ["990100", "990101", "990101001"]):
            served_by = [one for one in await directory.list_windows(conn, [line.office]) if one.line == line.id]
            assert served_by and all(one.name and one.gloss.isascii() and one.gloss for one in served_by)
            for slug in line.guides:
                there = await directory.line_for(conn, line.office, slug)
                assert there is not None and slug in there.guides


async def test_the_demonstrations_hall_is_at_work(hall: Hall, clock: ManualClock) -> None:
    agents = {"zhangmin": "stf_zhang", "wuyue": "stf_wu"}
    async with hall.db.begin() as conn:
        await open_demo_hall(conn, list(hall.guides.values()), agents, clock.now())
    async with hall.db.read() as conn:
        seats = {account: await directory.window_of(conn, agent) for account, agent in agents.items()}
        waiting = [one.name for one in await store.line_of(conn, TAX, 10)]
        free = await store.line_of(conn, SOCIAL, 10)
    assert [window.line for window in seats.values() if window] == [SOCIAL, TAX]
    assert waiting[0] == "卫国安" and len(waiting) == 3 and not free
