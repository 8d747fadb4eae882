"""Composes the record sheet of a help service: who helped whom with what, from hand to hand, and how it ended. Pure.

As with an inspection's sheet, every line comes from an event or from the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from helpdesk.state import ServiceState
from office.events import StoredEvent
from office.session import OFFICERS
from server.compose import present
from signing import report as sheet

CONSEQUENCES = {
    "done": ("所办事项已在通话中办完。", "The matter was done in the call."),
    "referred": ("所办事项转到别处继续办理，见办理过程。", "The matter goes on elsewhere; see what was done."),
    "unfinished": ("所办事项没有办完，可以重新取号继续。", "The matter is not done; take a new number to go on."),
}
BY_NUMBER = "持排队号进入"
BY_ACCOUNT = "内部账号登录"


def compose_service(
    state: ServiceState,
    events: Sequence[StoredEvent],
    coverage: sheet.Coverage,
    heads: sheet.Heads,
    *,
    moment_ms: Callable[[datetime], int | None],
    issued_at: datetime,
    verify_url: str,
    time_service: Literal["internal", "external"] = "internal",
) -> sheet.Report:
    """The sheet up to the cut; ``events`` end with the call that the agent ended. Nobody signs it."""
    facts, session = state.facts, state.session
    result = session.result
    if result not in CONSEQUENCES:
        raise ValueError("the service has no result yet")
    return sheet.Report(
        kind="help",
        record=facts.record,
        case=facts.case,
        case_number=facts.case_number,
        matter=facts.guide.name,
        matter_gloss=facts.guide.gloss,
        number=facts.label,
        office=sheet.Office(
            code=facts.office.code, name=facts.office.name, gloss=facts.office.gloss, phone=facts.office.phone
        ),
        business_name=facts.business_name,
        applicant_name=facts.business_name,
        registered_address="",
        started_at=session.call_started_at,
        ended_at=session.concluded_at,
        people=_people(state, events),
        steps=_steps(state, events, moment_ms),
        coverage=coverage,
        heads=heads,
        result=sheet.Result(
            key=result,  # type: ignore[arg-type]  # a member of ResultKey, as the line above looked it up
            consequence=CONSEQUENCES[result][0],
            consequence_gloss=CONSEQUENCES[result][1],
            note=state.result_note,
            at=session.concluded_at,
        ),
        issued_at=issued_at,
        verify_url=verify_url,
        time_service=time_service,
    )


def _people(state: ServiceState, events: Sequence[StoredEvent]) -> tuple[sheet.Person, ...]:
    """The citizen once, with however many browsers they came; every agent who led it is one, whoever has it now."""
    agents = {event.body["staff"] for event in events if event.tag == "officer:service:taken"}
    found: dict[str, sheet.Person] = {}
    for party, joined_at, left_at in present(events):
        person = state.session.people.get(party)
        if person is None:
            continue
        citizen = person.role == "applicant"
        agent = person.role in OFFICERS or party in agents
        role: sheet.Role = "applicant" if citizen else "lead" if agent else "expert"
        found.setdefault(
            "applicant" if citizen else party,
            sheet.Person(
                name=state.facts.business_name if citizen else person.name,
                role=role,
                organisation="" if citizen else state.facts.office.name,
                identified=BY_NUMBER if citizen else BY_ACCOUNT,
                joined_at=joined_at,
                left_at=left_at,
            ),
        )
    return tuple(found.values())


def _steps(
    state: ServiceState, events: Sequence[StoredEvent], moment_ms: Callable[[datetime], int | None]
) -> tuple[sheet.Step, ...]:
    steps = [step for event in events if (step := _step(state, event, moment_ms(event.at))) is not None]
    return tuple(steps)


def _step(state: ServiceState, event: StoredEvent, moment: int | None) -> sheet.Step | None:
    body, name = event.body, str(event.body.get("name", ""))

    def made(title: str, gloss: str, *, by: str = name, note: str = "") -> sheet.Step:
        return sheet.Step(title=title, gloss=gloss, at=event.at, by=by, note=note, moment_ms=moment)

    match event.tag:
        case "applicant:consent:given":
            return made("同意录音录像", "Recording agreed to", by=state.facts.business_name)
        case "officer:call:started":
            return made("开始通话", "Call started")
        case "officer:service:offered":
            said = [str(body.get("note", "")), *(str(paper) for paper in body.get("papers", ()))]
            title = f"转往{body['window']}窗口"
            return made(title, f"Handed over to window {body['window']}", note="；".join(part for part in said if part))
        case "officer:service:taken":
            return made(f"{body['window']}窗口接办", f"Window {body['window']} takes over")
        case "system:service:returned":
            return made("对方没有接，回到原窗口", "Not taken; stays where it was", by="系统")
        case "applicant:screen:shared":
            return made("共享屏幕", "Screen shared", by=state.facts.business_name)
        case "officer:card:pushed":
            return made(f"步骤卡：{body['title']}", "Step card", note="；".join(str(one) for one in body["steps"]))
        case "applicant:card:ticked" if body.get("done", True):
            return made("完成一步", "A step done", by=state.facts.business_name, note=str(body.get("text", "")))
    return None
