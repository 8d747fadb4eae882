"""What a person or the system may ask of any live session: msgspec structs, tagged on `do`.

Client commands arrive over the WebSocket; system commands are made by the server only (uploads, media events,
signatures) and are never decoded from a client. Every text and number carries its limit here, so that bad input is
refused before it reaches a rule.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from office.findings import About

Line = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=1000)]
"""A message or note: what a person types in one go."""
Id = Annotated[str, Meta(min_length=1, max_length=80)]
Version = Annotated[str, Meta(min_length=1, max_length=40)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Metres = Annotated[float, Meta(ge=0, le=1e7)]
Share = Annotated[float, Meta(ge=0, le=1)]


class Command(Struct, frozen=True, kw_only=True, tag_field="do", forbid_unknown_fields=True):
    """Base of all commands; the tag is the word of the protocol."""


class Fix(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position as the phone measured it, WGS84, accuracy as the radius in metres."""

    lat: Latitude
    lon: Longitude
    accuracy_m: Metres


# --- before the call -------------------------------------------------------------------------------------------------


class ConsentGive(Command, frozen=True, kw_only=True, tag="consent.give"):
    """The applicant agrees to be recorded, having read `version` of the text."""

    version: Version


class ConsentRefuse(Command, frozen=True, kw_only=True, tag="consent.refuse"):
    """The applicant does not agree: the case goes to an inspection on the spot, with no disadvantage."""


class DeviceReport(Command, frozen=True, kw_only=True, tag="device.report"):
    """What the phone found out about itself. `battery` 0..1; `loss_percent` 0..100."""

    camera: bool
    microphone: bool
    place: Fix | None = None
    kbps_up: Annotated[float, Meta(ge=0, le=1e7)] | None = None
    loss_percent: Annotated[float, Meta(ge=0, le=100)] | None = None
    battery: Share | None = None
    browser: Line = ""


class WaitEnter(Command, frozen=True, kw_only=True, tag="wait.enter"):
    """The applicant takes their place in the waiting room."""


class WaitMessage(Command, frozen=True, kw_only=True, tag="wait.message"):
    """An officer tells the waiting applicant something."""

    text: Annotated[str, Meta(min_length=1, max_length=300)]


# --- the call --------------------------------------------------------------------------------------------------------


class CallStart(Command, frozen=True, kw_only=True, tag="call.start"):
    """The lead opens the call; recording begins with it."""


class CallLeave(Command, frozen=True, kw_only=True, tag="call.leave"):
    """Somebody leaves on purpose; their place is kept."""


class CallEnd(Command, frozen=True, kw_only=True, tag="call.end"):
    """The lead ends the call after the result stands."""


class InterruptionReport(Command, frozen=True, kw_only=True, tag="interruption.report"):
    """The applicant's phone tells why picture or sound stopped, now or in hindsight (`ended_at` given)."""

    cause: Literal["phone_call", "hidden", "camera_lost", "network", "other"]
    started_at: datetime
    ended_at: datetime | None = None


class Say(Command, frozen=True, kw_only=True, tag="say"):
    text: Annotated[str, Meta(min_length=1, max_length=1000)]


class Ask(Command, frozen=True, kw_only=True, tag="ask"):
    """An officer asks the phone or its holder for something; `value` fits `kind` (torch: on/off, zoom: a factor)."""

    kind: Literal["torch", "lens", "zoom", "closer", "slower", "text"]
    value: str | float | bool | None = None
    text: Line = ""


class AskReply(Command, frozen=True, kw_only=True, tag="ask.reply"):
    request: Id
    done: bool
    reason: Line = ""


class PlaceReport(Command, frozen=True, kw_only=True, tag="place.report"):
    lat: Latitude
    lon: Longitude
    accuracy_m: Metres


class MuteReport(Command, frozen=True, kw_only=True, tag="mute.report"):
    kind: Literal["audio", "video"]
    muted: bool


class MaskSet(Command, frozen=True, kw_only=True, tag="mask.set"):
    """An officer covers or uncovers one leg's whole picture; the recording's clock runs on."""

    leg: Id
    on: bool


# --- made by the server, never by a client ---------------------------------------------------------------------------


class PersonJoin(Command, frozen=True, kw_only=True, tag="person.join"):
    """The acting party's connection stands; `leg` names it in this session."""

    leg: Id


class PersonLeave(Command, frozen=True, kw_only=True, tag="person.leave"):
    """The acting party's connection is gone and did not come back at once."""

    leg: Id
    cause: Literal["closed", "lost", "replaced"] = "lost"


class OfficerAssign(Command, frozen=True, kw_only=True, tag="officer.assign"):
    """A member of staff becomes lead or assisting officer of the record; `by`: id of whoever decided it.

    `office`: the name of their own office, where another one than the record's inspects jointly.
    """

    role: Literal["lead", "assist"]
    staff: Id
    name: Line
    by: str = ""
    office: str = ""


class WitnessName(Command, frozen=True, kw_only=True, tag="witness.name"):
    """Somebody shall sign the sheet as a witness; `invitation` is their own link, `by` whoever decided it."""

    invitation: Id
    name: Line
    by: str = ""


class LegUp(Command, frozen=True, kw_only=True, tag="leg.up"):
    leg: Id
    direction: Literal["publish", "subscribe"]


class LegDown(Command, frozen=True, kw_only=True, tag="leg.down"):
    leg: Id
    direction: Literal["publish", "subscribe"]
    cause: Line = ""


class MediaInterrupted(Command, frozen=True, kw_only=True, tag="media.interrupted"):
    """The worker gets no media of this leg any more."""

    leg: Id
    cause: Line


class MediaResumed(Command, frozen=True, kw_only=True, tag="media.resumed"):
    leg: Id


class RecordingLost(Command, frozen=True, kw_only=True, tag="recording.lost"):
    """The call goes on and this leg is not recorded, for a reason of ours: `cause` is the worker's word for it."""

    leg: Id
    cause: Line


class RecordingBack(Command, frozen=True, kw_only=True, tag="recording.back"):
    """It is recorded again."""

    leg: Id


class QualityNote(Command, frozen=True, kw_only=True, tag="quality.note"):
    """What the worker finds of a leg's picture, or of the line on which it sends or receives, since `at`."""

    leg: Id
    about: About
    finding: Literal["good", "covered", "dark", "fast", "blurred", "still", "weak"]
    at: datetime


class PointerMoved(Command, frozen=True, kw_only=True, tag="pointer.moved"):
    """Where an officer pointed, at most one event a second; x, y as shares of the picture."""

    x: Share
    y: Share


class PhotoTaken(Command, frozen=True, kw_only=True, tag="photo.taken"):
    """A photograph arrived whole: its hash was compared and its object stored before this command was made."""

    photo: Id
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    bytes: int
    width: int
    height: int
    mime: Line
    taken_at: datetime | None = None
    item: Id | None = None
    request: Id | None = None


class ReportBuilt(Command, frozen=True, kw_only=True, tag="report.built"):
    """The sheet exists as an object; `coverage` is its share of the call in per cent up to the cut."""

    object: Line
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    coverage: float | None = None


class SignatureMade(Command, frozen=True, kw_only=True, tag="signature.made"):
    role: Id
    name: Line
    revision_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    certificate: str = ""


class SignatureRefused(Command, frozen=True, kw_only=True, tag="signature.refused"):
    role: Id
    name: Line
    reason: Text = ""


class SealMade(Command, frozen=True, kw_only=True, tag="seal.made"):
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    object: Line


class RecordSealed(Command, frozen=True, kw_only=True, tag="record.sealed"):
    """The final manifest stands; nothing of the recording is outstanding."""

    sha256: str = ""
    object: Line = ""


SharedCommand = (
    ConsentGive
    | ConsentRefuse
    | DeviceReport
    | WaitEnter
    | WaitMessage
    | CallStart
    | CallLeave
    | CallEnd
    | InterruptionReport
    | Say
    | Ask
    | AskReply
    | PlaceReport
    | MuteReport
    | MaskSet
)
"""What a client may send to any kind of live session."""

SystemCommand = (
    PersonJoin
    | PersonLeave
    | OfficerAssign
    | WitnessName
    | LegUp
    | LegDown
    | MediaInterrupted
    | MediaResumed
    | RecordingLost
    | RecordingBack
    | QualityNote
    | PointerMoved
    | PhotoTaken
    | ReportBuilt
    | SignatureMade
    | SignatureRefused
    | SealMade
    | RecordSealed
)
"""What only the server itself may put to a live session."""
