"""Every millisecond of a call in exactly one class, for each person in it. Pure; the source of the second strip 秒带.

    interrupted  nothing was recorded: the person was not connected, or our own disk failed, as the cause says
    no_signal    connected, yet neither sound nor picture came
    masked       the picture was covered on an officer's order; the recording goes on
    muted        microphone or camera was switched off by the person, or sound did not come
    frozen       sound came, the picture stood still
    live         sound and picture came

The first that applies, from above. A person counts from joining the call to leaving it of their own will; the applicant
counts for the whole call, as without them there is no inspection.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

Class = Literal["live", "frozen", "muted", "masked", "no_signal", "interrupted"]
CLASSES: tuple[Class, ...] = ("live", "frozen", "muted", "masked", "no_signal", "interrupted")
RECORDED: frozenset[Class] = frozenset({"live", "muted", "masked"})  # recorded as it was; the rest is missing
EDGE_MS = 1000  # sound and picture do not begin and end on the same frame; what lies within a pause is not a class

Span = tuple[int, int]
"""[from, to) in ms of the session clock."""


class Segment(msgspec.Struct, frozen=True):
    """One stretch of one class; `cause` is a stable word, empty for live."""

    from_ms: int
    to_ms: int
    class_: Class = msgspec.field(name="class")
    cause: str = ""


class Stretch(msgspec.Struct, frozen=True):
    """What one epoch holds of a person, on the session clock."""

    span: Span
    video: tuple[Span, ...]
    audio: tuple[Span, ...]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides the classes of one person."""

    expected: tuple[Span, ...]
    stretches: tuple[Stretch, ...]
    masked: tuple[Span, ...] = ()
    muted_audio: tuple[Span, ...] = ()
    muted_video: tuple[Span, ...] = ()
    causes: tuple[tuple[Span, str], ...] = ()


def union(spans: Iterable[Span]) -> list[Span]:
    """The same milliseconds in rising, separate spans."""
    out: list[Span] = []
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((begin, end))
    return out


def _edges(stretch: Stretch, runs: tuple[Span, ...]) -> list[Span]:
    """Runs of an epoch, stretched to its ends where less than a pause is missing."""
    if not runs:
        return []
    begin, end = stretch.span
    found = [list(run) for run in runs]
    if found[0][0] - begin < EDGE_MS:
        found[0][0] = begin
    if end - found[-1][1] < EDGE_MS:
        found[-1][1] = end
    return [(run[0], run[1]) for run in found]


class _Cover:
    """Membership of a moment in a set of spans, for moments that rise."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = union(spans)
        self._at = 0

    def has(self, moment: int) -> bool:
        while self._at < len(self.spans) and self.spans[self._at][1] <= moment:
            self._at += 1
        return self._at < len(self.spans) and self.spans[self._at][0] <= moment


def classify(facts: Facts) -> list[Segment]:
    """Segments that cover `expected` without overlap or hole, in order."""
    connected = _Cover(stretch.span for stretch in facts.stretches)
    video = _Cover(span for stretch in facts.stretches for span in _edges(stretch, stretch.video))
    audio = _Cover(span for stretch in facts.stretches for span in _edges(stretch, stretch.audio))
    masked, no_mic, no_camera = _Cover(facts.masked), _Cover(facts.muted_audio), _Cover(facts.muted_video)
    expected = _Cover(facts.expected)
    covers = (connected, video, audio, masked, no_mic, no_camera, expected)
    edges = {edge for cover in covers for span in cover.spans for edge in span}
    edges |= {edge for span, _ in facts.causes for edge in span}
    moments = sorted(edges)
    out: list[Segment] = []
    for begin, end in itertools.pairwise(moments):
        if not expected.has(begin):
            continue
        class_, cause = _class(
            connected.has(begin),
            video.has(begin),
            audio.has(begin),
            masked.has(begin),
            no_mic.has(begin),
            no_camera.has(begin),
        )
        if class_ in ("interrupted", "no_signal", "frozen"):
            cause = next((word for span, word in facts.causes if span[0] <= begin < span[1]), cause)
        last = out[-1] if out else None
        if last is not None and last.to_ms == begin and (last.class_, last.cause) == (class_, cause):
            out[-1] = Segment(last.from_ms, end, class_, cause)
        else:
            out.append(Segment(begin, end, class_, cause))
    return out


def _class(connected: bool, video: bool, audio: bool, masked: bool, no_mic: bool, no_camera: bool) -> tuple[Class, str]:
    if not connected:
        return "interrupted", "connection"
    if not video and not audio and not (no_mic and no_camera):
        return "no_signal", "no_media"
    if masked:
        return "masked", "officer"
    if no_mic or no_camera:
        return "muted", "both" if no_mic and no_camera else "microphone" if no_mic else "camera"
    if not video:
        return "frozen", "no_picture"
    if not audio:
        return "muted", "no_sound"
    return "live", ""


def milliseconds(segments: Sequence[Segment]) -> dict[Class, int]:
    """Length of each class in ms; their sum is the length of the call for this person."""
    found: dict[Class, int] = dict.fromkeys(CLASSES, 0)
    for segment in segments:
        found[segment.class_] += segment.to_ms - segment.from_ms
    return found
