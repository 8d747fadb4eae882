"""Taking a waiting applicant: the next in line (`POST /api/queue/claim`), or one (`POST /api/records/{record}/claim`).

A claim is one transaction: the conditional statement that gives the record its lead, and the event that says so. Of a
hundred at once one is carried out; the others are told by whom.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.access import Actor, Resource
from foundation.db import Database
from foundation.errors import Problem
from foundation.http import Call, Route
from office import store as office_store
from office.commands import OfficerAssign
from office.session import SYSTEM
from signaling.pairing import Waiting, in_turn, may_claim
from signaling.room import Proposal

if TYPE_CHECKING:
    from signaling.node import SignalingNode


class Claimed(Struct, frozen=True):
    """The record that is yours now."""

    record: str


class Claims:
    """Claims of one node's HTTP clients."""

    def __init__(self, node: "SignalingNode", db: Database) -> None:
        self._node = node
        self._db = db

    async def next(self, actor: Actor) -> str:
        """The record this officer leads from now on. Raises Problem Q03 (nobody waits), S409 (others were faster)."""
        office = actor.office or ""
        async with self._db.read() as conn:
            line = [_waiting(record) for record in await office_store.waiting(conn, office)]
        faster: Problem | None = None
        for waiting in in_turn(actor, line):
            try:
                return await self.claim(actor, waiting.record)
            except Problem as problem:
                if problem.code != "S409":
                    raise
                faster = problem
        raise faster or Problem("Q03")

    async def claim(self, actor: Actor, record: str) -> str:
        """Lead this record. Raises Problem S404, S403, or S409 with the name of who leads it."""
        room = (await self._node.gather(record)).room

        async def plan(conn: AsyncConnection) -> Sequence[Proposal]:
            row = await office_store.get_record(conn, record)
            if row is None:
                raise Problem("S404")
            verdict = may_claim(actor, _waiting(row)).verdict
            if verdict in ("other_office", "not_an_officer"):
                raise Problem("S403", post="")
            claim = await office_store.claim_record(conn, record, actor.id, row.scheduled_at)
            if not claim.won:
                raise Problem("S409", who=await _name(conn, claim.lead))
            return [(OfficerAssign(role="lead", staff=actor.id, name=actor.name), SYSTEM)]

        def hopeless() -> None:
            # A lead is never taken away by a claim, so a copy that knows of one is right however old it is.
            lead = room.shared.lead
            if lead is not None and lead.id != actor.id:
                raise Problem("S409", who=lead.name)

        hopeless()
        acted = await room.carry_out(plan, strict=True, hopeless=hopeless)
        if acted.refused is not None:
            raise Problem(acted.refused.code, **acted.refused.params)
        return record


def claim_routes(node: "SignalingNode", db: Database) -> list[Route]:
    """The two routes of this module."""
    claims = Claims(node, db)

    async def claim_next(call: Call) -> Claimed:
        return Claimed(await claims.next(call.actor))

    async def claim_one(call: Call) -> Claimed:
        return Claimed(await claims.claim(call.actor, call.path["record"]))

    async def resource(call: Call) -> Resource:
        return await node.resource(call.path["record"])

    return [
        Route(
            "POST", "/api/queue/claim", claim_next, "queue.claim", "Take the next waiting applicant", response=Claimed
        ),
        Route(
            "POST",
            "/api/records/{record}/claim",
            claim_one,
            "queue.claim",
            "Take this waiting applicant",
            response=Claimed,
            resource=resource,
        ),
    ]


def _waiting(record: office_store.Record) -> Waiting:
    since = record.waiting_since or record.scheduled_at
    return Waiting(record.id, record.office, record.lead, "", record.scheduled_at, since)


async def _name(conn: AsyncConnection, staff: str | None) -> str:
    person = await office_store.get_staff(conn, staff) if staff is not None else None
    return person.name if person is not None else "—"
