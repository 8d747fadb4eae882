"""The edge over real sockets: origins, proxies, rates, headers, metrics, and clients that do not behave."""

import asyncio

import aiohttp
import msgspec
import pytest
from sqlalchemy import select

from foundation.audit import audit_log, verify_chain
from foundation.http import build_app
from foundation.metrics import Metrics
from foundation.routes import audit_refusals
from tests.support.small_api import ROUTES, be, problem, who


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


async def test_a_reader_who_leaves_early_breaks_nothing(served):
    _reader, writer = await asyncio.open_connection(*served.url.removeprefix("http://").split(":"))
    writer.write(b"POST /api/photos HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\nabc")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await served.get("/healthz")
