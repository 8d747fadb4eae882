"""HTTP routes of what both services share: matters to choose from, officers to ask, and the applicant's link."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct

from foundation import audit
from foundation.access import Actor
from foundation.errors import Problem
from foundation.http import Call, Handler, Route, answer
from foundation.rates import Rate
from office import codes, invitations, notices, store
from office.codes import Refusal
from office.invitations import Invitation
from office.matter import Choice, Matter
from office.person import mask_phone
from office.secret import hash_token
from office.sending import send_code
from office.services import Services

GUEST_COOKIE = "yk_guest"
CONSENT_VERSION = "2026-1"
"""Changes with any change of the consent page's meaning; the record says which version was agreed to."""

EARLY = timedelta(minutes=30)
LATE = timedelta(minutes=15)
"""Half an hour before is on time (Powhatan County's grace); a quarter of an hour after, the page speaks of it."""

_FINISHED = ("closed", "declined")

_KNOCKS = Rate(60, 60)
"""Tries of links and codes from one address. A whole building may stand behind it, and each refusal is on record."""


class Named(Struct, frozen=True, kw_only=True):
    name: str
    gloss: str


class OfficeCard(Named, frozen=True, kw_only=True):
    phone: str


class FactForm(Struct, frozen=True, kw_only=True):
    key: str
    label: str
    gloss: str
    type: str
    default: bool | float | str
    options: list[Choice]
    unit: str


class MatterCard(Named, frozen=True, kw_only=True):
    slug: str
    version: int
    permit: str
    minutes: int
    items: int
    facts: list[FactForm]
    documents: list[Named]


class FreeOfficer(Struct, frozen=True, kw_only=True):
    """`office`: its name; `state`: free, or busy while they lead or assist a call."""

    id: str
    name: str
    office: str
    state: str


class ConsentCard(Struct, frozen=True, kw_only=True):
    version: str
    retention: str
    how: str


class Landing(Struct, frozen=True, kw_only=True):
    """What a link shows before anybody joined. `state`: open, early, late, used (another device), finished; `sheet`:
    there is one to read; `kind`: inspection or help."""

    record: str
    kind: str
    role: str
    office: OfficeCard
    matter: Named
    business_name: str
    scheduled_at: datetime
    minutes: int
    state: str
    joined: bool
    phone_masked: str
    sheet: bool
    documents: list[Named]
    consent: ConsentCard


class CodeSent(Struct, frozen=True, kw_only=True):
    sent_to: str


class JoinRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: Annotated[str, Meta(min_length=1, max_length=12)]
    device: Annotated[str, Meta(max_length=120)] = ""


class JoinedRecord(Struct, frozen=True, kw_only=True):
    record: str


async def guest_actor(services: Services, request: web.Request) -> Actor | None:
    """Who the guest's cookie of this request stands for."""
    cookie = request.cookies.get(GUEST_COOKIE)
    if not cookie:
        return None
    async with services.db.read() as conn:
        return await invitations.guest_of(conn, cookie, services.clock.now())


def give_seat(
    response: web.StreamResponse, invitation: Invitation, joined: invitations.Joined, now: datetime, *, secure: bool
) -> None:
    """The cookie by which this browser is the invitation's guest from now on."""
    response.set_cookie(
        GUEST_COOKIE,
        joined.cookie,
        max_age=int((invitation.expires_at - now).total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=secure,
        path="/",
    )


def matter_card(version: int, matter: Matter) -> MatterCard:
    return MatterCard(
        slug=matter.slug,
        version=version,
        name=matter.name,
        gloss=matter.gloss,
        permit=matter.permit,
        minutes=matter.procedure.typical_minutes,
        items=len(matter.items),
        facts=[
            FactForm(
                key=fact.key,
                label=fact.label,
                gloss=fact.gloss,
                type=fact.type,
                default=fact.default,
                options=list(fact.options),
                unit=fact.unit,
            )
            for fact in matter.facts
        ],
        documents=documents_of(matter),
    )


def documents_of(matter: Matter) -> list[Named]:
    """What the applicant should have at hand."""
    return [Named(name=material.name, gloss=material.gloss) for material in matter.materials]


def consent_card(phone: str, lang: str) -> ConsentCard:
    """The two places of the consent page that an office fills (个人信息保护法 §17)."""
    if lang == "en":
        return ConsentCard(
            version=CONSENT_VERSION, retention="as long as the case file", how=f"at the counter, or call {phone}"
        )
    return ConsentCard(version=CONSENT_VERSION, retention="与案卷保存期限相同", how=f"到窗口办理，或拨打{phone}")


def routes(services: Services) -> list[Route]:
    return [*_desk_routes(services), *_link_routes(services)]


def _desk_routes(services: Services) -> list[Route]:
    async def matters(call: Call) -> list[Any]:
        async with services.db.read() as conn:
            office = await store.get_office(conn, call.actor.office or "")
            known = await store.newest_matters(conn)
        allowed = office.inspection_matters if office else []
        return [matter_card(version, matter) for version, matter in known if matter.slug in allowed]

    async def free(call: Call) -> list[Any]:
        own = call.actor.office or ""
        async with services.db.read() as conn:
            busy = await store.busy_staff(conn)
            offices = await store.list_offices(conn)
            asked = [each for each in offices if (each.code != own) == ("joint" in call.query)]
            members = [(each, one) for each in asked for one in await store.list_staff(conn, each.code, "officer")]
        officers = [
            FreeOfficer(id=one.id, name=one.name, office=office.name, state="busy" if one.id in busy else "free")
            for office, one in members
            if one.id != call.actor.id
        ]
        return sorted(officers, key=lambda each: each.state == "busy")

    return [
        Route("GET", "/api/matters", matters, "case.read", "Matters this office inspects", response=list[MatterCard]),
        Route(
            "GET",
            "/api/officers/free",
            free,
            "case.read",
            "Officers to ask; with `joint` those of other offices",
            response=list[FreeOfficer],
        ),
    ]


def _link_routes(services: Services) -> list[Route]:
    db, clock = services.db, services.clock

    async def held(conn: store.AsyncConnection, token: str) -> tuple[Invitation, store.Record, store.Office]:
        """The link's invitation, its record and office. Raises L02 forged or torn, L01 expired."""
        invitation = await invitations.find(conn, token)
        record = await store.get_record(conn, invitation.record) if invitation else None
        office = await store.get_office(conn, record.office) if record else None
        if invitation is None or record is None or office is None:
            raise Problem("L02")
        if invitation.expired(clock.now()):
            raise Problem("L01", phone=office.phone)
        return invitation, record, office

    async def landing(call: Call) -> Landing:
        async with db.read() as conn:
            invitation, record, office = await held(conn, call.path["token"])
            case = await store.get_case(conn, record.case)
            subject = await services.subject_of(conn, record, case) if case else None
        if case is None or subject is None:
            raise Problem("L02")
        joined = invitation.session_hash is not None
        cookie = call.request.cookies.get(GUEST_COOKIE)
        mine = joined and cookie is not None and hash_token(cookie) == invitation.session_hash
        return Landing(
            record=record.id,
            role=invitation.role,
            office=OfficeCard(name=office.name, gloss=office.gloss, phone=office.phone),
            kind=record.kind,
            matter=Named(name=subject.name, gloss=subject.gloss),
            business_name=case.business_name,
            scheduled_at=record.scheduled_at,
            minutes=subject.minutes,
            state=link_state(record, joined and not mine, clock.now()),
            joined=mine,
            phone_masked=mask_phone(invitation.phone),
            sheet=record.coverage is not None,
            documents=[Named(name=name, gloss=gloss) for name, gloss in subject.documents],
            consent=consent_card(office.phone, call.lang),
        )

    def audited(action: str, handler: Handler) -> Handler:
        """Who is refused at a link is on the audit log, with a link that is expired, forged or torn too."""

        async def knock(call: Call) -> Any:
            try:
                return await handler(call)
            except Problem as problem:
                async with db.begin() as conn:
                    invitation = await invitations.find(conn, call.path["token"])
                    await audit.append(
                        conn,
                        at=clock.now(),
                        actor=f"guest:{invitation.id}" if invitation else "anonymous",
                        action=action,
                        resource=invitation.record if invitation else "",
                        outcome="refused",
                        detail={"code": problem.code, "address": call.address},
                    )
                raise

        return knock

    async def code(call: Call) -> CodeSent:
        now = clock.now()
        async with db.begin() as conn:
            invitation, record, _ = await held(conn, call.path["token"])
            key = await services.record_key(conn, record.id)
            made = await codes.new_code(conn, invitation.id, invitations.JOIN, key, now)
            if isinstance(made, Refusal):
                raise Problem(made.code, **made.params)
            sent_to = await send_code(
                conn, invitation, record, made, notices.code_text, key=key, lang=call.lang, now=now
            )
        return CodeSent(sent_to=sent_to)

    async def join(call: Call) -> web.StreamResponse:
        body: JoinRequest = call.body
        now = clock.now()
        async with db.begin() as conn:
            invitation, record, _ = await held(conn, call.path["token"])
            key = await services.record_key(conn, record.id)
            result = await invitations.join(conn, invitation, body.code.strip(), body.device, key, now)
            if not isinstance(result, Refusal):
                await audit.append(
                    conn,
                    at=now,
                    actor=f"guest:{invitation.id}",
                    action="link.join",
                    resource=record.id,
                    outcome="done",
                    detail={"displaced": result.displaced, "address": call.address},
                )
        if isinstance(result, Refusal):
            raise Problem(result.code, **result.params)
        if result.displaced:
            await services.displaced(record.id, invitation.id)
        response = answer(JoinedRecord(record=record.id))
        give_seat(response, invitation, result, now, secure=services.secure)
        return response

    link = "/api/invitations/{token}"
    return [
        Route("GET", link, landing, "public", "What a link is for; consumes nothing", response=Landing),
        Route(
            "POST",
            f"{link}/code",
            audited("link.code", code),
            "public",
            "Send a one-time code to the number on record",
            response=CodeSent,
            rate=_KNOCKS,
        ),
        Route(
            "POST",
            f"{link}/join",
            audited("link.join", join),
            "public",
            "Join with the code",
            JoinRequest,
            JoinedRecord,
            rate=_KNOCKS,
        ),
    ]


def link_state(record: store.Record, elsewhere: bool, now: datetime) -> str:
    if record.phase in _FINISHED:
        return "finished"
    if elsewhere:
        return "used"
    if record.phase == "invited" and now < record.scheduled_at - EARLY:
        return "early"
    return "late" if record.phase in ("invited", "waiting") and now > record.scheduled_at + LATE else "open"
