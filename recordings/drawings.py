"""What an officer or agent pointed at and drew, as the replay lays it over the film at its moment. Pure."""

from collections.abc import Sequence
from datetime import datetime
from math import inf

import msgspec

from office.events import StoredEvent
from recordings.manifest import Manifest

POINTER_MS = 1500
"""A pointer is written at most once a second; after half a second more without one it has left the picture."""

MOST_LINES = 12
"""As in the call (helpdesk.state.MOST_MARKS): the oldest line goes for the thirteenth."""

# A mark is on the screen that is shared; when that goes, or another comes, marks go with it.
_WIPES = frozenset(
    {
        "officer:screen:cleared",
        "applicant:screen:shared",
        "applicant:screen:ended",
        "applicant:call:left",
        "applicant:person:left",
    }
)


class Drawing(msgspec.Struct, frozen=True):
    """A line over a leg's picture, or a pointer where it has one point. Points are shares of the picture's sides."""

    leg: str
    from_ms: int
    to_ms: int
    points: tuple[tuple[float, float], ...]


def drawings(manifest: Manifest, events: Sequence[StoredEvent]) -> list[Drawing]:
    """In order of their beginning. Pointers are on the applicant's camera, lines on their shared screen."""
    leg = next((one.leg for one in manifest.legs if one.role == "applicant"), None)
    origin = manifest.origin or manifest.cut_at
    if leg is None:
        return []
    done: list[Drawing] = []
    lines: list[tuple[int, tuple[tuple[float, float], ...]]] = []
    pointer: tuple[int, tuple[float, float]] | None = None

    def wipe(count: int, at: int) -> None:
        nonlocal lines
        done.extend(Drawing(f"{leg}:screen", begun, at, points) for begun, points in lines[:count])
        lines = lines[count:]

    def lift(at: float) -> None:
        nonlocal pointer
        if pointer is not None:
            done.append(Drawing(leg, pointer[0], int(min(at, pointer[0] + POINTER_MS)), (pointer[1],)))
            pointer = None

    for event in events:
        at = _ms(event.at, origin)
        if event.tag in _WIPES:
            wipe(len(lines), at)
        elif event.body_text is None:
            continue  # erased: nobody knows where any more
        elif event.tag == "officer:screen:marked":
            lines.append((at, tuple((spot["x"], spot["y"]) for spot in event.body["line"])))
            wipe(max(0, len(lines) - MOST_LINES), at)
        elif event.tag == "officer:pointer:moved":
            lift(at)
            pointer = (at, (event.body["x"], event.body["y"]))
    lift(inf)
    wipe(len(lines), manifest.length_ms)
    return sorted(done, key=lambda one: one.from_ms)


def _ms(at: datetime, origin: datetime) -> int:
    return int((at - origin).total_seconds() * 1000)
