"""The sheet is composed from a played record: whole, and the same every time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from inspection.commands import AnswerSet, Close, SheetObject, StepMark
from inspection.procedure import evolve, initial
from inspection.state import InspectionState
from office.commands import OfficerAssign, PersonJoin, PersonLeave, PhotoTaken, PlaceReport, WitnessName
from office.session import SYSTEM, Party
from server.compose import compose
from signing import report as sheet
from tests.unit.inspection.acting import APPLICANT, ASSIST, EXPERT, LEAD, RECTIFY_BY, START, Session, facts

COVERAGE = sheet.Coverage(percent=97.5, started_at=START, cut_at=START + timedelta(minutes=9), seconds={"live": 520.0})


def made(session: Session, **other: Any) -> sheet.Report:
    """The sheet of a session up to its last event; a moment's place on the recording is its distance from the start."""
    given: dict[str, Any] = {
        "moment_ms": lambda at: round((at - START).total_seconds() * 1000),
        "issued_at": session.now,
        "verify_url": "https://kanyan.test/verify",
    }
    heads = sheet.Heads(record_seq=session.chain[-1].seq, record_head=session.chain[-1].hash)
    return compose(session.state, session.chain, COVERAGE, heads, **{**given, **other})


def played(result: str = "pass") -> Session:
    session = Session()
    session.call()
    session.done(APPLICANT, PlaceReport(lat=35.912, lon=123.421, accuracy_m=6.0))
    session.done(EXPERT, PersonJoin(leg="leg_e"))
    session.done(EXPERT, PersonLeave(leg="leg_e", cause="closed"))
    session.done(LEAD, StepMark(step="identity", method="card"))
    session.done(LEAD, StepMark(step="show_credentials"), StepMark(step="tell_rights", note="申请人表示清楚"))
    session.answer_all()
    session.done(LEAD, Close(result=result, note="现场整洁"))  # type: ignore[arg-type]
    return session


def test_every_item_that_applies_is_on_the_sheet_with_its_answer_basis_and_moment() -> None:
    session = played()
    report = made(session)
    standing = [each for each in session.state.standings() if each.applies]
    items = report.items()
    assert [item.id for item in items] == [each.item.id for each in standing]
    assert [item.number for item in items] == list(range(1, len(items) + 1))
    for item, each in zip(items, standing, strict=True):
        assert (item.finding, item.by, item.text) == (each.verdict, LEAD.name, each.item.text)
        assert item.basis and all(basis.title and basis.clause for basis in item.basis), item.id
        assert item.moment_ms is not None and item.at is not None
        assert item.moment_ms == round((item.at - START).total_seconds() * 1000)
        assert len(item.photos) == each.item.photos_required
    assert sheet.counts(report).conforms == len(items)


def test_every_photograph_is_on_the_sheet_with_its_hash_and_item() -> None:
    session = played()
    report = made(session)
    assert [(photo.id, photo.sha256, photo.item) for photo in report.photos] == [
        (photo.id, photo.sha256, photo.item) for photo in session.state.photos
    ]
    shown = {number: item.id for item in report.items() for number in item.photos}
    assert shown == {photo.number: photo.item for photo in report.photos}


def test_who_was_there_how_they_were_known_and_when_they_left() -> None:
    report = made(played())
    people = {person.role: person for person in report.people}
    assert [person.name for person in report.people] == [APPLICANT.name, LEAD.name, ASSIST.name, EXPERT.name]
    assert people["applicant"].identified == f"邀请链接和短信验证码；视频中出示证件，{LEAD.name}核对"
    assert people["lead"].identified == "内部账号登录" and people["lead"].organisation == report.office.name
    assert people["applicant"].organisation == report.business_name
    assert people["expert"].left_at is not None and people["lead"].left_at is None
    joined = [person.joined_at for person in report.people if person.joined_at is not None]
    assert joined == sorted(joined)


def test_the_steps_the_place_and_the_result_are_as_they_were_said() -> None:
    report = made(played())
    steps = {step.title: step for step in report.steps}
    assert len(steps) == 4 and list(steps) == ["同意录音录像", "核对身份", "出示证件", "告知权利"]
    assert steps["同意录音录像"].by == APPLICANT.name and steps["核对身份"].method == "视频中出示证件"
    assert (steps["告知权利"].by, steps["告知权利"].note) == (LEAD.name, "申请人表示清楚")
    assert report.place is not None and (report.place.accuracy_m, report.place.distance_m) == (6.0, 0.0)
    assert (report.result.key, report.result.note, report.result.rectify_by) == ("pass", "现场整洁", None)
    assert report.started_at is not None and report.ended_at is not None and report.started_at < report.ended_at
    assert (report.case_number, report.verify_url) == ("2026-0117", "https://kanyan.test/verify")


def test_those_who_sign_are_the_three_who_were_there_each_with_a_field() -> None:
    report = made(played())
    assert [(signer.role, signer.name, signer.party) for signer in report.signers] == [
        ("applicant", APPLICANT.name, APPLICANT.id),
        ("lead", LEAD.name, LEAD.id),
        ("assist", ASSIST.name, ASSIST.id),
    ]
    assert len({signer.field for signer in report.signers}) == 3


def test_a_draft_shows_what_is_answered_decides_nothing_and_has_no_fields() -> None:
    session = Session()
    session.call()
    session.steps()
    session.answer_all(failing=frozenset({session.state.standings()[1].item.id}))
    report = made(session, draft=True)
    assert report.draft and report.signers == () and report.result.at is None
    assert "尚未作出结论" in report.result.consequence
    assert sheet.counts(report).fails == 1


def test_witnesses_sign_after_the_applicant_each_by_a_link_of_their_own() -> None:
    session = Session()
    session.call()
    for number, name in enumerate(("王五", "赵六")):
        session.done(SYSTEM, WitnessName(invitation=f"inv_w{number}", name=name))
    session.answer_all()
    session.steps()
    session.done(LEAD, Close(result="pass"))
    signers = made(session).signers
    assert [(one.field, one.name) for one in signers] == [
        ("Applicant", APPLICANT.name),
        ("Witness1", "王五"),
        ("Witness2", "赵六"),
        ("Lead", LEAD.name),
        ("Assist", ASSIST.name),
    ]
    assert [one.party for one in signers[1:3]] == ["inv_w0", "inv_w1"]
    assert {one.identified for one in signers[1:3]} == {"邀请链接和短信验证码"}


def test_officers_of_two_offices_sign_in_order_each_for_their_own() -> None:
    session = Session()
    session.call(second=False)
    other = Party(id="stf_far", name="赵𠅤㛃", role="assist", kind="staff")
    brigade = "松汀区消防救援大队"
    session.done(SYSTEM, OfficerAssign(role="assist", staff=other.id, name=other.name, office=brigade))
    session.done(other, PersonJoin(leg="leg_f"))
    session.answer_all()
    session.steps()
    session.done(LEAD, Close(result="pass"))
    report = made(session)
    assert [(one.field, one.role, one.name, one.organisation) for one in report.signers[1:]] == [
        ("Lead", "lead", LEAD.name, report.office.name),
        ("Assist", "assist", other.name, brigade),
    ]
    assert {one.name: one.organisation for one in report.people}[other.name] == brigade


def test_an_assisting_officer_who_never_came_has_no_field() -> None:
    session = Session()
    session.call(second=False)
    session.done(LEAD, Close(result="suspend"))
    report = made(session)
    assert [signer.role for signer in report.signers] == ["applicant", "lead"]
    assert ASSIST.name not in {person.name for person in report.people}


def test_rectification_has_its_last_second_in_beijing_time() -> None:
    session = Session()
    session.call()
    session.steps()
    session.answer_all(failing=frozenset({session.state.standings()[1].item.id}))
    session.done(LEAD, Close(result="rectify_and_reinspect", rectify_by=RECTIFY_BY))
    due = made(session).result.rectify_by
    assert due is not None and due.isoformat() == f"{RECTIFY_BY}T23:59:59+08:00"


def test_an_objection_stands_with_the_number_of_its_item() -> None:
    session = played()
    third = [each for each in session.state.standings() if each.applies][2]
    session.done(APPLICANT, SheetObject(item=third.item.id, text="这一项我不同意"), SheetObject(text="时间太短"))
    assert [(each.item, each.text) for each in made(session).objections] == [(3, "这一项我不同意"), (None, "时间太短")]


def test_a_photograph_that_came_after_the_result_is_not_on_the_sheet() -> None:
    session = played()
    before = made(session).photos
    late = PhotoTaken(photo="pho_late", sha256="f" * 64, bytes=1, width=4, height=3, mime="image/jpeg")
    session.done(APPLICANT, late)
    assert made(session).photos == before


def test_what_was_not_recorded_has_no_moment() -> None:
    report = made(played(), moment_ms=lambda _at: None)
    assert {item.moment_ms for item in report.items()} == {None}


def test_the_same_record_gives_the_same_bytes_and_reads_back() -> None:
    session = played()
    again: InspectionState = initial(facts())
    for event in session.chain:
        again = evolve(again, event)
    first = sheet.to_json(made(session))
    session.state = again
    assert sheet.to_json(made(session)) == first
    assert sheet.from_json(first) == made(session)


def test_a_record_without_a_result_has_no_sheet() -> None:
    session = Session()
    session.call()
    with pytest.raises(ValueError, match="no result"):
        made(session)


def test_a_failing_answer_keeps_its_note() -> None:
    session = Session()
    session.call()
    session.steps()
    item = session.state.standings()[1].item
    session.answer_all(failing=frozenset({item.id}))
    session.done(LEAD, AnswerSet(item=item.id, value="fails", note="缺少公示牌"))
    session.done(LEAD, Close(result="rectify_and_reinspect", rectify_by=RECTIFY_BY))
    [found] = [each for each in made(session).items() if each.id == item.id]
    assert (found.finding, found.note) == ("fails", "缺少公示牌")
