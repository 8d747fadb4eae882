"""What may be asked of a help service besides the shared commands.

The agent pushes step cards and the citizen ticks them; the citizen shares a screen and the agent draws on it; both send
files. What concerns the number as well (another window, the end) is put by the server only, together with what it does
to the ticket.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from office.commands import Command, Id, Line, Share, SharedCommand, SystemCommand, Text

Result = Literal["done", "referred", "unfinished"]
"""The matter is done; somebody else goes on with it; it stays open."""

CardStep = Annotated[str, Meta(min_length=1, max_length=120)]


class CardPush(Command, frozen=True, kw_only=True, tag="card.push"):
    """The agent gives the citizen a list of small steps."""

    title: Annotated[str, Meta(min_length=1, max_length=60)]
    steps: Annotated[list[CardStep], Meta(min_length=1, max_length=12)]


class CardTick(Command, frozen=True, kw_only=True, tag="card.tick"):
    """The citizen has done step number `step` (from 0), or takes that back."""

    card: Id
    step: Annotated[int, Meta(ge=0, le=11)]
    done: bool = True


class ScreenShare(Command, frozen=True, kw_only=True, tag="screen.share"):
    """The citizen's browser sends a screen from now on, or no longer."""

    on: bool


class Spot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place on the screen, as shares of its picture."""

    x: Share
    y: Share


class ScreenMark(Command, frozen=True, kw_only=True, tag="screen.mark"):
    """The agent draws one line on the shared screen, from spot to spot."""

    line: Annotated[list[Spot], Meta(min_length=2, max_length=32)]


class ScreenClear(Command, frozen=True, kw_only=True, tag="screen.clear"):
    """The agent takes all marks off."""


OwnCommand = CardPush | CardTick | ScreenShare | ScreenMark | ScreenClear
ClientCommand = SharedCommand | OwnCommand
"""Decode a client's command with `msgspec.json.decode(data, type=ClientCommand)`."""


# --- made by the server, never by a client ---------------------------------------------------------------------------


class TakeOver(Command, frozen=True, kw_only=True, tag="service.take"):
    """An agent leads the service from now on: the first, or the one at the window that it was handed over to."""

    staff: Id
    name: Line
    window: Line


class Offer(Command, frozen=True, kw_only=True, tag="service.offer"):
    """It is offered to another window; `papers`: what was seen or is still missing, for whoever takes it."""

    window: Line
    note: Text = ""
    papers: Annotated[tuple[Line, ...], Meta(max_length=20)] = ()


class GiveBack(Command, frozen=True, kw_only=True, tag="service.return"):
    """The offer is over and nobody took it."""

    cause: Literal["expired", "declined", "closed"]


class Park(Command, frozen=True, kw_only=True, tag="service.park"):
    """The number is parked while its call runs: the agent does something else meanwhile."""

    window: Line


class Drop(Command, frozen=True, kw_only=True, tag="service.drop"):
    """The number is finished and its call never began."""


class FileSend(Command, frozen=True, kw_only=True, tag="file.send"):
    """A file arrived whole: judged, its hash compared, its object stored before this command was made."""

    file: Id
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    bytes: int
    mime: Line


class Finish(Command, frozen=True, kw_only=True, tag="service.finish"):
    """The agent ends the service; the call ends with it."""

    result: Result
    note: Text = ""


AnyCommand = ClientCommand | TakeOver | Offer | GiveBack | Park | Drop | FileSend | Finish | SystemCommand
