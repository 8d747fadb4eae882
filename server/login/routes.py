"""Log in, log out, who am I."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from foundation.access import Actor
from foundation.db import Database
from foundation.errors import Problem
from foundation.http import Call, Route, answer
from office import store as office
from server.login.sessions import COOKIE, Login


class LoginRequest(msgspec.Struct, frozen=True):
    account: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class MyOffice(msgspec.Struct, frozen=True):
    code: str
    name: str
    gloss: str
    phone: str


class Me(msgspec.Struct, frozen=True):
    """Who is logged in, for the page's header and for what it offers."""

    id: str
    name: str
    kind: str
    roles: list[str]
    office: MyOffice | None


def routes(login: Login, db: Database, *, secure: bool) -> list[Route]:
    """``secure``: the cookie travels over HTTPS only."""

    async def me_of(actor: Actor) -> Me:
        place = None
        if actor.office:
            async with db.read() as conn:
                found = await office.get_office(conn, actor.office)
            place = MyOffice(found.code, found.name, found.gloss, found.phone) if found else None
        return Me(actor.id, actor.name, actor.kind, sorted(actor.roles), place)

    async def log_in(call: Call) -> web.StreamResponse:
        body: LoginRequest = call.body
        token, actor = await login.log_in(body.account.strip(), body.password, call.address)
        response = answer(await me_of(actor))
        response.set_cookie(COOKIE, token, httponly=True, samesite="Lax", secure=secure, path="/")
        return response

    async def log_out(call: Call) -> web.StreamResponse:
        await login.log_out(call.request)
        response = web.Response(status=204)
        response.del_cookie(COOKIE, path="/")
        return response

    async def me(call: Call) -> Me:
        if call.actor.kind == "anonymous":
            raise Problem("S401")
        return await me_of(call.actor)

    return [
        Route("POST", "/api/login", log_in, "public", "Log in with account and password", LoginRequest, Me),
        Route("POST", "/api/logout", log_out, "public", "Log out", status=204),
        Route("GET", "/api/me", me, "public", "Who is logged in here", response=Me),
    ]
