"""Coming, coming back, going: how a socket becomes a leg of the record, and what is written of it.

One person has one leg at a time. Who comes back with the token of the last welcome keeps the leg, on whatever node; who
comes without it is another device and takes the place of the first, which is told so. Each change of a row and the
event it causes are one transaction, conditional on the row being what was read, so a race of a hundred devices leaves
exactly one.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import audit
from foundation.clock import Clock
from foundation.db import Database, say_after_commit
from foundation.errors import Problem
from foundation.ids import new_id, new_token
from media import contract
from office.commands import (
    LegDown,
    LegUp,
    MediaInterrupted,
    MediaResumed,
    PersonJoin,
    PersonLeave,
    QualityNote,
    RecordingBack,
    RecordingLost,
)
from office.findings import About, find
from office.session import SYSTEM, Party
from signaling import store
from signaling.calls import time_of
from signaling.presence import Due, Gone, Stalled
from signaling.protocol import resume_hash
from signaling.room import Proposal, Room, changed_subject, party_of_leg
from signaling.slots import MOST_PEOPLE, free_position
from signaling.store import Leg


class Joined(Struct, frozen=True):
    """A leg that stands. `replaced`: the leg of another device that had to go, if there was one."""

    leg: Leg
    resume: str
    replaced: str | None


class Attendance:
    """Writes the legs of one node's sockets, and of whoever was found to be gone."""

    def __init__(self, node: str, db: Database, clock: Clock) -> None:
        self._node = node
        self._db = db
        self._clock = clock

    async def join(self, room: Room, party: Party, connection: str, resume: str | None) -> Joined:
        """Seat `party`. Raises Problem W10 when seven people are in the record already."""
        token = new_token()
        joined: list[Joined] = []

        async def plan(conn: AsyncConnection) -> Sequence[Proposal]:
            joined.clear()
            now = self._clock.now()
            before = await store.leg_for_update(conn, room.record, party.id)
            present = [leg for leg in await store.legs_of(conn, room.record) if leg.person != party.id]
            taken = [leg.position for leg in present if leg.position is not None]
            position = before.position if before is not None else None
            if position is None:
                position = free_position(taken)
            if position is None:
                raise Problem("W10", count=MOST_PEOPLE)
            same = before is not None and resume is not None and before.resume_hash == resume_hash(resume)
            leg = Leg(
                leg=before.leg if before is not None and same else new_id("leg"),
                record=room.record,
                person=party.id,
                name=party.name,
                kind="staff" if party.kind == "staff" else "guest",
                role=party.role,
                position=position,
                node=self._node,
                connection=connection,
                resume_hash=resume_hash(token),
                state="up",
                cause="",
                since=now,
            )
            proposals: list[Proposal] = []
            if before is None:
                await store.insert_leg(conn, leg)
                proposals.append((PersonJoin(leg=leg.leg), party))
            else:
                if same:
                    # The media connections outlive the socket: what they do is kept.
                    kept = {"tracks", "publishing", "subscribed", "media_since", "stalled"}
                    leg = replace(leg, **{name: getattr(before, name) for name in kept})
                if same and before.state == "down":
                    # Was written as gone; if nothing comes of it still, that is written anew.
                    leg = replace(leg, stalled=False)
                values = {name: getattr(leg, name) for name in leg.__struct_fields__ if name != "record"}
                await store.change_leg(conn, before.leg, **values)
                if not same and before.state != "down":
                    proposals.append((PersonLeave(leg=before.leg, cause="replaced"), party))
                if not same or before.state == "down":
                    proposals.append((PersonJoin(leg=leg.leg), party))
            replaced = before.leg if before is not None and not same else None
            joined.append(Joined(leg, token, replaced))
            return proposals

        acted = await room.carry_out(plan)
        if acted.refused is not None:
            raise Problem(acted.refused.code, **acted.refused.params)
        return joined[-1]

    async def lose(self, leg: str, connection: str, cause: str) -> None:
        """The socket has gone. Nothing is written to the record before the grace is over."""
        async with self._db.begin() as conn:
            only_if = {"connection": connection, "state": "up"}
            await store.change_leg(conn, leg, only_if=only_if, state="lost", cause=cause, since=self._clock.now())

    async def leave(self, record: str, person: str) -> None:
        """Somebody left on purpose (call.leave said so in the record already)."""
        async with self._db.begin() as conn:
            leg = await store.leg_for_update(conn, record, person)
            if leg is not None:
                now = self._clock.now()
                await store.change_leg(conn, leg.leg, state="down", cause="left", since=now, **_NO_MEDIA, position=None)
                say_after_commit(conn, changed_subject(record))

    async def write(self, room: Room, due: Due) -> None:
        """Write what presence found, if the row is still what it was; whoever comes second writes nothing."""

        async def plan(conn: AsyncConnection) -> Sequence[Proposal]:
            leg = due.leg
            shared = room.shared
            if isinstance(due, Gone):
                only_if = {"connection": leg.connection, "state": leg.state}
                # Who still sends keeps the seat: the picture is shown until the worker says that it ended.
                seat = leg.position if leg.tracks else None
                now = self._clock.now()
                if not await store.change_leg(
                    conn, leg.leg, only_if=only_if, state="down", cause=due.detail, since=now, position=seat
                ):
                    return []
                return [(PersonLeave(leg=leg.leg, cause=due.cause), party_of_leg(leg, shared))]
            stalls = isinstance(due, Stalled)
            if not await store.change_leg(conn, leg.leg, only_if={"stalled": not stalls}, stalled=stalls):
                return []
            if stalls:
                return [(MediaInterrupted(leg=leg.leg, cause="media_stalled"), SYSTEM)]
            return [(MediaResumed(leg=leg.leg), SYSTEM)]

        await room.carry_out(plan)

    async def media_up(self, room: Room, event: contract.LegUp) -> None:
        """A publishing connection has its keys."""
        if event.direction != "publish":
            return

        async def plan(conn: AsyncConnection) -> Sequence[Proposal]:
            if not await store.change_leg(conn, event.leg, only_if={"publishing": False}, publishing=True):
                return []
            return [(LegUp(leg=event.leg, direction="publish"), SYSTEM)]

        await room.carry_out(plan)

    async def recording_lost(self, room: Room, event: contract.RecordingFault) -> None:
        """A leg is not recorded: on the record, and in the audit log for whoever runs the machines."""

        async def plan(conn: AsyncConnection) -> Sequence[Proposal]:
            if event.leg not in room.shared.unrecorded:
                detail = {
                    "leg": event.leg,
                    "fault": event.code,
                    "worker": room.placement.worker if room.placement else "",
                }
                await audit.append(
                    conn,
                    at=self._clock.now(),
                    actor="system",
                    action="recording.lost",
                    resource=room.record,
                    outcome="done",
                    detail=detail,
                )
            return [(RecordingLost(leg=event.leg, cause=event.code), SYSTEM)]

        await room.carry_out(plan)

    async def recording_back(self, room: Room, leg: str) -> None:
        """It is recorded again."""
        if leg not in room.shared.unrecorded:
            return

        async def plan(conn: AsyncConnection) -> Sequence[Proposal]:
            return [(RecordingBack(leg=leg), SYSTEM)]

        await room.carry_out(plan)

    async def judged(self, room: Room, event: contract.PictureJudged | contract.LineJudged) -> None:
        """How good a leg's picture or line is: on the record when it changes, and from there in every view."""
        at = time_of(event.at_ns, self._clock.now())
        about, finding = _judgement(event)
        stands = find(room.shared.findings, event.leg, about)
        if finding == (stands.finding if stands is not None else "good"):
            return  # the worker repeats itself for those who did not hear

        async def plan(_conn: AsyncConnection) -> Sequence[Proposal]:
            return [(QualityNote(leg=event.leg, about=about, finding=finding, at=at), SYSTEM)]

        await room.carry_out(plan)

    async def media_down(self, room: Room, event: contract.LegDown) -> None:
        """A connection of a leg has ended; one that a newer connection replaced means nothing."""
        leg = room.leg(event.leg)
        if leg is None or event.cause == "replaced":
            return
        if leg.media_since is not None and time_of(event.at_ns, self._clock.now()) < leg.media_since:
            return

        async def plan(conn: AsyncConnection) -> Sequence[Proposal]:
            if event.direction == "subscribe":
                await store.change_leg(conn, leg.leg, only_if={"subscribed": True}, subscribed=False)
                return []
            await store.change_leg(conn, leg.leg, only_if={"state": "down"}, position=None)
            if not await store.change_leg(conn, leg.leg, only_if={"publishing": True}, publishing=False, tracks=[]):
                await store.change_leg(conn, leg.leg, tracks=[])
                return []
            return [(LegDown(leg=leg.leg, direction="publish", cause=event.cause), SYSTEM)]

        await room.carry_out(plan)


def _judgement(event: contract.PictureJudged | contract.LineJudged) -> tuple[About, Any]:
    if isinstance(event, contract.PictureJudged):
        return "picture", event.finding
    return "sending" if event.direction == "publish" else "receiving", "weak" if event.weak else "good"


_NO_MEDIA: dict[str, Any] = {"tracks": [], "publishing": False, "subscribed": False, "stalled": False}
