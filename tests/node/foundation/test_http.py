"""Requests over real sockets, as a browser and as something worse would send them."""

import asyncio
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from openapi_spec_validator import validate
from sqlalchemy import select

from foundation.access import ANONYMOUS, SYSTEM, Actor, Resource
from foundation.audit import audit_log, verify_chain
from foundation.errors import Problem
from foundation.http import Call, Route, build_app
from foundation.jobs import enqueue
from foundation.metrics import Metrics
from foundation.rates import Rate
from foundation.routes import audit_refusals, job_routes
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


@pytest.fixture
async def served(serve):
    return await serve(build_app(ROUTES, actors=who))


def be(served, name: str) -> None:
    served.session.cookie_jar.update_cookies({"who": name})


async def problem(served, method: str, path: str, **more: Any) -> dict[str, Any]:
    """The problem an answer carries, with the answer's status checked against it."""
    async with served.session.request(method, path, **more) as response:
        assert response.content_type == "application/problem+json"
        body = await response.json(content_type=None)
        assert body["status"] == response.status
        return body


async def test_a_decoded_body_reaches_the_handler_and_its_struct_the_reader(served):
    body = {"name": "盒饭", "items": [{"key": "a", "count": 2}], "unknown": "of a newer page"}
    assert await served.json("POST", "/api/orders", body, status=201) == {
        "name": "盒饭",
        "count": 2,
        "actor": "anonymous",
        "resource": None,
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"name": 5}', "/name"),
        (b'{"name": "x", "items": [{"key": 1}]}', "/items/0/key"),
        (b'{"name": "x", "items": {}}', "/items"),
        (b"{}", "/"),
        (b"[1]", "/"),
        (b"{", "/"),
        (b"", "/"),
        (b'{"name": "\\u0000"}', "/"),
        (b'{"name": "\\ud800"}', "/"),
        (b'{"name": NaN}', "/"),
        (b"\xff\xfe", "/"),
        (b"[" * 20_000, "/"),
        (b'{"name": "x", "items": ' + b"[" * 5000 + b"]" * 5000 + b"}", "/items/0"),
    ],
)
async def test_a_body_that_is_not_what_it_should_be_is_refused_whole(served, body, pointer):
    refused = await problem(served, "POST", "/api/orders", data=body, headers={"Content-Type": "application/json"})
    assert (refused["code"], refused["params"]["pointer"]) == ("S422", pointer)


async def test_an_escaped_backslash_before_u0000_is_no_nul(served):
    body = b'{"name": "\\\\u0000"}'
    async with served.session.post("/api/orders", data=body, headers={"Content-Type": "application/json"}) as response:
        assert (await response.json())["name"] == "\\u0000"


async def test_a_form_of_another_content_type_is_refused(served):
    refused = await problem(
        served, "POST", "/api/orders", data=b'{"name": "x"}', headers={"Content-Type": "text/plain"}
    )
    assert refused["code"] == "S415"


@pytest.mark.parametrize("path", ["/api/photos", "/api/films"])
async def test_a_body_over_the_limit_is_refused_told_or_untold(served, path):
    assert (await problem(served, "POST", path, data=bytes(100_001)))["code"] == "S413"

    async def untold():
        for _ in range(3):
            yield bytes(50_000)

    assert (await problem(served, "POST", path, data=untold()))["code"] == "S413"
    async with served.session.post(path, data=bytes(100_000)) as response:
        assert response.status == 200


async def test_a_compressed_body_is_refused_before_it_is_inflated(served):
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    import gzip

    body = gzip.compress(b'{"name": "x"}')
    assert (await problem(served, "POST", "/api/orders", data=body, headers=headers))["code"] == "S415"


async def test_a_handler_without_a_result_answers_204(served):
    be(served, "wang")
    async with served.session.delete("/api/nothing") as response:
        assert (response.status, await response.read()) == (204, b"")


async def test_a_stranger_is_asked_to_log_in_before_anything_is_looked_up(served):
    assert (await problem(served, "GET", "/api/records/rec_1"))["code"] == "S401"
    assert (await problem(served, "GET", "/api/records/unknown"))["code"] == "S401"


async def test_staff_of_another_office_are_told_whom_to_ask(served):
    be(served, "elsewhere")
    refused = await problem(served, "GET", "/api/records/rec_1")
    assert (refused["status"], refused["code"]) == (403, "S403")
    assert refused["detail"] == "您没有查看权限。请联系值班长。"


async def test_to_a_guest_another_record_does_not_exist(served):
    be(served, "zhang")
    assert (await served.get("/api/records/rec_1"))["resource"] == "rec_1"
    other = await problem(served, "GET", "/api/records/rec_2")
    nowhere = await problem(served, "GET", "/api/records/x")
    assert (other["status"], other["code"]) == (nowhere["status"], nowhere["code"]) == (404, "S404")


async def test_the_sentence_is_in_the_readers_language(served):
    english = await problem(served, "GET", "/api/nowhere", headers={"Accept-Language": "en-GB,en;q=0.8"})
    assert english["detail"] == "Not found. Start again from the first page."
    served.session.cookie_jar.update_cookies({"yk_lang": "en"})
    assert (await problem(served, "GET", "/api/nowhere"))["title"] == "Not found"


async def test_an_error_of_ours_says_nothing_of_its_cause(served):
    async with served.session.get("/api/broken") as response:
        body = await response.text()
    assert response.status == 500
    assert "10.0.0.3" not in body and "RuntimeError" not in body
    assert msgspec.json.decode(body)["request"] in msgspec.json.decode(body)["detail"]


async def test_an_unknown_method_says_which_there_are(served):
    async with served.session.put("/api/orders") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/api/text", "/api/nowhere", "/api/broken", "/healthz"])
async def test_every_answer_carries_the_browsers_defences(served, path):
    async with served.session.get(path) as response:
        headers = response.headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"] and "*" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert ("no-store" in headers.get("Cache-Control", "")) == path.startswith("/api")
    assert "aiohttp" not in headers.get("Server", "").lower()


async def test_a_page_of_another_site_writes_nothing(served):
    for origin in ("https://evil.example", "null", served.url.replace("http:", "https:"), served.url + ".evil.example"):
        refused = await problem(served, "POST", "/api/photos", data=b"x", headers={"Origin": origin})
        assert (refused["status"], refused["code"]) == (403, "S431")


async def test_a_request_without_an_origin_passes_only_without_a_login(served):
    async with aiohttp.ClientSession(served.url) as plain:
        async with plain.post("/api/photos", data=b"x") as response:
            assert response.status == 200
        async with plain.post("/api/photos", data=b"x", cookies={"who": "wang"}) as response:
            assert response.status == 403


async def test_only_the_pages_of_the_base_url_write_when_it_is_set(serve):
    base = "https://kanyan.example.gov.cn"
    served = await serve(build_app(ROUTES, actors=who, origins=frozenset({base})))
    assert (await problem(served, "POST", "/api/photos", data=b"x"))["code"] == "S431"
    async with served.session.post("/api/photos", data=b"x", headers={"Origin": base}) as response:
        assert response.status == 200
        assert "wss://kanyan.example.gov.cn" in response.headers["Content-Security-Policy"]


async def test_a_websocket_opens_for_our_own_page_and_for_no_other(served):
    be(served, "wang")
    async with served.session.ws_connect("/api/ws") as ws:
        assert await ws.receive_str() == "hello 王敏"
    for headers in ({"Origin": "https://evil.example"}, {"Origin": ""}):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await served.session.ws_connect("/api/ws", headers=headers)
        assert refused.value.status == 403
    async with aiohttp.ClientSession(served.url) as plain:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await plain.ws_connect("/api/ws", headers={"Cookie": "who=wang"})


async def test_an_address_is_believed_from_a_trusted_proxy_alone(serve):
    forged = {"X-Forwarded-For": "203.0.113.1, 198.51.100.7"}
    direct = await serve(build_app(ROUTES, actors=who))
    async with direct.session.get("/api/address", headers=forged) as response:
        assert (await response.json())["address"] == "127.0.0.1"
    behind = await serve(build_app(ROUTES, actors=who, trusted_proxies=("127.0.0.0/8",)))
    async with behind.session.get("/api/address", headers=forged) as response:
        assert (await response.json())["address"] == "198.51.100.7"
    async with behind.session.get("/api/address", headers={"X-Forwarded-For": "nonsense, ::1x"}) as response:
        assert (await response.json())["address"] == "127.0.0.1"


async def test_behind_tls_the_origin_is_that_of_the_proxy(serve):
    served = await serve(build_app(ROUTES, actors=who, trusted_proxies=("127.0.0.0/8",)))
    secure = served.url.replace("http:", "https:")
    headers = {"X-Forwarded-Proto": "https", "Origin": secure}
    async with served.session.post("/api/photos", data=b"x", headers=headers) as response:
        assert response.status == 200


async def test_a_look_by_head_gets_the_headers_alone(served):
    async with served.session.head("/api/text") as response:
        assert (response.status, await response.read()) == (200, b"")
    be(served, "zhang")
    async with served.session.head("/api/records/rec_2") as response:
        assert response.status == 404


async def test_too_many_tries_are_told_how_long_to_wait(serve, clock):
    served = await serve(build_app(ROUTES, actors=who, clock=clock))
    for _ in range(2):
        await served.post("/api/login", status=204)
    async with served.session.post("/api/login") as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "30")
    clock.advance(30)
    await served.post("/api/login", status=204)


async def test_a_refusal_of_somebody_known_is_in_the_audit_log(serve, database, clock):
    served = await serve(build_app(ROUTES, actors=who, audit=audit_refusals(database, clock)))
    await problem(served, "GET", "/api/records/rec_1")
    for name in ("elsewhere", "zhang"):
        be(served, name)
        await problem(served, "GET", "/api/records/rec_2")
    async with database.read() as conn:
        rows = (await conn.execute(select(audit_log).order_by(audit_log.c.seq))).all()
        assert (await verify_chain(conn)).ok
    assert [(row.actor, row.action, row.resource, row.outcome) for row in rows] == [
        ("staff:stf_zhao", "record.read", "record:rec_2", "refused"),
        ("guest:inv_zhang", "record.read", "record:rec_2", "refused"),
    ]
    assert msgspec.json.decode(rows[1].detail)["reason"] == "other_record"


async def test_readiness_names_what_is_missing_and_health_does_not_care(serve):
    async def bus() -> None:
        raise ConnectionError("10.0.0.3")

    async def good() -> None:
        return None

    served = await serve(build_app([], actors=who, ready={"bus": bus, "database": good}))
    assert await served.get("/readyz", status=503) == {"status": "failing", "failing": ["bus"]}
    assert await served.get("/healthz") == {"status": "ok"}


async def test_requests_are_counted_by_route_and_never_by_path(serve):
    metrics = Metrics()
    served = await serve(build_app(ROUTES, actors=who, metrics=metrics))
    be(served, "zhang")
    await served.get("/api/records/rec_1")
    assert metrics.value("http_requests_total", method="GET", route="/api/records/{record}", status="200") == 1
    async with served.session.get("/metrics") as response:
        assert "rec_1" not in await response.text()


async def test_metrics_are_for_the_networks_that_may_read_them(serve):
    local = await serve(build_app([], actors=who))
    assert (await problem(local, "GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.9"}))["status"] == 404
    other = await serve(build_app([], actors=who, metrics_from=("10.0.0.0/8",)))
    assert (await problem(other, "GET", "/metrics"))["status"] == 404


async def test_a_body_that_stops_coming_does_not_hold_its_connection(served, monkeypatch):
    monkeypatch.setattr("foundation.http_body._IDLE_S", 0.05)

    async def stalled():
        yield b"x"
        await asyncio.sleep(5)

    assert (await problem(served, "POST", "/api/photos", data=stalled()))["code"] == "S408"


async def test_the_description_is_valid_openapi_and_names_every_route(served):
    described = await served.get("/api/openapi.json")
    validate(described)
    named = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert named == {(route.method, route.path) for route in ROUTES}
    assert described["paths"]["/api/records/{record}"]["get"]["x-permission"] == "record.read"


def test_a_route_without_a_known_permission_is_not_served():
    with pytest.raises(ValueError, match=r"record\.destroy"):
        build_app([Route("GET", "/api/x", nothing, "record.destroy", "x")], actors=who)


async def test_a_job_is_shown_to_its_owner_and_to_nobody_else(serve, sqlite_database, clock):
    served = await serve(build_app(job_routes(sqlite_database), actors=who))
    async with sqlite_database.begin() as conn:
        job_id = await enqueue(conn, "package", {"record": "rec_1"}, now=clock.now(), owner="stf_wang")
    await served.get(f"/api/jobs/{job_id}", status=401)
    be(served, "auditor")
    await served.get(f"/api/jobs/{job_id}", status=403)
    be(served, "wang")
    shown = await served.get(f"/api/jobs/{job_id}")
    assert (shown["state"], shown["progress"], shown["error"]) == ("queued", 0, None)
    assert "payload" not in shown
    await served.get("/api/jobs/job_unknown", status=404)


async def test_a_reader_who_leaves_early_breaks_nothing(served):
    _reader, writer = await asyncio.open_connection(*served.url.removeprefix("http://").split(":"))
    writer.write(b"POST /api/photos HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\nabc")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await served.get("/healthz")


def test_the_system_is_an_actor_like_others():
    assert str(SYSTEM) == "system:system"
    assert str(ANONYMOUS) == "anonymous"
