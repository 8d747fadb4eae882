"""Who may take whom, and in what order."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from signaling.pairing import Waiting, in_turn, may_claim
from tests.support.people import DISTRICT, ELSEWHERE, STREET, guest, officer, staff

NOW = datetime(2025, 11, 24, 6, 30, tzinfo=UTC)
ME = officer("stf_me")


def waiting(record: str = "rec_1", lead: str | None = None, office: str = DISTRICT, minutes: int = 0) -> Waiting:
    at = NOW + timedelta(minutes=minutes)
    return Waiting(record, office, lead, "李强" if lead else "", at, at)


def test_an_officer_may_take_who_waits_at_their_office() -> None:
    assert may_claim(ME, waiting()).verdict == "free"


def test_a_booked_officer_has_it_and_the_others_learn_who() -> None:
    assert may_claim(ME, waiting(lead="stf_me")).verdict == "mine"
    taken = may_claim(ME, waiting(lead="stf_li"))
    assert (taken.verdict, taken.who) == ("taken", "李强")


def test_other_offices_above_below_and_beside_may_not() -> None:
    for office in (ELSEWHERE, STREET):
        assert may_claim(ME, waiting(office=office)).verdict == "other_office"


def test_a_booked_officer_keeps_the_record_after_moving_to_another_office() -> None:
    assert may_claim(ME, waiting(lead="stf_me", office=ELSEWHERE)).verdict == "mine"


def test_only_officers_take_anybody() -> None:
    for actor in (staff("auditor"), staff("supervisor"), staff("admin"), guest("rec_1")):
        assert may_claim(actor, waiting()).verdict == "not_an_officer"


lines = st.lists(
    st.builds(
        waiting,
        record=st.uuids().map(str),
        lead=st.sampled_from([None, "stf_me", "stf_li"]),
        office=st.sampled_from([DISTRICT, ELSEWHERE]),
        minutes=st.integers(0, 500),
    ),
    max_size=20,
)


@given(lines)
def test_the_line_holds_exactly_what_may_be_taken_booked_first_and_longest_first(line: list[Waiting]) -> None:
    order = in_turn(ME, line)
    assert sorted(each.record for each in order) == sorted(
        each.record for each in line if may_claim(ME, each).verdict in ("free", "mine")
    )
    keys = [(each.lead is None, each.waiting_since) for each in order]
    assert keys == sorted(keys)
