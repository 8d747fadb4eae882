"""What the record says of pictures and lines: told once, ended by whatever ends what it was said of."""

from datetime import timedelta
from typing import Any

import pytest

from inspection.viewing import view
from office.commands import LegDown, MediaInterrupted, MuteReport, PersonLeave, QualityNote
from office.findings import find
from office.session import SYSTEM, Party
from tests.unit.inspection.acting import APPLICANT, LEAD, START, Session


def note(seconds: float, finding: Any, about: Any = "picture", leg: str = "leg_a") -> QualityNote:
    return QualityNote(leg=leg, about=about, finding=finding, at=START + timedelta(seconds=seconds))


@pytest.fixture
def session() -> Session:
    made = Session()
    made.call()
    return made


def standing(session: Session) -> set[tuple[str, str, str]]:
    found = session.state.session.findings
    return {(each.leg, each.about, each.finding) for each in found if each.finding != "good"}


def test_it_is_written_when_it_changes_and_not_when_it_is_repeated(session: Session) -> None:
    before = session.state.session.seq
    session.done(SYSTEM, note(100, "good"))
    assert session.state.session.seq == before, "good is what everything is before anybody speaks"
    session.done(SYSTEM, note(101, "dark"), note(120, "dark"), note(121, "good"))
    assert session.state.session.seq == before + 2
    assert standing(session) == set()


def test_a_node_that_is_behind_changes_nothing(session: Session) -> None:
    session.done(SYSTEM, note(101, "dark"), note(105, "good"))
    before = session.state.session.seq
    session.done(SYSTEM, note(101, "dark"), note(105, "good"))
    assert session.state.session.seq == before


def test_picture_and_lines_stand_beside_each_other(session: Session) -> None:
    session.done(SYSTEM, note(101, "dark"), note(101, "weak", "sending"), note(102, "weak", "receiving", "leg_l"))
    assert standing(session) == {
        ("leg_a", "picture", "dark"), ("leg_a", "sending", "weak"), ("leg_l", "receiving", "weak"),
    }  # fmt: skip
    stands = find(session.state.session.findings, "leg_a", "picture")
    assert stands is not None and stands.at == START + timedelta(seconds=101)


@pytest.mark.parametrize(
    ("ends", "left"),
    [
        (LegDown(leg="leg_a", direction="publish"), {("leg_a", "receiving", "weak")}),
        (MediaInterrupted(leg="leg_a", cause="media_stalled"), set()),
    ],
)
def test_what_ends_the_media_ends_what_was_said_of_them(session: Session, ends: Any, left: set[Any]) -> None:
    session.done(SYSTEM, note(101, "dark"), note(101, "weak", "sending"), note(102, "weak", "receiving"))
    session.done(SYSTEM, ends)
    assert standing(session) == left


def test_who_leaves_takes_it_along(session: Session) -> None:
    session.done(SYSTEM, note(101, "dark"), note(102, "weak", "receiving"))
    session.done(APPLICANT, PersonLeave(leg="leg_a"))
    assert standing(session) == set()


def test_a_camera_that_is_switched_off_is_not_covered(session: Session) -> None:
    session.done(SYSTEM, note(101, "dark"))
    session.done(APPLICANT, MuteReport(kind="video", muted=True))
    assert standing(session) == set()
    session.done(SYSTEM, note(103, "covered"))
    assert standing(session) == set()
    session.done(APPLICANT, MuteReport(kind="video", muted=False))
    session.done(SYSTEM, note(110, "covered"))
    assert standing(session) == {("leg_a", "picture", "covered")}


def test_officers_see_everybodys_and_others_their_own(session: Session) -> None:
    session.done(SYSTEM, note(101, "dark"), note(102, "weak", "receiving", "leg_l"))

    def seen(party: Party) -> set[tuple[str, str]]:
        return {(each.leg, each.finding) for each in view(session.state, party, session.now).quality}

    assert seen(LEAD) == {("leg_a", "dark"), ("leg_l", "weak")}
    assert seen(APPLICANT) == {("leg_a", "dark")}
