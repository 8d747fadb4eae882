"""Every message on the WebSocket ``/api/ws?record=…``: one struct per message, two tagged unions, nothing else.

Text frames of JSON. The field ``type`` names the message. What the people of a record do (answers, steps, requests)
is not listed here: it travels inside ``command`` and ``view`` and belongs to the kind of session
(``office.session.SessionKind``), so a further kind needs no further message. Unknown fields are refused: a typing
error is found by its author, not by an auditor.

docs/protocol.md lists the same messages and limits; a test compares both.
"""

from datetime import datetime
from typing import Annotated, Literal, Union

import msgspec
from msgspec import Meta, Raw, Struct

# Raised when a message changes its meaning; a node answers exactly the versions it lists.
PROTOCOL_VERSION = 1
SUPPORTED_VERSIONS = frozenset({PROTOCOL_VERSION})

# A view answers a whole checklist, a command one item: 64 KiB is a hundred times the largest honest command.
MESSAGE_LIMIT_BYTES = 64 * 1024
# Browsers' offers with three tracks are 5–8 KiB; with many candidates 40 KiB. Only messages with SDP get this room.
SDP_MESSAGE_LIMIT_BYTES = 256 * 1024
# A pointer moves at most 20 times a second; 50 leaves room for answers, photos' notices and pings.
MESSAGES_PER_SECOND = 50

MessageId = Annotated[str, Meta(min_length=1, max_length=64, description="made by the client; the answer repeats it")]
Sdp = Annotated[str, Meta(max_length=SDP_MESSAGE_LIMIT_BYTES, description="session description (RFC 8866)")]
Mid = Annotated[str, Meta(max_length=16, description="media identification in the SDP (RFC 8843)")]
Share = Annotated[float, Meta(ge=0, le=1, description="share of the picture's width or height, 0 to 1")]
TrackKind = Literal["audio", "camera", "screen"]
Direction = Literal["publish", "subscribe"]


class CloseCode:
    """WebSocket close codes (RFC 6455 §7.4; 4000–4999 are ours) and what a client does then."""

    GOING_AWAY = 1001  # the node stops: connect again, any node will do
    UNSUPPORTED_DATA = 1003  # a binary frame: a fault of the client, do not repeat
    MESSAGE_TOO_BIG = 1009  # over the limit: a fault of the client, do not repeat
    TRY_AGAIN_LATER = 1013  # the node is full or cannot reach its database: connect again with growing pauses
    REPLACED = 4001  # the same person joined on another device: do not connect again by itself
    TOO_SLOW = 4002  # the client did not read for too long: connect again with `resume`
    PROTOCOL_ERROR = 4003  # no hello, unknown version, or too many bad messages: do not repeat
    NOT_ALLOWED = 4004  # not logged in, or not of this record: log in again
    SILENT = 4005  # nothing heard for too long: connect again with `resume`
    FINISHED = 4006  # the record is closed and there is nothing left to do


# ---------------------------------------------------------------------------------------------- client → server


class Hello(Struct, frozen=True, tag="hello", forbid_unknown_fields=True):
    """First message of a connection, within ten seconds.

    ``resume`` is the token of the last ``welcome``; it keeps the leg over a reconnect.
    ``view_only``: look at the record without taking part in the call (the desk's list, a second window).
    """

    version: int
    resume: Annotated[str, Meta(max_length=512)] | None = None
    view_only: bool = False


class Command(Struct, frozen=True, tag="command", forbid_unknown_fields=True):
    """One act of a person. ``command`` is a union of the session's kind, tagged by ``do``.

    The id makes it safe to send twice: after a reconnect the client repeats what was not answered
    and gets the first answer.
    """

    id: MessageId
    command: Raw


class TrackOffer(Struct, frozen=True, forbid_unknown_fields=True):
    """Which media section of the offer is which track."""

    mid: Mid
    kind: TrackKind


class Publish(Struct, frozen=True, tag="publish", forbid_unknown_fields=True):
    """The browser offers its own tracks on a connection of their own; answered by ``published``."""

    id: MessageId
    offer: Sdp
    tracks: Annotated[list[TrackOffer], Meta(min_length=1, max_length=3)]


class Subscribe(Struct, frozen=True, tag="subscribe", forbid_unknown_fields=True):
    """Asks for the server's one offer with all slots; answered by ``offered``."""

    id: MessageId


class SubscribeAnswer(Struct, frozen=True, tag="subscribe.answer", forbid_unknown_fields=True):
    """The browser's answer to ``offered``; ``id`` is a new one and is answered by ``done``, then ``slots`` follows."""

    id: MessageId
    answer: Sdp


class RestartIce(Struct, frozen=True, tag="restart.ice", forbid_unknown_fields=True):
    """New network, same keys (RFC 8445 §2.4).

    ``publish``: the browser offers. ``subscribe``: ``offer`` is null and the server offers.
    """

    id: MessageId
    direction: Direction
    offer: Sdp | None = None


class Point(Struct, frozen=True, tag="point", forbid_unknown_fields=True):
    """A finger on the picture; shown to everybody else at once, written down at most once a second. Not answered."""

    x: Share
    y: Share


class Ping(Struct, frozen=True, tag="ping", forbid_unknown_fields=True):
    """Asks for ``pong``: the client measures the way there and back and the difference of the clocks."""

    t: float


ClientMessage = Union[Hello, Command, Publish, Subscribe, SubscribeAnswer, RestartIce, Point, Ping]  # noqa: UP007 - introspected

# ---------------------------------------------------------------------------------------------- server → client


class You(Struct, frozen=True):
    """Who the server takes the connection for. ``leg`` is null for a connection that only views."""

    id: str
    leg: str | None
    role: str
    name: str


class IceServer(Struct, frozen=True):
    """One entry of the browser's ``RTCConfiguration.iceServers``."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class Welcome(Struct, frozen=True, tag="welcome"):
    """Answer to ``hello``: who you are, the whole view, and the token that keeps the leg over a reconnect."""

    version: int
    you: You
    resume: str
    view: Raw
    seq: int
    ice_servers: list[IceServer]


class View(Struct, frozen=True, tag="view"):
    """The whole view after a change, filtered by role; ``seq`` is the last event in it. At most ten a second."""

    view: Raw
    seq: int


class Done(Struct, frozen=True, tag="done"):
    """A ``command`` or ``subscribe.answer`` was carried out. ``result.seq`` is the last event it wrote, if any."""

    id: str
    result: dict[str, str | int | float | bool | None]


class Refused(Struct, frozen=True, tag="refused"):
    """Nothing was changed. ``code`` is stable, ``text`` is for the person, in their language.

    ``id`` is null if it could not be read.
    """

    id: str | None
    code: str
    text: str
    params: dict[str, str | int | float | bool | None]


class Published(Struct, frozen=True, tag="published"):
    """Answer to ``publish`` and to ``restart.ice`` of that direction."""

    id: str
    answer: str


class Offered(Struct, frozen=True, tag="offered"):
    """Answer to ``subscribe`` and to ``restart.ice`` of that direction."""

    id: str
    offer: str


class Slot(Struct, frozen=True):
    """What plays in one media section of the subscribe connection. ``leg`` null: nothing at the moment."""

    mid: str
    leg: str | None
    kind: TrackKind | None
    name: str
    role: str


class Slots(Struct, frozen=True, tag="slots"):
    """Which source plays in which slot; always the whole list. A slot keeps its source while the source is there."""

    slots: list[Slot]


class MediaMoved(Struct, frozen=True, tag="media.moved"):
    """The call's media go on elsewhere: drop both peer connections, then ``publish`` and ``subscribe`` again."""

    call: str
    reason: Literal["worker_lost", "worker_drained", "session_lost"]


class Pointer(Struct, frozen=True, tag="pointer"):
    """Somebody points; ``from`` is their leg, or their id if they only view."""

    x: float
    y: float
    from_: str = msgspec.field(name="from")


class Notice(Struct, frozen=True, tag="notice"):
    """Something a person should know that is no answer to them."""

    code: str
    text: str
    level: Literal["info", "warning", "error"]


class Replaced(Struct, frozen=True, tag="replaced"):
    """Another device took over; close 4001 follows."""


class Pong(Struct, frozen=True, tag="pong"):
    """``t`` of the ping, and the server's time."""

    t: float
    now: datetime


class Closing(Struct, frozen=True, tag="closing"):
    """The server is about to close the connection, and why; the close code says what to do then."""

    reason: Literal["stopping", "too_slow", "protocol", "not_allowed", "silent", "finished", "unavailable"]


ServerMessage = Union[  # noqa: UP007 - introspected
    Welcome, View, Done, Refused, Published, Offered, Slots, MediaMoved, Pointer, Notice, Replaced, Pong, Closing
]

CLIENT_MESSAGES: tuple[type[Struct], ...] = ClientMessage.__args__  # type: ignore[attr-defined]
SERVER_MESSAGES: tuple[type[Struct], ...] = ServerMessage.__args__  # type: ignore[attr-defined]
# Only these may be as long as SDP_MESSAGE_LIMIT_BYTES.
CARRIES_SDP: tuple[type[Struct], ...] = (Publish, SubscribeAnswer, RestartIce)

_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_server_decoder: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)
_encoder = msgspec.json.Encoder()


def decode_client(data: bytes | str) -> ClientMessage:
    """One client message.

    Raises ``msgspec.ValidationError``, ``msgspec.DecodeError``, ``RecursionError`` (nested too deeply).
    """
    return _decoder.decode(data)


def decode_server(data: bytes | str) -> ServerMessage:
    """One server message: for clients written in Python (tests, load)."""
    return _server_decoder.decode(data)


def encode(message: Struct) -> bytes:
    """The text frame of one message, UTF-8."""
    return _encoder.encode(message)
