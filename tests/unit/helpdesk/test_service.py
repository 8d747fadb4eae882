"""The help service as pure rules: one agent leads, the citizen stays where they are, nobody signs."""

from datetime import UTC, datetime
from functools import cache

import pytest

from helpdesk.commands import (
    CardPush,
    CardTick,
    FileSend,
    Finish,
    GiveBack,
    Offer,
    ScreenClear,
    ScreenMark,
    ScreenShare,
    Spot,
    TakeOver,
)
from helpdesk.guide import Guide, load_guides
from helpdesk.service import MOST_CARDS, apply, evolve, initial
from helpdesk.service_view import view
from helpdesk.state import MOST_MARKS, ServiceFacts, ServiceState
from office.commands import CallStart, ConsentGive, ConsentRefuse, PersonJoin, PersonLeave, Say, WaitEnter
from office.demo import DATA
from office.session import SYSTEM, BuildReport, CloseCall, Party
from office.state import OfficeFacts
from tests.support.acting import START, Acting

CITIZEN = Party(id="inv_liu", name="刘桂兰", role="applicant", kind="guest")
ZHANG = Party(id="stf_zhang", name="张敏", role="lead", kind="staff")
WU = Party(id="stf_wu", name="吴悦", role="lead", kind="staff")
ONLOOKER = Party(id="stf_zhang", name="张敏", role="expert", kind="staff")
TO_TAX = Offer(window="T01", note="缺个税信息", papers=("户口本首页 缺",))


@cache
def guide() -> Guide:
    return next(one for one in load_guides((DATA / "help_matters.yaml").read_text("utf-8")) if one.documents)


class Service(Acting[ServiceState]):
    def __init__(self) -> None:
        facts = ServiceFacts(
            record="rec_1", case="case_1", case_number="2026-0118",
            office=OfficeFacts(code="990101", name="松汀区政务服务中心", gloss="Songting", phone="0000-8801100"),
            guide=guide(), label="S001", business_name=CITIZEN.name, scheduled_at=START,
        )  # fmt: skip
        super().__init__("rec_1", initial(facts), apply, evolve)

    def take(self, agent: Party, window: str) -> None:
        self.done(SYSTEM, TakeOver(staff=agent.id, name=agent.name, window=window))

    def call(self) -> None:
        self.done(CITIZEN, PersonJoin(leg="leg_c"), ConsentGive(version="2026-1"), WaitEnter())
        self.take(ZHANG, "S01")
        self.done(ZHANG, PersonJoin(leg="leg_z"), CallStart())

    @property
    def phase(self) -> str:
        return self.state.session.phase


@pytest.fixture
def service() -> Service:
    return Service()


def test_a_call_needs_consent_and_its_own_agent(service: Service) -> None:
    service.take(ZHANG, "S01")
    assert service.refused(ZHANG, CallStart()) == "I05"
    service.done(CITIZEN, PersonJoin(leg="leg_c"), ConsentGive(version="2026-1"), WaitEnter())
    assert service.refused(ONLOOKER, CallStart()) == "I06"
    service.done(ZHANG, CallStart())
    assert service.phase == "live"


def test_who_refuses_the_recording_keeps_the_number_and_nobody_plans_a_visit(service: Service) -> None:
    service.done(CITIZEN, PersonJoin(leg="leg_c"))
    outcome = service.done(CITIZEN, ConsentRefuse())
    assert service.phase == "declined" and outcome.effects == ()


def test_a_hand_over_changes_the_lead_and_nothing_for_the_citizen(service: Service) -> None:
    service.call()
    before = service.state.session.people[CITIZEN.id]
    service.done(ZHANG, TO_TAX)
    assert service.refused(ZHANG, Offer(window="B01")) == "Q14"
    service.take(WU, "T01")
    service.done(WU, PersonJoin(leg="leg_w"))
    session = service.state.session
    assert session.lead is not None and session.lead.id == WU.id
    assert session.people[ZHANG.id].role == "expert" and session.people[ZHANG.id].online
    assert session.people[CITIZEN.id] == before and session.call is not None and service.phase == "live"
    (passage,) = service.state.passages
    assert (passage.state, passage.by, passage.taken_by) == ("taken", ZHANG.name, WU.name)
    assert service.refused(ONLOOKER, Finish(result="done")) == "I06"


@pytest.mark.parametrize("cause", ["expired", "declined", "closed"])
def test_an_offer_that_nobody_takes_leaves_everything_as_it_was(service: Service, cause: str) -> None:
    service.call()
    service.done(ZHANG, TO_TAX)
    service.done(SYSTEM, GiveBack(cause=cause))  # type: ignore[arg-type]
    assert service.state.offer is None and service.state.passages[0].state == "returned"
    assert service.state.session.lead is not None and service.state.session.lead.id == ZHANG.id
    assert service.done(SYSTEM, GiveBack(cause=cause)).events == ()  # type: ignore[arg-type]
    service.done(ZHANG, TO_TAX)


def test_taking_over_twice_is_written_once(service: Service) -> None:
    service.call()
    events = len(service.chain)
    service.take(ZHANG, "S01")
    assert len(service.chain) == events


def test_finishing_ends_call_and_record_and_asks_for_the_sheet(service: Service) -> None:
    service.call()
    call = service.state.session.call
    outcome = service.done(ZHANG, Finish(result="referred", note="去税务"))
    assert outcome.effects == (BuildReport(), CloseCall(call or ""))
    assert service.phase == "closed" and service.state.result_note == "去税务"
    assert [signer.role for signer in service.state.session.signers] == ["seal"]
    assert service.refused(ZHANG, Say(text="再见")) == "I03"


def test_a_citizen_who_left_can_be_waited_for_or_the_service_ended(service: Service) -> None:
    service.call()
    service.done(CITIZEN, PersonLeave(leg="leg_c", cause="closed"))
    assert service.phase == "interrupted"
    service.done(CITIZEN, PersonJoin(leg="leg_c2"))
    assert service.phase == "live"
    service.done(CITIZEN, PersonLeave(leg="leg_c2"))
    service.done(ZHANG, Finish(result="unfinished"))
    assert service.phase == "closed"


def test_step_cards_are_pushed_by_the_agent_and_ticked_by_the_citizen(service: Service) -> None:
    service.call()
    push = CardPush(title="准备材料", steps=["身份证", "户口本"])
    assert service.refused(CITIZEN, push) == "I06"
    service.done(ZHANG, push)
    assert service.refused(ZHANG, CardTick(card="card_1", step=0)) == "I06"
    service.done(CITIZEN, CardTick(card="card_1", step=1))
    assert service.done(CITIZEN, CardTick(card="card_1", step=1)).events == ()
    assert service.refused(CITIZEN, CardTick(card="card_1", step=2)) == "I07"
    assert service.refused(CITIZEN, CardTick(card="card_9", step=0)) == "I07"
    assert service.state.cards[0].done == {1}
    service.done(CITIZEN, CardTick(card="card_1", step=1, done=False))
    assert not service.state.cards[0].done
    service.done(ZHANG, *[push] * (MOST_CARDS - 1))
    assert service.refused(ZHANG, push) == "Q15"


def test_the_agent_draws_on_a_screen_only_while_the_citizen_shares_it(service: Service) -> None:
    service.call()
    mark = ScreenMark(line=[Spot(x=0.1, y=0.2), Spot(x=0.5, y=0.2)])
    assert service.refused(ZHANG, mark) == "Q17"
    assert service.refused(ZHANG, ScreenShare(on=True)) == "I06"
    service.done(CITIZEN, ScreenShare(on=True))
    assert service.done(CITIZEN, ScreenShare(on=True)).events == ()
    assert service.refused(CITIZEN, mark) == "I06"
    service.done(ZHANG, *[mark] * (MOST_MARKS + 1))
    seen = view(service.state, CITIZEN, START)
    assert seen.screen and len(seen.marks) == MOST_MARKS and seen.marks[0].line[1].x == 0.5
    service.done(ZHANG, ScreenClear())
    assert service.done(ZHANG, ScreenClear()).events == () and not service.state.marks
    service.done(ZHANG, mark)
    service.done(CITIZEN, ScreenShare(on=False))
    assert not service.state.screen and not service.state.marks


def test_a_citizen_whose_line_is_gone_shares_no_screen_any_more(service: Service) -> None:
    service.call()
    service.done(CITIZEN, ScreenShare(on=True), PersonLeave(leg="leg_c"))
    assert not view(service.state, ZHANG, START).screen
    service.done(CITIZEN, PersonJoin(leg="leg_c2"), ScreenShare(on=True))
    assert service.state.screen


def test_the_citizen_does_not_see_what_agents_tell_each_other(service: Service) -> None:
    service.call()
    service.done(ZHANG, TO_TAX)
    now = datetime(2026, 11, 24, 7, tzinfo=UTC)
    (mine,), (theirs,) = view(service.state, CITIZEN, now).passages, view(service.state, ZHANG, now).passages
    assert (mine.note, mine.papers, mine.window) == ("", (), "T01")
    assert (theirs.note, theirs.papers) == (TO_TAX.note, TO_TAX.papers)
    assert view(service.state, CITIZEN, now).kind == "help" and view(service.state, ZHANG, now).papers


def test_everybodys_words_and_files_are_their_own_and_a_citizens_from_any_browser(service: Service) -> None:
    service.call()
    service.done(ZHANG, Say(text="请看步骤卡"), a_file("form"))
    service.done(CITIZEN, Say(text="好"), a_file("card"))
    service.done(ZHANG, TO_TAX)
    service.take(WU, "T01")
    service.done(WU, Say(text="我来办"))
    # On a computer they opened another link.
    same_citizen = Party(id="inv_liu_2", name="刘桂兰", role="applicant", kind="guest")
    for party, words, files in (
        (ZHANG, [True, False, False], [True, False]),
        (CITIZEN, [False, True, False], [False, True]),
        (same_citizen, [False, True, False], [False, True]),
        (WU, [False, False, True], [False, False]),
    ):
        seen = view(service.state, party, START)
        assert ([each.mine for each in seen.messages], [each.mine for each in seen.files]) == (words, files), party.id


def a_file(name: str) -> FileSend:
    return FileSend(file=f"file_{name}", name=f"{name}.pdf", sha256="0" * 64, bytes=9, mime="application/pdf")
