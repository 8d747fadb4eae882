"""The chain of a record in both databases: one order, no gap, whoever writes at once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from foundation.db import Database
from foundation.ids import new_id
from office import store
from office.commands import OfficerAssign
from office.events import NewEvent, verify
from office.register import Case, Office, Person, Staff

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)


def said(text: str) -> NewEvent:
    return NewEvent(tag="officer:message:said", actor="stf_li", body={"text": text, "name": "李明", "role": "lead"})


async def open_record(database: Database, office: str = "990101", at: datetime = NOW) -> str:
    """A record of a fresh case, at event 0."""
    record = new_id("rec")
    async with database.begin() as conn:
        if await store.get_office(conn, office) is None:
            place = Office(
                code=office, parent=None, level="district", name="松汀区政务服务中心", gloss="Songting", short="松汀区",
                address="栈桥路88号", lat=35.912, lon=123.421, phone="0000-8801100", hours={}, inspection_matters=[],
            )  # fmt: skip
            await store.add_office(conn, place)
        person = Person(id=new_id("per"), name="张三", phone="13800005678", created_at=at)
        await store.insert_person(conn, person)
        case = Case(
            id=new_id("case"), number=await store.next_number(conn, office, 2026), office=office, matter="hr-service",
            person=person.id, business_name="青禾", address="听雨巷1号", lat=35.9, lon=123.4, facts={},
            documents_ok=True, created_at=at, created_by="stf_li",
        )  # fmt: skip
        await store.insert_case(conn, case)
        await store.insert_record(conn, record, case, matter_version=1, scheduled_at=at, at=at)
    return record


async def arrive(database: Database, record: str, at: datetime = NOW) -> None:
    """The applicant has consented and waits."""
    events = [
        NewEvent(tag="applicant:consent:given", actor="inv_1", body={"version": "1"}),
        NewEvent(tag="applicant:wait:entered", actor="inv_1", body={}),
    ]
    async with database.begin() as conn:
        await store.append(conn, record, 0, events, at=at)


async def test_what_was_appended_is_read_back_and_verifies(database: Database) -> None:
    async with database.begin() as conn:
        first = await store.append(conn, "rec_1", 0, [said("一"), said("二")], at=NOW)
        second = await store.append(conn, "rec_1", 2, [said("三|四\n五")], at=NOW + timedelta(microseconds=1))
    async with database.read() as conn:
        read = await store.events(conn, "rec_1")
        assert read == [*first, *second]
        assert [event.seq for event in await store.events(conn, "rec_1", after=2)] == [3]
    assert verify(read).ok


async def test_a_writer_who_is_behind_gets_a_conflict_and_writes_nothing(database: Database) -> None:
    async with database.begin() as conn:
        await store.append(conn, "rec_1", 0, [said("一")], at=NOW)
    for expected in (0, 2):
        with pytest.raises(store.Conflict):
            async with database.begin() as conn:
                await store.append(conn, "rec_1", expected, [said("二")], at=NOW)
    async with database.read() as conn:
        assert len(await store.events(conn, "rec_1")) == 1


async def test_erased_bodies_leave_an_unbroken_chain(database: Database) -> None:
    async with database.begin() as conn:
        await store.append(conn, "rec_1", 0, [said("姓名"), said("电话"), said("结论")], at=NOW)
        assert await store.erase_bodies(conn, "rec_1", upto=2) == 2
        read = await store.events(conn, "rec_1")
    verdict = verify(read)
    assert (verdict.ok, verdict.length, verdict.erased) == (True, 3, 2)
    assert [event.body_text is None for event in read] == [True, True, False]


async def test_writers_at_once_make_one_unbroken_chain(database: Database) -> None:
    record = await open_record(database)

    async def write(who: int) -> None:
        written, seq = 0, 0
        while written < 20:
            try:
                async with database.begin() as conn:
                    stored = await store.append(conn, record, seq, [said(f"{who}-{written}")], at=NOW)
                seq, written = stored[-1].seq, written + 1
            except store.Conflict:
                async with database.read() as conn:
                    seq = (await store.events(conn, record))[-1].seq

    await asyncio.gather(*(write(who) for who in range(4)))
    async with database.read() as conn:
        read = await store.events(conn, record)
    assert verify(read).ok
    assert len(read) == 80
    assert {event.body["text"] for event in read} == {f"{who}-{n}" for who in range(4) for n in range(20)}


async def test_the_row_of_a_record_follows_its_events(database: Database) -> None:
    record = await open_record(database)
    await arrive(database, record)
    async with database.read() as conn:
        row = await store.get_record(conn, record)
    assert row is not None
    assert (row.phase, row.waiting_since, row.lead) == ("waiting", NOW, None)
    later = NOW + timedelta(minutes=5)
    async with database.begin() as conn:
        events = [
            NewEvent(
                tag="system:officer:assigned", actor="system", body={"role": "lead", "staff": "stf_li", "name": "李明"}
            ),
            NewEvent(tag="officer:call:started", actor="stf_li", body={"call": "call_1"}),
            NewEvent(
                tag="officer:record:closed",
                actor="stf_li",
                body={
                    "result": "suspend",
                    "signers": [{"role": "applicant", "name": "张"}, {"role": "seal", "name": "x"}],
                },
            ),
            NewEvent(tag="applicant:signature:made", actor="system", body={"role": "applicant"}),
        ]
        await store.append(conn, record, 2, events, at=later)
        row = await store.get_record(conn, record)
        assert row is not None
        assert (row.phase, row.lead, row.call, row.result) == ("closing", "stf_li", "call_1", "suspend")
        assert (row.signed, row.to_sign, row.concluded_at) == (1, 1, later)
        await store.append(
            conn, record, 6, [NewEvent(tag="officer:call:ended", actor="stf_li", body={"call": "call_1"})], at=later
        )
        row = await store.get_record(conn, record)
    assert row is not None
    assert (row.phase, row.call) == ("closed", None)


async def test_of_a_hundred_simultaneous_claims_exactly_one_wins_and_the_others_see_who(database: Database) -> None:
    record = await open_record(database)
    await arrive(database, record)

    async def claim(staff: str) -> store.Claim:
        async with database.begin() as conn:
            claimed = await store.claim_record(conn, record, staff, NOW)
            if claimed.won:
                seq = len(await store.events(conn, record))
                command = OfficerAssign(role="lead", staff=staff, name=staff)
                body = {"role": command.role, "staff": staff, "name": staff}
                await store.append(
                    conn, record, seq, [NewEvent(tag="system:officer:assigned", actor="system", body=body)], at=NOW
                )
        return claimed

    claims = await asyncio.gather(*(claim(f"stf_{n}") for n in range(100)))
    winners = [each for each in claims if each.won]
    assert len(winners) == 1
    assert {each.lead for each in claims} == {winners[0].lead}
    async with database.read() as conn:
        read = await store.events(conn, record)
        row = await store.get_record(conn, record)
    assert [event.tag for event in read].count("system:officer:assigned") == 1
    assert row is not None and row.lead == winners[0].lead


async def test_ten_officers_at_once_take_ten_different_applicants(database: Database) -> None:
    records = [await open_record(database) for _ in range(10)]
    for minutes, record in enumerate(records):
        await arrive(database, record, NOW + timedelta(minutes=minutes))

    async def claim(staff: str) -> str | None:
        async with database.begin() as conn:
            claimed = await store.claim_next(conn, "990101", staff, NOW)
            return claimed.record if claimed else None

    taken = await asyncio.gather(*(claim(f"stf_{n}") for n in range(12)))
    assert sorted(record for record in taken if record) == sorted(records)
    assert taken.count(None) == 2


async def test_who_is_booked_with_an_officer_comes_before_who_waits_longer(database: Database) -> None:
    longest, booked = await open_record(database), await open_record(database)
    await arrive(database, longest)
    await arrive(database, booked, NOW + timedelta(minutes=9))
    async with database.begin() as conn:
        body = {"role": "lead", "staff": "stf_li", "name": "李明"}
        await store.append(
            conn, booked, 2, [NewEvent(tag="system:officer:assigned", actor="system", body=body)], at=NOW
        )
    async with database.begin() as conn:
        other = await store.claim_next(conn, "990101", "stf_zhou", NOW)
        mine = await store.claim_next(conn, "990101", "stf_li", NOW)
        nobody = await store.claim_next(conn, "990101", "stf_he", NOW)
    assert other is not None and other.record == longest
    assert mine is not None and mine.record == booked
    assert nobody is None


async def test_a_day_lists_its_records_with_case_and_applicant_by_time(database: Database) -> None:
    late = await open_record(database, at=NOW + timedelta(hours=2))
    early = await open_record(database)
    await open_record(database, at=NOW + timedelta(days=1))
    async with database.read() as conn:
        rows = await store.list_records(conn, ["990101"], NOW, NOW + timedelta(hours=12))
        none = await store.list_records(conn, ["990102"], NOW, NOW + timedelta(hours=12))
    assert [record.id for record, _, _ in rows] == [early, late]
    assert [(case.business_name, person.name) for _, case, person in rows] == [("青禾", "张三")] * 2
    assert none == []


async def test_staff_are_found_by_account_while_they_are_active(database: Database) -> None:
    await open_record(database)
    async with database.begin() as conn:
        for name, active in (("liming", True), ("gone", False)):
            member = Staff(
                id=f"stf_{name}",
                account=name,
                name=name,
                office="990101",
                roles=["officer"],
                active=active,
                created_at=NOW,
            )
            await store.add_staff(conn, member)
        found = await store.staff_by_account(conn, "liming")
        assert found is not None and found.roles == ["officer"]
        assert await store.staff_by_account(conn, "gone") is None
        assert [member.account for member in await store.list_staff(conn, "990101", "officer")] == ["liming"]
