"""Witnesses 见证人: named by an officer before the close, they sign the sheet on their own phone by their own link.

They need not be in the call. Who they are is what their link and the code to their own number prove; so nobody is a
witness with the applicant's number, and two of one name cannot be told apart.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from foundation.access import SYSTEM, Resource
from foundation.errors import Problem
from foundation.http import Call, Route
from foundation.ids import new_id
from inspection.opening import Name, named_characters
from inspection.store import load_state
from office import invitations, notices, store
from office.commands import WitnessName
from office.person import mask_phone, normalise_phone
from office.sending import link_to
from office.services import Services


class WitnessRequest(Struct, frozen=True, kw_only=True):
    name: Name
    phone: Annotated[str, Meta(min_length=1, max_length=40)]


class WitnessView(Struct, frozen=True, kw_only=True):
    """`state`: sent, or joined once they have given their code."""

    name: str
    phone: str
    link: str
    expires_at: datetime
    state: str


class Witnesses:
    """Handlers, each on the case's newest record."""

    def __init__(self, services: Services) -> None:
        self.services = services

    async def resource(self, call: Call) -> Resource:
        return await self.services.case_resource(call.path["case"])

    async def every(self, call: Call) -> list[WitnessView]:
        async with self.services.db.begin() as conn:
            record = await self._record(conn, call.path["case"])
            key = await self.services.record_key(conn, record.id)
            named = (await load_state(conn, record.id)).session.witnesses
            found = [await invitations.get_invitation(conn, each.id) for each in named]
        return [self._view(each, key) for each in found if each is not None]

    async def name(self, call: Call) -> WitnessView:
        """Naming somebody again sends the same link once more. Problems: I05 after the close, L06, R01."""
        body: WitnessRequest = call.body
        name, phone = body.name.strip(), normalise_phone(body.phone)
        if not name:
            raise Problem("L06", field="name")
        lost = self.services.printable(name)
        if lost:
            raise Problem("R01", what="见证人姓名 (witness's name)", characters=named_characters(lost), field="name")
        async with self.services.db.read() as conn:
            record = await self._record(conn, call.path["case"])
            case = await store.get_case(conn, record.case)
            person = await store.get_person(conn, case.person) if case else None
            known = [each for each in (await load_state(conn, record.id)).session.witnesses if each.name == name]
        if phone is None or person is None or phone == person.phone:
            raise Problem("L06", field="phone")
        invitation = known[0].id if known else new_id("inv")
        if not known:
            command = WitnessName(invitation=invitation, name=name, by=call.actor.id)
            await self.services.dispatch(record.id, SYSTEM, command)
        now = self.services.clock.now()
        async with self.services.db.begin() as conn:
            key = await self.services.record_key(conn, record.id)
            held = await invitations.get_invitation(conn, invitation)
            if held is None:
                held, _ = await invitations.invite(
                    conn, record, name=name, phone=phone, key=key, created_by=call.actor.id, now=now,
                    role="witness", invitation=invitation,
                )  # fmt: skip
            office = await store.get_office(conn, record.office)
            if office is None:
                raise Problem("S404")
            link = link_to(self.services.base_url, invitations.token_of(held, key))
            letter = notices.Letter(
                about=record.case,
                kind="invitation",
                phone=held.phone,
                texts={lang: notices.witness_text(office, name, lang) for lang in ("zh", "en")},
                lang="zh",
                sealed=notices.Sealed(record.id, key, link),
            )
            await notices.queue_notices(conn, [letter], now)
        return self._view(held, key)

    async def _record(self, conn: store.AsyncConnection, case: str) -> store.Record:
        rounds = await store.records_of(conn, case)
        if not rounds:
            raise Problem("S404")
        return rounds[-1]

    def _view(self, held: invitations.Invitation, key: bytes) -> WitnessView:
        return WitnessView(
            name=held.name,
            phone=mask_phone(held.phone),
            link=link_to(self.services.base_url, invitations.token_of(held, key)),
            expires_at=held.expires_at,
            state="joined" if held.session_hash is not None else "sent",
        )


def routes(services: Services) -> list[Route]:
    own = Witnesses(services)
    path = "/api/cases/{case}/witnesses"
    return [
        Route("GET", path, own.every, "case.read", "Who witnesses", response=list[WitnessView], resource=own.resource),
        Route(
            "POST",
            path,
            own.name,
            "case.write",
            "Name a witness, who gets a link of their own to sign",
            WitnessRequest,
            WitnessView,
            resource=own.resource,
        ),
    ]
