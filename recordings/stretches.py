"""How good picture and line were, second by second: stretches for the time line, from a record's events. Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from office.events import StoredEvent
from office.findings import Findings, judged


class QualityStretch(msgspec.Struct, frozen=True):
    """From `from_ms` to `to_ms` of the session clock the leg's picture was covered, dark, fast, blurred or still, or
    the line on which it sent or received was weak."""

    from_ms: int
    to_ms: int
    about: str
    finding: str


def stretches(events: Sequence[StoredEvent], origin: datetime, end_ms: int) -> list[tuple[str, QualityStretch]]:
    """(leg, stretch) in the order in which they began; what still stands lasts until `end_ms`."""

    def moment(at: datetime) -> int:
        return max(0, int((at - origin).total_seconds() * 1000))

    out = []
    standing: Findings = ()
    for event in events:
        if event.body_text is None:
            continue  # erased: nothing is known of it any more
        after = judged(standing, event)
        out += [
            (each.leg, QualityStretch(moment(each.since), moment(event.at), each.about, each.finding))
            for each in standing
            if each not in after
        ]
        standing = after
    out += [
        (each.leg, QualityStretch(moment(each.since), max(end_ms, moment(each.since)), each.about, each.finding))
        for each in standing
    ]
    return sorted((each for each in out if each[1].finding != "good"), key=lambda each: each[1].from_ms)
