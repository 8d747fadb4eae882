"""Signing by several people: what stands, what is refused, and that nothing in between survives."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from foundation import jobs
from foundation.access import Actor
from foundation.clock import ManualClock
from foundation.db import Database
from foundation.errors import Problem
from foundation.job_runner import JobRunner
from signing.fonts import FontSet
from signing.jobs import handlers
from signing.means import Composed
from signing.trust import trust_bundle
from signing.verify import verify_pdf
from tests.node.signing.scene import APPLICANT, ASSIST, EVERYBODY, LEAD, RECORD, Browser, Scene, drawn
from tests.unit.signing.samples import report


def refused(caught: pytest.ExceptionInfo[Problem]) -> str:
    return caught.value.code


async def test_three_people_sign_the_job_seals_and_the_file_verifies(scene: Scene, clock: ManualClock) -> None:
    await scene.everybody_signs()

    async def compose(_record: str) -> Composed:
        raise AssertionError("nothing asks for a new sheet")

    runner = JobRunner(scene.means.db, clock, handlers(scene.means, compose))
    assert await runner.run_until_idle() == 1
    pdf = await scene.pdf()
    verdict = await asyncio.to_thread(verify_pdf, pdf, await trust_bundle(scene.means), clock.now())
    assert verdict.state == "pass", verdict
    assert [one.field for one in verdict.signatures] == ["System", "Applicant", "Lead", "Assist", "Seal"]
    applicant = verdict.signatures[1]
    assert (applicant.name, applicant.at) == ("张䶮", clock.now())
    assert "后厨照片偏暗" in applicant.said
    assert scene.tags() == [
        "applicant:signature:made",
        "lead:signature:made",
        "assist:signature:made",
        "system:seal:made",
    ]
    assert (await scene.current()).kind == "sealed"


async def test_with_the_phone_page_closed_the_server_cannot_finish_that_signature(
    scene: Scene, clock: ManualClock
) -> None:
    """It holds everything but the key: the prepared file, the lease, the certificate, and all keys of its own."""
    browser = Browser(APPLICANT, "applicant")
    ready = await browser.prepare(scene.ceremony)
    keys = await scene.means.keys.server_keys()
    seal = await scene.means.keys.seal("990101", "松汀区政务服务中心")
    for own in (await scene.means.keys.root(), keys.event_ca, keys.ocsp, keys.tsa, keys.system, seal):
        value = Browser(APPLICANT, "applicant", key=own.key).raw_signature(ready.attributes)
        with pytest.raises(Problem) as caught:
            await scene.ceremony.finish(APPLICANT, ready.lease, value)
        assert refused(caught) == "G01"

    async def compose(_record: str) -> Composed:
        raise AssertionError("nothing asks for a new sheet")

    runner = JobRunner(scene.means.db, clock, handlers(scene.means, compose))
    for _ in range(3):
        assert await runner.run_until_idle() == 0
        assert await scene.ceremony.finish_kept(ready.lease) is None
        clock.advance(40)
    assert set((await scene.states()).values()) == {"waiting"}
    assert (await scene.current()).number == 1
    with pytest.raises(Problem) as caught:
        await scene.ceremony.finish(APPLICANT, ready.lease, browser.raw_signature(ready.attributes))
    assert refused(caught) == "G01", "too late for the page as well: it signs anew"


async def test_the_rows_hold_on_both_engines(
    database: Database, tmp_path: Path, fonts: FontSet, clock: ManualClock
) -> None:
    scene = await Scene.set(database, tmp_path, fonts, clock)
    await scene.issue(report(items=1, photos=0))
    await Browser(LEAD, "lead").sign(scene.ceremony)
    with pytest.raises(Problem):
        await Browser(LEAD, "lead").sign(scene.ceremony)
    await scene.ceremony.refuse(ASSIST, RECORD, "assist", "")
    assert await scene.states() == {"Applicant": "waiting", "Lead": "signed", "Assist": "refused"}


async def test_of_two_who_sign_at_once_one_is_told_who_signs_and_both_end_up_signed(scene: Scene) -> None:
    async def until_signed(browser: Browser) -> list[str]:
        told = []
        for _ in range(200):
            try:
                await browser.sign(scene.ceremony)
                return told
            except Problem as problem:
                told.append(problem.code)
                await asyncio.sleep(0.02)
        raise AssertionError("never got its turn")

    told = await asyncio.gather(*(until_signed(Browser(actor, role)) for actor, role in EVERYBODY))
    assert set((await scene.states()).values()) == {"signed"}
    assert {code for codes in told for code in codes} <= {"G03", "G01"}
    assert (await scene.current()).number == 4


async def test_while_one_signs_another_is_told_who_and_for_how_long(scene: Scene, clock: ManualClock) -> None:
    await Browser(APPLICANT, "applicant").prepare(scene.ceremony)
    clock.advance(18.5)
    with pytest.raises(Problem) as caught:
        await Browser(LEAD, "lead").prepare(scene.ceremony)
    assert (caught.value.code, caught.value.params) == ("G03", {"name": "张䶮", "seconds": 42})


async def test_reading_the_sheet_takes_no_lease(scene: Scene) -> None:
    browser = Browser(APPLICANT, "applicant")
    before = await scene.pdf()
    ready = await browser.prepare(scene.ceremony)
    assert await scene.pdf() == before
    await scene.ceremony.finish(APPLICANT, ready.lease, browser.raw_signature(ready.attributes))


async def test_a_lease_ends_after_a_minute_and_the_sheet_is_unchanged(scene: Scene, clock: ManualClock) -> None:
    browser = Browser(APPLICANT, "applicant")
    ready = await browser.prepare(scene.ceremony)
    clock.advance(60)
    with pytest.raises(Problem) as caught:
        await scene.ceremony.finish(APPLICANT, ready.lease, browser.raw_signature(ready.attributes))
    assert refused(caught) == "G01"
    assert (await scene.current()).number == 1
    await Browser(LEAD, "lead").sign(scene.ceremony)
    await browser.sign(scene.ceremony)
    assert (await scene.current()).number == 3


async def test_who_prepared_before_another_signed_must_sign_the_new_revision(scene: Scene, clock: ManualClock) -> None:
    slow = Browser(APPLICANT, "applicant")
    ready = await slow.prepare(scene.ceremony)
    clock.advance(61)
    await Browser(LEAD, "lead").sign(scene.ceremony)
    clock.advance(-61)
    with pytest.raises(Problem) as caught:
        await scene.ceremony.finish(APPLICANT, ready.lease, slow.raw_signature(ready.attributes))
    assert refused(caught) == "G01"


async def test_a_signature_by_another_key_is_not_taken(scene: Scene) -> None:
    ready = await Browser(APPLICANT, "applicant").prepare(scene.ceremony)
    thief = Browser(APPLICANT, "applicant")
    with pytest.raises(Problem) as caught:
        await scene.ceremony.finish(APPLICANT, ready.lease, thief.raw_signature(ready.attributes))
    assert refused(caught) == "G01"
    assert (await scene.states())["Applicant"] == "waiting"


@pytest.mark.parametrize("raw", [b"", bytes(64), bytes(63), b"\xff" * 64, b"\x30" * 72])
async def test_a_broken_signature_is_not_taken(scene: Scene, raw: bytes) -> None:
    ready = await Browser(APPLICANT, "applicant").prepare(scene.ceremony)
    with pytest.raises(Problem) as caught:
        await scene.ceremony.finish(APPLICANT, ready.lease, raw)
    assert refused(caught) == "G01"
    assert (await scene.current()).number == 1


async def test_a_signature_over_other_bytes_is_not_taken(scene: Scene) -> None:
    browser = Browser(APPLICANT, "applicant")
    ready = await browser.prepare(scene.ceremony)
    with pytest.raises(Problem):
        await scene.ceremony.finish(APPLICANT, ready.lease, browser.raw_signature(ready.attributes + b"x"))
    assert (await scene.current()).number == 1


async def test_nobody_signs_in_anothers_place(scene: Scene) -> None:
    for actor, role in ((LEAD, "applicant"), (APPLICANT, "lead"), (LEAD, "assist"), (Actor("guest", id="x"), "lead")):
        with pytest.raises(Problem) as caught:
            await Browser(actor, role).prepare(scene.ceremony)
        assert refused(caught) == "G05"


async def test_a_lease_belongs_to_who_took_it(scene: Scene) -> None:
    browser = Browser(APPLICANT, "applicant")
    ready = await browser.prepare(scene.ceremony)
    for stranger in (LEAD, ASSIST):
        with pytest.raises(Problem) as caught:
            await scene.ceremony.prepared_pdf(stranger, ready.lease)
        assert refused(caught) == "S404"
        with pytest.raises(Problem) as caught:
            await scene.ceremony.finish(stranger, ready.lease, browser.raw_signature(ready.attributes))
        assert refused(caught) == "S404"


async def test_an_answer_that_got_lost_may_be_sent_again(scene: Scene) -> None:
    browser = Browser(APPLICANT, "applicant")
    ready = await browser.prepare(scene.ceremony)
    raw = browser.raw_signature(ready.attributes)
    first = await scene.ceremony.finish(APPLICANT, ready.lease, raw)
    assert await scene.ceremony.finish(APPLICANT, ready.lease, raw) == first
    assert (await scene.current()).number == 2


async def test_two_answers_at_once_make_one_signature(scene: Scene) -> None:
    browser = Browser(APPLICANT, "applicant")
    ready = await browser.prepare(scene.ceremony)
    raw = browser.raw_signature(ready.attributes)
    answers = await asyncio.gather(
        *(scene.ceremony.finish(APPLICANT, ready.lease, raw) for _ in range(2)), return_exceptions=True
    )
    assert [str(one)[:3] for one in answers if isinstance(one, Exception)] in ([], ["G01"])
    assert (await scene.current()).number == 2
    assert scene.tags().count("applicant:signature:made") == 1


async def test_an_answer_whose_twin_was_quicker_has_the_twins_result(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(APPLICANT, "applicant")
    ready = await browser.prepare(scene.ceremony)
    raw = browser.raw_signature(ready.attributes)
    embedded, quicker = scene.ceremony._embedded, []

    async def late(*given: Any) -> bytes:
        monkeypatch.setattr(scene.ceremony, "_embedded", embedded)
        quicker.append(await scene.ceremony.finish(APPLICANT, ready.lease, raw))
        return await embedded(*given)

    monkeypatch.setattr(scene.ceremony, "_embedded", late)
    assert [await scene.ceremony.finish(APPLICANT, ready.lease, raw)] == quicker
    assert scene.tags().count("applicant:signature:made") == 1


async def test_preparing_again_replaces_ones_own_lease(scene: Scene) -> None:
    browser = Browser(APPLICANT, "applicant")
    old = await browser.prepare(scene.ceremony)
    await browser.sign(scene.ceremony)
    with pytest.raises(Problem):
        await scene.ceremony.prepared_pdf(APPLICANT, old.lease)


async def test_a_refusal_leaves_the_field_empty_and_the_seal_names_it(scene: Scene, clock: ManualClock) -> None:
    await scene.ceremony.refuse(APPLICANT, RECORD, "applicant", "照片不清楚")
    with pytest.raises(Problem) as caught:
        await Browser(APPLICANT, "applicant").prepare(scene.ceremony)
    assert refused(caught) == "G06"
    await Browser(LEAD, "lead").sign(scene.ceremony)
    await Browser(ASSIST, "assist").sign(scene.ceremony)
    pdf = await scene.seal()
    verdict = await asyncio.to_thread(verify_pdf, pdf, await trust_bundle(scene.means), clock.now())
    assert verdict.state == "pass", verdict
    assert "V20" in verdict.codes()
    assert "照片不清楚" in verdict.signatures[-1].said
    assert scene.events[0].tag == "applicant:signature:refused"
    assert scene.events[0].body["reason"] == "照片不清楚"


async def test_the_seal_waits_for_the_last_person(scene: Scene) -> None:
    from signing.seal import seal

    await Browser(LEAD, "lead").sign(scene.ceremony)
    with pytest.raises(Problem) as caught:
        await seal(scene.means, RECORD)
    assert refused(caught) == "G01"
    async with scene.means.db.read() as conn:
        assert (await conn.execute(jobs.jobs.select())).first() is None


async def test_sealing_twice_is_sealing_once(scene: Scene) -> None:
    await scene.everybody_signs()
    first = await scene.seal()
    assert await scene.seal() == first
    assert scene.tags().count("system:seal:made") == 1
    with pytest.raises(Problem):
        await scene.ceremony.refuse(LEAD, RECORD, "lead", "")


async def test_a_new_sheet_replaces_one_that_nobody_signed_and_no_other(scene: Scene) -> None:
    old = Browser(APPLICANT, "applicant")
    ready = await old.prepare(scene.ceremony)
    second = await scene.issue(report(items=3, photos=0))
    assert second.number == 2
    with pytest.raises(Problem):
        await scene.ceremony.finish(APPLICANT, ready.lease, old.raw_signature(ready.attributes))
    await old.sign(scene.ceremony)
    with pytest.raises(Problem) as caught:
        await scene.issue(report(items=2, photos=0))
    assert refused(caught) == "G08"


async def test_issuing_is_told_to_the_record(scene: Scene) -> None:
    revision = await scene.issue(report(items=1, photos=0))
    assert [(event.tag, event.body["sha256"]) for event in scene.events] == [("system:report:built", revision.sha256)]


async def test_the_same_content_is_issued_once(scene: Scene) -> None:
    before = await scene.current()
    assert await scene.issue() == before


@pytest.mark.parametrize(
    ("key", "picture", "remark", "code"),
    [
        (b"", None, "", "S422"),
        (b"\x30\x03\x02\x01\x01", None, "", "S422"),
        (None, b"", "", "G09"),
        (None, b"\x89PNG\r\n\x1a\n", "", "G09"),
        (None, b"x" * 300_000, "", "G09"),
        (None, None, "长" * 501, "S413"),
    ],
)
async def test_what_cannot_be_used_is_refused_before_anything_is_taken(
    scene: Scene, key: bytes | None, picture: bytes | None, remark: str, code: str
) -> None:
    spki = Browser(APPLICANT, "applicant").spki if key is None else key
    with pytest.raises(Problem) as caught:
        await scene.ceremony.prepare(APPLICANT, RECORD, "applicant", spki, picture, remark)
    assert refused(caught) == code
    await Browser(LEAD, "lead").prepare(scene.ceremony)


async def test_a_key_on_another_curve_is_refused(scene: Scene) -> None:
    browser = Browser(APPLICANT, "applicant", ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(Problem) as caught:
        await browser.prepare(scene.ceremony)
    assert refused(caught) == "S422"


async def test_without_a_sheet_there_is_nothing_to_sign(
    sqlite_database: Database, tmp_path: Path, fonts: FontSet, clock: ManualClock
) -> None:
    scene = await Scene.set(sqlite_database, tmp_path, fonts, clock)
    with pytest.raises(Problem) as caught:
        await Browser(APPLICANT, "applicant").prepare(scene.ceremony)
    assert refused(caught) == "G07"


async def test_a_drawn_signature_is_optional(scene: Scene) -> None:
    browser = Browser(APPLICANT, "applicant")
    code = await browser.fresh_code(scene.ceremony)
    ready = await scene.ceremony.prepare(APPLICANT, RECORD, "applicant", browser.spki, None, "", code)
    await scene.ceremony.finish(APPLICANT, ready.lease, browser.raw_signature(ready.attributes))
    assert drawn()[:4] == b"\x89PNG"
