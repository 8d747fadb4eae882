"""An inspection on paper."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from inspection.checklist import complete_facts
from inspection.commands import AnswerSet, Close, StepMark
from inspection.procedure import apply, evolve, initial
from inspection.state import InspectionFacts, InspectionState, OfficeFacts
from office.commands import CallStart, ConsentGive, OfficerAssign, PersonJoin, PhotoTaken, WaitEnter
from office.demo import DATA
from office.matter import Item, Matter, load_matter
from office.session import SYSTEM, Outcome, Party
from tests.support.acting import START, Acting

APPLICANT = Party(id="inv_zhang", name="张三丰", role="applicant", kind="guest")
LEAD = Party(id="stf_li", name="李明", role="lead", kind="staff")
ASSIST = Party(id="stf_zhou", name="周岚", role="assist", kind="staff")
EXPERT = Party(id="inv_wang", name="王专家", role="expert", kind="guest")
RECTIFY_BY = date(2026, 12, 8)


@cache
def matter(slug: str) -> Matter:
    return load_matter((DATA / "matters" / f"{slug}.yaml").read_text("utf-8"))


def facts(slug: str = "hr-service", known: Mapping[str, Any] | None = None) -> InspectionFacts:
    return InspectionFacts(
        record="rec_1",
        case="case_1",
        case_number="2026-0117",
        office=OfficeFacts(code="990101", name="松汀区政务服务中心", gloss="Songting", phone="0000-8801100"),
        matter=matter(slug),
        matter_version=1,
        business_name="青禾",
        applicant_name=APPLICANT.name,
        address="听雨巷6号",
        location=(35.912, 123.421),
        scheduled_at=START,
        facts=complete_facts(matter(slug), known or {}),
    )


class Session(Acting[InspectionState]):
    def __init__(self, slug: str = "hr-service", known: Mapping[str, Any] | None = None) -> None:
        super().__init__("rec_1", initial(facts(slug, known)), apply, evolve)

    def wait(self) -> None:
        self.done(SYSTEM, OfficerAssign(role="lead", staff=LEAD.id, name=LEAD.name))
        self.done(SYSTEM, OfficerAssign(role="assist", staff=ASSIST.id, name=ASSIST.name))
        self.done(APPLICANT, PersonJoin(leg="leg_a"), ConsentGive(version="2026-1"), WaitEnter())

    def call(self, *, second: bool = True) -> None:
        self.wait()
        self.done(LEAD, PersonJoin(leg="leg_l"), CallStart())
        if second:
            self.done(ASSIST, PersonJoin(leg="leg_s"))

    def steps(self) -> None:
        self.done(LEAD, StepMark(step="identity"), StepMark(step="show_credentials"), StepMark(step="tell_rights"))

    def answer_all(self, *, failing: frozenset[str] = frozenset(), photos: bool = True) -> None:
        for standing in self.state.standings():
            if standing.applies:
                self.done(LEAD, conforming(standing.item, self.state, fails=standing.item.id in failing))
                if photos:
                    self.photograph(standing.item)

    def photograph(self, item: Item) -> None:
        for _ in range(item.photos_required):
            number = len(self.state.photos) + 1
            self.done(
                APPLICANT,
                PhotoTaken(
                    photo=f"pho_{number}",
                    sha256=f"{number:064x}",
                    bytes=1,
                    width=4,
                    height=3,
                    mime="image/jpeg",
                    item=item.id,
                ),
            )

    def conclude(self, result: Any = "pass") -> Outcome:
        self.steps()
        self.answer_all()
        return self.done(LEAD, Close(result=result))


def conforming(item: Item, state: InspectionState, *, fails: bool = False) -> AnswerSet:
    """An answer that conforms to the rule, or the officer's plain `fails`."""
    if fails:
        return AnswerSet(item=item.id, value="fails", note="不符合")
    answer = item.answer
    if answer.type == "number":
        expected = state.facts.facts.get(answer.expected_fact or "")
        low = answer.min if answer.min is not None else (answer.max or 0.0)
        return AnswerSet(item=item.id, measured=float(expected) if expected is not None else low)
    if answer.type == "choice":
        return AnswerSet(item=item.id, choice=next(option.value for option in answer.options if option.conforms))
    return AnswerSet(item=item.id, value="conforms")
