"""An API of a few routes, one for each thing that the HTTP layer does, and the people who ask it."""

from typing import Any

import msgspec
from aiohttp import web

from foundation.access import ANONYMOUS, Actor, Resource
from foundation.errors import Problem
from foundation.http import Call, Route
from foundation.rates import Rate
from tests.support.people import ELSEWHERE, guest, officer, staff

PEOPLE = {
    "wang": officer(),
    "elsewhere": officer("stf_zhao", office=ELSEWHERE),
    "zhang": guest("rec_1"),
    "auditor": staff("auditor", id="stf_he"),
}


class Item(msgspec.Struct):
    key: str
    count: int = 0


class Order(msgspec.Struct):
    name: str
    items: list[Item] = []


class Said(msgspec.Struct):
    name: str
    count: int
    actor: str
    resource: str | None = None


async def who(request: web.Request) -> Actor:
    return PEOPLE.get(request.cookies.get("who", ""), ANONYMOUS)


async def order(call: Call) -> Said:
    return Said(call.body.name, sum(item.count for item in call.body.items), str(call.actor))


async def read(call: Call) -> Said:
    return Said(call.path["record"], 0, call.actor.name, call.resource.id if call.resource else None)


async def record_resource(call: Call) -> Resource:
    if not call.path["record"].startswith("rec_"):
        raise Problem("S404")
    return Resource("record", call.path["record"], office="990101", record=call.path["record"])


async def upload(call: Call) -> dict[str, Any]:
    return {"size": len(await call.read_raw())}


async def stream(call: Call) -> dict[str, Any]:
    return {"sizes": sum([len(piece) async for piece in call.stream()])}


async def nothing(call: Call) -> None:
    return None


async def broken(call: Call) -> None:
    raise RuntimeError("secret detail of the database at 10.0.0.3")


async def socket(call: Call) -> web.StreamResponse:
    ws = web.WebSocketResponse()
    await ws.prepare(call.request)
    await ws.send_str(f"hello {call.actor.name}")
    await ws.close()
    return ws


async def address(call: Call) -> dict[str, Any]:
    return {"address": call.address}


async def text(call: Call) -> list[Item]:
    return [Item(call.query.get("q", ""), 1)]


ROUTES = [
    Route("POST", "/api/orders", order, "public", "Order", request=Order, response=Said, status=201),
    Route("GET", "/api/records/{record}", read, "record.read", "Read", response=Said, resource=record_resource),
    Route("POST", "/api/photos", upload, "public", "Upload", raw_body=True, body_limit=100_000),
    Route("POST", "/api/films", stream, "public", "Upload in pieces", raw_body=True, body_limit=100_000),
    Route("DELETE", "/api/nothing", nothing, "self", "Nothing"),
    Route("GET", "/api/broken", broken, "public", "Broken"),
    Route("GET", "/api/ws", socket, "self", "Live"),
    Route("GET", "/api/address", address, "public", "Address"),
    Route("GET", "/api/text", text, "public", "Text", response=list[Item]),
    Route("POST", "/api/login", nothing, "public", "Try a password", rate=Rate(2, 60)),
]


def be(served, name: str) -> None:
    served.session.cookie_jar.update_cookies({"who": name})


async def problem(served, method: str, path: str, **more: Any) -> dict[str, Any]:
    """The problem an answer carries, with the answer's status checked against it."""
    async with served.session.request(method, path, **more) as response:
        assert response.content_type == "application/problem+json"
        body = await response.json(content_type=None)
        assert body["status"] == response.status
        return body
