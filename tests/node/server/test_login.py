"""Who is who: staff by account and password, guests by their link, and what a wrong try costs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from foundation import audit
from foundation.clock import ManualClock
from foundation.db import Database
from foundation.http import build_app
from foundation.routes import audit_refusals
from office import codes, invitations
from office import store as office_store
from office.routes import GUEST_COOKIE
from server.login import store
from server.login.routes import routes
from server.login.sessions import COOKIE, Login, hash_password
from tests.support.http import Serve, Served
from tests.support.people import DISTRICT
from tests.support.signaling import WANG, open_office, open_record

PASSWORD = "k7mq-2xwd-9fpt"
RIGHT = {"account": "wang", "password": PASSWORD}
WRONG = {"account": "wang", "password": "nothing-like-it"}


@dataclass
class Door:
    """The routes of login on a socket."""

    served: Served
    db: Database
    clock: ManualClock

    async def tries(self, body: Any, status: int = 401) -> Any:
        return await self.served.post("/api/login", body, status=status)

    async def log(self) -> list[tuple[str, str, str]]:
        """(action, resource, outcome) of the audit log."""
        async with self.db.read() as conn:
            columns = (audit.audit_log.c.action, audit.audit_log.c.resource, audit.audit_log.c.outcome)
            rows = (await conn.execute(select(*columns).order_by(audit.audit_log.c.seq))).all()
            assert (await audit.verify_chain(conn)).ok
        return [tuple(row) for row in rows]


@pytest.fixture(params=[False, True], ids=["http", "https"])
def secure(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def opened(db: Database, clock: ManualClock, serve: Serve, *, secure: bool = False) -> Door:
    await open_office(db, clock, WANG)
    password_hash = await hash_password(PASSWORD)
    async with db.begin() as conn:
        await store.set_password(conn, "wang", WANG.id, password_hash)

    async def guest(request: Any) -> Any:
        cookie = request.cookies.get(GUEST_COOKIE)
        async with db.read() as conn:
            return await invitations.guest_of(conn, cookie, clock.now()) if cookie else None

    login = Login(db, clock, guest)
    app = build_app(routes(login, db, secure=secure), actors=login.actor_of, audit=audit_refusals(db, clock))
    return Door(await serve(app), db, clock)


@pytest.fixture
async def door(sqlite_database: Database, clock: ManualClock, serve: Serve) -> AsyncIterator[Door]:
    yield await opened(sqlite_database, clock, serve)


async def test_who_logs_in_is_known_until_they_log_out(database: Database, clock: ManualClock, serve: Serve) -> None:
    door = await opened(database, clock, serve)
    assert (await door.served.get("/api/me", status=401))["code"] == "S401"
    me = await door.tries(RIGHT, 200)
    assert (me["name"], me["kind"], me["roles"], me["office"]["code"]) == ("王敏", "staff", ["officer"], DISTRICT)
    assert await door.served.get("/api/me") == me
    await door.served.post("/api/logout", status=204)
    await door.served.get("/api/me", status=401)
    assert await door.log() == [("login", WANG.id, "done")]


async def test_a_logged_out_cookie_opens_nothing_even_if_somebody_kept_it(door: Door) -> None:
    await door.tries(RIGHT, 200)
    kept = {cookie.key: cookie.value for cookie in door.served.session.cookie_jar}
    await door.served.post("/api/logout", status=204)
    head = {"Cookie": f"{COOKIE}={kept[COOKIE]}"}
    async with door.served.client() as thief, thief.get("/api/me", headers=head) as response:
        assert response.status == 401


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    sqlite_database: Database, clock: ManualClock, serve: Serve, secure: bool
) -> None:
    door = await opened(sqlite_database, clock, serve, secure=secure)
    async with door.served.session.post("/api/login", json=RIGHT) as response:
        [line] = [line for line in response.headers.getall("Set-Cookie") if line.startswith(f"{COOKIE}=")]
    flags = {part.strip().lower() for part in line.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= flags
    assert ("secure" in flags) is secure
    token = line.partition("=")[2].partition(";")[0]
    async with sqlite_database.read() as conn:
        rows = (await conn.execute(select(store.login_sessions))).all()
    assert len(token) >= 40 and token not in repr(rows), "a copy of the database opens no session"


@pytest.mark.parametrize("account", ["wang", "nobody-has-this"])
async def test_five_wrong_passwords_lock_for_a_quarter_of_an_hour_whether_the_account_exists_or_not(
    door: Door, account: str
) -> None:
    wrong = {**WRONG, "account": account}
    for left in (4, 3, 2, 1):
        refused = await door.tries(wrong)
        assert (refused["code"], refused["params"]["left"]) == ("E101", left)
    locked = await door.tries(wrong, 429)
    assert (locked["code"], locked["params"]["minutes"]) == ("E102", 15)
    assert (await door.tries({**RIGHT, "account": account}, 429))["code"] == "E102", "the right one is not even tried"
    door.clock.advance(15 * 60 + 1)
    assert (await door.tries(wrong))["params"]["left"] == 4
    assert {(action, outcome) for action, _, outcome in await door.log()} == {("login", "refused")}
    assert [resource for _, resource, _ in await door.log()] == [f"account:{account}"] * 6


async def test_the_right_password_forgets_the_wrong_ones(door: Door) -> None:
    for _ in range(4):
        await door.tries(WRONG)
    await door.tries(RIGHT, 200)
    assert (await door.tries(WRONG))["params"]["left"] == 4


async def test_a_session_ends_half_an_hour_after_its_last_request(door: Door) -> None:
    await door.tries(RIGHT, 200)
    for _ in range(3):
        door.clock.advance(29 * 60)
        await door.served.get("/api/me")
    door.clock.advance(30 * 60 + 1)
    await door.served.get("/api/me", status=401)


async def test_an_address_that_tries_name_after_name_is_slowed(door: Door) -> None:
    for n in range(20):
        await door.tries({**WRONG, "account": f"name{n}"})
    assert (await door.tries(RIGHT, 429))["code"] == "S429"


async def test_a_guest_is_known_by_the_cookie_of_their_link(door: Door) -> None:
    record = await open_record(door.db, door.clock)
    key = bytes(32)
    now = door.clock.now()
    async with door.db.begin() as conn:
        row = await office_store.get_record(conn, record.record)
        assert row is not None
        made, _token = await invitations.invite(
            conn, row, name="张伟", phone="13800005678", key=key, created_by="", now=now
        )
        code = await codes.new_code(conn, made.id, invitations.JOIN, key, now)
        invitation = await invitations.get_invitation(conn, made.id)
        assert isinstance(code, str) and invitation is not None
        joined = await invitations.join(conn, invitation, code, "phone", key, now)
        assert isinstance(joined, invitations.Joined)
    async with door.served.client() as phone:
        async with phone.get("/api/me", headers={"Cookie": f"{GUEST_COOKIE}={joined.cookie}"}) as response:
            me = await response.json()
            assert (response.status, me["kind"], me["id"]) == (200, "guest", invitation.id)
        async with phone.get("/api/me", headers={"Cookie": f"{GUEST_COOKIE}=made-up"}) as response:
            assert response.status == 401


@pytest.mark.parametrize(
    "body", [{}, {"account": "wang"}, {"account": "", "password": "x"}, {"account": "wang", "password": "x" * 201}]
)
async def test_a_torn_request_is_refused_before_anything_is_counted(door: Door, body: dict[str, str]) -> None:
    assert (await door.tries(body, 422))["code"] == "S422"
    assert await door.log() == []
