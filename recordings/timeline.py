"""Time as a place: a record's events and its manifest as marks and strips that an auditor jumps along. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from office.events import StoredEvent
from recordings.coverage import Segment
from recordings.drawings import Drawing, drawings
from recordings.manifest import LegEntry, Manifest
from recordings.mark_words import CAUSES, FINDINGS, ROLES, STEPS, WORDS, Pair
from recordings.stretches import QualityStretch, stretches

Kind = Literal["answer", "photo", "step", "signature", "gap", "message", "call"]


class Wording(Protocol):
    """How a kind of record names its items and answers; pairs are (Chinese, English)."""

    @property
    def kind(self) -> str:
        """inspection or help."""
        ...

    @property
    def roles(self) -> Mapping[str, Pair]:
        """Of people, where they differ from `mark_words.ROLES`."""
        ...

    @property
    def results(self) -> Mapping[str, Pair]:
        """By the word of the event that closed the record."""
        ...

    def item(self, item: str) -> Pair: ...

    def answer(self, event: StoredEvent) -> tuple[str | None, Pair]: ...


class ClusterMark(msgspec.Struct, frozen=True, array_like=True):
    """[n, t_ms, d_ms, bytes, keyframe 0|1] of a cluster; times within its epoch."""

    n: int
    t_ms: int
    d_ms: int
    bytes: int
    keyframe: int


class EpochLine(msgspec.Struct, frozen=True):
    """One file to play: where it begins on the session clock, give or take `error_ms`."""

    epoch: str
    start_ms: int
    error_ms: int
    length_ms: int
    mime: str
    closed: bool
    clusters: list[ClusterMark]


class LegLine(msgspec.Struct, frozen=True):
    """One person's row: files and the second strip. A shared screen is a row of its own, while it is shared."""

    leg: str
    name: str
    role: str
    epochs: list[EpochLine]
    strip: tuple[Segment, ...]
    quality: tuple[QualityStretch, ...] = ()


class MarkLine(msgspec.Struct, frozen=True):
    """One place to jump to. `verdict` is what an answer came to: conforms, fails, na, not_seen; None while open.
    `photo` and `file` can be opened there."""

    at_ms: int
    seq: int
    tag: str
    kind: Kind
    text_zh: str
    text_en: str
    item: str | None = None
    photo: str | None = None
    file: str | None = None
    verdict: str | None = None


class Timeline(msgspec.Struct, frozen=True):
    """All that the replay page draws. Times in ms of the session clock; `start` is its zero."""

    record: str
    kind: str
    start: datetime
    length_ms: int
    live: bool
    legs: list[LegLine]
    marks: list[MarkLine]
    drawings: list[Drawing]
    coverage_percent: float


def timeline(
    manifest: Manifest,
    events: Sequence[StoredEvent],
    clusters: Mapping[str, list[ClusterMark]],
    *,
    live: bool,
    wording: Wording,
) -> Timeline:
    """The time line of what is on record, in the words of its kind."""
    origin = manifest.origin or manifest.cut_at
    poor = stretches(events, origin, manifest.length_ms)
    legs: list[LegLine] = []
    for leg in manifest.legs:
        for kind in ("camera", "screen"):
            lines = [
                EpochLine(
                    epoch.epoch,
                    epoch.start_ms,
                    epoch.error_ms,
                    epoch.length_ms,
                    epoch.mime,
                    epoch.closed,
                    list(clusters.get(epoch.epoch, ())),
                )
                for epoch in manifest.epochs
                if epoch.leg in leg.legs and epoch.kind == kind
            ]
            if kind == "camera":
                quality = tuple(stretch for whose, stretch in poor if whose in leg.legs)
                legs.append(LegLine(leg.leg, leg.name, leg.role, lines, leg.segments, quality))
            elif lines:
                legs.append(LegLine(f"{leg.leg}:screen", leg.name, "screen", lines, leg.screen))
    marks = [mark for event in events if (mark := _mark(event, origin, wording)) is not None]
    marks += [
        _gap(leg, segment, wording)
        for leg in manifest.legs
        for segment in leg.segments
        if segment.class_ == "interrupted"
    ]
    return Timeline(
        record=manifest.record,
        kind=wording.kind,
        start=origin,
        length_ms=manifest.length_ms,
        live=live,
        legs=legs,
        drawings=drawings(manifest, events),
        marks=sorted(marks, key=lambda mark: (mark.at_ms, mark.seq)),
        coverage_percent=manifest.coverage.percent,
    )


# Gaps are drawn from the manifest and poor quality as stretches: both know how long they were.
_DRAWN = frozenset(
    {
        "pointer:moved",
        "leg:up",
        "leg:down",
        "media:interrupted",
        "media:resumed",
        "recording:resumed",
        "quality:changed",
    }
)


def _kind(tag: str) -> Kind | None:
    what = tag.partition(":")[2]
    subject = what.partition(":")[0]
    if what in _DRAWN:
        return None
    kinds: dict[str, Kind] = {
        "answer": "answer",
        "photo": "photo",
        "step": "step",
        "signature": "signature",
        "sheet": "signature",
        "seal": "signature",
        "report": "signature",
        "record": "signature",
        "message": "message",
        "file": "message",
        "request": "message",
        "wait": "message",
        "interruption": "gap",
        "recording": "gap",
    }
    return kinds.get(subject, "call")


def _mark(event: StoredEvent, origin: datetime, wording: Wording) -> MarkLine | None:
    kind = _kind(event.tag)
    if kind is None:
        return None
    zh, en = words(event, wording)
    at_ms = int((event.at - origin).total_seconds() * 1000)
    item, photo, file = (event.body.get(word) for word in ("item", "photo", "file"))
    return MarkLine(
        at_ms,
        event.seq,
        event.tag,
        kind,
        zh,
        en,
        str(item) if item else None,
        str(photo) if photo else None,
        str(file) if file else None,
        wording.answer(event)[0] if kind == "answer" else None,
    )


# What somebody wrote, by whatever word the event keeps it.
_WRITTEN = ("text", "note", "reason", "remark", "title")


def words(event: StoredEvent, wording: Wording) -> Pair:
    """(Chinese, English) of one event."""
    source, _, what = event.tag.partition(":")
    body = event.body
    part = str(body.get("role") or source)
    who = wording.roles.get(part) or ROLES.get(part, ROLES["system"])
    applicant = wording.roles.get("applicant") or ROLES["applicant"]
    pair = WORDS.get(what)
    if pair is None:
        return f"{who[0]}：{what}", f"{who[1]}: {what}"
    item = wording.item(str(body.get("item") or ""))
    values = wording.answer(event)[1]
    step = STEPS.get(str(body.get("step")), (str(body.get("step", "")),) * 2)
    result = wording.results.get(str(body.get("result")), (str(body.get("result", "")),) * 2)
    cause = CAUSES.get(str(body.get("cause")), CAUSES["other"])
    finding = FINDINGS.get(str(body.get("finding")), ("", ""))
    written = next((str(body[word]) for word in _WRITTEN if body.get(word)), "")
    # A photograph is asked for by naming its item; the item says it in the reader's language.
    text = (written, written) if written else item
    name, window = str(body.get("name") or ""), str(body.get("window") or "")

    def fields(lang: int) -> dict[str, str]:
        return {
            "who": who[lang],
            "applicant": applicant[lang],
            "item": item[lang],
            "value": values[lang],
            "step": step[lang],
            "result": result[lang],
            "cause": cause[lang],
            "finding": finding[lang],
            "text": text[lang],
            "name": name,
            "window": window,
        }

    return pair[0].format(**fields(0)).rstrip("：: "), pair[1].format(**fields(1)).rstrip("：: ")


def _gap(leg: LegEntry, segment: Segment, wording: Wording) -> MarkLine:
    seconds = max(1, round((segment.to_ms - segment.from_ms) / 1000))
    cause = CAUSES.get(segment.cause, CAUSES["other"])
    who = wording.roles.get(leg.role) or ROLES.get(leg.role, ROLES["system"])
    return MarkLine(
        segment.from_ms,
        0,
        "manifest:gap",
        "gap",
        f"中断{seconds}秒：{who[0]}{cause[0]}",
        f"Interrupted {seconds} s: {who[1].lower()} {cause[1]}",
    )
