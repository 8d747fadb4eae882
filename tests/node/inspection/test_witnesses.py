"""Witnesses are named by an officer, come by links of their own, and have a field on the sheet."""

import pytest

from inspection.commands import Close
from inspection.store import load_state
from office import invitations, notices
from office.session import Party
from tests.node.inspection.conftest import Desk
from tests.node.inspection.test_desk import in_call, newest_code

PHONE = "19900000077"


async def test_a_witness_is_named_gets_a_link_and_joins_as_nobody_else(desk_on_both: Desk) -> None:
    desk = desk_on_both
    case = desk.demo.cases[0]
    desk.as_staff("liming")
    path = f"/api/cases/{case.case}/witnesses"
    made = await desk.served.post(path, {"name": "王䶮", "phone": PHONE})
    again = await desk.served.post(path, {"name": "王䶮", "phone": PHONE})
    assert again["link"] == made["link"], "the same link once more"
    listed = await desk.served.get(path)
    assert [(one["name"], one["phone"], one["state"]) for one in listed] == [("王䶮", "199****0077", "sent")]
    async with desk.services.db.begin() as conn:
        state = await load_state(conn, case.record)
        sent = [each for each in await notices.notices_of(conn, case.case) if each.phone == PHONE]
        text = notices.read_out(sent[0], await desk.services.record_key(conn, case.record), "zh")
    assert [one.name for one in state.session.witnesses] == ["王䶮"]
    assert len(sent) == 2 and made["link"] in text
    desk.as_guest()
    token = made["link"].rsplit("/", 1)[1]
    landing = await desk.served.get(f"/api/invitations/{token}")
    assert (landing["role"], landing["phone_masked"], landing["sheet"]) == ("witness", "199****0077", False)
    await desk.served.post(f"/api/invitations/{token}/code")
    async with desk.served.client() as phone:
        code = await newest_code(desk, case.case)
        async with phone.post(f"/api/invitations/{token}/join", json={"code": code}) as response:
            assert response.status == 200
            cookie = response.cookies["yk_guest"].value
    async with desk.services.db.read() as conn:
        actor = await invitations.guest_of(conn, cookie, desk.clock.now())
    assert actor is not None and (actor.role, actor.id) == ("witness", state.session.witnesses[0].id)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "王五", "phone": "19900000001"}, "L06"),
        ({"name": "王五", "phone": "no number"}, "L06"),
        ({"name": " ", "phone": PHONE}, "L06"),
        ({"name": "王\U0003fffd", "phone": PHONE}, "R01"),
    ],
    ids=["the applicant's own number", "no number", "no name", "a character that cannot be printed"],
)
async def test_who_can_be_no_witness_is_refused(desk: Desk, body: dict[str, str], code: str) -> None:
    case = desk.demo.cases[0]
    desk.as_staff("liming")
    refused = await desk.served.post(f"/api/cases/{case.case}/witnesses", body, status=422)
    assert refused["code"] == code
    async with desk.services.db.read() as conn:
        assert (await load_state(conn, case.record)).session.witnesses == ()


async def test_only_an_officer_names_witnesses_and_only_before_the_close(desk: Desk) -> None:
    case = desk.demo.cases[0]
    body = {"name": "王五", "phone": PHONE}
    desk.as_guest()
    assert (await desk.served.post(f"/api/cases/{case.case}/witnesses", body, status=401))["code"] == "S401"
    record = await in_call(desk)
    desk.as_staff("liming")
    await desk.served.post(f"/api/cases/{case.case}/witnesses", body)
    async with desk.services.db.read() as conn:
        lead = (await load_state(conn, record)).session.lead
    assert lead is not None
    officer = Party(id=lead.id, name=lead.name, role="lead", kind="staff")
    await desk.act(record, officer, Close(result="suspend"))
    async with desk.services.db.read() as conn:
        signers = (await load_state(conn, record)).session.signers
    assert [one.role for one in signers][:2] == ["applicant", "witness"]
    late = await desk.served.post(f"/api/cases/{case.case}/witnesses", {**body, "name": "赵六"}, status=409)
    assert late["code"] in ("I03", "I05")
