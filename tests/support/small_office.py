"""A small office with one matter, its officers, and records whose applicants are invited."""

from itertools import count

from msgspec import Struct

from foundation.access import Actor
from foundation.clock import Clock
from foundation.db import Database
from foundation.ids import new_id
from office import matter as mt
from office import register, store
from tests.support.people import DISTRICT, guest, officer

MATTER = mt.Matter(
    schema=mt.SCHEMA,
    slug="small-catering",
    name="小餐饮登记",
    gloss="Small catering registration",
    permit="小餐饮登记证",
    kind="permit",
    category="food",
    department=mt.Department(key="market", name="市场监管", gloss="Market regulation", level="district"),
    procedure=mt.Procedure(
        officers_min=2,
        steps=("identity", "show_credentials", "tell_rights"),
        interruption=mt.Interruption(variant="reidentify_only_if_unverified", grace_seconds=120),
        signers=("applicant", "lead_officer", "assisting_officer", "office_seal"),
        typical_minutes=15,
        results=("pass", "rectify_and_reinspect", "go_on_site", "fail", "suspend"),
    ),
    pass_rule=mt.PassRule(kind="counts"),
    sections=(mt.Section(key="kitchen", title="厨房"),),
    items=(
        mt.Item(
            id="sink",
            section="kitchen",
            text="有专用洗手池",
            critical=False,
            severity="major",
            answer=mt.Answer(type="conformity"),
        ),
        mt.Item(
            id="fridge",
            section="kitchen",
            text="冷藏温度在8℃以下",
            critical=True,
            severity="critical",
            answer=mt.Answer(type="number", unit="℃", max=8),
        ),
    ),
)

WANG = officer("stf_wang", name="王敏")
LI = officer("stf_li", name="李强")


class Opened(Struct, frozen=True):
    """One record and the applicant's login to it."""

    record: str
    applicant: Actor


async def open_office(db: Database, clock: Clock, *staff: Actor) -> None:
    """The office, its officers and the matter."""
    at = clock.now()
    async with db.begin() as conn:
        await register.add_office(
            conn,
            register.Office(
                code=DISTRICT,
                parent=None,
                level="district",
                name="云湾区行政审批局",
                gloss="Yunwan",
                short="云湾",
                address="云湾路1号",
                lat=None,
                lon=None,
                phone="0532-00000000",
                hours={},
                inspection_matters=["small-catering"],
            ),
        )
        await register.add_matter(conn, MATTER, at=at)
        for member in staff:
            await register.add_staff(
                conn,
                register.Staff(
                    id=member.id,
                    account=member.id,
                    name=member.name,
                    office=DISTRICT,
                    roles=["officer"],
                    active=True,
                    created_at=at,
                ),
            )


_numbers = count(1)


async def open_record(db: Database, clock: Clock) -> Opened:
    """A case with one record; its applicant has an invitation."""
    at = clock.now()
    number = next(_numbers)
    record, person, case = new_id("rec"), new_id("per"), new_id("case")
    async with db.begin() as conn:
        await register.insert_person(conn, register.Person(id=person, name="张伟", phone="13800005678", created_at=at))
        row = register.Case(
            id=case,
            number=f"2025-{number:04d}",
            office=DISTRICT,
            matter=MATTER.slug,
            person=person,
            business_name="云湾小面馆",
            address="云湾路8号",
            lat=36.0,
            lon=120.0,
            facts={},
            documents_ok=True,
            created_at=at,
            created_by=WANG.id,
        )
        await register.insert_case(conn, row)
        await store.insert_record(conn, record, row, matter_version=1, scheduled_at=at, at=at)
    return Opened(record, guest(record, id=new_id("inv")))
