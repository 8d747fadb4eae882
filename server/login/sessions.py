"""Logging in, staying logged in, being somebody.

Passwords are Argon2id (RFC 9106); after five wrong ones an account waits fifteen minutes (ASVS 5 6.3.1), and a stranger
who tries accounts at random is slowed by address. A session ends thirty minutes after its last request; an open
WebSocket keeps it alive, because nobody is logged out in the middle of an inspection.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from aiohttp import web
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from foundation import audit
from foundation.access import ANONYMOUS, Actor
from foundation.clock import Clock
from foundation.db import Database
from foundation.errors import Problem
from foundation.ids import new_token
from office import store as office
from server.login import store

COOKIE = "yk_session"
WRONG_PASSWORDS = 5
LOCK = timedelta(minutes=15)
IDLE = timedelta(minutes=30)
# Writing "last seen" at every request would be a commit a request; a minute is exact enough for thirty.
TOUCH_EVERY = timedelta(minutes=1)
# Names without an account whose wrong tries are remembered; an address gets through twenty a minute.
STRANGERS_KEPT = 10_000
TRIES_PER_ADDRESS = RateLimitItemPerMinute(20)

GuestActor = Callable[[web.Request], Awaitable[Actor | None]]


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def hash_password(password: str) -> str:
    """Argon2id with the library's parameters of RFC 9106's second choice; about 50 ms in a thread."""
    return await asyncio.to_thread(PasswordHasher().hash, password)


class Login:
    """Sessions of one node. State is in the database; any node knows a cookie that another one gave."""

    def __init__(self, db: Database, clock: Clock, guest: GuestActor) -> None:
        self._db = db
        self._clock = clock
        self._guest = guest
        self._hasher = PasswordHasher()
        # Compared with when there is no such account, so that both answers take as long.
        self._nobody = self._hasher.hash(new_token())
        self._tries = MovingWindowRateLimiter(MemoryStorage())
        # Wrong tries at names that nobody has, oldest first: they must be told what a real account's owner is told.
        self._strangers: OrderedDict[str, tuple[int, datetime | None]] = OrderedDict()

    async def log_in(self, account: str, password: str, address: str) -> tuple[str, Actor]:
        """The cookie's value and who it is. Raises S429 by address, E101 wrong (with tries left), E102 locked."""
        if not self._tries.hit(TRIES_PER_ADDRESS, address):
            raise Problem("S429", seconds=60)
        now = self._clock.now()
        async with self._db.read() as conn:
            known = await store.get_account(conn, account)
        failures, locked = (known.failures, known.locked_until) if known else self._strangers.get(account, (0, None))
        if locked is not None and locked > now:
            raise Problem("E102", minutes=1 + int((locked - now).total_seconds() // 60))
        right = await asyncio.to_thread(self._matches, known.password_hash if known else self._nobody, password)
        if known is None or not right:
            raise await self._refused(account, known is not None, failures + 1, address, now)
        token = new_token()
        async with self._db.begin() as conn:
            await store.note_failure(conn, account, 0, None)
            await store.end_sessions_before(conn, now - IDLE)
            await store.begin_session(conn, store.LoginSession(hashed(token), known.staff, now, now, address))
            person = await office.get_staff(conn, known.staff)
            if person is None:
                raise Problem("S401")
            actor = _actor(person)
            await audit.append(
                conn,
                at=now,
                actor=str(actor),
                action="login",
                resource=known.staff,
                outcome="done",
                detail={"address": address},
            )
        return token, actor

    async def log_out(self, request: web.Request) -> None:
        token = request.cookies.get(COOKIE)
        if token:
            async with self._db.begin() as conn:
                await store.end_session(conn, hashed(token))

    async def actor_of(self, request: web.Request) -> Actor:
        """Who sends this request: a member of staff, a guest, or nobody we know."""
        token = request.cookies.get(COOKIE)
        if token:
            actor = await self._staff_of(token)
            if actor is not None:
                return actor
        return await self._guest(request) or ANONYMOUS

    async def _staff_of(self, token: str) -> Actor | None:
        now = self._clock.now()
        visit = await self._db.ask(lambda conn: store.get_visit(conn, hashed(token)))
        if visit is None or now - visit[0].seen_at > IDLE:
            return None
        session, person = visit
        if now - session.seen_at > TOUCH_EVERY:
            async with self._db.begin() as conn:
                await store.touch_session(conn, session.token_hash, now)
        return _actor(person)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerifyMismatchError, InvalidHashError):
            return False

    async def _refused(self, account: str, known: bool, failures: int, address: str, now: datetime) -> Problem:
        """Count the failure and put it on the audit log; an account that does not exist gets the same sentences."""
        locked = now + LOCK if failures >= WRONG_PASSWORDS else None
        if not known:
            self._strangers[account] = (0 if locked else failures, locked)
            self._strangers.move_to_end(account)
            while len(self._strangers) > STRANGERS_KEPT:
                self._strangers.popitem(last=False)
        async with self._db.begin() as conn:
            if known:
                await store.note_failure(conn, account, 0 if locked else failures, locked)
            detail = {"address": address, "locked": locked is not None}
            await audit.append(
                conn,
                at=now,
                actor="anonymous",
                action="login",
                resource=f"account:{account[:60]}",
                outcome="refused",
                detail=detail,
            )
        if locked is not None:
            return Problem("E102", minutes=int(LOCK.total_seconds() // 60))
        return Problem("E101", left=WRONG_PASSWORDS - failures)


def _actor(person: office.Staff) -> Actor:
    return Actor("staff", person.id, person.name, person.office, frozenset(person.roles))
