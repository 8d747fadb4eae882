"""The permission table, as sentences and as properties over every permission."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.access import ANONYMOUS, PERMISSIONS, ROLES, SYSTEM, Actor, Resource, covers, decide, office_stem
from tests.support.people import DISTRICT, ELSEWHERE, STREET, guest, officer, staff

WRITES = {"case.write", "record.attend", "record.conclude", "sheet.sign", "queue.claim", "hall.serve", "admin.people"}
EVIDENCE = {
    "case.read",
    "record.read",
    "record.attend",
    "record.conclude",
    "record.replay",
    "record.export",
    "sheet.read",
    "sheet.sign",
    "audit.search",
}
OFFICES = st.sampled_from(["99", "9901", DISTRICT, STREET, "990101002", ELSEWHERE, "370200", "370202"])
ROLE_SETS = st.frozensets(st.sampled_from(sorted(ROLES)))
NAMES = st.sampled_from(["stf_wang", "stf_li"])
RECORDS = st.sampled_from(["rec_1", "rec_2"])
GUEST_ROLES = st.sampled_from(["applicant", "witness", "expert", "nobody"])
STAFF = st.builds(lambda id, office, roles: Actor("staff", id, office=office, roles=roles), NAMES, OFFICES, ROLE_SETS)
GUESTS = st.builds(guest, RECORDS, GUEST_ROLES)
ACTORS = st.one_of(STAFF, GUESTS, st.just(ANONYMOUS), st.just(SYSTEM))
RESOURCES = st.builds(
    lambda record, office, people: Resource("record", record, office, record, people),
    RECORDS,
    st.one_of(st.none(), OFFICES),
    st.frozensets(NAMES),
)
NAMED = st.sampled_from(sorted(PERMISSIONS))

RECORD = Resource("record", "rec_1", office=DISTRICT, record="rec_1", people=frozenset({"stf_wang", "stf_li"}))


@given(ACTORS, NAMED, st.one_of(st.none(), RESOURCES))
def test_every_question_has_an_answer_with_a_reason(actor, permission, resource):
    decision = decide(actor, permission, resource)
    assert decision.allowed == (decision.reason == "allowed")


@given(NAMED, st.one_of(st.none(), RESOURCES))
def test_a_stranger_may_do_nothing_but_what_is_public(permission, resource):
    assert decide(ANONYMOUS, permission, resource).allowed == (permission == "public")


@given(GUESTS, NAMED, RESOURCES)
def test_a_guest_reaches_no_record_but_their_own(actor, permission, resource):
    if permission not in ("public", "self") and decide(actor, permission, resource).allowed:
        assert resource.record == actor.record


@given(GUESTS, NAMED)
def test_a_guest_gets_no_list(actor, permission):
    if permission not in ("public", "self"):
        assert not decide(actor, permission).allowed


@given(STAFF, NAMED, RESOURCES)
def test_an_auditor_changes_nothing(actor, permission, resource):
    auditor = Actor("staff", actor.id, office=actor.office, roles=frozenset({"auditor"}))
    if permission in WRITES:
        assert not decide(auditor, permission, resource).allowed


@given(STAFF, NAMED, RESOURCES)
def test_an_administrator_sees_no_evidence(actor, permission, resource):
    admin = Actor("staff", actor.id, office=actor.office, roles=frozenset({"admin"}))
    if permission in EVIDENCE:
        assert not decide(admin, permission, resource).allowed


@given(NAMED, RESOURCES)
def test_the_system_performs_no_act_of_a_person(permission, resource):
    if permission in ("record.attend", "record.conclude", "sheet.sign", "queue.claim"):
        assert decide(SYSTEM, permission, resource).reason in ("not_a_person", "wrong_role")


@given(STAFF, NAMED, RESOURCES)
def test_staff_reach_only_their_branch_unless_named(actor, permission, resource):
    if permission not in ("public", "self") and decide(actor, permission, resource).allowed:
        assert covers(actor.office, resource.office) or actor.id in resource.people


@given(STAFF, NAMED, RESOURCES, st.sampled_from(sorted(ROLES)))
def test_another_role_never_takes_a_right_away(actor, permission, resource, role):
    more = Actor("staff", actor.id, office=actor.office, roles=actor.roles | {role})
    if decide(actor, permission, resource).allowed:
        assert decide(more, permission, resource).allowed


@given(ACTORS, RESOURCES)
def test_a_permission_nobody_declared_is_refused(actor, resource):
    assert decide(actor, "record.destroy", resource).reason == "unknown_permission"


@given(OFFICES, OFFICES, OFFICES)
def test_offices_form_a_tree(a, b, c):
    assert covers(a, a)
    if covers(a, b) and covers(b, c):
        assert covers(a, c)
    if covers(a, b) and covers(b, a):
        assert office_stem(a) == office_stem(b)


def test_a_district_sees_its_streets_and_a_street_not_its_district():
    assert covers(DISTRICT, STREET)
    assert not covers(STREET, DISTRICT)
    assert not covers(DISTRICT, ELSEWHERE)


def test_codes_padded_with_zeros_stand_above_what_they_name():
    assert covers("370200", "370202")
    assert covers("370000", "370202")
    assert covers("370202000000", "370202001")
    assert not covers("370202", "370200")
    assert not covers("", "370202") and not covers("370202", None)


def test_an_officer_attends_in_their_own_office_or_where_they_are_named():
    attend = "record.attend"
    assert decide(officer("stf_zhao"), attend, RECORD).allowed
    assert decide(officer("stf_wang", office=ELSEWHERE), attend, RECORD).allowed
    below = Resource("record", "rec_1", office=STREET, record="rec_1")
    assert decide(officer("stf_zhao"), attend, below).reason == "other_office"


def test_only_the_officers_named_on_a_record_conclude_and_sign_it():
    for permission in ("record.conclude", "sheet.sign"):
        assert decide(officer("stf_wang"), permission, RECORD).allowed
        assert decide(officer("stf_zhao"), permission, RECORD).reason == "not_named"


def test_an_applicant_attends_reads_and_signs_but_does_not_replay_or_conclude():
    allowed = {name for name in PERMISSIONS if decide(guest("rec_1"), name, RECORD).allowed}
    assert allowed == {"public", "record.read", "record.attend", "sheet.read", "sheet.sign"}


def test_an_auditor_of_the_district_replays_a_streets_record():
    street = Resource("record", "rec_1", office=STREET, record="rec_1")
    assert decide(staff("auditor"), "record.replay", street).allowed
    assert decide(staff("auditor", office=ELSEWHERE), "record.replay", street).reason == "other_office"


@pytest.mark.parametrize("actor", [officer(), guest("rec_1")])
def test_ones_own_things_are_ones_own(actor):
    assert decide(actor, "self", Resource("job", "job_1", people=frozenset({actor.id}))).allowed
    assert decide(actor, "self", Resource("job", "job_1", people=frozenset({"stf_li"}))).reason == "not_named"
    assert decide(actor, "self").allowed
