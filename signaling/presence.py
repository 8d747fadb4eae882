"""When somebody counts as gone: a pure function of rows, times and what is known of the nodes.

    up ──socket lost──► lost ──grace over──► down ──socket──► up
     └──node dead───────────────────────────► down         lost ──socket──► up (nothing was written)

A socket that is lost is given a grace before the record says so, because pages reload and phones change networks. A
node that dies takes its sockets with it and cannot say so: it has been silent for as long as the grace by then, so its
legs go down at once. Sound and picture are judged apart from the socket: a leg that has sent and of which nothing has
come for as long has stalled, whatever its socket does.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from signaling.messages import TrackKind
from signaling.store import Leg

GRACE_S = 3.0
"""A reload takes one to two seconds on a cheap phone; the officer shall see a lost applicant within three."""

Cause = Literal["closed", "lost", "replaced"]


class Gone(Struct, frozen=True):
    """This leg is to go down, if its row is still what it was. `cause` as in office.commands.PersonLeave."""

    leg: Leg
    cause: Cause
    detail: Literal["socket", "node"]


class Stalled(Struct, frozen=True):
    """Nothing of what this leg sends has come for the grace."""

    leg: Leg


class Flowing(Struct, frozen=True):
    """It comes again."""

    leg: Leg


Due = Gone | Stalled | Flowing


def due(
    legs: Iterable[Leg],
    now: datetime,
    *,
    grace: timedelta,
    node_is_dead: Callable[[str], bool],
    silent_since: Mapping[str, datetime | None],
) -> list[Due]:
    """What has to be written now. `silent_since`: by leg, since when no track of it flows; None: it flows; absent:
    nothing is known, so nothing is said. A leg that sends nothing does not flow, whatever was heard: its call has
    moved, and what is known of it is what the lost worker said."""
    found: list[Due] = []
    for leg in legs:
        if leg.state == "up" and node_is_dead(leg.node):
            found.append(Gone(leg, "lost", "node"))
        elif leg.state == "lost" and now - leg.since >= grace:
            found.append(Gone(leg, "closed" if leg.cause == "closed" else "lost", "socket"))
        if leg.leg not in silent_since:
            continue
        since = silent_since[leg.leg]
        if since is None and leg.stalled and leg.tracks:
            found.append(Flowing(leg))
        elif since is not None and not leg.stalled and now - since >= grace:
            found.append(Stalled(leg))
    return found


class Flow:
    """What the worker's events say of one leg's tracks: which have come, and since when each is silent."""

    def __init__(self) -> None:
        self._since: dict[TrackKind, datetime | None] = {}

    def flowing(self, kind: TrackKind) -> None:
        self._since[kind] = None

    def stalled(self, kind: TrackKind, since: datetime) -> None:
        self._since[kind] = since

    def ended(self, at: datetime) -> None:
        """The connection has gone: everything that flowed stopped now."""
        self._since = {kind: since or at for kind, since in self._since.items()} or {"audio": at}

    @property
    def silent_since(self) -> datetime | None:
        """None while any track flows; otherwise since when the last one does not."""
        times = [since for since in self._since.values() if since is not None]
        return max(times) if times and len(times) == len(self._since) else None

    @property
    def known(self) -> bool:
        return bool(self._since)
