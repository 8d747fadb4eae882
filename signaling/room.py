"""A room: one node's copy of one record, folded from its events. A cache of the table, never the truth.

Theory of operation. Every node with a socket of a record keeps a room of it; none is the owner, so none has to be
elected, moved or fenced, and killing one costs its sockets a reconnect and nothing else.

    command ─► kind.apply(state) ─► store.append(expected_seq) ─► fold ─► wake-up to all nodes
                    ▲                        │ conflict: somebody was first
                    └────── read, fold ◄─────┘

A copy may be behind. What it accepts is checked by the table (UNIQUE(record, seq)); what it refuses is refused only
after reading once more. A wake-up says no more than "read again", so losing one costs a moment, and nodes read again
every few seconds in any case. The room knows no kind of session: it calls the functions of a `SessionKind`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.access import Actor, Resource
from foundation.clock import Clock
from foundation.db import Database, say_after_commit
from foundation.errors import Problem
from office import store as office_store
from office.commands import Command
from office.events import StoredEvent
from office.session import Effect, Outcome, Party, Refused, SessionKind
from signaling import store
from signaling.presence import Flow
from signaling.store import Answer, Leg, Placement, Result

ATTEMPTS = 50
"""A conflict means that somebody else made progress; a hundred claims of one record end within as many rounds."""

Proposal = tuple[Command, Party]
Plan = Callable[[AsyncConnection], Awaitable[Sequence[Proposal]]]
OnEffect = Callable[[AsyncConnection, str, Effect], Awaitable[None]]
"""What an effect needs in the transaction of its events (a job, a placement). May raise Problem: nothing happened."""


def changed_subject(record: str) -> str:
    """The wake-up of one record: whoever keeps a copy reads again."""
    return f"record.{record}.changed"


class Once(Struct, frozen=True):
    """Makes a command idempotent over connections and nodes: `digest` tells a repetition from a clash of ids."""

    person: str
    id: str
    digest: str


class Acted(Struct, frozen=True):
    """What became of a plan. `result` is what the client is told; `refused` excludes all else."""

    events: tuple[StoredEvent, ...] = ()
    effects: tuple[Effect, ...] = ()
    result: Result = {}
    refused: Refused | None = None


class _RefusedInside(Exception):
    """Carries a refusal out of a transaction, which rolls it back."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.code)
        self.refused = refused


class Room:
    """State, legs and placement of one record as this node last read them. One task at a time inside `lock`."""

    def __init__(
        self,
        record: str,
        kind: SessionKind[Any, Any],
        facts: Any,
        resource: Resource,
        db: Database,
        clock: Clock,
        on_effect: OnEffect,
    ) -> None:
        self.record = record
        self.kind = kind
        self.resource = resource
        self.state: Any = kind.initial(facts)
        self.seq = 0
        self.legs: tuple[Leg, ...] = ()
        self.placement: Placement | None = None
        self.flows: dict[str, Flow] = {}
        self.lock = asyncio.Lock()
        self._db = db
        self._clock = clock
        self._on_effect = on_effect

    @property
    def shared(self) -> Any:
        """The part of the state that every kind has (office.state.SessionState)."""
        return self.kind.shared(self.state)

    def leg(self, leg: str) -> Leg | None:
        return next((row for row in self.legs if row.leg == leg), None)

    def flow(self, leg: str) -> Flow:
        """What is known of this leg's media; begins with nothing."""
        return self.flows.setdefault(leg, Flow())

    # -- reading

    async def refresh(self) -> bool:
        """Read what is new. True if anything changed."""
        async with self.lock:
            return await self._refresh()

    async def _refresh(self) -> bool:
        async with self._db.read() as conn:
            new = await office_store.events(conn, self.record, after=self.seq)
            legs = await store.legs_of(conn, self.record)
            placement = await store.placement_of(conn, self.record)
        changed = bool(new) or legs != self.legs or placement != self.placement
        self._fold(new)
        self.legs, self.placement = legs, placement
        return changed

    def _fold(self, events: Sequence[StoredEvent]) -> None:
        for event in events:
            if event.seq == self.seq + 1:
                self.state = self.kind.evolve(self.state, event)
                self.seq = event.seq

    # -- changing

    async def act(self, command: Command, party: Party, *, once: Once | None = None) -> Acted:
        """Carry out one command of one party."""

        async def plan(_conn: AsyncConnection) -> Sequence[Proposal]:
            return [(command, party)]

        def hopeless() -> Refused | None:
            outcome = self.kind.apply(self.state, command, party, self._clock.now())
            return outcome if isinstance(outcome, Refused) else None

        return await self.carry_out(plan, once=once, strict=True, hopeless=hopeless)

    async def carry_out(
        self,
        plan: Plan,
        *,
        once: Once | None = None,
        strict: bool = False,
        hopeless: Callable[[], Refused | None] | None = None,
    ) -> Acted:
        """Run `plan` in a transaction and append what its proposals come to; again from the start on a conflict.

        The plan may change rows; they stand or fall with the events. `strict`: a refused proposal undoes everything
        and is returned; otherwise it is left out. `hopeless` looks at the state alone, so that what is refused costs
        no write. Raises whatever the database raises.
        """
        async with self.lock:
            for _attempt in range(ATTEMPTS):
                known = await self._answered(once)
                if known is not None:
                    return known
                seq = self.seq
                refused = hopeless() if hopeless is not None else None
                if refused is not None:
                    await self._refresh()
                    if self.seq == seq:
                        return Acted(refused=refused)
                    continue
                try:
                    return await self._transaction(plan, once, strict)
                except _RefusedInside as refusal:
                    await self._refresh()
                    if self.seq == seq:
                        return Acted(refused=refusal.refused)
                except (office_store.Conflict, IntegrityError):
                    # Somebody appended first, took the position, or carried out this very command.
                    await self._refresh()
                except Problem as problem:
                    return Acted(refused=Refused(problem.code, dict(problem.params)))
            raise Problem("W09")

    async def _transaction(self, plan: Plan, once: Once | None, strict: bool) -> Acted:
        now = self._clock.now()
        state, seq = self.state, self.seq
        events: list[StoredEvent] = []
        effects: list[Effect] = []
        result: Result = {}
        async with self._db.begin() as conn:
            for command, party in await plan(conn):
                outcome = self.kind.apply(state, command, party, now)
                if isinstance(outcome, Refused):
                    if strict:
                        raise _RefusedInside(outcome)
                    continue
                stored = await self._append(conn, seq, outcome, now)
                for event in stored:
                    state, seq = self.kind.evolve(state, event), event.seq
                events += stored
                effects += outcome.effects
            for effect in effects:
                await self._on_effect(conn, self.record, effect)
            if events:
                result = {"seq": events[-1].seq}
            if once is not None:
                await store.keep_answer(conn, self.record, once.person, once.id, Answer(once.digest, result), now)
            say_after_commit(conn, changed_subject(self.record))
        self.state, self.seq = state, seq
        return Acted(events=tuple(events), effects=tuple(effects), result=result)

    async def _append(self, conn: AsyncConnection, seq: int, outcome: Outcome, now: datetime) -> list[StoredEvent]:
        if not outcome.events:
            return []
        return await office_store.append(conn, self.record, seq, outcome.events, at=now)

    async def _answered(self, once: Once | None) -> Acted | None:
        if once is None:
            return None
        async with self._db.read() as conn:
            answer = await store.find_answer(conn, self.record, once.person, once.id)
        if answer is None:
            return None
        if answer.digest != once.digest:
            return Acted(refused=Refused("W06"))
        return Acted(result=answer.result)


def party_of(actor: Actor, shared: Any) -> Party:
    """Who an actor is in this session: the record's lead, its assisting officer, its applicant, or an onlooker.

    Whoever the record does not name takes part as `expert`: present and heard, without the officers' rights. An agent
    acts for the applicant.
    """
    if actor.kind == "guest":
        role: Any = "applicant" if actor.role in ("applicant", "agent") else "expert"
        return Party(id=actor.id, name=actor.name, role=role, kind="guest")
    if actor.kind == "system":
        return Party(id="system", name="", role="system", kind="system")
    role = role_of_staff(actor.id, shared)
    return Party(id=actor.id, name=actor.name, role=role, kind="staff")


def role_of_staff(staff: str, shared: Any) -> Any:
    if shared.lead is not None and shared.lead.id == staff:
        return "lead"
    if shared.assist is not None and shared.assist.id == staff:
        return "assist"
    return "expert"


def party_of_leg(leg: Leg, shared: Any) -> Party:
    """The party behind a row, for what the server writes in its name."""
    role: Any = role_of_staff(leg.person, shared) if leg.kind == "staff" else leg.role
    return Party(id=leg.person, name=leg.name, role=role, kind=leg.kind)
