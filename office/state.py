"""The part of a session's state that every kind shares: what is true after an event. `office.fold` says how."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

from office.findings import Findings
from office.session import OFFICERS, Phase


class OfficeFacts(Struct, frozen=True, kw_only=True):
    """The office of a record, as known before the session."""

    code: str
    name: str
    gloss: str
    phone: str


class Officer(Struct, frozen=True):
    """`office`: the name of their own office, where it is not the record's."""

    id: str
    name: str
    office: str = ""


class Person(Struct, frozen=True, kw_only=True):
    """Somebody who was or is connected. `since`: when they joined, or left if they are not online."""

    id: str
    name: str
    role: str
    leg: str
    online: bool
    since: datetime
    muted_audio: bool = False
    muted_video: bool = False


class Consent(Struct, frozen=True):
    version: str
    at: datetime


class Device(Struct, frozen=True, kw_only=True):
    camera: bool
    microphone: bool
    kbps_up: float | None = None
    loss_percent: float | None = None
    battery: float | None = None
    browser: str = ""
    at: datetime


class Place(Struct, frozen=True, kw_only=True):
    lat: float
    lon: float
    accuracy_m: float
    distance_m: float | None
    at: datetime


class Message(Struct, frozen=True, kw_only=True):
    sender: str
    name: str
    role: str
    text: str
    at: datetime


class Request(Struct, frozen=True, kw_only=True):
    """Something an officer asked of the phone or its holder; `item` for a photograph of an item."""

    id: str
    kind: str
    text: str
    value: str | float | bool | None
    by: str
    at: datetime
    state: Literal["asked", "done", "refused"] = "asked"
    item: str | None = None
    reason: str = ""


class Gap(Struct, frozen=True, kw_only=True):
    """A stretch without the applicant; `end` None while it lasts."""

    start: datetime
    end: datetime | None
    cause: str
    leg: str


class Witness(Struct, frozen=True):
    """`id` is their invitation's."""

    id: str
    name: str


class Signer(Struct, frozen=True, kw_only=True):
    """`party`: a witness's invitation; everybody else is told by their role, of which there is one each."""

    role: str
    name: str
    party: str = ""
    state: Literal["waiting", "signed", "refused"] = "waiting"
    at: datetime | None = None

    def is_for(self, role: str, name: str) -> bool:
        return self.role == role and (role != "witness" or self.name == name)


class SessionState(Struct, frozen=True, kw_only=True):
    """What is true of the session after event `seq`. `location`: registered (latitude, longitude), where known."""

    record: str
    location: tuple[float, float] | None = None
    phase: Phase = "invited"
    seq: int = 0
    lead: Officer | None = None
    assist: Officer | None = None
    people: Mapping[str, Person] = {}
    witnesses: tuple[Witness, ...] = ()
    attended: frozenset[str] = frozenset()
    consent: Consent | None = None
    device: Device | None = None
    place: Place | None = None
    waiting_since: datetime | None = None
    wait_message: Message | None = None
    call: str | None = None
    calls: int = 0
    call_started_at: datetime | None = None
    messages: tuple[Message, ...] = ()
    requests: Mapping[str, Request] = {}
    gaps: tuple[Gap, ...] = ()
    masks: frozenset[str] = frozenset()
    unrecorded: frozenset[str] = frozenset()
    findings: Findings = ()
    result: str | None = None
    concluded_at: datetime | None = None
    signers: tuple[Signer, ...] = ()
    report_sha256: str | None = None
    coverage: float | None = None
    seal_sha256: str | None = None
    sealed: bool = False

    @property
    def gap(self) -> Gap | None:
        """The interruption that lasts now."""
        return self.gaps[-1] if self.gaps and self.gaps[-1].end is None else None

    @property
    def settled(self) -> bool:
        """Every person who should sign has signed or refused."""
        return bool(self.signers) and all(each.state != "waiting" for each in self.signers if each.role != "seal")

    def person_of(self, leg: str) -> Person | None:
        return next((person for person in self.people.values() if person.leg == leg), None)

    def applicant_leg(self) -> str | None:
        """Whoever stands for the applicant now: a replaced link makes a new person of the same role."""
        applicants = [person for person in self.people.values() if person.role == "applicant"]
        return max(applicants, key=lambda person: (person.online, person.since)).leg if applicants else None

    def officers_here(self) -> int:
        return sum(person.online for person in self.people.values() if person.role in OFFICERS)
