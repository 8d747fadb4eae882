"""What a node may ask of a media worker and what the worker tells: the messages, and nothing else.

Requests and replies travel on ``media.worker.<worker>``, events on ``media.events.<session>``, the heartbeat on
``media.heartbeat``; all are JSON, told apart by the field ``type`` (the name of the message). Times are wall clock
nanoseconds since 1970 (UTC). A session is a call; a leg is one participant's stay in it.
"""

from typing import Any, Literal

import msgspec

Kind = Literal["audio", "camera", "screen"]
Direction = Literal["publish", "subscribe"]
PictureFinding = Literal["good", "covered", "dark", "fast", "blurred", "still"]

AUDIO_SLOTS = 6  # a call seats six people
VIDEO_SLOTS = 12  # each with a camera and a screen
SLOT_MIDS: tuple[str, ...] = tuple(f"a{n}" for n in range(AUDIO_SLOTS)) + tuple(f"v{n}" for n in range(VIDEO_SLOTS))


class _Message(msgspec.Struct, frozen=True, tag_field="type", tag=True, forbid_unknown_fields=True):
    """Base of every message: immutable, and refused as a whole when a field is unknown."""


class TrackSpec(msgspec.Struct, frozen=True):
    """Which m-line of the offer carries what."""

    mid: str
    kind: Kind


class SlotSpec(msgspec.Struct, frozen=True):
    """Which source plays in a viewer's slot; an empty ``source_leg`` empties the slot."""

    mid: str
    source_leg: str
    kind: Kind


# --- requests ---------------------------------------------------------------------------------------------------------


class OpenLeg(_Message, frozen=True):
    """Admit a participant to a session; the first leg opens the session. ``watched``: what its camera shows is looked
    at, for advice."""

    session: str
    record: str
    leg: str
    recorded: bool
    watched: bool = False


class Publish(_Message, frozen=True):
    """A leg's browser offers to send; a second one replaces the first connection (a new epoch begins)."""

    session: str
    leg: str
    offer: str
    tracks: list[TrackSpec]
    record: str = ""


class Subscribe(_Message, frozen=True):
    """A leg wants to receive: the worker makes the one offer with all slots."""

    session: str
    leg: str
    record: str = ""


class SubscribeAnswer(_Message, frozen=True):
    """The browser's answer to the worker's offer."""

    session: str
    leg: str
    answer: str
    record: str = ""


class AssignSlots(_Message, frozen=True):
    """What the leg's slots play from now on; slots not named stay as they are."""

    session: str
    leg: str
    slots: list[SlotSpec]
    record: str = ""


class Gate(_Message, frozen=True):
    """Stop (or resume) forwarding one track of a leg to everybody; recording goes on and carries a mark."""

    session: str
    leg: str
    kind: Kind
    open: bool
    record: str = ""


class RestartIce(_Message, frozen=True):
    """New ICE credentials on the same DTLS connection, after the client's address changed."""

    session: str
    leg: str
    direction: Direction
    offer: str | None = None
    record: str = ""


class CloseLeg(_Message, frozen=True):
    """The participant left."""

    session: str
    leg: str
    record: str = ""


class CloseSession(_Message, frozen=True):
    """The call is over: every connection and every journal is closed."""

    session: str
    record: str = ""


class Probe(_Message, frozen=True):
    """Ask for figures of a session."""

    session: str
    record: str = ""


Request = (
    OpenLeg | Publish | Subscribe | SubscribeAnswer | AssignSlots | Gate | RestartIce | CloseLeg | CloseSession | Probe
)


# --- replies ----------------------------------------------------------------------------------------------------------


class Done(_Message, frozen=True):
    """The request was carried out."""


class Published(_Message, frozen=True):
    """SDP answer to a publishing browser."""

    answer: str


class Offered(_Message, frozen=True):
    """SDP offer to a viewing browser."""

    offer: str


class SessionClosed(_Message, frozen=True):
    """Ids of all recorded epochs of the session, in the order they began."""

    epochs: list[str]


class LegStats(msgspec.Struct, frozen=True):
    """Counters of one connection of a leg since it came up; loss is a share of 1, of the last two seconds."""

    leg: str
    direction: Direction
    connected: bool
    packets: int
    bytes: int
    lost: int
    recovered: int
    loss: float
    rtt_ms: float | None
    kbps: float
    over_tcp: bool


class SessionStats(_Message, frozen=True):
    """Reply to Probe."""

    legs: list[LegStats]
    epochs: list[str]


class MediaRefused(_Message, frozen=True):
    """The request was refused whole; ``code`` is stable, ``reason`` is for the log."""

    code: str
    reason: str


Reply = Done | Published | Offered | SessionClosed | SessionStats | MediaRefused


# --- events -----------------------------------------------------------------------------------------------------------


class LegUp(_Message, frozen=True):
    """A connection of the leg has keys: media can flow."""

    session: str
    leg: str
    direction: Direction
    at_ns: int


class LegDown(_Message, frozen=True):
    """A connection of the leg has ended: consent_expired, dtls_failed, dtls_closed, setup_timeout, replaced, closed."""

    session: str
    leg: str
    direction: Direction
    cause: str
    at_ns: int


class EpochOpened(_Message, frozen=True):
    """A continuous stretch of recorded media begins."""

    session: str
    leg: str
    epoch: str
    at_ns: int


class EpochClosed(_Message, frozen=True):
    """It has ended, and why: replaced, closed, new_source, clock_jump or the cause of the LegDown."""

    session: str
    leg: str
    epoch: str
    reason: str
    at_ns: int


class MediaStalled(_Message, frozen=True):
    """No packet of this track since ``since_ns``, though the connection stands."""

    session: str
    leg: str
    kind: Kind
    since_ns: int


class MediaFlowing(_Message, frozen=True):
    """The track's first packet, or its first after a stall."""

    session: str
    leg: str
    kind: Kind
    at_ns: int


class RecordingFault(_Message, frozen=True):
    """This leg is not recorded since ``at_ns``; the call goes on. ``code``: disk_full, disk_slow, disk_read_only,
    disk_failed, journal_taken or write_failed."""

    session: str
    leg: str
    code: str
    at_ns: int


class RecordingResumed(_Message, frozen=True):
    """It is recorded again: on another disk, or because this one can be used again."""

    session: str
    leg: str
    at_ns: int


class Quality(_Message, frozen=True):
    """How one direction of a leg has been over the last two seconds; loss is a share of 1."""

    session: str
    leg: str
    direction: Direction
    loss: float
    rtt_ms: float | None
    kbps: float


class PictureJudged(_Message, frozen=True):
    """What is to be said of a watched leg's camera since ``at_ns``, good included: when it changes, and again every
    20 s for nodes that did not hear."""

    session: str
    leg: str
    finding: PictureFinding
    at_ns: int


class LineJudged(_Message, frozen=True):
    """Whether a direction of a leg is too weak to inspect by since ``at_ns``; told as often."""

    session: str
    leg: str
    direction: Direction
    weak: bool
    at_ns: int


class Disk(msgspec.Struct, frozen=True):
    """A folder of journals: its number in the settings (0 is the first), free space of its disk as a share of 1, and
    what is wrong with it, if anything."""

    number: int
    free_share: float
    fault: str | None = None


class WorkerAlive(_Message, frozen=True):
    """Heartbeat; ``load`` is the share of one core in use, and a draining worker takes no new session."""

    worker: str
    at_ns: int
    sessions: int
    legs: int
    load: float
    draining: bool
    disks: tuple[Disk, ...] = ()

    @property
    def records(self) -> bool:
        """Whether a recording could be begun here now."""
        return not self.disks or any(disk.fault is None for disk in self.disks)


Event = (
    LegUp
    | LegDown
    | EpochOpened
    | EpochClosed
    | MediaStalled
    | MediaFlowing
    | RecordingFault
    | RecordingResumed
    | Quality
    | PictureJudged
    | LineJudged
)

_encoder = msgspec.json.Encoder()
_requests: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Request)
_replies: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Reply)
_events: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Event)
_heartbeats = msgspec.json.Decoder(WorkerAlive)


def encode(message: Request | Reply | Event | WorkerAlive) -> bytes:
    """One message as JSON."""
    return _encoder.encode(message)


def decode_request(data: bytes) -> Request:
    """A node's request. Raises msgspec.DecodeError (a ValueError) on anything else."""
    request: Request = _requests.decode(data)
    return request


def decode_reply(data: bytes) -> Reply:
    """A worker's reply. Raises msgspec.DecodeError on anything else."""
    reply: Reply = _replies.decode(data)
    return reply


def decode_event(data: bytes) -> Event:
    """A worker's event. Raises msgspec.DecodeError on anything else."""
    event: Event = _events.decode(data)
    return event


def decode_heartbeat(data: bytes) -> WorkerAlive:
    """A worker's heartbeat. Raises msgspec.DecodeError on anything else."""
    return _heartbeats.decode(data)
