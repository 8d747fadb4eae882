"""From a session's state to the part of its view that every kind has: what this party may see now. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from office.person import mask_name
from office.queue import Queue
from office.session import OFFICERS, Party
from office.state import Message, OfficeFacts, SessionState
from office.view import (
    ConsentView,
    DeviceView,
    FindingView,
    InterruptionView,
    MatterView,
    MessageView,
    OfficeView,
    PersonView,
    RequestView,
    SignerView,
)


class Facts(Protocol):
    """What every kind knows of a record before its session."""

    @property
    def case_number(self) -> str: ...
    @property
    def office(self) -> OfficeFacts: ...
    @property
    def business_name(self) -> str: ...
    @property
    def scheduled_at(self) -> datetime: ...


class Matter(Protocol):
    """What the session is about: an inspection's matter, a help service's guide."""

    @property
    def slug(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def gloss(self) -> str: ...


def session_view(
    kind: str, session: SessionState, facts: Facts, matter: Matter, party: Party, now: datetime, queue: Queue | None
) -> Mapping[str, Any]:
    """The fields of `office.view.SessionView` for one party. `queue` is given for an applicant who waits."""
    office = facts.office
    return {
        "kind": kind,
        "record": session.record,
        "case_number": facts.case_number,
        "phase": session.phase,
        "you": party.role,
        "matter": MatterView(slug=matter.slug, name=matter.name, gloss=matter.gloss),
        "business_name": facts.business_name,
        "scheduled_at": facts.scheduled_at,
        "office": OfficeView(name=office.name, gloss=office.gloss, phone=office.phone),
        "now": now,
        "people": _people(session, party),
        "call": session.call,
        "call_started_at": session.call_started_at,
        "recording": session.call is not None and not _unrecorded(session, party),
        "requests": _requests(session),
        "messages": tuple(_message(message, party) for message in session.messages),
        "consent": ConsentView(version=session.consent.version, at=session.consent.at) if session.consent else None,
        "device": _device(session),
        "wait_message": _message(session.wait_message, party) if session.wait_message else None,
        "interruptions": tuple(
            InterruptionView(from_=gap.start, to=gap.end, cause=gap.cause, leg=gap.leg) for gap in session.gaps
        ),
        "quality": _quality(session, party),
        "mask": {person.leg: person.leg in session.masks for person in session.people.values()},
        "result": session.result,
        "signers": tuple(
            SignerView(role=signer.role, name=signer.name, state=signer.state, at=signer.at)
            for signer in session.signers
        ),
        "sheet_ready": session.report_sha256 is not None,
        "queue": queue if party.role == "applicant" else None,
    }


def _people(session: SessionState, party: Party) -> tuple[PersonView, ...]:
    officer = party.role in OFFICERS
    return tuple(
        PersonView(
            leg=person.leg,
            # Officers are known by name to everybody; of the others only officers need more than the surname.
            name=person.name if officer or person.role in OFFICERS or person.id == party.id else mask_name(person.name),
            role=person.role,
            online=person.online,
            muted_audio=person.muted_audio,
            muted_video=person.muted_video,
            since=person.since,
        )
        for person in session.people.values()
        # Of two browsers that stood for the applicant only the present one is a tile.
        if person.role != "applicant" or person.leg == session.applicant_leg()
    )


def _unrecorded(session: SessionState, party: Party) -> bool:
    """Whether somebody's picture and sound are not being written down; an applicant is told of their own."""
    if party.role not in OFFICERS:
        return session.applicant_leg() in session.unrecorded
    return any(person.online and person.leg in session.unrecorded for person in session.people.values())


def _requests(session: SessionState) -> tuple[RequestView, ...]:
    return tuple(
        RequestView(
            id=each.id,
            kind=each.kind,
            text=each.text,
            value=each.value,
            by=each.by,
            at=each.at,
            state=each.state,
            item=each.item,
            reason=each.reason,
        )
        for each in session.requests.values()
    )


def _message(message: Message, party: Party) -> MessageView:
    mine = is_own(party, message.sender, message.role)
    return MessageView(mine=mine, from_=message.name, role=message.role, text=message.text, at=message.at)


def is_own(party: Party, sender: str, role: str) -> bool:
    """Whether this came from `party`: of officers of one role each for themselves, an applicant from any browser."""
    return sender == party.id or role == party.role == "applicant"


def _quality(session: SessionState, party: Party) -> tuple[FindingView, ...]:
    """Officers see everybody's, others their own."""
    person = session.people.get(party.id)
    own = person.leg if person is not None else None
    return tuple(
        FindingView(leg=each.leg, about=each.about, finding=each.finding, since=each.since)
        for each in session.findings
        if each.finding != "good" and (party.role in OFFICERS or each.leg == own)
    )


def _device(session: SessionState) -> DeviceView | None:
    device = session.device
    if device is None:
        return None
    return DeviceView(
        camera=device.camera,
        microphone=device.microphone,
        kbps_up=device.kbps_up,
        loss_percent=device.loss_percent,
        battery=device.battery,
        browser=device.browser,
        at=device.at,
    )
