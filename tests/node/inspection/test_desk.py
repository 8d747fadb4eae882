"""The desk's routes and the applicant's link, over real sockets and databases."""

import asyncio
import hashlib
import io
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import msgspec
import pytest
from PIL import Image
from sqlalchemy import select

from foundation.access import Actor
from foundation.audit import audit_log, verify_chain
from foundation.job_runner import JobRunner
from inspection.store import load_state
from office import notices, store
from office.commands import CallStart, ConsentGive, PersonJoin, WaitEnter
from office.session import Party
from tests.node.inspection.conftest import Desk
from tests.support.http import Served


def today(desk: Desk) -> str:
    return (desk.clock.now() + timedelta(hours=8)).date().isoformat()


def jpeg(width: int = 1200, height: int = 900) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (width, height), (11, 90, 99)).save(made, "JPEG")
    return made.getvalue()


async def upload(client: aiohttp.ClientSession, record: str, data: bytes, status: int, **query: str) -> Any:
    query.setdefault("sha256", hashlib.sha256(data).hexdigest())
    async with client.post(f"/api/records/{record}/photos", data=data, params=query) as response:
        answer = await response.json()
        assert response.status == status, answer
        return answer


async def token_and_code(desk: Desk, number: int = 0) -> tuple[str, str]:
    """The link of a demonstration case, and a code fetched for it from the outbox."""
    case = desk.demo.cases[number]
    assert case.link is not None
    token = case.link.rsplit("/", 1)[1]
    await desk.served.post(f"/api/invitations/{token}/code")
    return token, await newest_code(desk, case.case)


async def newest_code(desk: Desk, case: str) -> str:
    async with desk.services.db.begin() as conn:
        newest = next(each for each in await notices.notices_of(conn, case) if each.kind == "code")
        text = notices.read_out(newest, await desk.services.record_key(conn, newest.record), "zh")
    return text.split("验证码")[1][:6]


async def in_call(desk: Desk, client: Served | aiohttp.ClientSession | None = None) -> str:
    """The first case's applicant has joined and the lead has opened the call; gives the record."""
    case = desk.demo.cases[0]
    token, code = await token_and_code(desk)
    desk.as_guest()
    await desk.served.post(f"/api/invitations/{token}/join", {"code": code, "device": "phone"})
    async with desk.services.db.read() as conn:
        state = await load_state(conn, case.record)
    lead = state.session.lead
    assert lead is not None
    applicant = Party(id="inv_x", name="张青禾", role="applicant", kind="guest")
    await desk.act(case.record, applicant, PersonJoin(leg="leg_a"), ConsentGive(version="2026-1"), WaitEnter())
    officer = Party(id=lead.id, name=lead.name, role="lead", kind="staff")
    await desk.act(case.record, officer, PersonJoin(leg="leg_l"), CallStart())
    return case.record


async def test_the_days_list_shows_masked_applicants_and_who_is_booked(desk_on_both: Desk) -> None:
    desk = desk_on_both
    desk.as_staff("liming")
    found = await desk.served.get(f"/api/cases?day={today(desk)}")
    rows = {row["business_name"]: row for row in found["cases"]}
    assert rows["青禾餐馆"]["applicant"] == "张*"
    assert (rows["青禾餐馆"]["lead"]["name"], rows["青禾餐馆"]["assist"]["name"]) == ("李明", "周岚")
    assert rows["康泰大药房"]["lead"] is None
    assert rows["听潮客栈"]["applicant"] == "欧阳*"
    assert "纺灯网咖" not in rows  # tomorrow
    assert all(row["phase"] == "invited" and row["signed"] == 0 for row in found["cases"])
    await desk.served.get("/api/cases?day=tomorrow", status=422)


async def test_another_district_sees_nothing_and_a_stranger_is_asked_to_log_in(desk: Desk) -> None:
    desk.actor = Actor("staff", "stf_x", "外人", "990102", frozenset({"officer"}))
    assert (await desk.served.get(f"/api/cases?day={today(desk)}"))["cases"] == []
    await desk.served.get(f"/api/cases/{desk.demo.cases[0].case}", status=403)
    desk.as_guest()
    await desk.served.get("/api/cases", status=401)


async def test_a_case_is_opened_with_its_facts_and_shows_the_items_that_apply(desk_on_both: Desk) -> None:
    desk = desk_on_both
    desk.as_staff("liming")
    new = {
        "matter": "food-catering", "business_name": "听雨面馆", "applicant_name": "李四", "phone": "139 0000 1234",
        "address": "听雨巷8号", "scheduled_at": "2026-11-25T06:30:00Z", "facts": {"disinfection": "chemical"},
        "lead": desk.who["liming"].id, "assist": desk.who["zhoulan"].id,
    }  # fmt: skip
    row = await desk.served.post("/api/cases", new)
    assert row["lead"]["name"] == "李明"
    detail = await desk.served.get(f"/api/cases/{row['case']}")
    items = {item["id"] for item in detail["checklist"]}
    assert "fc-18" in items and "fc-19" not in items
    assert detail["phone"] == "139****1234"
    assert detail["invitation"] is None
    told = {fact["key"]: (fact["value"], fact["choice"]) for fact in detail["facts"]}
    chemical = {"value": "chemical", "label": "化学消毒", "gloss": "Chemical"}
    assert told["disinfection"] == ("chemical", chemical) and told["is_canteen"] == (False, None)
    matters = {matter["slug"]: matter for matter in await desk.served.get("/api/matters")}
    (form,) = (fact for fact in matters["food-catering"]["facts"] if fact["key"] == "disinfection")
    assert chemical in form["options"] and form["default"] == "heat"
    for field, wrong in (
        ("phone", "12"),
        ("matter", "nothing"),
        ("facts", {"moon": True}),
        ("assist", desk.who["liming"].id),
    ):
        refused = await desk.served.post("/api/cases", {**new, field: wrong}, status=422)
        assert refused["code"] == "L06" and refused["params"]["field"].startswith(field)


async def test_a_name_that_cannot_be_printed_is_refused_with_its_characters_and_nothing_is_made(desk: Desk) -> None:
    desk.as_staff("liming")
    new = {
        "matter": "food-catering", "business_name": "听雨\U0001f35c面馆", "applicant_name": "李四",
        "phone": "13900001234", "address": "听雨巷8号", "scheduled_at": "2026-11-25T06:30:00Z",
    }  # fmt: skip
    refused = await desk.served.post("/api/cases", new, status=422)
    assert refused["code"] == "R01"
    assert refused["params"]["characters"] == "\U0001f35c U+1F35C" and "U+1F35C" in refused["detail"]
    rare = await desk.served.post("/api/cases", {**new, "business_name": "听雨面馆", "applicant_name": "李𬍛"})
    rows = (await desk.served.get("/api/cases?day=2026-11-25"))["cases"]
    assert [row["case"] for row in rows if row["business_name"].startswith("听雨")] == [rare["case"]]


async def test_sending_the_link_fills_the_outbox_word_for_word_and_ends_the_earlier_link(desk_on_both: Desk) -> None:
    desk = desk_on_both
    case = desk.demo.cases[0]
    desk.as_staff("liming")
    first = await desk.served.get(f"/api/cases/{case.case}")
    assert first["invitation"]["link"] == case.link
    sent = await desk.served.post(f"/api/cases/{case.case}/invitation")
    assert sent["link"] != case.link and sent["qr_svg"].startswith("<svg") and "style" not in sent["qr_svg"]
    detail = await desk.served.get(f"/api/cases/{case.case}")
    newest = detail["notices"][0]
    when = notices.short_time(datetime.fromisoformat(detail["row"]["scheduled_at"]), "zh")
    assert newest["text"] == (
        f"【松汀区政务服务中心】张*，您的“小餐饮登记”定于{when}远程视频勘验，"
        f"请用现场的手机打开{sent['link']}。不收费，不用下载软件。核实：0000-8801100"
    )
    assert newest["to"] == "199****0001"
    old = case.link
    assert old is not None
    assert (await desk.served.get(f"/api/invitations/{old.rsplit('/', 1)[1]}", status=410))["code"] == "L01"


async def test_the_outbox_is_sent_by_its_job_and_says_so(desk: Desk) -> None:
    handlers = notices.handlers(desk.services.db, desk.clock, desk.services.record_key, notices.OutboxOnly())
    runner = JobRunner(desk.services.db, desk.clock, handlers)
    while await runner.run_once():
        pass
    desk.as_staff("liming")
    detail = await desk.served.get(f"/api/cases/{desk.demo.cases[0].case}")
    assert [each["state"] for each in detail["notices"]] == ["sent"]


async def test_opening_the_link_consumes_nothing_and_tells_what_it_is_for(desk: Desk) -> None:
    link = desk.demo.cases[0].link
    assert link is not None
    path = f"/api/invitations/{link.rsplit('/', 1)[1]}"
    for _ in range(3):
        landing = await desk.served.get(path)
    assert landing["business_name"] == "青禾餐馆" and landing["phone_masked"] == "199****0001"
    assert landing["state"] == "open" and landing["joined"] is False
    assert landing["consent"]["version"]
    desk.clock.advance(60 * 60)
    assert (await desk.served.get(path))["state"] == "late"
    desk.clock.advance(15 * 24 * 60 * 60)
    expired = await desk.served.get(path, status=410)
    assert expired["code"] == "L01" and "0000-8801100" in expired["detail"]


@pytest.mark.parametrize("forged", ["x", "A" * 43, "..%2f..", "%00"])
async def test_a_forged_link_opens_nothing(desk: Desk, forged: str) -> None:
    for method, path in (("GET", ""), ("POST", "/code"), ("POST", "/join")):
        body = {"code": "123456"} if method == "POST" else None
        refused = await desk.served.json(method, f"/api/invitations/{forged}{path}", body, status=404)
        assert refused["code"] in ("L02", "S404")


async def test_joining_takes_the_code_once_and_gives_this_browser_the_record(desk: Desk) -> None:
    token, code = await token_and_code(desk)
    path = f"/api/invitations/{token}"
    joined = await desk.served.post(f"{path}/join", {"code": code, "device": "phone"})
    assert joined == {"record": desk.demo.cases[0].record}
    assert (await desk.served.get(path))["joined"] is True
    again = await desk.served.post(f"{path}/join", {"code": code, "device": "phone"}, status=409)
    assert again["code"] == "L03"


async def test_of_two_devices_that_use_one_code_at_once_one_joins(desk_on_both: Desk) -> None:
    desk = desk_on_both
    token, code = await token_and_code(desk)
    path, body = f"/api/invitations/{token}/join", {"code": code}
    async with desk.served.client() as other, desk.served.client() as third:
        answers = await asyncio.gather(other.post(path, json=body), third.post(path, json=body))
        assert sorted(one.status == 200 for one in answers) == [False, True]
        landing = [await (await one.get(f"/api/invitations/{token}")).json() for one in (other, third)]
    assert sorted(one["joined"] for one in landing) == [False, True]


async def test_a_second_device_needs_a_new_code_and_displaces_the_first(desk_on_both: Desk) -> None:
    desk = desk_on_both
    token, code = await token_and_code(desk)
    path = f"/api/invitations/{token}"
    await desk.served.post(f"{path}/join", {"code": code})
    async with desk.served.client() as other:
        async with other.get(path) as response:
            assert (await response.json())["state"] == "used"
        async with other.post(f"{path}/join", json={"code": code}) as response:
            assert (response.status, (await response.json())["code"]) == (409, "L03")
        async with other.post(f"{path}/code", json={}) as response:
            assert await response.json() == {"sent_to": "199****0001"}
        fresh = await newest_code(desk, desk.demo.cases[0].case)
        async with other.post(f"{path}/join", json={"code": fresh}) as response:
            assert response.status == 200
        async with other.get(path) as response:
            assert (await response.json())["joined"] is True
    assert [record for record, _ in desk.displaced] == [desk.demo.cases[0].record]
    assert (await desk.served.get(path))["joined"] is False


async def test_a_code_can_be_tried_five_times_and_lives_ten_minutes(desk_on_both: Desk) -> None:
    desk = desk_on_both
    token, code = await token_and_code(desk)
    path = f"/api/invitations/{token}/join"
    wrong = "000000" if code != "000000" else "111111"
    left = [(await desk.served.post(path, {"code": wrong}, status=401))["params"].get("left") for _ in range(5)]
    assert left == [4, 3, 2, 1, None]
    assert (await desk.served.post(path, {"code": code}, status=401))["code"] == "L05"
    _, fresh = await token_and_code(desk)
    desk.clock.advance(10 * 60)
    assert (await desk.served.post(path, {"code": fresh}, status=401))["code"] == "L05"


async def test_whoever_is_refused_at_a_link_is_on_the_audit_log_and_in_time_told_to_wait(desk_on_both: Desk) -> None:
    desk = desk_on_both
    token, code = await token_and_code(desk)
    await desk.served.post("/api/invitations/forged/join", {"code": code}, status=404)
    await desk.served.post(f"/api/invitations/{token}/join", {"code": "x"}, status=401)
    desk.clock.advance(365 * 24 * 3600)
    await desk.served.post(f"/api/invitations/{token}/join", {"code": code}, status=410)
    await desk.served.post(f"/api/invitations/{token}/code", status=410)
    async with desk.services.db.read() as conn:
        rows = (await conn.execute(select(audit_log).where(audit_log.c.outcome == "refused"))).all()
        assert (await verify_chain(conn)).ok
    record = desk.demo.cases[0].record
    told = [
        (row.actor.split(":")[0], row.action, row.resource, msgspec.json.decode(row.detail)["code"]) for row in rows
    ]
    assert told == [
        ("anonymous", "link.join", "", "L02"),
        ("guest", "link.join", record, "L04"),
        ("guest", "link.join", record, "L01"),
        ("guest", "link.code", record, "L01"),
    ]
    for _ in range(59):
        await desk.served.post("/api/invitations/forged/join", {"code": code}, status=404)
    assert (await desk.served.post("/api/invitations/forged/join", {"code": code}, status=429))["code"] == "S429"


async def test_codes_are_not_sent_without_end(desk: Desk) -> None:
    link = desk.demo.cases[0].link
    assert link is not None
    path = f"/api/invitations/{link.rsplit('/', 1)[1]}/code"
    for _ in range(5):
        await desk.served.post(path)
    assert (await desk.served.post(path, status=429))["code"] == "S429"
    desk.clock.advance(601)
    await desk.served.post(path)


async def test_neither_link_nor_code_lies_readable_in_the_database(desk: Desk) -> None:
    token, code = await token_and_code(desk)
    async with desk.services.db.read() as conn:
        for table in ("invitations", "notices", "jobs", "audit_log"):
            rows = (await conn.exec_driver_sql(f"SELECT * FROM {table}")).all()
            assert token not in repr(rows) and f"'{code}'" not in repr(rows)


async def test_the_second_officer_is_named_and_nobody_is_their_own_second(desk: Desk) -> None:
    case = desk.demo.cases[1]
    desk.as_staff("liming")
    free = await desk.served.get("/api/officers/free")
    assert {each["name"] for each in free} == {"周岚", "陈宇", "孙伟"}
    row = await desk.served.post(f"/api/cases/{case.case}/assist", {"staff": desk.who["chenyu"].id})
    assert row["assist"]["name"] == "陈宇"
    refused = await desk.served.post(f"/api/cases/{case.case}/assist", {"staff": desk.who["liming"].id}, status=409)
    assert refused["code"] == "I13"
    await desk.served.post(f"/api/cases/{case.case}/assist", {"staff": desk.who["hejing"].id}, status=422)


async def test_an_officer_of_another_office_assists_where_two_inspect_jointly(desk: Desk) -> None:
    case = desk.demo.cases[1]
    async with desk.services.db.begin() as conn:
        district = await store.get_office(conn, "990101")
        assert district is not None
        brigade = msgspec.structs.replace(district, code="990109", name="松汀区消防救援大队")
        await store.add_office(conn, brigade)
        member = store.Staff(
            id="stf_far", account="zhaofar", name="赵远", office=brigade.code, roles=["officer"], active=True,
            created_at=desk.clock.now(),
        )  # fmt: skip
        await store.add_staff(conn, member)
    desk.as_staff("liming")
    asked = await desk.served.get("/api/officers/free?joint=1")
    assert [(each["name"], each["office"]) for each in asked] == [("赵远", brigade.name)]
    row = await desk.served.post(f"/api/cases/{case.case}/assist", {"staff": member.id})
    assert row["assist"]["name"] == "赵远"
    async with desk.services.db.read() as conn:
        assist = (await load_state(conn, case.record)).session.assist
    assert assist is not None and assist.office == brigade.name
    desk.actor = Actor("staff", id=member.id, name=member.name, office=brigade.code, roles=frozenset({"officer"}))
    day = await desk.served.get(f"/api/cases?day={today(desk)}")
    assert [each["case"] for each in day["cases"]] == [case.case], "of the other office they see this case and no other"


async def test_a_photograph_arrives_whole_becomes_an_event_and_comes_back_as_it_was(desk_on_both: Desk) -> None:
    desk = desk_on_both
    record = await in_call(desk)
    picture = jpeg()
    stored = await upload(desk.served.session, record, picture, 200, item="sx-01", taken_at="2026-11-24T06:31:00Z")
    assert stored["sha256"] == hashlib.sha256(picture).hexdigest()
    assert await upload(desk.served.session, record, picture, 200, item="sx-01") == stored
    async with desk.services.db.read() as conn:
        state = await load_state(conn, record)
    assert [(photo.id, photo.width, photo.height, photo.item) for photo in state.photos] == [
        (stored["photo"], 1200, 900, "sx-01")
    ]
    async with desk.served.session.get(f"/api/photos/{stored['photo']}") as response:
        assert (response.content_type, await response.read()) == ("image/jpeg", picture)
    for _ in range(2):
        async with desk.served.session.get(f"/api/photos/{stored['photo']}/thumbnail") as response:
            small = Image.open(io.BytesIO(await response.read()))
        assert (small.format, small.size) == ("JPEG", (480, 360))


async def test_what_is_no_photograph_or_changed_on_the_way_is_refused_and_leaves_nothing(desk: Desk) -> None:
    record = await in_call(desk)
    client, picture = desk.served.session, jpeg(80, 60)
    assert (await upload(client, record, b"%PDF-1.7 not a photograph", 415))["code"] == "F02"
    assert (await upload(client, record, picture, 422, sha256="0" * 64))["code"] == "F03"
    assert (await upload(client, record, picture, 404, item="no-such-item"))["code"] == "I07"
    async with desk.services.db.read() as conn:
        assert (await conn.exec_driver_sql("SELECT count(*) FROM photos")).scalar() == 0
        assert (await load_state(conn, record)).photos == ()
        row = await store.get_record(conn, record)
    assert row is not None and row.phase == "live"


async def test_a_photograph_above_thirty_megabytes_is_refused_by_its_length(desk: Desk) -> None:
    record = await in_call(desk)
    big = b"\xff\xd8\xff" + bytes(30 * 1024 * 1024)
    assert (await upload(desk.served.session, record, big, 413))["code"] == "F01"


async def test_a_guest_sees_only_the_photographs_of_their_own_record(desk: Desk) -> None:
    record = await in_call(desk)
    stored = await upload(desk.served.session, record, jpeg(), 200)
    desk.actor = Actor("guest", "inv_other", "别人", record=desk.demo.cases[2].record, role="applicant")
    await desk.served.get(f"/api/photos/{stored['photo']}", status=404)


async def test_the_demonstration_is_loaded_once_and_invents_no_past(desk_on_both: Desk) -> None:
    desk = desk_on_both
    from inspection.demo import load_demonstration

    again = await load_demonstration(desk.services.db, desk.clock, desk.services.record_key, "https://demo.test")
    assert again is None
    async with desk.services.db.read() as conn:
        for case in desk.demo.cases:
            tags = {event.tag for event in await store.events(conn, case.record)}
            assert tags <= {"system:officer:assigned"}
        assert len(await store.newest_matters(conn)) == 13
        assert {office.level for office in await store.list_offices(conn)} == {
            "city",
            "district",
            "street",
            "community",
        }
    assert len({account.password for account in desk.demo.accounts}) == len(desk.demo.accounts) == 8
