"""The procedure when people come, go and are replaced: grace, identity again, masks, who counts as an officer."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from inspection.commands import Close, StepMark
from inspection.viewing import view
from office.commands import (
    CallLeave,
    InterruptionReport,
    MaskSet,
    MediaInterrupted,
    MediaResumed,
    OfficerAssign,
    PersonJoin,
    PersonLeave,
)
from office.session import SYSTEM, Gate, Party
from tests.unit.inspection.acting import APPLICANT, ASSIST, LEAD, Session


def test_a_second_officer_who_left_does_not_count_until_they_are_back() -> None:
    session = Session()
    session.call()
    session.steps()
    session.answer_all()
    session.done(ASSIST, PersonLeave(leg="leg_s"))
    assert session.refused(LEAD, Close(result="pass")) == "I02"
    session.done(ASSIST, PersonJoin(leg="leg_s2"))
    session.done(LEAD, Close(result="pass"))


def test_a_gap_within_the_grace_changes_nothing_and_a_longer_one_asks_for_identity_again() -> None:
    session = Session()
    session.call()
    session.steps()
    session.done(APPLICANT, PersonLeave(leg="leg_a"))
    assert session.state.session.phase == "interrupted"
    session.now += timedelta(seconds=60)
    session.done(APPLICANT, PersonJoin(leg="leg_a2"))
    assert session.state.session.phase == "live"
    assert session.state.steps["identity"].again is False
    session.done(SYSTEM, MediaInterrupted(leg="leg_a2", cause="network"))
    session.now += timedelta(seconds=181)
    session.done(SYSTEM, MediaResumed(leg="leg_a2"))
    assert session.state.steps["identity"].again is True
    session.answer_all()
    assert session.refused(LEAD, Close(result="pass")) == "I04"
    session.done(LEAD, StepMark(step="identity"))
    session.done(LEAD, Close(result="pass"))
    assert [round((gap.end - gap.start).total_seconds()) for gap in session.state.session.gaps if gap.end] == [61, 182]


def test_who_walks_out_is_identified_again_however_short_it_was() -> None:
    session = Session()
    session.call()
    session.steps()
    session.done(APPLICANT, CallLeave(), PersonJoin(leg="leg_a2"))
    assert session.state.session.gaps[0].cause == "left"
    assert session.state.steps["identity"].again is True


def test_the_lenient_policy_never_asks_again_once_identity_was_checked() -> None:
    session = Session("small-catering")
    session.call()
    session.steps()
    session.done(APPLICANT, PersonLeave(leg="leg_a"))
    session.now += timedelta(hours=1)
    session.done(APPLICANT, PersonJoin(leg="leg_a2"))
    assert session.state.steps["identity"].again is False


def test_the_phone_tells_afterwards_why_the_picture_stopped() -> None:
    session = Session()
    session.call()
    session.done(SYSTEM, MediaInterrupted(leg="leg_a", cause="no_media"))
    began = session.now
    session.now += timedelta(seconds=42)
    session.done(SYSTEM, MediaResumed(leg="leg_a"))
    session.done(APPLICANT, InterruptionReport(cause="phone_call", started_at=began, ended_at=session.now))
    assert [gap.cause for gap in session.state.session.gaps] == ["phone_call"]


def test_an_officers_lost_connection_interrupts_nothing() -> None:
    session = Session()
    session.call()
    session.done(SYSTEM, MediaInterrupted(leg="leg_l", cause="network"))
    session.done(LEAD, PersonLeave(leg="leg_l"))
    assert session.state.session.phase == "live"


def test_late_news_of_a_replaced_connection_concerns_nobody() -> None:
    session = Session()
    session.call()
    session.done(APPLICANT, PersonJoin(leg="leg_a2"))
    assert session.done(APPLICANT, PersonLeave(leg="leg_a")).events == ()
    session.done(SYSTEM, MediaInterrupted(leg="leg_a", cause="network"))
    assert session.state.session.phase == "live"


def test_a_mask_stays_on_the_person_when_the_connection_changes() -> None:
    session = Session()
    session.call()
    assert session.done(LEAD, MaskSet(leg="leg_a", on=True)).effects == (Gate("leg_a", "camera", False),)
    assert session.done(LEAD, MaskSet(leg="leg_a", on=True)).events == ()
    assert session.done(APPLICANT, PersonJoin(leg="leg_a2")).effects == (Gate("leg_a2", "camera", False),)
    assert session.state.session.masks == {"leg_a2"}
    assert session.done(ASSIST, MaskSet(leg="leg_a2", on=False)).effects == (Gate("leg_a2", "camera", True),)
    assert session.refused(LEAD, MaskSet(leg="leg_x", on=True)) == "I07"


def test_a_replaced_link_makes_the_new_browser_the_applicant() -> None:
    session = Session()
    session.call()
    again = Party(id="inv_new", name=APPLICANT.name, role="applicant", kind="guest")
    session.done(APPLICANT, PersonLeave(leg="leg_a"))
    assert session.state.session.phase == "interrupted"
    session.done(again, PersonJoin(leg="leg_new"))
    assert session.state.session.phase == "live"
    assert session.state.session.applicant_leg() == "leg_new"
    seen = view(session.state, LEAD, session.now)
    assert [person.leg for person in seen.people if person.role == "applicant"] == ["leg_new"]


@given(st.permutations(["lead opens", "assist opens", "lead named", "assist named"]))
def test_who_had_the_record_open_before_being_named_counts_as_the_officer_they_became(order: list[str]) -> None:
    session = Session()
    for step in order:
        role, _, what = step.partition(" ")
        who = LEAD if role == "lead" else ASSIST
        if what == "named":
            session.done(SYSTEM, OfficerAssign(role=role, staff=who.id, name=who.name))  # type: ignore[arg-type]
            continue
        named = session.state.session.lead if role == "lead" else session.state.session.assist
        session.done(who if named is not None else replace(who, role="expert"), PersonJoin(leg=f"leg_{role}"))
    assert session.state.session.officers_here() == 2
    assert {person.role for person in session.state.session.people.values()} == {"lead", "assist"}


def test_who_was_replaced_is_no_officer_of_the_record_any_more() -> None:
    session = Session()
    session.call()
    other = Party(id="stf_chen", name="陈宇", role="expert", kind="staff")
    session.done(other, PersonJoin(leg="leg_c"))
    session.done(SYSTEM, OfficerAssign(role="assist", staff=other.id, name=other.name))
    people = session.state.session.people
    assert (people[ASSIST.id].role, people[other.id].role) == ("expert", "assist")
    assert session.state.session.officers_here() == 2
