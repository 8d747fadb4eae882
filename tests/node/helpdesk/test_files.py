"""Files in a help call over real sockets: both ways, once each, refused whole, sealed when the call is over."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from foundation.access import Actor
from foundation.bus import Bus
from foundation.clock import ManualClock
from foundation.db import Database
from foundation.objects import ObjectStore
from helpdesk.attachment import MOST_BYTES
from helpdesk.commands import Finish
from helpdesk.service import MOST_FILES
from office.picture import recognise
from tests.node.helpdesk.test_help_calls import Calls
from tests.node.helpdesk.test_routes import BOSS, HAN, LIU
from tests.support.documents import PDF, picture
from tests.support.hall import open_hall
from tests.support.hall_site import hall_site, lead
from tests.support.http import Serve
from tests.support.people import guest, staff

AUDITOR = staff("auditor", id="stf_he", name="何静")


class Sending(Calls):
    """A call in which files go both ways."""

    @property
    def citizen_actor(self) -> Actor:
        return guest(self.record, id=self.citizen.id, name=self.citizen.name)

    async def send(self, who: Actor, name: str, data: bytes, status: int = 200, sha256: str = "") -> Any:
        self.site.actor = who
        query = {"name": name, "sha256": sha256 or hashlib.sha256(data).hexdigest()}
        path = f"/api/records/{self.record}/files"
        async with self.served.session.post(path, data=data, params=query) as response:
            answer = await response.json()
            assert response.status == status, answer
            return answer

    async def fetch(self, who: Actor, file: str, status: int = 200, what: str = "") -> tuple[bytes, dict[str, str]]:
        self.site.actor = who
        async with self.served.session.get(f"/api/files/{file}{what}") as response:
            assert response.status == status, await response.text()
            return await response.read(), dict(response.headers)

    async def kept(self) -> int:
        async with self.hall.db.read() as conn:
            return int((await conn.exec_driver_sql("SELECT count(*) FROM files")).scalar() or 0)


@pytest.fixture
async def sending(
    database: Database, clock: ManualClock, bus: Bus, serve: Serve, object_store: ObjectStore
) -> AsyncIterator[Sending]:
    async with hall_site(await open_hall(database, clock), bus, serve, objects=object_store) as site:
        calls = Sending(site)
        await calls.start()
        yield calls


async def test_files_go_both_ways_and_only_ever_as_an_attachment(sending: Sending) -> None:
    first = await sending.send(sending.citizen_actor, "户口本.jpg", picture())
    assert await sending.send(sending.citizen_actor, "户口本.jpg", picture()) == first
    second = await sending.send(LIU, "申请 表.pdf", PDF)
    seen = (await sending.state()).files
    assert [(one.id, one.name, one.by, one.role) for one in seen] == [
        (first["file"], "户口本.jpg", "刘桂兰", "applicant"),
        (second["file"], "申请 表.pdf", "刘洋", "lead"),
    ]
    assert seen[0].sha256 == hashlib.sha256(picture()).hexdigest() and seen[1].bytes == len(PDF)
    data, headers = await sending.fetch(sending.citizen_actor, second["file"])
    assert data == PDF and headers["Content-Type"] == "application/pdf"
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E7%94%B3%E8%AF%B7%20%E8%A1%A8.pdf"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert (await sending.fetch(LIU, first["file"]))[0] == picture()


async def test_a_picture_has_a_small_copy_for_whoever_may_have_it_and_nothing_else_has_one(sending: Sending) -> None:
    citizen, small = sending.citizen_actor, "/thumbnail"
    shown = (await sending.send(citizen, "户口本.jpg", picture()))["file"]
    paper = (await sending.send(LIU, "a.pdf", PDF))["file"]
    for who in (citizen, LIU, LIU):  # made once, kept, given again
        data, headers = await sending.fetch(who, shown, what=small)
        assert recognise(data) is not None and headers["Content-Type"] == "image/jpeg"
        assert headers["Cache-Control"] == "private, no-store"
    await sending.fetch(LIU, paper, 404, small)
    await sending.fetch(guest("rec_other"), shown, 404, small)
    await sending.site.put(sending.record, lead(LIU), Finish(result="done"))
    for who in (citizen, LIU):
        await sending.fetch(who, shown, 403, small)
    await sending.fetch(AUDITOR, shown, what=small)


async def test_what_is_refused_leaves_nothing(sending: Sending) -> None:
    who = sending.citizen_actor
    assert (await sending.send(who, "a.pdf", b"MZ" + bytes(50), 415))["code"] == "F05"
    assert (await sending.send(who, "a.exe", PDF, 422))["code"] == "F06"
    assert (await sending.send(who, "a.pdf", PDF, 422, sha256="0" * 64))["code"] == "F03"
    assert (await sending.send(who, "a.pdf", PDF + bytes(MOST_BYTES), 413))["code"] == "F04"
    assert (await sending.kept(), (await sending.state()).files) == (0, ())


async def test_there_is_an_end_to_files(sending: Sending) -> None:
    for n in range(MOST_FILES):
        await sending.send(sending.citizen_actor, f"{n}.pdf", PDF + str(n).encode())
    assert (await sending.send(LIU, "more.pdf", PDF, 409))["code"] == "F07"
    assert await sending.kept() == MOST_FILES


async def test_strangers_get_nothing_and_after_the_call_only_those_who_may_replay_it(sending: Sending) -> None:
    citizen = sending.citizen_actor
    file = (await sending.send(citizen, "a.pdf", PDF))["file"]
    await sending.fetch(guest("rec_other"), file, 404)
    await sending.send(guest("rec_other"), "b.pdf", PDF, 404)
    await sending.fetch(HAN, file)  # a colleague at the same counter, to whom it may be handed over
    await sending.site.put(sending.record, lead(LIU), Finish(result="done"))
    for who in (citizen, LIU):
        await sending.fetch(who, file, 403)
    assert (await sending.send(citizen, "b.pdf", PDF + b"2", 409))["code"] == "I03"
    for who in (AUDITOR, BOSS):
        assert (await sending.fetch(who, file))[0] == PDF
    assert await sending.kept() == 1
