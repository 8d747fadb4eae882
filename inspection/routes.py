"""HTTP routes of the desk: the day's cases, one case with its outbox and link, the second officer."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import segno
from msgspec import Meta, Struct
from sqlalchemy.exc import IntegrityError

from foundation.access import SYSTEM, Resource, covers
from foundation.errors import Problem
from foundation.http import Asked, Call, Route
from foundation.i18n import BEIJING
from inspection.checklist import applies
from inspection.opening import NewCase, open_case, require_printable
from office import invitations, notices, store
from office.commands import OfficerAssign
from office.invitations import Invitation
from office.matter import Choice, Matter
from office.person import mask_name, mask_phone
from office.register import staff_names
from office.routes import Named
from office.sending import link_to, send_link
from office.services import Services
from office.store import AsyncConnection, Case, Person, Record


class OfficerRef(Struct, frozen=True, kw_only=True):
    id: str
    name: str


class CaseRow(Struct, frozen=True, kw_only=True):
    """One line of the day list: a record with its case. `applicant` is masked."""

    case: str
    record: str
    number: str
    matter: str
    matter_gloss: str
    slug: str
    business_name: str
    applicant: str
    scheduled_at: datetime
    lead: OfficerRef | None
    assist: OfficerRef | None
    phase: str
    waiting_since: datetime | None
    device_ok: bool | None
    documents_ok: bool
    result: str | None
    signed: int
    to_sign: int
    coverage: float | None


class DayList(Struct, frozen=True, kw_only=True):
    day: str
    cases: list[CaseRow]


class FactView(Struct, frozen=True, kw_only=True):
    """`choice`: what a value out of several is called."""

    key: str
    label: str
    gloss: str
    value: bool | float | str
    choice: Choice | None
    unit: str


class PreparedItem(Struct, frozen=True, kw_only=True):
    """An item of the list as both sides see it beforehand."""

    id: str
    number: int
    section: str
    text: str
    gloss: str
    critical: bool
    prepare: str
    film: str
    photos_required: int


class NoticeView(Struct, frozen=True, kw_only=True):
    id: str
    kind: str
    to: str
    text: str
    at: datetime
    state: str
    sent_at: datetime | None


class InvitationView(Struct, frozen=True, kw_only=True):
    """`state`: sent, joined or expired."""

    link: str
    qr_svg: str
    expires_at: datetime
    state: str


class RoundView(Struct, frozen=True, kw_only=True):
    record: str
    round: int
    phase: str
    scheduled_at: datetime
    result: str | None


class CaseDetail(Struct, frozen=True, kw_only=True):
    row: CaseRow
    applicant: str
    phone: str
    address: str
    location: tuple[float, float] | None
    facts: list[FactView]
    sections: list[Named]
    checklist: list[PreparedItem]
    documents: list[Named]
    minutes: int
    notices: list[NoticeView]
    invitation: InvitationView | None
    records: list[RoundView]


class AssistRequest(Struct, frozen=True, kw_only=True):
    staff: Annotated[str, Meta(min_length=1, max_length=80)]


def case_row(record: Record, case: Case, person: Person, matter: Matter | None, names: Mapping[str, str]) -> CaseRow:
    def officer(staff: str | None) -> OfficerRef | None:
        return OfficerRef(id=staff, name=names.get(staff, "")) if staff is not None else None

    return CaseRow(
        case=case.id,
        record=record.id,
        number=case.number,
        matter=matter.name if matter else case.matter,
        matter_gloss=matter.gloss if matter else case.matter,
        slug=case.matter,
        business_name=case.business_name,
        applicant=mask_name(person.name),
        scheduled_at=record.scheduled_at,
        lead=officer(record.lead),
        assist=officer(record.assist),
        phase=record.phase,
        waiting_since=record.waiting_since if record.phase == "waiting" else None,
        device_ok=record.device_ok,
        documents_ok=case.documents_ok,
        result=record.result,
        signed=record.signed,
        to_sign=record.to_sign,
        coverage=record.coverage,
    )


async def _rows(conn: AsyncConnection, found: list[tuple[Record, Case, Person]]) -> list[CaseRow]:
    officers = [each for record, _, _ in found for each in (record.lead, record.assist) if each is not None]
    names = await staff_names(conn, officers)
    return [
        case_row(record, case, person, await store.get_matter(conn, case.matter, record.matter_version), names)
        for record, case, person in found
    ]


def qr_svg(link: str) -> str:
    """The link as an SVG without styles or scripts, so that a strict CSP shows it."""
    return str(
        segno.make(link, error="m", micro=False).svg_inline(border=2, omitsize=True, svgclass=None, lineclass=None)
    )


def _day(text: str | None, now: datetime) -> tuple[date, datetime, datetime]:
    """The office's calendar day and its bounds. Raises L06."""
    try:
        day = date.fromisoformat(text) if text else now.astimezone(BEIJING).date()
        start = datetime(day.year, day.month, day.day, tzinfo=BEIJING).astimezone(UTC)
        return day, start, start + timedelta(days=1)
    except (ValueError, OverflowError) as error:  # the first day of the calendar began before it
        raise Problem("L06", field="day") from error


DAY = Asked("day", "Calendar day in Beijing time; today where left out", "date")


class CaseDesk:
    """Handlers of the desk's case routes."""

    def __init__(self, services: Services) -> None:
        self.services = services

    async def resource(self, call: Call) -> Resource:
        return await self.services.case_resource(call.path["case"])

    async def day_list(self, call: Call) -> DayList:
        day, start, end = _day(call.query.get("day"), self.services.clock.now())
        async with self.services.db.read() as conn:
            offices = [each.code for each in await store.list_offices(conn) if covers(call.actor.office, each.code)]
            rows = await _rows(conn, await store.list_records(conn, offices, start, end, call.actor.id))
        return DayList(day=day.isoformat(), cases=rows)

    async def create(self, call: Call) -> CaseRow:
        new: NewCase = call.body
        require_printable(new, self.services.printable)
        for attempt in range(3):
            try:
                async with self.services.db.begin() as conn:
                    now = self.services.clock.now()
                    case, record = await open_case(conn, new, call.actor.office or "", call.actor.id, now)
                    person = await store.get_person(conn, case.person)
                    if person is None:
                        raise Problem("S404")
                    return (await _rows(conn, [(record, case, person)]))[0]
            except IntegrityError:
                # Another desk took the number meanwhile (PostgreSQL); the next one is counted afresh.
                if attempt == 2:
                    raise
        raise Problem("S500")

    async def detail(self, call: Call) -> CaseDetail:
        # A write transaction, because the record's key may have to be made.
        async with self.services.db.begin() as conn:
            case, person, rounds = await self._whole(conn, call.path["case"])
            record = rounds[-1]
            key = await self.services.record_key(conn, record.id)
            matter = await store.get_matter(conn, case.matter, record.matter_version)
            if matter is None:
                raise Problem("S404")
            row = (await _rows(conn, [(record, case, person)]))[0]
            outbox = [
                NoticeView(
                    id=each.id,
                    kind=each.kind,
                    to=mask_phone(each.phone),
                    text=notices.read_out(each, await notices.key_of(conn, each, self.services.record_key), call.lang),
                    at=each.at,
                    state=each.state,
                    sent_at=each.sent_at,
                )
                for each in await notices.notices_of(conn, case.id)
            ]
            held = await invitations.current(conn, record.id)
        return CaseDetail(
            row=row,
            applicant=person.name,
            phone=mask_phone(person.phone),
            address=case.address,
            location=case.location,
            facts=_facts(matter, case),
            sections=[Named(name=section.title, gloss=section.gloss) for section in matter.sections],
            checklist=_prepared(matter, case),
            documents=[Named(name=material.name, gloss=material.gloss) for material in matter.materials],
            minutes=matter.procedure.typical_minutes,
            notices=outbox,
            invitation=self._view(held, link_to(self.services.base_url, invitations.token_of(held, key)))
            if held
            else None,
            records=[
                RoundView(
                    record=each.id,
                    round=each.round,
                    phase=each.phase,
                    scheduled_at=each.scheduled_at,
                    result=each.result,
                )
                for each in rounds
            ],
        )

    async def invite(self, call: Call) -> InvitationView:
        now = self.services.clock.now()
        async with self.services.db.begin() as conn:
            case, person, rounds = await self._whole(conn, call.path["case"])
            record = rounds[-1]
            if record.phase in ("closed", "declined"):
                raise Problem("L07")
            office = await store.get_office(conn, case.office)
            matter = await store.get_matter(conn, case.matter, record.matter_version)
            if office is None or matter is None:
                raise Problem("S404")
            key = await self.services.record_key(conn, record.id)
            made, link = await send_link(
                conn,
                case,
                record,
                office,
                matter,
                person,
                key=key,
                base_url=self.services.base_url,
                by=call.actor.id,
                now=now,
            )
        return self._view(made, link)

    async def assist(self, call: Call) -> CaseRow:
        """Of this office, or of another that inspects jointly. Problems: I13, L06."""
        body: AssistRequest = call.body
        async with self.services.db.read() as conn:
            case, person, rounds = await self._whole(conn, call.path["case"])
            member = await store.get_staff(conn, body.staff)
            theirs = await store.get_office(conn, member.office) if member is not None else None
        if member is None or theirs is None or not member.active or "officer" not in member.roles:
            raise Problem("L06", field="staff")
        jointly = theirs.name if theirs.code != case.office else ""
        command = OfficerAssign(role="assist", staff=member.id, name=member.name, by=call.actor.id, office=jointly)
        await self.services.dispatch(rounds[-1].id, SYSTEM, command)
        async with self.services.db.read() as conn:
            record = await store.get_record(conn, rounds[-1].id)
            return (await _rows(conn, [(record or rounds[-1], case, person)]))[0]

    async def _whole(self, conn: AsyncConnection, case_id: str) -> tuple[Case, Person, list[Record]]:
        case = await store.get_case(conn, case_id)
        person = await store.get_person(conn, case.person) if case else None
        rounds = await store.records_of(conn, case_id)
        if case is None or person is None or not rounds:
            raise Problem("S404")
        return case, person, rounds

    def _view(self, invitation: Invitation, link: str) -> InvitationView:
        state = "joined" if invitation.session_hash is not None else "sent"
        if invitation.expired(self.services.clock.now()):
            state = "expired"
        return InvitationView(link=link, qr_svg=qr_svg(link), expires_at=invitation.expires_at, state=state)


def _facts(matter: Matter, case: Case) -> list[FactView]:
    return [
        FactView(
            key=fact.key,
            label=fact.label,
            gloss=fact.gloss,
            value=value,
            choice=fact.choice(value),
            unit=fact.unit,
        )
        for fact in matter.facts
        for value in (case.facts.get(fact.key, fact.default),)
    ]


def _prepared(matter: Matter, case: Case) -> list[PreparedItem]:
    titles = {section.key: section.title for section in matter.sections}
    return [
        PreparedItem(
            id=item.id,
            number=number,
            section=titles[item.section],
            text=item.text,
            gloss=item.gloss,
            critical=item.critical,
            prepare=item.prepare,
            film=item.film,
            photos_required=item.photos_required,
        )
        for number, item in enumerate((item for item in matter.items if applies(item, case.facts)), start=1)
    ]


def routes(services: Services) -> list[Route]:
    cases = CaseDesk(services)
    one: dict[str, Any] = {"resource": cases.resource}
    case = "/api/cases/{case}"
    return [
        Route(
            "GET", "/api/cases", cases.day_list, "case.read", "The day's inspections", response=DayList, query=(DAY,)
        ),
        Route("POST", "/api/cases", cases.create, "case.write", "Open a case", NewCase, CaseRow),
        Route("GET", case, cases.detail, "case.read", "One case, whole", response=CaseDetail, **one),
        Route(
            "POST", f"{case}/invitation", cases.invite, "case.write", "Send the link", response=InvitationView, **one
        ),
        Route(
            "POST",
            f"{case}/assist",
            cases.assist,
            "case.write",
            "Name the second officer",
            AssistRequest,
            CaseRow,
            **one,
        ),
    ]
