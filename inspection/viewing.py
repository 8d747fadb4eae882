"""From state to view: what this party may see now. The applicant sees no basis, no officers' notes, and no verdict
before the result stands; nobody but officers sees why a result is not possible yet. Pure.
"""

from datetime import datetime

from inspection.checklist import Facts, ItemStanding, suggest
from inspection.procedure import Reason, close_reasons
from inspection.state import CONCLUDING_STEPS, STEPS, InspectionState
from inspection.view import (
    AnswerView,
    BasisView,
    ChecklistView,
    ConflictView,
    ItemView,
    MediaView,
    ObjectionView,
    OptionView,
    PhotoView,
    PlaceView,
    ReasonView,
    SectionView,
    StepView,
    View,
)
from inspection.wording import should_be
from office.matter import Answer
from office.queue import Queue
from office.session import OFFICERS, Party
from office.viewing import session_view


def view(state: InspectionState, party: Party, now: datetime, queue: Queue | None = None) -> View:
    """The whole view of one party. `queue` is given for an applicant who waits."""
    officer, session, facts = party.role in OFFICERS, state.session, state.facts
    found = state.standings()
    reasons = close_reasons(state, found) if officer else ()
    in_call = session.phase in ("live", "interrupted")
    return View(
        **session_view("inspection", session, facts, facts.matter, party, now, queue),
        steps=_steps(state),
        checklist=_checklist(state, found, officer),
        photos=_photos(state),
        place=_place(state),
        may_close=officer and in_call and not reasons,
        close_reasons=tuple(_reason(reason) for reason in reasons) if in_call else (),
        result_note=state.result_note,
        rectify_by=state.rectify_by,
        objections=tuple(ObjectionView(item=each.item, text=each.text, at=each.at) for each in state.objections),
    )


def _steps(state: InspectionState) -> dict[str, StepView]:
    views = {}
    for step in STEPS:
        if step in state.facts.matter.procedure.steps:
            done = state.steps.get(step)
            views[step] = StepView(
                done_at=done.at if done else None,
                by=done.by if done else "",
                required=step in CONCLUDING_STEPS,
                again=done.again if done else False,
            )
    return views


def _checklist(state: InspectionState, found: tuple[ItemStanding, ...], officer: bool) -> ChecklistView:
    told = officer or state.session.concluded_at is not None
    return ChecklistView(
        sections=tuple(
            SectionView(key=section.key, title=section.title, gloss=section.gloss)
            for section in state.facts.matter.sections
        ),
        items=tuple(_item(state, each, officer, told) for each in found if officer or each.applies),
        answered=sum(each.applies and each.verdict is not None for each in found),
        open=sum(each.open for each in found),
        fails=sum(each.verdict == "fails" for each in found) if told else 0,
        required_open=sum(each.required and each.open for each in found),
        suggested=suggest(state.facts.matter, found).result if officer else None,
    )


def _item(state: InspectionState, each: ItemStanding, officer: bool, told: bool) -> ItemView:
    item, matter = each.item, state.facts.matter
    given = each.given if told else None
    limit = should_be(item.answer, state.facts.facts)
    displaced = given.conflict if given is not None and officer else None
    return ItemView(
        id=item.id,
        number=each.number,
        section=item.section,
        text=item.text,
        gloss=item.gloss,
        basis=tuple(
            BasisView(title=matter.title_of(basis.doc), clause=basis.clause or "", verified=basis.verified)
            for basis in item.basis
            if officer
        ),
        critical=item.critical,
        severity=item.severity,
        answer=_answer(item.answer, state.facts.facts),
        media=tuple(MediaView(kind=media.kind, count=media.count, seconds=media.seconds) for media in item.media),
        film=item.film,
        prepare=item.prepare,
        applies=each.applies,
        required=each.required,
        value=given.value if given else None,
        measured=given.measured if given else None,
        choice=given.choice if given else None,
        text_answer=given.text if given else None,
        note=given.note if given else "",
        by=given.by if given else "",
        at=given.at if given else None,
        verdict=each.verdict if told else None,
        photos=tuple(photo.id for photo in state.photos if photo.item == item.id),
        photos_required=item.photos_required,
        should_be=limit[0],
        should_be_en=limit[1],
        seq=given.seq if given else 0,
        conflict=ConflictView(
            by=displaced.by,
            at=displaced.at,
            value=displaced.value,
            measured=displaced.measured,
            choice=displaced.choice,
            seq=displaced.seq,
        )
        if displaced is not None
        else None,
    )


def _answer(answer: Answer, facts: Facts) -> AnswerView:
    expected = facts.get(answer.expected_fact) if answer.expected_fact else None
    return AnswerView(
        type=answer.type,
        unit=answer.unit,
        min=answer.min,
        max=answer.max,
        decimals=answer.decimals,
        expected=float(expected) if isinstance(expected, int | float) else None,
        record_only=answer.record_only,
        options=tuple(
            OptionView(value=option.value, label=option.label, gloss=option.gloss) for option in answer.options
        ),
        max_distance_m=answer.max_distance_m,
        max_length=answer.max_length,
    )


def _photos(state: InspectionState) -> tuple[PhotoView, ...]:
    return tuple(
        PhotoView(
            id=photo.id,
            item=photo.item,
            sha256=photo.sha256,
            at=photo.taken_at or photo.at,
            width=photo.width,
            height=photo.height,
            state="late" if photo.late else "delivered",
        )
        for photo in state.photos
    )


def _place(state: InspectionState) -> PlaceView | None:
    place = state.session.place
    if place is None:
        return None
    return PlaceView(
        lat=place.lat, lon=place.lon, accuracy_m=place.accuracy_m, distance_m=place.distance_m, at=place.at
    )


def _reason(reason: Reason) -> ReasonView:
    number = reason.params.get("number", "")
    step = reason.params.get("step_zh", ""), reason.params.get("step_en", "")
    zh, en = {
        "I01": (f"第{number}项未答", f"Item {number} unanswered"),
        "I02": ("缺协勘", "No second officer"),
        "I04": (f"未完成：{step[0]}", f"Not done: {step[1]}"),
        "I12": (f"第{number}项缺照片", f"Item {number} lacks a photo"),
    }[reason.code]
    return ReasonView(code=reason.code, text=zh, text_en=en, item=reason.item, params=reason.params)
