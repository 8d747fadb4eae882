"""Which source plays in which slot of whose subscribe connection: a pure function of who is there, with no memory.

Each leg of a record has a position, given when it joins and kept while it is there (column `legs.position`). A viewer
skips its own position, so seven people see each other in six slots:

    place = position if position < own else position - 1          own: the viewer's position
    audio → a<place>      camera → v<place>      screen → v<6 + place>

Because a position does not move while its leg is there, a slot keeps its source; because nothing is remembered, any
node computes the same list after any crash, and the worker is told the whole list each time. RFC 8843 §9 (MID).
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from signaling.messages import TrackKind

AUDIO_SLOTS = 6
"""Media sections for sound in the subscribe offer, a0 … a5."""
VIDEO_SLOTS = 12
"""Media sections for pictures, v0 … v11: six cameras, six screens."""
MOST_PEOPLE = AUDIO_SLOTS + 1
"""One's own voice needs no slot."""


class Source(Struct, frozen=True):
    """A leg that sends: where it sits and what it sends."""

    leg: str
    position: int
    tracks: frozenset[TrackKind]


class Filled(Struct, frozen=True):
    """One slot; `leg` and `kind` are None where nothing plays."""

    mid: str
    leg: str | None
    kind: TrackKind | None


def slots_for(own: int | None, own_leg: str | None, sources: Iterable[Source]) -> list[Filled]:
    """All eighteen slots of one viewer, in the order a0…a5, v0…v11. `own` is None for a viewer without a position."""
    playing: dict[str, tuple[str, TrackKind]] = {}
    for source in sources:
        if source.leg == own_leg:
            continue
        place = source.position if own is None or source.position < own else source.position - 1
        if not 0 <= place < AUDIO_SLOTS:
            continue
        for kind in source.tracks:
            playing[mid_of(kind, place)] = (source.leg, kind)
    mids = [f"a{n}" for n in range(AUDIO_SLOTS)] + [f"v{n}" for n in range(VIDEO_SLOTS)]
    return [Filled(mid, *playing.get(mid, (None, None))) for mid in mids]


def mid_of(kind: TrackKind, place: int) -> str:
    """The media section of a track of the leg at this place, 0 to 5."""
    if kind == "audio":
        return f"a{place}"
    return f"v{place}" if kind == "camera" else f"v{AUDIO_SLOTS + place}"


def free_position(taken: Sequence[int]) -> int | None:
    """The smallest free position, or None when the record is full."""
    return next((position for position in range(MOST_PEOPLE) if position not in taken), None)
