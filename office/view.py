"""What one party sees of any live session now: the part of the view that every kind has.

Sent whole after every change. The shape is the protocol's.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field

from office.queue import Queue


class NamedView(Struct, frozen=True, kw_only=True):
    name: str
    gloss: str


class MatterView(NamedView, frozen=True, kw_only=True):
    slug: str


class OfficeView(NamedView, frozen=True, kw_only=True):
    phone: str


class PersonView(Struct, frozen=True, kw_only=True):
    leg: str
    name: str
    role: str
    online: bool
    muted_audio: bool
    muted_video: bool
    since: datetime | None


class RequestView(Struct, frozen=True, kw_only=True):
    id: str
    kind: str
    text: str
    value: str | float | bool | None
    by: str
    at: datetime
    state: str
    item: str | None = None
    reason: str = ""


class MessageView(Struct, frozen=True, kw_only=True):
    """`mine`: whoever reads this said it."""

    mine: bool
    from_: str = field(name="from")
    role: str
    text: str
    at: datetime


class ConsentView(Struct, frozen=True, kw_only=True):
    version: str
    at: datetime


class InterruptionView(Struct, frozen=True, kw_only=True):
    from_: datetime = field(name="from")
    to: datetime | None
    cause: str
    leg: str


class FindingView(Struct, frozen=True, kw_only=True):
    """What is wrong now with a leg's picture (covered, dark, fast, blurred, still), or with the line on which it sends
    or receives (weak)."""

    leg: str
    about: str
    finding: str
    since: datetime


class SignerView(Struct, frozen=True, kw_only=True):
    role: str
    name: str
    state: str
    at: datetime | None


class DeviceView(Struct, frozen=True, kw_only=True):
    camera: bool
    microphone: bool
    kbps_up: float | None
    loss_percent: float | None
    battery: float | None
    browser: str
    at: datetime


class SessionView(Struct, frozen=True, kw_only=True):
    """`kind`: inspection or help."""

    kind: str
    record: str
    case_number: str
    phase: str
    you: str
    matter: MatterView
    business_name: str
    scheduled_at: datetime
    office: OfficeView
    now: datetime
    people: tuple[PersonView, ...]
    call: str | None
    call_started_at: datetime | None
    recording: bool
    requests: tuple[RequestView, ...]
    messages: tuple[MessageView, ...]
    consent: ConsentView | None
    device: DeviceView | None
    wait_message: MessageView | None
    interruptions: tuple[InterruptionView, ...]
    quality: tuple[FindingView, ...]
    mask: Mapping[str, bool]
    result: str | None
    signers: tuple[SignerView, ...]
    sheet_ready: bool
    queue: Queue | None
