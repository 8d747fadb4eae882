"""Composes the sheet: the folded record, its events and the recording's coverage become one frozen `Report`. Pure.

Every line of the sheet comes from an event or from the manifest; nothing is looked up elsewhere, so the sheet can be
composed again from the package years later and must come out the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, time
from typing import Literal

from inspection.checklist import ItemStanding
from inspection.state import STEP_WORDS, InspectionState
from inspection.wording import measured_text
from office.events import StoredEvent
from office.matter import Basis as MatterBasis
from signing import report as sheet

# What each result means for the applicant: as the sheet says it, and in English for who reads it on a page.
CONSEQUENCES = {
    "pass": ("勘验通过，转入审批，依法作出决定。", "The case goes on to approval and is decided by law."),
    "rectify_and_reinspect": (
        "请在期限前完成整改并按要求补充照片或视频，之后复验。",
        "Put everything right in time and send photos or films as asked; then it is inspected again.",
    ),
    "go_on_site": (
        "本次远程视频勘验不作结论，改为现场勘验，工作人员将与您约定时间。",
        "This remote inspection has no conclusion. Officers come to you instead and agree a time first.",
    ),
    "fail": (
        "勘验不通过，将依法作出决定并告知理由和救济途径。",
        "The office decides by law and tells you its reasons and how to appeal.",
    ),
    "suspend": (
        "本次勘验中止，已有记录保留，另行约定时间。",
        "What is recorded is kept; another time will be agreed.",
    ),
}
# Of the results there are, the one that concludes nothing; a draft prints no result.
UNDECIDED = sheet.Result(
    key="suspend", consequence="草稿，尚未作出结论。", consequence_gloss="A draft: nothing is decided yet."
)
LINK_AND_CODE = "邀请链接和短信验证码"
IDENTITY_WORDS = {
    "": "未记录核对方式",
    "card": "视频中出示证件",
    "code": "短信验证码",
    "known": "电子证照",
}


def compose(
    state: InspectionState,
    events: Sequence[StoredEvent],
    coverage: sheet.Coverage,
    heads: sheet.Heads,
    *,
    moment_ms: Callable[[datetime], int | None],
    issued_at: datetime,
    verify_url: str,
    time_service: Literal["internal", "external"] = "internal",
    draft: bool = False,
) -> sheet.Report:
    """The sheet up to the cut: ``events`` end with the one that closed the record, unless it is a ``draft``.

    ``moment_ms`` gives the place of a wall-clock time on the recording, None where nothing was recorded.
    """
    facts, session = state.facts, state.session
    photos = _photos(state, moment_ms)
    numbers = {photo.id: photo.number for photo in photos}
    signers = _signers(state, events)
    return sheet.Report(
        record=facts.record,
        case=facts.case,
        case_number=facts.case_number,
        matter=facts.matter.name,
        matter_gloss=facts.matter.gloss,
        permit=facts.matter.permit,
        office=sheet.Office(
            code=facts.office.code, name=facts.office.name, gloss=facts.office.gloss, phone=facts.office.phone
        ),
        business_name=facts.business_name,
        applicant_name=facts.applicant_name,
        registered_address=facts.address,
        place=_place(state),
        started_at=session.call_started_at,
        ended_at=session.concluded_at,
        people=_people(state, events, signers),
        steps=_steps(state, moment_ms),
        sections=_sections(state, numbers, moment_ms),
        photos=photos,
        coverage=coverage,
        heads=heads,
        result=UNDECIDED if draft else _result(state),
        objections=tuple(
            sheet.Objection(at=each.at, text=each.text, item=_item_number(state, each.item))
            for each in state.objections
        ),
        signers=() if draft else signers,
        draft=draft,
        issued_at=issued_at,
        verify_url=verify_url,
        time_service=time_service,
    )


def _place(state: InspectionState) -> sheet.Place | None:
    place = state.session.place
    if place is None:
        return None
    return sheet.Place(
        lat=place.lat, lon=place.lon, accuracy_m=place.accuracy_m, distance_m=place.distance_m, at=place.at
    )


def _photos(state: InspectionState, moment_ms: Callable[[datetime], int | None]) -> tuple[sheet.Photo, ...]:
    return tuple(
        sheet.Photo(
            id=photo.id,
            number=number,
            sha256=photo.sha256,
            taken_at=photo.taken_at or photo.at,
            width=photo.width,
            height=photo.height,
            size=photo.bytes,
            item=photo.item,
            moment_ms=moment_ms(photo.taken_at or photo.at),
        )
        for number, photo in enumerate((one for one in state.photos if not one.late), start=1)
    )


def present(events: Sequence[StoredEvent]) -> list[tuple[str, datetime, datetime | None]]:
    """Party, when they first came, when they left for good; in the order in which they came."""
    joined: dict[str, datetime] = {}
    left: dict[str, datetime] = {}
    for event in events:
        if event.tag.endswith(":person:joined"):
            joined.setdefault(event.actor, event.at)
            left.pop(event.actor, None)
        elif event.tag.endswith(":person:left"):
            left[event.actor] = event.at
    return [(party, at, left.get(party)) for party, at in sorted(joined.items(), key=lambda pair: pair[1])]


def _people(
    state: InspectionState, events: Sequence[StoredEvent], signers: tuple[sheet.Signer, ...]
) -> tuple[sheet.Person, ...]:
    """Everybody who was in the session, in the order in which they first came."""
    roles: dict[str, sheet.Role] = {signer.party: signer.role for signer in signers}
    identified = _identified(state)
    people = []
    for party, at, left_at in present(events):
        person = state.session.people.get(party)
        if person is None:
            continue
        role = roles.get(party) or ("expert" if person.role not in ("applicant", "lead", "assist") else person.role)
        official = role in ("lead", "assist")
        people.append(
            sheet.Person(
                name=state.facts.applicant_name if role == "applicant" else person.name,
                role=role,  # type: ignore[arg-type]  # narrowed by the line above
                organisation=_office_of(state, role)
                if official
                else state.facts.business_name
                if role == "applicant"
                else "",
                identified="内部账号登录" if official else identified if role == "applicant" else LINK_AND_CODE,
                joined_at=at,
                left_at=left_at,
            )
        )
    return tuple(people)


def _identified(state: InspectionState) -> str:
    done = state.steps.get("identity")
    if done is None:
        return LINK_AND_CODE
    return f"{LINK_AND_CODE}；{IDENTITY_WORDS.get(done.method, done.method)}，{done.by}核对"


def _steps(state: InspectionState, moment_ms: Callable[[datetime], int | None]) -> tuple[sheet.Step, ...]:
    done = sorted(state.steps.items(), key=lambda pair: pair[1].at)
    return tuple(
        sheet.Step(
            title=STEP_WORDS[key][0],
            gloss=STEP_WORDS[key][1],
            at=step.at,
            by=step.by,
            method=IDENTITY_WORDS.get(step.method, step.method) if key == "identity" else step.method,
            note=step.note,
            moment_ms=moment_ms(step.at),
        )
        for key, step in done
    )


def _sections(
    state: InspectionState, numbers: dict[str, int], moment_ms: Callable[[datetime], int | None]
) -> tuple[sheet.Section, ...]:
    found = [standing for standing in state.standings() if standing.applies]
    sections = (
        sheet.Section(
            key=section.key,
            title=section.title,
            gloss=section.gloss,
            items=tuple(_item(state, each, numbers, moment_ms) for each in found if each.item.section == section.key),
        )
        for section in state.facts.matter.sections
    )
    return tuple(section for section in sections if section.items)


def _item(
    state: InspectionState,
    standing: ItemStanding,
    numbers: dict[str, int],
    moment_ms: Callable[[datetime], int | None],
) -> sheet.Item:
    item, given = standing.item, standing.given
    measured = measured_text(item.answer, given) if given else ("", "")
    return sheet.Item(
        id=item.id,
        number=standing.number,
        text=item.text,
        gloss=item.gloss,
        basis=tuple(_basis(state, each) for each in item.basis),
        critical=item.critical,
        finding=standing.verdict,
        measured=measured[0],
        measured_gloss=measured[1],
        note=given.note if given else "",
        by=given.by if given else "",
        at=given.at if given else None,
        moment_ms=moment_ms(given.at) if given else None,
        photos=tuple(numbers[photo.id] for photo in state.photos if photo.item == item.id and photo.id in numbers),
    )


def _basis(state: InspectionState, basis: MatterBasis) -> sheet.Basis:
    titles = {document.key: document.title for document in state.facts.matter.documents}
    title = titles.get(basis.doc or "", basis.doc or basis.note or "")
    return sheet.Basis(title=title, clause=basis.clause or "", verified=basis.verified)


def _item_number(state: InspectionState, item: str | None) -> int | None:
    return next((standing.number for standing in state.standings() if standing.item.id == item), None)


def _result(state: InspectionState) -> sheet.Result:
    key = state.session.result
    if key is None:
        raise ValueError("the record has no result yet")
    due = state.rectify_by
    return sheet.Result(
        key=key,  # type: ignore[arg-type]  # a member of ResultKey since the procedure accepted it
        consequence=CONSEQUENCES[key][0],
        consequence_gloss=CONSEQUENCES[key][1],
        note=state.result_note,
        rectify_by=datetime.combine(due, time(23, 59, 59), sheet.BEIJING) if due else None,
        at=state.session.concluded_at,
    )


def _signers(state: InspectionState, events: Sequence[StoredEvent]) -> tuple[sheet.Signer, ...]:
    """Who has a field: applicant, witnesses and officers that the closing named; the seal is the office's own act."""
    wanted = {signer.role: signer.name for signer in state.session.signers}
    parties = {person.role: person.id for person in state.session.people.values()}
    applicant = next((event.actor for event in events if event.tag == "applicant:consent:given"), "")
    identified = {"applicant": _identified(state), "witness": LINK_AND_CODE}
    officers = [
        (_officer(state, role), wanted[role], _office_of(state, role)) for role in ("lead", "assist") if role in wanted
    ]
    found = sheet.signers(
        (parties.get("applicant", applicant), state.facts.applicant_name),
        officers,
        [("witness", each.party, each.name) for each in state.session.signers if each.role == "witness"],
    )
    return tuple(
        sheet.Signer(
            field=signer.field,
            role=signer.role,
            name=signer.name,
            party=signer.party,
            organisation=signer.organisation,
            identified=identified.get(signer.role, "内部账号登录"),
        )
        for signer in found
    )


def _officer(state: InspectionState, role: str) -> str:
    named = state.session.lead if role == "lead" else state.session.assist
    return named.id if named else ""


def _office_of(state: InspectionState, role: str) -> str:
    """Whom an officer speaks for: the record's office, or their own where two inspect jointly."""
    named = state.session.lead if role == "lead" else state.session.assist
    return named.office if named and named.office else state.facts.office.name
