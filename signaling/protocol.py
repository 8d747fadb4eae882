"""One WebSocket connection as a table of states: frames and times in, happenings out, no socket and no clock.

Theory of operation. A connection is `opened` (nothing said yet), `greeted` (hello read, welcome being made), `welcomed`
(the normal state) and `closing` (nothing more is read or sent). RECEIVE says which message of the client is allowed in
which state and what state follows; SEND says the same of ours. What the client does wrong is *theirs*: it becomes a
`Fault` that is answered with a stable code and, when it goes on, a `Cut`. What we do wrong is *ours*:
`LocalProtocolError` is raised where the mistake is made, and a test sees it.

    receive(text, now_s) -> happenings      now_s: monotonic seconds
    send(message) -> bytes                  the frame; remembers answers, so that a repeated id gets the same one

Limits are here and nowhere else: length (64 KiB, 256 KiB where the message carries SDP), rate (50 a second, a burst of
100), faults (20 bad messages or 500 over the rate end the connection), ten seconds to say hello.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from enum import Enum

import msgspec
from msgspec import Struct

from signaling import messages as m

HELLO_WITHIN_S = 10.0
"""A phone on a bad network needs three seconds from open to hello; an idle stranger costs little for ten."""
BURST_MESSAGES = 100
"""A client that was offline repeats what was not answered in one go."""
FAULTS_BEFORE_CUT = 20
OVER_RATE_BEFORE_CUT = 500
FORGIVEN_AFTER_S = 60.0
"""Both counts begin again each minute: an honest client makes a mistake now and then for three hours."""
ANSWERS_REMEMBERED = 128
"""On this connection; commands that changed something are remembered in the table, over connections and nodes."""

Param = str | int | float | bool | None


class State(Enum):
    OPENED = "opened"
    GREETED = "greeted"
    WELCOMED = "welcomed"
    CLOSING = "closing"


_REQUESTS: tuple[type[Struct], ...] = (m.Command, m.Publish, m.Subscribe, m.SubscribeAnswer, m.RestartIce)
_ANSWERS: tuple[type[Struct], ...] = (m.Done, m.Refused, m.Published, m.Offered)
_NEWS: tuple[type[Struct], ...] = (m.View, m.Slots, m.MediaMoved, m.Pointer, m.Notice, m.Pong)

RECEIVE: Mapping[State, Mapping[type[Struct], State]] = {
    State.OPENED: {m.Hello: State.GREETED, m.Ping: State.OPENED},
    State.GREETED: {m.Ping: State.GREETED},
    State.WELCOMED: dict.fromkeys((*_REQUESTS, m.Point, m.Ping), State.WELCOMED),
    State.CLOSING: {},
}

SEND: Mapping[State, Mapping[type[Struct], State]] = {
    State.OPENED: {m.Refused: State.OPENED, m.Pong: State.OPENED, m.Closing: State.CLOSING},
    State.GREETED: {
        m.Welcome: State.WELCOMED,
        m.Refused: State.GREETED,
        m.Pong: State.GREETED,
        m.Replaced: State.CLOSING,
        m.Closing: State.CLOSING,
    },
    State.WELCOMED: {
        **dict.fromkeys((*_ANSWERS, *_NEWS), State.WELCOMED),
        m.Replaced: State.CLOSING,
        m.Closing: State.CLOSING,
    },
    State.CLOSING: {},
}


class LocalProtocolError(Exception):
    """We tried to send what the state does not allow: a fault of this program."""


class Greeted(Struct, frozen=True):
    """The client said hello in a version we speak; a `Welcome` is owed."""

    hello: m.Hello


Request = m.Command | m.Publish | m.Subscribe | m.SubscribeAnswer | m.RestartIce


class Asked(Struct, frozen=True):
    """A request with an id: exactly one answer is owed (`Done`, `Published`, `Offered` or `Refused`)."""

    message: Request


class Pointed(Struct, frozen=True):
    x: float
    y: float


class Pinged(Struct, frozen=True):
    t: float


class Repeated(Struct, frozen=True):
    """An id that was answered before: send these bytes again, do nothing."""

    frame: bytes


class Fault(Struct, frozen=True):
    """Theirs: answer with `Refused(id, code)` in the person's language."""

    id: str | None
    code: str
    params: dict[str, Param]


class Cut(Struct, frozen=True):
    """Theirs, and enough: send `Closing(reason)` and close with `code`."""

    code: int
    reason: str


Happening = Greeted | Asked | Pointed | Pinged | Repeated | Fault | Cut


class Connection:
    """The state of one connection. Not thread-safe, does not know who the client is."""

    def __init__(self, now_s: float) -> None:
        self.state = State.OPENED
        self._opened_s = now_s
        self._tokens = float(BURST_MESSAGES)
        self._tokens_at = now_s
        self._faults = 0
        self._over_rate = 0
        self._counted_from_s = now_s
        # id → digest of the request, while its answer is owed.
        self._pending: dict[str, bytes] = {}
        # id → (digest of the request, frame of the answer).
        self._answers: OrderedDict[str, tuple[bytes, bytes]] = OrderedDict()

    # -- theirs

    def receive(self, text: str, now_s: float) -> list[Happening]:
        """What one text frame means. Never raises, whatever the frame holds."""
        if self.state is State.CLOSING:
            return []
        if now_s - self._counted_from_s > FORGIVEN_AFTER_S:
            self._faults, self._over_rate, self._counted_from_s = 0, 0, now_s
        if not self._take_token(now_s):
            return self._too_fast()
        size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if size > m.SDP_MESSAGE_LIMIT_BYTES:
            return self._fault(None, "W04", limit=m.SDP_MESSAGE_LIMIT_BYTES)
        try:
            message = m.decode_client(text)
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, UnicodeError, ValueError):
            # The parser's words are not passed on: they tell a stranger about us and a person nothing.
            return self._fault(_id_of(text), "W03")
        request_id = getattr(message, "id", None)
        if size > m.MESSAGE_LIMIT_BYTES and not isinstance(message, m.CARRIES_SDP):
            return self._fault(request_id, "W04", limit=m.MESSAGE_LIMIT_BYTES)
        following = RECEIVE[self.state].get(type(message))
        if following is None:
            return self._fault(request_id, "W01")
        if isinstance(message, m.Ping):
            return [Pinged(message.t)]
        if isinstance(message, m.Point):
            return [Pointed(message.x, message.y)]
        if isinstance(message, m.Hello):
            if message.version not in m.SUPPORTED_VERSIONS:
                fault = Fault(None, "W02", {"version": message.version, "supported": max(m.SUPPORTED_VERSIONS)})
                return [fault, Cut(m.CloseCode.PROTOCOL_ERROR, "protocol")]
            self.state = following
            return [Greeted(message)]
        self.state = following
        return self._request(message, text)

    def overdue(self, now_s: float) -> bool:
        """True if the client has not said hello in time."""
        return self.state is State.OPENED and now_s - self._opened_s > HELLO_WITHIN_S

    def _request(self, message: Request, text: str) -> list[Happening]:
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
        known = self._pending.get(message.id)
        answered = self._answers.get(message.id)
        if (known or (answered and answered[0]) or digest) != digest:
            return self._fault(message.id, "W06")
        if known is not None:
            return []  # its answer is on the way
        if answered is not None:
            return [Repeated(answered[1])]
        self._pending[message.id] = digest
        return [Asked(message)]

    def _take_token(self, now_s: float) -> bool:
        earned = max(0.0, now_s - self._tokens_at) * m.MESSAGES_PER_SECOND
        self._tokens = min(float(BURST_MESSAGES), self._tokens + earned)
        self._tokens_at = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _too_fast(self) -> list[Happening]:
        self._over_rate += 1
        if self._over_rate > OVER_RATE_BEFORE_CUT:
            return [Cut(m.CloseCode.PROTOCOL_ERROR, "protocol")]
        # One answer for a flood, or the flood would be doubled.
        return [Fault(None, "W05", {"limit": m.MESSAGES_PER_SECOND})] if self._over_rate == 1 else []

    def _fault(self, request_id: str | None, code: str, **params: Param) -> list[Happening]:
        self._faults += 1
        found: list[Happening] = [Fault(request_id, code, dict(params))]
        if self._faults >= FAULTS_BEFORE_CUT:
            found.append(Cut(m.CloseCode.PROTOCOL_ERROR, "protocol"))
        return found

    # -- ours

    def send(self, message: Struct) -> bytes:
        """The frame of a message, if the state allows it; raises `LocalProtocolError` otherwise."""
        following = SEND[self.state].get(type(message))
        if following is None:
            raise LocalProtocolError(f"{type(message).__name__} while {self.state.value}")
        frame = m.encode(message)
        request_id = getattr(message, "id", None)
        digest = self._pending.pop(request_id, None) if request_id is not None else None
        if request_id is not None and digest is not None:
            self._answers[request_id] = (digest, frame)
            if len(self._answers) > ANSWERS_REMEMBERED:
                self._answers.popitem(last=False)
        self.state = following
        return frame

    def may_send(self, message: type[Struct]) -> bool:
        """Whether `send` would accept a message of this type now."""
        return message in SEND[self.state]

    def close(self) -> None:
        """The socket is gone or going."""
        self.state = State.CLOSING


def _id_of(text: str) -> str | None:
    """The id of a message that is otherwise wrong, so that the client knows which one was refused."""
    try:
        found = msgspec.json.decode(text, type=_OnlyId).id
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, UnicodeError, ValueError):
        return None
    return found


class _OnlyId(Struct):
    id: m.MessageId | None = None


def clean_text(value: object, depth: int = 0) -> bool:
    """False if plain JSON data hold U+0000 (PostgreSQL's text refuses it) or nest deeper than any message of ours."""
    if depth > 16:
        return False
    if isinstance(value, str):
        return "\x00" not in value
    if isinstance(value, dict):
        return all(clean_text(key, depth + 1) and clean_text(inner, depth + 1) for key, inner in value.items())
    if isinstance(value, list):
        return all(clean_text(inner, depth + 1) for inner in value)
    return True


def resume_hash(token: str) -> str:
    """What is stored of a resume token (256 random bits that the client keeps): the table alone resumes nothing."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
