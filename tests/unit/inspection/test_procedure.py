"""The procedure: what an inspection allows, refuses and records."""

from datetime import date, timedelta

import pytest

from inspection.commands import AnswerSet, Close, PhotoAsk, PhotoRefuse, SheetObject, SheetRead
from inspection.procedure import close_reasons
from office.commands import (
    Ask,
    AskReply,
    CallEnd,
    CallStart,
    ConsentGive,
    ConsentRefuse,
    DeviceReport,
    Fix,
    MediaInterrupted,
    OfficerAssign,
    PersonJoin,
    PersonLeave,
    PlaceReport,
    RecordSealed,
    ReportBuilt,
    Say,
    SealMade,
    SignatureMade,
    SignatureRefused,
    WaitEnter,
    WitnessName,
)
from office.session import SYSTEM, BuildReport, CloseCall, MakeSeal, OpenCall, ToOnSite
from tests.unit.inspection.acting import APPLICANT, ASSIST, EXPERT, LEAD, RECTIFY_BY, START, Session

HASH = "a" * 64


def signature(role: str) -> SignatureMade:
    return SignatureMade(role=role, name=role, revision_sha256=HASH)


def test_one_inspection_runs_from_link_to_signed_sheet() -> None:
    session = Session()
    session.call()
    outcome = session.conclude("pass")
    assert outcome.effects == (BuildReport(),)
    assert session.state.session.phase == "closing"
    session.done(SYSTEM, ReportBuilt(object="o", sha256=HASH, coverage=99.8))
    session.done(APPLICANT, SheetRead())
    assert session.done(SYSTEM, signature("applicant")).effects == ()
    session.done(SYSTEM, signature("lead"))
    assert session.done(SYSTEM, signature("assist")).effects == (MakeSeal(),)
    assert session.state.session.phase == "closing"
    ended = session.done(LEAD, CallEnd())
    assert ended.effects == (CloseCall("call_1_1"),)
    assert session.state.session.phase == "closed"
    session.done(SYSTEM, SealMade(sha256=HASH, object="o"), RecordSealed())
    assert [signer.state for signer in session.state.session.signers] == ["signed"] * 4


def test_of_two_witnesses_each_signs_for_themselves_and_the_seal_waits_for_both() -> None:
    session = Session()
    session.call()
    for name in ("王五", "赵六", "王五"):
        session.done(SYSTEM, WitnessName(invitation=f"inv_{name}", name=name))
    session.conclude("pass")
    session.done(SYSTEM, *map(signature, ("applicant", "lead", "assist")))
    first = session.done(SYSTEM, SignatureMade(role="witness", name="赵六", revision_sha256=HASH))
    assert first.effects == ()
    states = {one.name: one.state for one in session.state.session.signers if one.role == "witness"}
    assert states == {"王五": "waiting", "赵六": "signed"}
    last = session.done(SYSTEM, SignatureRefused(role="witness", name="王五", reason="没有看清"))
    assert last.effects == (MakeSeal(),)
    assert session.refused(SYSTEM, WitnessName(invitation="inv_late", name="钱七")) in ("I03", "I05")


def test_the_record_closes_when_the_last_signature_comes_after_the_call() -> None:
    session = Session()
    session.call()
    session.conclude()
    session.done(LEAD, CallEnd())
    session.done(SYSTEM, signature("lead"), signature("assist"))
    assert session.state.session.phase == "closing"
    outcome = session.done(SYSTEM, SignatureRefused(role="applicant", name="张三丰", reason="不同意"))
    assert outcome.effects == (MakeSeal(),)
    assert session.state.session.phase == "closed"


def test_a_single_officer_cannot_close_a_substantive_inspection() -> None:
    session = Session()
    session.call(second=False)
    session.steps()
    session.answer_all()
    for result in ("pass", "fail", "go_on_site"):
        assert session.refused(LEAD, Close(result=result)) == "I02"
    assert session.refused(LEAD, Close(result="rectify_and_reinspect", rectify_by=RECTIFY_BY)) == "I02"
    session.done(LEAD, Close(result="suspend"))
    assert [signer.role for signer in session.state.session.signers] == ["applicant", "lead", "seal"]


def test_nobody_is_their_own_second_officer() -> None:
    session = Session()
    session.wait()
    assert session.refused(SYSTEM, OfficerAssign(role="assist", staff=LEAD.id, name=LEAD.name)) == "I13"


def test_required_items_that_are_open_forbid_every_concluding_result_and_are_named() -> None:
    session = Session()
    session.call()
    session.steps()
    assert session.refused(LEAD, Close(result="pass")) == "I01"
    outcome = session.act(LEAD, Close(result="fail"))
    required = [each.item.id for each in session.state.standings() if each.required]
    assert outcome.params == {"number": 1, "count": len(required), "item": required[0]}  # type: ignore[union-attr]
    session.done(LEAD, Close(result="go_on_site"))
    assert session.state.session.result == "go_on_site"


def test_going_on_site_tells_the_world() -> None:
    session = Session()
    session.call()
    assert session.done(LEAD, Close(result="go_on_site")).effects == (BuildReport(), ToOnSite("result"))


def test_missing_photographs_forbid_a_result_and_a_refused_one_stays_missing() -> None:
    session = Session()
    session.call()
    session.steps()
    session.answer_all(photos=False)
    assert session.refused(LEAD, Close(result="pass")) == "I12"
    item = next(each.item for each in session.state.standings() if each.photos_missing and each.required)
    session.done(LEAD, PhotoAsk(item=item.id, text="请拍"))
    request = next(iter(session.state.session.requests.values()))
    session.done(APPLICANT, PhotoRefuse(request=request.id, reason="不方便"))
    assert session.state.session.requests[request.id].state == "refused"
    assert session.refused(LEAD, Close(result="pass")) == "I12"


def test_identity_credentials_and_rights_come_before_a_result() -> None:
    session = Session()
    session.call()
    session.answer_all()
    assert session.refused(LEAD, Close(result="pass")) == "I04"
    assert [reason.params["step"] for reason in close_reasons(session.state)] == [
        "identity",
        "show_credentials",
        "tell_rights",
    ]
    session.steps()
    session.done(LEAD, Close(result="pass"))


def test_pass_is_only_possible_where_the_matters_rule_gives_it() -> None:
    session = Session()
    session.call()
    session.steps()
    minor = frozenset(each.item.id for each in session.state.standings() if each.item.severity == "minor")
    session.answer_all(failing=frozenset(sorted(minor)[:1]))
    assert session.refused(LEAD, Close(result="pass")) == "I11"
    assert session.refused(LEAD, Close(result="rectify_and_reinspect")) == "I09"
    today = (START + timedelta(hours=8)).date()
    assert session.refused(LEAD, Close(result="rectify_and_reinspect", rectify_by=today)) == "I09"
    session.done(LEAD, Close(result="rectify_and_reinspect", rectify_by=RECTIFY_BY, note="十日内"))
    assert session.state.rectify_by == RECTIFY_BY
    assert session.chain[-1].body["suggested"] == "rectify_and_reinspect"


def test_answers_are_fixed_once_the_result_stands() -> None:
    session = Session()
    session.call()
    session.conclude()
    assert session.refused(LEAD, AnswerSet(item="rl-01", value="fails")) == "I03"
    assert session.refused(LEAD, Close(result="fail")) == "I03"


def test_an_unknown_item_and_an_answer_that_does_not_fit_are_refused_whole() -> None:
    session = Session("food-catering")
    session.call()
    assert session.refused(LEAD, AnswerSet(item="zz-99", value="conforms")) == "I07"
    assert session.refused(LEAD, AnswerSet(item="fc-02", measured=3.0)) == "I08"  # a conformity item
    assert session.refused(LEAD, AnswerSet(item="fc-18", value="conforms")) == "I08"  # does not apply: heat
    assert session.refused(LEAD, AnswerSet(item="fc-02", choice="red")) == "I08"
    assert session.refused(LEAD, AnswerSet(item="fc-02", text="…")) == "I08"


def test_who_may_not_is_told_so_before_who_may_not_yet() -> None:
    session = Session()
    session.wait()
    assert session.refused(APPLICANT, AnswerSet(item="rl-01", value="conforms")) == "I06"
    assert session.refused(APPLICANT, CallStart()) == "I06"
    assert session.refused(ASSIST, CallStart()) == "I06"
    assert session.refused(ASSIST, Close(result="suspend")) == "I06"
    assert session.refused(EXPERT, Ask(kind="torch", value=True)) == "I06"
    assert session.refused(LEAD, AnswerSet(item="rl-01", value="conforms")) == "I05"
    assert session.refused(LEAD, signature("lead")) == "I06"
    assert session.refused(APPLICANT, ReportBuilt(object="o", sha256=HASH)) == "I06"


def test_nothing_is_recorded_or_measured_without_consent() -> None:
    session = Session()
    session.done(APPLICANT, PersonJoin(leg="leg_a"))
    report = DeviceReport(camera=True, microphone=True, place=Fix(lat=35.9, lon=123.4, accuracy_m=20))
    assert session.refused(APPLICANT, report) == "I10"
    assert session.refused(APPLICANT, PlaceReport(lat=35.9, lon=123.4, accuracy_m=20)) == "I10"
    assert session.refused(APPLICANT, WaitEnter()) == "I10"
    session.done(APPLICANT, ConsentGive(version="2026-1"), report, WaitEnter())
    assert session.state.session.phase == "waiting"


def test_refusing_consent_sends_the_case_to_the_spot_and_ends_the_record() -> None:
    session = Session()
    assert session.done(APPLICANT, ConsentRefuse()).effects == (ToOnSite("consent_refused"),)
    assert session.state.session.phase == "declined"
    assert session.refused(APPLICANT, ConsentGive(version="2026-1")) == "I03"
    assert session.refused(LEAD, CallStart()) == "I03"


def test_the_call_names_itself_the_same_however_often_it_is_applied() -> None:
    session = Session()
    session.wait()
    session.done(LEAD, PersonJoin(leg="leg_l"))
    assert session.done(LEAD, CallStart()).effects == (OpenCall("call_1_1"),)
    assert session.state.session.call == "call_1_1"
    assert session.refused(LEAD, CallStart()) == "I05"


def test_two_officers_who_answer_at_once_are_both_on_record_and_the_desk_is_told() -> None:
    session = Session("food-catering")
    session.call()
    session.done(LEAD, AnswerSet(item="fc-02", value="conforms", seen_seq=0))
    first = session.state.answers["fc-02"]
    session.done(ASSIST, AnswerSet(item="fc-02", value="fails", seen_seq=0))
    stands = session.state.answers["fc-02"]
    assert (stands.value, stands.by) == ("fails", "周岚")
    assert stands.conflict is not None
    assert (stands.conflict.value, stands.conflict.by, stands.conflict.seq) == ("conforms", "李明", first.seq)
    assert session.chain[-1].body["conflict"] is True
    session.done(LEAD, AnswerSet(item="fc-02", value="conforms", seen_seq=stands.seq))
    assert session.state.answers["fc-02"].conflict is None
    assert [event.tag for event in session.chain].count("officer:answer:set") == 3


def test_the_same_answer_again_is_no_event() -> None:
    session = Session("food-catering")
    session.call()
    session.done(LEAD, AnswerSet(item="fc-02", value="conforms"))
    assert session.done(LEAD, AnswerSet(item="fc-02", value="conforms")).events == ()


def test_a_place_item_takes_the_distance_that_the_phone_reported() -> None:
    session = Session("food-catering")
    session.call()
    session.done(APPLICANT, PlaceReport(lat=35.9122, lon=123.421, accuracy_m=15))
    session.done(LEAD, AnswerSet(item="fc-01", value="conforms"))
    assert session.state.answers["fc-01"].measured == pytest.approx(22.2, abs=0.1)
    session.done(APPLICANT, PlaceReport(lat=35.93, lon=123.421, accuracy_m=15))
    assert session.refused(LEAD, AnswerSet(item="fc-01", value="conforms", note="")) == "I08"
    session.done(LEAD, AnswerSet(item="fc-01", value="conforms", note="门牌与路牌已核对，定位偏移"))


def test_a_request_is_answered_once() -> None:
    session = Session()
    session.call()
    session.done(LEAD, Ask(kind="torch", value=True, text="请开手电"))
    request = next(iter(session.state.session.requests))
    session.done(APPLICANT, AskReply(request=request, done=False, reason="没有手电"))
    assert session.state.session.requests[request].state == "refused"
    assert session.done(APPLICANT, AskReply(request=request, done=True)).events == ()
    assert session.refused(APPLICANT, AskReply(request="req_99", done=True)) == "I07"


def test_an_objection_goes_into_the_sheet_until_somebody_has_signed() -> None:
    session = Session()
    session.call()
    session.conclude()
    assert session.refused(APPLICANT, SheetRead()) == "I05"
    session.done(SYSTEM, ReportBuilt(object="o", sha256=HASH))
    assert session.done(APPLICANT, SheetObject(text="温度计不准")).effects == (BuildReport(),)
    assert [objection.text for objection in session.state.objections] == ["温度计不准"]
    session.done(SYSTEM, signature("applicant"))
    assert session.refused(APPLICANT, SheetObject(text="再补一条")) == "I05"


def test_a_closed_record_takes_no_more_words() -> None:
    session = Session()
    session.call(second=False)
    session.done(LEAD, Close(result="suspend"), CallEnd())
    session.done(SYSTEM, signature("applicant"), signature("lead"))
    assert session.state.session.phase == "closed"
    for party, command in (
        (APPLICANT, Say(text="?")),
        (LEAD, Say(text="?")),
        (LEAD, CallEnd()),
        (APPLICANT, WaitEnter()),
    ):
        assert session.refused(party, command) == "I03"


def test_the_result_date_is_read_in_the_offices_calendar() -> None:
    session = Session()
    session.call()
    session.steps()
    minor = next(each.item.id for each in session.state.standings() if each.item.severity == "minor")
    session.answer_all(failing=frozenset({minor}))
    session.now = START.replace(hour=17)  # 01:00 on the 25th in Beijing
    assert session.refused(LEAD, Close(result="rectify_and_reinspect", rectify_by=date(2026, 11, 25))) == "I09"
    session.done(LEAD, Close(result="rectify_and_reinspect", rectify_by=date(2026, 11, 26)))


def test_a_sealed_record_grows_no_more_when_somebody_looks_at_it_again() -> None:
    session = Session()
    session.call(second=False)
    session.done(LEAD, Close(result="suspend"), CallEnd())
    session.done(SYSTEM, signature("applicant"), signature("lead"), RecordSealed())
    length = len(session.chain)
    session.done(APPLICANT, PersonJoin(leg="leg_a9"), PersonLeave(leg="leg_a9"))
    session.done(SYSTEM, MediaInterrupted(leg="leg_a", cause="network"), RecordSealed())
    assert len(session.chain) == length


def test_jobs_that_run_again_write_nothing_twice() -> None:
    session = Session()
    session.call()
    session.conclude()
    for command in (ReportBuilt(object="o", sha256=HASH), signature("lead"), SealMade(sha256=HASH, object="o")):
        session.done(SYSTEM, command)
        assert session.done(SYSTEM, command).events == ()
