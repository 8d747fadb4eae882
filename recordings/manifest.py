"""The manifest: what was recorded, when, and what was not; the same facts for the sheet, the auditor and the verifier.

Made at the cut (the record was closed with a result; people stay while they read and sign) and once more at the end.
Both are canonical JSON, so their hash means something. The final one extends the first: each epoch's hash chain passes
through the value it had at the cut, which `extends` checks.

The session clock counts ms from the start of the record's first call (server's wall clock). An epoch's `start_ms` is
off by at most its `error_ms`: half the round trip to the sender where it was measured, plus clock corrections.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from office.events import StoredEvent
from recordings import coverage
from recordings.conditions import Conditions
from recordings.coverage import Class, Segment, Span
from recordings.epoch import EpochEntry, since_ms

VERSION = 1


class CallEntry(msgspec.Struct, frozen=True):
    call: str
    start_ms: int
    end_ms: int


class LegEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One person's row: all their connections (`legs`) and the classes of their time. `leg` is the first. `screen`: the
    classes of the time in which they shared a screen.
    """

    leg: str
    legs: tuple[str, ...]
    person: str
    name: str
    role: str
    segments: tuple[Segment, ...]
    screen: tuple[Segment, ...] = ()


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch that is missing or differs from live; times as people read them."""

    from_: datetime = msgspec.field(name="from")
    to: datetime
    class_: Class = msgspec.field(name="class")
    cause: str
    leg: str
    name: str


class CoverageSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The applicant's call in numbers. `percent` is the share recorded as it was (live, muted, masked), one decimal."""

    percent: float
    seconds_by_class: dict[str, float]
    gaps: tuple[Gap, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """See the module. `head` binds all epochs and the event chain in one hash."""

    version: int = VERSION
    record: str
    final: bool
    cut_at: datetime
    origin: datetime | None
    length_ms: int
    calls: tuple[CallEntry, ...]
    legs: tuple[LegEntry, ...]
    epochs: tuple[EpochEntry, ...]
    coverage: CoverageSummary
    events_seq: int
    events_head: str
    previous_sha256: str
    head: str

    def moment_ms(self, at: datetime) -> int | None:
        """The place of a wall-clock time on the recording; None where no call was running."""
        if self.origin is None:
            return None
        t_ms = (at - self.origin) // timedelta(milliseconds=1)
        return t_ms if any(call.start_ms <= t_ms <= call.end_ms for call in self.calls) else None


def to_json(manifest: Manifest) -> bytes:
    """Canonical JSON: keys sorted, no spaces, UTF-8."""
    return msgspec.json.encode(manifest, order="sorted")


def from_json(data: bytes) -> Manifest:
    """Raises msgspec.ValidationError or DecodeError."""
    return msgspec.json.decode(data, type=Manifest)


def manifest_up_to(
    record: str,
    events: Sequence[StoredEvent],
    epochs: Sequence[EpochEntry],
    cut: datetime,
    *,
    final: bool = False,
    previous_sha256: str = "",
) -> Manifest:
    """The manifest of all that happened up to `cut`; `start_ms` of the epochs is set here."""
    known = [event for event in events if event.at <= cut]
    origin = next((event.at for event in known if event.tag == "officer:call:started"), None)
    placed = tuple(
        msgspec.structs.replace(epoch, start_ms=since_ms(origin, _wall(epoch.start_wall_ns)) if origin else 0)
        for epoch in sorted(epochs, key=lambda each: (each.start_wall_ns, each.epoch))
    )
    calls = _calls(known, origin, cut)
    legs = tuple(_legs(known, placed, calls, origin, cut)) if origin is not None else ()
    last = known[-1] if known else None
    return Manifest(
        record=record,
        final=final,
        cut_at=cut.astimezone(UTC),
        origin=origin,
        length_ms=max((call.end_ms for call in calls), default=0),
        calls=calls,
        legs=legs,
        epochs=placed,
        coverage=summary(legs, origin),
        events_seq=last.seq if last else 0,
        events_head=last.hash if last else "",
        previous_sha256=previous_sha256,
        head=head_of(placed, last.seq if last else 0, last.hash if last else ""),
    )


def head_of(epochs: Sequence[EpochEntry], events_seq: int, events_head: str) -> str:
    """SHA-256 over one line per epoch and one for the events."""
    lines = [f"{each.epoch}|{each.clusters}|{each.chain}" for each in epochs]
    return hashlib.sha256("\n".join([*lines, f"events|{events_seq}|{events_head}"]).encode()).hexdigest()


def extends(cut: Manifest, final: Manifest, chain_after: Callable[[str, int], str | None]) -> list[str]:
    """Epochs of `cut` whose chain `final` does not continue, and `events` if its events go back; empty if all is well.

    `chain_after(epoch, clusters)` is the chain's value after so many clusters of the final file.
    """
    known = {epoch.epoch for epoch in final.epochs}
    wrong = [
        each.epoch
        for each in cut.epochs
        if each.epoch not in known or (each.clusters and chain_after(each.epoch, each.clusters) != each.chain)
    ]
    return [*wrong, *(["events"] if final.events_seq < cut.events_seq else [])]


def summary(legs: Sequence[LegEntry], origin: datetime | None) -> CoverageSummary:
    """Of the applicant; of everybody where there is none."""
    chosen = [leg for leg in legs if leg.role == "applicant"] or list(legs)
    length: dict[str, int] = dict.fromkeys(coverage.CLASSES, 0)
    gaps: list[Gap] = []
    for leg in chosen:
        for class_, count in coverage.milliseconds(leg.segments).items():
            length[class_] += count
        if origin is not None:
            gaps += [_gap(origin, leg, segment) for segment in leg.segments if segment.class_ != "live"]
    total = sum(length.values())
    recorded = sum(length[class_] for class_ in coverage.RECORDED)
    # Rounded down: 100 % is said only where nothing is missing.
    percent = recorded * 1000 // total / 10 if total else 0.0
    return CoverageSummary(
        percent=percent,
        seconds_by_class={class_: count / 1000 for class_, count in length.items()},
        gaps=tuple(sorted(gaps, key=lambda gap: gap.from_)),
    )


def _gap(origin: datetime, leg: LegEntry, segment: Segment) -> Gap:
    begin, end = (origin + timedelta(milliseconds=t_ms) for t_ms in (segment.from_ms, segment.to_ms))
    return Gap(from_=begin, to=end, class_=segment.class_, cause=segment.cause, leg=leg.leg, name=leg.name)


def _wall(wall_ns: int) -> datetime:
    return datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC) + timedelta(microseconds=wall_ns // 1000 % 1_000_000)


def _calls(events: Sequence[StoredEvent], origin: datetime | None, cut: datetime) -> tuple[CallEntry, ...]:
    out: list[CallEntry] = []
    for event in events:
        if origin is None:
            break
        if event.tag == "officer:call:started":
            out.append(CallEntry(str(event.body.get("call", "")), since_ms(origin, event.at), since_ms(origin, cut)))
        elif event.tag == "officer:call:ended" and out:
            out[-1] = CallEntry(out[-1].call, out[-1].start_ms, since_ms(origin, event.at))
    return tuple(out)


class _Person(msgspec.Struct):
    """What the events tell of one person; open spans hold their begin."""

    id: str
    name: str
    role: str
    legs: list[str]
    present: list[Span]
    here_since: int | None = None
    shown: list[Span] = msgspec.field(default_factory=list)
    shown_since: int | None = None

    def hide(self, now_ms: int) -> None:
        """No screen is shared any longer, if one was."""
        if self.shown_since is not None:
            self.shown.append((self.shown_since, now_ms))
        self.shown_since = None


def _legs(
    events: Sequence[StoredEvent],
    epochs: Sequence[EpochEntry],
    calls: Sequence[CallEntry],
    origin: datetime,
    cut: datetime,
) -> list[LegEntry]:
    end_ms = since_ms(origin, cut)
    people: dict[str, _Person] = {}
    for event in events:
        now_ms, what = since_ms(origin, event.at), event.tag.partition(":")[2]
        if what == "person:joined":
            body = event.body
            person = people.setdefault(
                event.actor, _Person(event.actor, body.get("name", ""), body.get("role", ""), [], [])
            )
            if body.get("leg") and body["leg"] not in person.legs:
                person.legs.append(str(body["leg"]))
            if person.here_since is None:
                person.here_since = now_ms
        elif what in ("person:left", "call:left") and (found := people.get(event.actor)) is not None:
            if found.here_since is not None:
                found.present.append((found.here_since, now_ms))
            found.here_since = None
            found.hide(now_ms)
        elif what in ("screen:shared", "screen:ended") and (found := people.get(event.actor)) is not None:
            found.hide(now_ms)
            found.shown_since = now_ms if what == "screen:shared" else None
    conditions = Conditions(events, origin, end_ms)
    out: list[LegEntry] = []
    for person in people.values():
        if person.here_since is not None:
            person.present.append((person.here_since, end_ms))
        person.hide(end_ms)
        own = [epoch for epoch in epochs if epoch.leg in person.legs and epoch.kind == "camera"]
        screens = [epoch for epoch in epochs if epoch.leg in person.legs and epoch.kind == "screen"]
        expected = [
            span
            for call in calls
            for span in (
                [(call.start_ms, call.end_ms)] if person.role == "applicant" else _during(call, person.present)
            )
        ]
        shown = [span for call in calls for span in _during(call, person.shown)]
        screen = coverage.classify(conditions.screen(person.id, set(person.legs), shown, screens, own))
        segments = coverage.classify(conditions.facts(person.id, set(person.legs), expected, own))
        if segments:
            legs = tuple(person.legs)
            out.append(
                LegEntry(
                    leg=legs[0] if legs else person.id,
                    legs=legs,
                    person=person.id,
                    name=person.name,
                    role=person.role,
                    segments=tuple(segments),
                    screen=tuple(screen),
                )
            )
    return out


def _during(call: CallEntry, spans: Sequence[Span]) -> list[Span]:
    return [(max(begin, call.start_ms), min(end, call.end_ms)) for begin, end in spans]
