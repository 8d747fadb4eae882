"""Requests over real sockets: what reaches a handler, what is refused, and in which words."""

import msgspec
import pytest
from openapi_spec_validator import validate

from foundation.access import ANONYMOUS, SYSTEM
from foundation.http import Route, build_app
from foundation.jobs import enqueue
from foundation.routes import job_routes
from tests.support.small_api import ROUTES, be, nothing, problem, who


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


def test_the_system_is_an_actor_like_others():
    assert str(SYSTEM) == "system:system"
    assert str(ANONYMOUS) == "anonymous"
