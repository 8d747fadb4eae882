"""Nobody without an account signs without a code of their own for this very sheet."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from foundation.audit import audit_log
from foundation.clock import ManualClock
from foundation.db import Database
from foundation.errors import Problem
from office.codes import new_code
from office.invitations import JOIN
from signing.fonts import FontSet
from tests.node.signing.scene import APPLICANT, LEAD, RECORD, RECORD_KEY, WITNESS, Browser, Scene, drawn
from tests.unit.signing.samples import report, with_witness


@pytest.fixture
async def witnessed(database: Database, tmp_path: Path, fonts: FontSet, clock: ManualClock) -> Scene:
    """A sheet for applicant, witness and officers, on each database in turn."""
    scene = await Scene.set(database, tmp_path, fonts, clock)
    await scene.issue(with_witness(report(items=2, photos=1), WITNESS.id, WITNESS.name))
    return scene


async def asked(scene: Scene, browser: Browser, code: str) -> str:
    """The problem that preparing with this code comes to."""
    with pytest.raises(Problem) as caught:
        await scene.ceremony.prepare(browser.actor, RECORD, browser.role, browser.spki, drawn(), "", code)
    return caught.value.code


async def test_without_a_code_neither_applicant_nor_witness_gets_a_lease_or_a_certificate(witnessed: Scene) -> None:
    for browser in (Browser(APPLICANT, "applicant"), Browser(WITNESS, "witness")):
        assert await asked(witnessed, browser, "") == "L05"
        assert await asked(witnessed, browser, "123456") == "L05", "nobody asked for one"
    await Browser(LEAD, "lead").sign(witnessed.ceremony)  # has logged in, and nothing stands in the way


async def test_applicant_and_witness_sign_by_codes_of_their_own(witnessed: Scene) -> None:
    for browser in (Browser(APPLICANT, "applicant"), Browser(WITNESS, "witness")):
        await browser.sign(witnessed.ceremony)
    assert list((await witnessed.states()).values()) == ["signed", "signed", "waiting", "waiting"]


async def test_a_code_is_good_once(witnessed: Scene) -> None:
    browser = Browser(APPLICANT, "applicant")
    code = await browser.fresh_code(witnessed.ceremony)
    await witnessed.ceremony.prepare(APPLICANT, RECORD, "applicant", browser.spki, drawn(), "", code)
    assert await asked(witnessed, browser, code) == "L05", "replayed"
    await browser.sign(witnessed.ceremony)  # by a new one


async def test_of_two_who_use_one_code_at_once_one_gets_the_lease(witnessed: Scene) -> None:
    browser = Browser(APPLICANT, "applicant")
    code = await browser.fresh_code(witnessed.ceremony)
    tries = (witnessed.ceremony.prepare(APPLICANT, RECORD, "applicant", browser.spki, None, "", code) for _ in range(3))
    came = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(getattr(one, "code", "lease") for one in came)[-1] == "lease"
    assert sum(not isinstance(one, BaseException) for one in came) == 1, came


async def test_a_code_lives_ten_minutes(witnessed: Scene, clock: ManualClock) -> None:
    browser = Browser(APPLICANT, "applicant")
    code = await browser.fresh_code(witnessed.ceremony)
    clock.advance(10 * 60)
    assert await asked(witnessed, browser, code) == "L05"


async def test_a_code_can_be_tried_five_times_and_asked_for_five_times(witnessed: Scene, clock: ManualClock) -> None:
    browser = Browser(APPLICANT, "applicant")
    code = await browser.fresh_code(witnessed.ceremony)
    wrong = "000000" if code != "000000" else "111111"
    assert [await asked(witnessed, browser, wrong) for _ in range(5)] == ["L04"] * 4 + ["L05"]
    assert await asked(witnessed, browser, code) == "L05", "the right one after five wrong ones"
    for _ in range(4):
        await browser.fresh_code(witnessed.ceremony)
    with pytest.raises(Problem, match="S429"):
        await browser.fresh_code(witnessed.ceremony)
    clock.advance(10 * 60)
    await browser.sign(witnessed.ceremony)
    async with witnessed.means.db.read() as conn:
        rows = (await conn.execute(select(audit_log.c.actor, audit_log.c.action, audit_log.c.detail))).all()
    told = [(row.actor, row.action, msgspec.json.decode(row.detail)["code"]) for row in rows]
    assert told == [("guest:inv_1", "sheet.sign", each) for each in ["L04"] * 4 + ["L05", "L05"]]


async def test_the_code_of_another_person_another_act_or_another_sheet_is_none(witnessed: Scene) -> None:
    applicant, witness = Browser(APPLICANT, "applicant"), Browser(WITNESS, "witness")
    theirs = await witness.fresh_code(witnessed.ceremony)
    assert await asked(witnessed, applicant, theirs) == "L05"
    async with witnessed.means.db.begin() as conn:
        to_join = await new_code(conn, APPLICANT.id, JOIN, RECORD_KEY, witnessed.means.clock.now())
    assert isinstance(to_join, str)
    assert await asked(witnessed, applicant, to_join) == "L05"
    other = msgspec.structs.replace(report(items=2, photos=1), record="rec_other")
    await witnessed.issue(other)
    elsewhere = await Browser(APPLICANT, "applicant", record="rec_other").fresh_code(witnessed.ceremony)
    assert await asked(witnessed, applicant, elsewhere) == "L05", "of another session of the same person"
    before = await applicant.fresh_code(witnessed.ceremony)
    await witnessed.issue(with_witness(report(items=3, photos=1), WITNESS.id, WITNESS.name))
    assert await asked(witnessed, applicant, before) == "L05", "the sheet was made anew after an objection"
    await witness.sign(witnessed.ceremony)


async def test_who_waits_for_a_turn_keeps_the_code_though_others_sign_first(
    witnessed: Scene, clock: ManualClock
) -> None:
    applicant, lead = Browser(APPLICANT, "applicant"), Browser(LEAD, "lead")
    code = await applicant.fresh_code(witnessed.ceremony)
    ready = await lead.prepare(witnessed.ceremony)
    assert [await asked(witnessed, applicant, each) for each in (code, "000000", code)] == ["G03"] * 3
    await witnessed.ceremony.finish(LEAD, ready.lease, lead.raw_signature(ready.attributes))
    got = await witnessed.ceremony.prepare(APPLICANT, RECORD, "applicant", applicant.spki, None, "", code)
    assert got.revision_sha256 == (await witnessed.current()).sha256


async def test_codes_go_to_whoever_has_a_field_and_to_nobody_else(witnessed: Scene) -> None:
    for actor, role in ((WITNESS, "applicant"), (APPLICANT, "witness"), (LEAD, "lead"), (LEAD, "applicant")):
        with pytest.raises(Problem, match="G05"):
            await witnessed.ceremony.send_code(actor, RECORD, role, "zh")
    browser = Browser(APPLICANT, "applicant")
    await browser.sign(witnessed.ceremony)
    with pytest.raises(Problem, match="G06"):
        await browser.fresh_code(witnessed.ceremony)
