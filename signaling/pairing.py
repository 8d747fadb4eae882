"""Who may take which waiting applicant, and in what order: rules only.

An officer takes the next applicant of their office, or one they are booked with. Booked means booked: a record with a
lead is that lead's, and a colleague who asks for it learns whose it is. What two hundred clicks in the same moment come
to is decided by the table (one conditional statement), not here; here is only who may try.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from msgspec import Struct

from foundation.access import Actor, covers


class Waiting(Struct, frozen=True):
    """One record whose applicant waits. `lead`: id of the staff member who has it, if anybody."""

    record: str
    office: str
    lead: str | None
    lead_name: str
    scheduled_at: datetime
    waiting_since: datetime


class Claim(Struct, frozen=True):
    """Whether an officer may take a record. `taken`: somebody has it, named by `who`; `mine`: they have it already."""

    verdict: Literal["free", "mine", "taken", "other_office", "not_an_officer"]
    who: str = ""


def may_claim(actor: Actor, waiting: Waiting) -> Claim:
    """The verdict for one record. A booked officer keeps the record after moving to another office."""
    if actor.kind != "staff" or "officer" not in actor.roles:
        return Claim("not_an_officer")
    if waiting.lead == actor.id:
        return Claim("mine")
    if not (covers(actor.office, waiting.office) and covers(waiting.office, actor.office)):
        return Claim("other_office")
    if waiting.lead is not None:
        return Claim("taken", waiting.lead_name)
    return Claim("free")


def in_turn(actor: Actor, line: Iterable[Waiting]) -> list[Waiting]:
    """What this officer may take, first come first: those booked with them by the booked time, then the office's."""
    mine: list[Waiting] = []
    free: list[Waiting] = []
    for waiting in line:
        verdict = may_claim(actor, waiting).verdict
        if verdict == "mine":
            mine.append(waiting)
        elif verdict == "free":
            free.append(waiting)
    mine.sort(key=lambda waiting: (waiting.scheduled_at, waiting.waiting_since, waiting.record))
    free.sort(key=lambda waiting: (waiting.waiting_since, waiting.record))
    return mine + free
