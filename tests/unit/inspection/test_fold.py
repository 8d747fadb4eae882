"""Whatever anybody sends in whatever order: the state is the fold of the events, and only of them."""

from datetime import date, timedelta
from typing import get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from inspection.commands import (
    AnswerSet,
    AnyCommand,
    ClientCommand,
    Close,
    PhotoAsk,
    PhotoRefuse,
    SheetObject,
    SheetRead,
    StepMark,
)
from inspection.procedure import RULES, apply, evolve, initial
from inspection.viewing import view
from office import commands as c
from office.conduct import SYSTEM_RULES
from office.events import verify
from office.session import SHARED_RULES, SYSTEM, TRANSITIONS, Outcome, word_of
from office.standing import advance, columns, decode_standing, encode_standing, first_standing
from tests.unit.inspection.acting import APPLICANT, ASSIST, EXPERT, LEAD, START, Session, matter

ITEMS = [item.id for item in matter("hr-service").items]
LEGS = st.sampled_from(["leg_a", "leg_a2", "leg_l", "leg_s"])
HASH = "b" * 64

COMMANDS = st.one_of(
    st.builds(c.ConsentGive, version=st.sampled_from(["1", "2"])),
    st.just(c.ConsentRefuse()),
    st.builds(c.DeviceReport, camera=st.booleans(), microphone=st.booleans()),
    st.just(c.WaitEnter()),
    st.just(c.WaitMessage(text="请稍等")),
    st.just(c.CallStart()),
    st.just(c.CallLeave()),
    st.just(c.CallEnd()),
    st.builds(
        c.InterruptionReport,
        cause=st.sampled_from(["phone_call", "network"]),
        started_at=st.just(START),
        ended_at=st.sampled_from([None, START + timedelta(seconds=9)]),
    ),
    st.just(c.Say(text="你好")),
    st.just(c.Ask(kind="torch", value=True)),
    st.builds(c.AskReply, request=st.sampled_from(["req_9", "req_10", "req_11"]), done=st.booleans()),
    st.just(c.PlaceReport(lat=35.9, lon=123.4, accuracy_m=9)),
    st.builds(c.MuteReport, kind=st.sampled_from(["audio", "video"]), muted=st.booleans()),
    st.builds(c.MaskSet, leg=LEGS, on=st.booleans()),
    st.builds(StepMark, step=st.sampled_from(["identity", "show_credentials", "tell_rights", "walk_round"])),
    st.builds(
        AnswerSet,
        item=st.sampled_from([*ITEMS, "none"]),
        value=st.sampled_from([None, "conforms", "fails", "not_applicable", "not_seen"]),
        measured=st.sampled_from([None, 0.0, 60.0]),
        seen_seq=st.integers(0, 40),
    ),
    st.builds(PhotoAsk, item=st.sampled_from([None, *ITEMS[:3]])),
    st.just(PhotoRefuse(request="req_12")),
    st.builds(
        Close,
        result=st.sampled_from(["pass", "rectify_and_reinspect", "go_on_site", "fail", "suspend"]),
        rectify_by=st.sampled_from([None, date(2026, 12, 1)]),
    ),
    st.just(SheetObject(text="不同意")),
    st.just(SheetRead()),
    st.builds(c.PersonJoin, leg=LEGS),
    st.builds(c.PersonLeave, leg=LEGS),
    st.builds(
        c.OfficerAssign,
        role=st.sampled_from(["lead", "assist"]),
        staff=st.sampled_from(["stf_li", "stf_zhou"]),
        name=st.just("李"),
    ),
    st.builds(c.MediaInterrupted, leg=LEGS, cause=st.just("network")),
    st.builds(c.MediaResumed, leg=LEGS),
    st.builds(
        c.QualityNote,
        leg=LEGS,
        about=st.sampled_from(["picture", "sending", "receiving"]),
        finding=st.sampled_from(["good", "dark", "weak"]),
        at=st.integers(0, 100).map(lambda seconds: START + timedelta(seconds=seconds)),
    ),
    st.builds(
        c.PhotoTaken,
        photo=st.sampled_from(["pho_1", "pho_2"]),
        sha256=st.just(HASH),
        bytes=st.just(1),
        width=st.just(1),
        height=st.just(1),
        mime=st.just("image/png"),
        item=st.sampled_from([None, ITEMS[0], "none"]),
    ),
    st.just(c.ReportBuilt(object="o", sha256=HASH, coverage=98.6)),
    st.builds(
        c.SignatureMade,
        role=st.sampled_from(["applicant", "lead", "assist", "nobody"]),
        name=st.just("x"),
        revision_sha256=st.just(HASH),
    ),
    st.builds(c.SignatureRefused, role=st.sampled_from(["applicant", "assist"]), name=st.just("x")),
    st.just(c.SealMade(sha256=HASH, object="o")),
    st.just(c.RecordSealed()),
)
PARTIES = st.sampled_from([APPLICANT, LEAD, ASSIST, EXPERT, SYSTEM])
SCRIPT = st.lists(st.tuples(PARTIES, COMMANDS), max_size=60)


def play(script: list[tuple[object, c.Command]], *, in_call: bool) -> Session:
    session = Session()
    if in_call:
        session.call()
    for party, command in script:
        session.act(party, command)  # type: ignore[arg-type]
    return session


@settings(max_examples=150, deadline=None)
@given(SCRIPT, st.booleans(), st.data())
def test_the_state_is_the_fold_of_its_events_from_any_prefix(
    script: list[tuple[object, c.Command]], in_call: bool, data: st.DataObject
) -> None:
    session = play(script, in_call=in_call)
    cut = data.draw(st.integers(0, len(session.chain)))
    state = initial(session.state.facts)
    for event in session.chain[:cut]:
        state = evolve(state, event)
    for event in session.chain[cut:]:
        state = evolve(state, event)
    assert state == session.state
    assert state.session.seq == len(session.chain)
    assert verify(session.chain).ok


@settings(max_examples=100, deadline=None)
@given(SCRIPT, st.booleans())
def test_the_columns_of_the_row_are_a_reading_of_the_same_fold(
    script: list[tuple[object, c.Command]], in_call: bool
) -> None:
    session = play(script, in_call=in_call)
    standing = decode_standing(first_standing("rec_1"))
    for event in session.chain:
        standing = decode_standing(encode_standing(advance(standing, event)))
    short, whole = columns(standing), columns(session.state.session)
    assert {**short, "standing": None} == {**whole, "standing": None}


@settings(max_examples=100, deadline=None)
@given(SCRIPT, st.booleans())
def test_nobody_passes_alone_or_without_the_steps_or_with_open_items(
    script: list[tuple[object, c.Command]], in_call: bool
) -> None:
    session = Session()
    if in_call:
        session.call()
    for party, command in script:
        before = session.state
        outcome = session.act(party, command)  # type: ignore[arg-type]
        if isinstance(command, Close) and isinstance(outcome, Outcome) and command.result in ("pass", "fail"):
            assert before.session.officers_here() >= 2
            assert {"identity", "show_credentials", "tell_rights"} <= set(before.steps)
            assert not any(each.required and each.open for each in before.standings())


@settings(max_examples=60, deadline=None)
@given(SCRIPT)
def test_every_party_has_a_view_at_every_moment_and_the_applicant_sees_less(
    script: list[tuple[object, c.Command]],
) -> None:
    session = play(script, in_call=True)
    seen = view(session.state, APPLICANT, session.now)
    msgspec.json.decode(msgspec.json.encode(seen))
    assert all(not item.basis for item in seen.checklist.items)
    assert seen.close_reasons == () and seen.may_close is False
    if session.state.session.concluded_at is None:
        assert all(item.value is None and item.note == "" and item.verdict is None for item in seen.checklist.items)
    desk = view(session.state, LEAD, session.now)
    assert desk.may_close == (desk.close_reasons == () and desk.phase in ("live", "interrupted"))


def test_every_command_has_its_rule_and_its_own_word() -> None:
    known = {**SHARED_RULES, **SYSTEM_RULES, **RULES}
    assert set(get_args(AnyCommand)) == set(known)
    words = [word_of(command) for command in known]
    assert len(words) == len(set(words))
    assert not set(get_args(ClientCommand)) & set(SYSTEM_RULES)


def test_a_client_cannot_send_what_only_the_server_makes() -> None:
    for command in SYSTEM_RULES:
        try:
            msgspec.json.decode(msgspec.json.encode({"do": word_of(command)}), type=ClientCommand)
        except msgspec.ValidationError:
            continue
        raise AssertionError(word_of(command))


def test_every_phase_is_reached_and_both_ends_are_ends() -> None:
    reached = {"invited", *TRANSITIONS.values()}
    assert reached == {"invited", "waiting", "live", "interrupted", "closing", "closed", "declined"}
    assert not {phase for phase, _ in TRANSITIONS} & {"closed", "declined"}


def test_an_erased_body_moves_the_phase_and_hurts_nothing() -> None:
    session = Session()
    session.call()
    session.conclude()
    state = initial(session.state.facts)
    for event in session.chain:
        state = evolve(state, msgspec.structs.replace(event, body={}, body_text=None, salt=None))
    assert state.session.phase == "closing"
    assert state.answers == {} and state.session.seq == len(session.chain)


def test_apply_changes_nothing_by_itself() -> None:
    session = Session()
    session.call()
    before = session.state
    apply(before, AnswerSet(item=ITEMS[0], value="fails"), LEAD, session.now)
    assert session.state == before and before.answers == {}
