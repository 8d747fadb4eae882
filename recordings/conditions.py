"""What the events tell of people's time on record: mutes, masks and causes, as spans on the session clock. Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from office.events import StoredEvent
from recordings import coverage
from recordings.coverage import Span, Stretch
from recordings.epoch import EpochEntry, since_ms

_ENDS = {
    "track:unmuted": "track:muted",
    "mask:off": "mask:on",
    "media:resumed": "media:interrupted",
    "recording:resumed": "recording:lost",
}
RECORDING_SLACK_MS = 3000
SCREEN_SLACK_MS = 3000
"""A browser begins and ends a sharing with a new connection; before the first picture there is no screen to record."""


class Conditions:
    """Mutes, masks and causes as the events tell them, as spans on the session clock."""

    def __init__(self, events: Sequence[StoredEvent], origin: datetime, end_ms: int) -> None:
        self._muted: dict[tuple[str, str], list[Span]] = {}
        self._masked: dict[str, list[Span]] = {}
        self._causes: list[tuple[str, Span, str]] = []  # leg or person, span, word
        begun: dict[tuple[str, ...], tuple[int, str]] = {}
        key: tuple[str, ...]
        for event in events:
            now_ms, body = since_ms(origin, event.at), event.body
            what, leg = event.tag.partition(":")[2], str(body.get("leg", ""))
            if what in ("track:muted", "mask:on", "media:interrupted", "recording:lost"):
                key = (what, event.actor, str(body.get("kind", "video"))) if what == "track:muted" else (what, leg)
                begun.setdefault(key, (now_ms, str(body.get("cause", ""))))
            elif what in _ENDS:
                word = _ENDS[what]
                key = (word, event.actor, str(body.get("kind", "video"))) if word == "track:muted" else (word, leg)
                if key in begun:
                    self._note(key, begun.pop(key), now_ms)
            elif what == "interruption:reported" and body.get("started_at"):
                begin = msgspec.convert(body["started_at"], datetime)
                end = msgspec.convert(body["ended_at"], datetime) if body.get("ended_at") else None
                span = (since_ms(origin, begin), now_ms if end is None else since_ms(origin, end))
                # The phone's word comes first: it knows why.
                self._causes.insert(0, (event.actor, span, str(body.get("cause", "other"))))
            elif what == "call:left":
                begun.setdefault(("left", event.actor), (now_ms, "left"))
            elif what == "person:joined" and ("left", event.actor) in begun:
                self._note(("left", event.actor), begun.pop(("left", event.actor)), now_ms)
        for key, since in begun.items():
            self._note(key, since, end_ms)

    def _note(self, key: tuple[str, ...], since: tuple[int, str], until_ms: int) -> None:
        span = (since[0], until_ms)
        if key[0] == "recording:lost":
            # The hole begins with the last packet written and ends with the first keyframe after.
            span = (span[0] - RECORDING_SLACK_MS, span[1] + RECORDING_SLACK_MS)
        if key[0] == "track:muted":
            self._muted.setdefault((key[1], "audio" if key[2] == "audio" else "video"), []).append(span)
        elif key[0] == "mask:on":
            self._masked.setdefault(key[1], []).append(span)
        else:
            self._causes.append((key[1], span, since[1] or "network"))

    def facts(
        self, person: str, legs: set[str], expected: Sequence[Span], epochs: Sequence[EpochEntry]
    ) -> coverage.Facts:
        def shift(epoch: EpochEntry, runs: tuple[Span, ...]) -> tuple[Span, ...]:
            return tuple((epoch.start_ms + begin, epoch.start_ms + end) for begin, end in runs)

        return coverage.Facts(
            expected=tuple(expected),
            stretches=tuple(
                Stretch(
                    (epoch.start_ms, epoch.start_ms + epoch.length_ms),
                    shift(epoch, epoch.video_runs),
                    shift(epoch, epoch.audio_runs),
                )
                for epoch in epochs
            ),
            masked=self._masks(legs),
            muted_audio=tuple(self._muted.get((person, "audio"), ())),
            muted_video=tuple(self._muted.get((person, "video"), ())),
            causes=self._why(person, legs),
        )

    def screen(
        self,
        person: str,
        legs: set[str],
        shared: Sequence[Span],
        screens: Sequence[EpochEntry],
        cameras: Sequence[EpochEntry],
    ) -> coverage.Facts:
        """A screen that stands still sends hardly anything: what it showed last, it shows until its connection ends, as
        the camera's file of the same connection (same leg and begin) tells. It has no sound of its own.
        """
        found: list[Span] = []
        for epoch in screens:
            if not epoch.video_runs:
                continue
            beside = (each for each in cameras if (each.leg, each.start_wall_ns) == (epoch.leg, epoch.start_wall_ns))
            length_ms = max(epoch.length_ms, *(each.length_ms for each in beside), 0)
            found.append((epoch.start_ms + epoch.video_runs[0][0], epoch.start_ms + length_ms))
        return coverage.Facts(
            expected=tuple(_between(span, found) for span in shared),
            stretches=tuple(Stretch(span, (span,), (span,)) for span in found),
            masked=self._masks(legs),
            causes=self._why(person, legs),
        )

    def _masks(self, legs: set[str]) -> tuple[Span, ...]:
        return tuple(span for leg in legs for span in self._masked.get(leg, ()))

    def _why(self, person: str, legs: set[str]) -> tuple[tuple[Span, str], ...]:
        return tuple((span, word) for whose, span, word in self._causes if whose == person or whose in legs)


def _between(shared: Span, found: Sequence[Span]) -> Span:
    """From the first picture of a sharing to its last, where they are its begin and end but for the slack."""
    begin, end = shared
    begins = [span[0] for span in found if begin <= span[0] <= begin + SCREEN_SLACK_MS]
    ends = [span[1] for span in found if end - SCREEN_SLACK_MS <= span[1] <= end]
    return min(begins, default=begin), max(ends, default=end)
