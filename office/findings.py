"""How good pictures and lines are, as the events of a record tell it: what stands after each event. Pure.

Live view and time line read the same events by this one function, so a sign at the desk and the replay never disagree.
A finding ends with the word of the worker, and with whatever it was said of: the connection, the person's stay, the
call, a camera that is switched off.
"""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from office.events import Event

About = Literal["picture", "sending", "receiving"]


class Finding(Struct, frozen=True, kw_only=True):
    """`finding` (good included) of a leg's picture, or of the line it sends or receives on. `at`: by the worker's word;
    `since`: of the event."""

    leg: str
    about: About
    finding: str
    at: datetime
    since: datetime


Findings = tuple[Finding, ...]


def find(findings: Findings, leg: str, about: str) -> Finding | None:
    """What stands of this, good included; None while nothing was said."""
    return next((each for each in findings if (each.leg, each.about) == (leg, about)), None)


def judged(findings: Findings, event: Event) -> Findings:
    """What stands after one more event."""
    what, body = event.tag.partition(":")[2], event.body
    leg = body.get("leg")
    match what:
        case "quality:changed" if leg is not None:
            found = msgspec.convert({**body, "since": event.at}, Finding)
            others = (each for each in findings if (each.leg, each.about) != (found.leg, found.about))
            return (*others, found)
        case "call:ended":
            return ()
        case "person:left" | "call:left" | "media:interrupted":
            return tuple(each for each in findings if each.leg != leg)
        case "leg:down":
            return tuple(each for each in findings if each.leg != leg or each.about == "receiving")
        case "track:muted" if body.get("kind") == "video":
            return tuple(each for each in findings if each.leg != leg or each.about != "picture")
    return findings
