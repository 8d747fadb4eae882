"""The whole path of one inspection over two nodes and two media workers; a node and a worker are killed in the call."""

import asyncio
import base64
import hashlib
import io
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image

from foundation.access import ANONYMOUS
from foundation.nats_child import NatsChild
from foundation.settings import Settings
from inspection.procedure import initial
from recordings.verify import verify_package
from server.effects import effects
from server.kinds import KINDS
from server.means import signing_means
from signaling import messages as m
from signing.ceremony import Ready
from signing.code import BY_CODE
from signing.trust import trust_bundle
from tests.node.signing.scene import Browser, drawn
from tests.support.house import Dwelling, House, Line, Person, house_settings, open_house
from tests.support.media_worker import kill
from tests.support.signaling import Client
from tests.support.waiting import until
from tests.unit.inspection.acting import conforming, facts

MATTER = "hr-service"
PLACE = {"lat": 35.912, "lon": 123.421}


@pytest.fixture(params=["sqlite and a folder", "postgresql and s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, nats_server: NatsChild) -> Settings:
    """The two ends of the scale."""
    alone = request.param.startswith("sqlite")
    url = request.getfixturevalue("sqlite_url" if alone else "postgres_url")
    objects = Settings() if alone else request.getfixturevalue("s3_settings")
    return house_settings(tmp_path / "data", url, nats_server.url, nats_server.token or "", objects)


class Journey:
    """One inspection; `times` are seconds by what was waited for."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.times: dict[str, float] = {}
        self.case = ""
        self.record = ""
        self.answered: dict[str, str] = {}
        self.photos: list[str] = []
        self._began = time.monotonic()

    def note(self, what: str, since: float | None = None) -> None:
        now = time.monotonic()
        self.times[what] = round(now - (self._began if since is None else since), 2)

    # -- before the call

    async def log_in(self) -> None:
        self.lead_person = await self.house.person("李明", "liming")
        self.assist_person = await self.house.person("周岚", "zhoulan")
        self.auditor = await self.house.person("何静", "hejing")
        self.applicant_person = await self.house.person("刘敏")
        self.witness_person = await self.house.person("王五")

    async def open_case(self) -> str:
        """The officer opens the case and sends the link; gives the link's token."""
        new = {
            "matter": MATTER,
            "business_name": "松汀人力资源有限公司",
            "applicant_name": "刘敏",
            "phone": "19900000003",
            "address": "栈桥路90号",
            "scheduled_at": (datetime.now(UTC) + timedelta(minutes=10)).isoformat(),
            **PLACE,
        }
        row = await self.lead_person.post(self.house.b, "/api/cases", new)
        self.case, self.record = row["case"], row["record"]
        sent = await self.lead_person.post(self.house.b, f"/api/cases/{self.case}/invitation")
        named = {"name": "王五", "phone": "19900000077"}
        witness = await self.lead_person.post(self.house.b, f"/api/cases/{self.case}/witnesses", named)
        await self.enter(self.witness_person, str(witness["link"]).rsplit("/", 1)[1])
        return str(sent["link"]).rsplit("/", 1)[1]

    async def enter(self, person: Person, token: str) -> Any:
        """By link and code from the outbox, on node A; gives what the link shows."""
        a = self.house.a
        landing = await person.get(a, f"/api/invitations/{token}")
        await person.post(a, f"/api/invitations/{token}/code")
        body = {"code": await self.newest_code(), "device": "phone"}
        joined = await person.post(a, f"/api/invitations/{token}/join", body)
        assert joined["record"] == self.record
        return landing

    async def newest_code(self) -> str:
        """As the outbox has it, which the demonstration shows at the desk."""
        detail = await self.lead_person.get(self.house.b, f"/api/cases/{self.case}")
        text: str = next(notice["text"] for notice in detail["notices"] if notice["kind"] == "code")
        return text.split("验证码")[1][:6]

    async def come_in(self, token: str) -> None:
        """Link, code from the outbox, consent, device, waiting room: the applicant is on node A."""
        landing = await self.enter(self.applicant_person, token)
        self.applicant = await self.house.a.join(self.applicant_person, self.record)
        await self.applicant.do("consent.give", version=landing["consent"]["version"])
        await self.applicant.do("device.report", camera=True, microphone=True, browser="test")
        await self.applicant.do("place.report", **PLACE, accuracy_m=8.0)
        await self.applicant.do("wait.enter")

    async def take(self) -> None:
        """The lead takes the next who waits; the second officer had the record open before being asked."""
        b = self.house.b
        self.assist = await b.join(self.assist_person, self.record)
        taken = await self.lead_person.post(b, "/api/queue/claim")
        assert taken["record"] == self.record
        self.lead = await b.join(self.lead_person, self.record)
        me = await self.assist_person.get(b, "/api/me")
        await self.lead_person.post(b, f"/api/cases/{self.case}/assist", {"staff": me["id"]})

    # -- the call

    async def start(self) -> None:
        await self.lead.do("call.start")
        await self.applicant.sees(lambda view: view["phase"] == "live", "the call")
        self.phone, self.desk = Line(self.applicant), Line(self.lead)
        await self.connect_media()

    async def connect_media(self) -> None:
        """Applicant and lead send, everybody of the two receives."""
        for line in (self.phone, self.desk):
            await line.publish()
        for line in (self.desk, self.phone):
            await line.subscribe()
        for line in (self.desk, self.phone):
            await line.hears()

    async def step(self, *names: str) -> None:
        for name in names:
            await self.lead.do("step.mark", step=name)

    async def answer(self, items: list[dict[str, Any]]) -> None:
        state = initial(facts(MATTER))
        for item in items:
            given = conforming(state.facts.matter.item(item["id"]), state)  # type: ignore[arg-type]
            fields = {"value": given.value, "measured": given.measured, "choice": given.choice}
            said = {name: value for name, value in fields.items() if value is not None}
            await self.lead.do("answer.set", item=item["id"], **said)
            self.answered[item["id"]] = item["id"]
            for _ in range(item["photos_required"]):
                await self.photograph(item["id"])

    async def photograph(self, item: str) -> None:
        """A real JPEG, over whichever node the applicant is connected to."""
        shade = len(self.photos)
        out = io.BytesIO()
        Image.new("RGB", (640, 480), (shade * 5, 120, 160)).save(out, "JPEG")
        digest = hashlib.sha256(out.getvalue()).hexdigest()
        path = f"/api/records/{self.record}/photos?item={item}&sha256={digest}"
        where = self.house.a if self.applicant in self.house.a._clients else self.house.b
        stored = await self.applicant_person.post(where, path, out.getvalue())
        assert stored["sha256"] == digest
        self.photos.append(digest)

    def items(self) -> list[dict[str, Any]]:
        return [item for item in self.lead.view["checklist"]["items"] if item["applies"]]

    def kept(self, view: dict[str, Any]) -> bool:
        """Whether a view has every answer and photograph that was accepted."""
        answered = sum(item["verdict"] is not None for item in view["checklist"]["items"])
        # The applicant sees no verdict before the sheet.
        expected = 0 if view["you"] == "applicant" else len(self.answered)
        return answered == expected and {photo["sha256"] for photo in view["photos"]} == set(self.photos)

    # -- the sheet

    async def sign(self, person: Person, at: Dwelling, role: str) -> None:
        """As a page does: key of its own, the prepared PDF hashed here, r‖s handed in."""
        browser = Browser(ANONYMOUS, role)
        code = ""
        if role in BY_CODE:
            await person.post(at, f"/api/records/{self.record}/signatures/code", {"role": role})
            code = await self.newest_code()
        body = {
            "role": role,
            "public_key": base64.b64encode(browser.spki).decode(),
            "drawn_png": base64.b64encode(drawn()).decode(),
            "remark": "",
            "code": code,
        }
        got = await person.post(at, f"/api/records/{self.record}/signatures", body)
        attributes, certificate = (base64.b64decode(got[name]) for name in ("signed_attributes", "certificate"))
        pdf = await person.get(at, f"/api/signatures/{got['lease']}/prepared.pdf")
        browser.check(Ready(got["lease"], got["expires_at"], "", got["byte_range"], attributes, certificate), pdf)
        value = {"signature": base64.b64encode(browser.raw_signature(attributes)).decode()}
        answer = await person.post(at, f"/api/signatures/{got['lease']}", value)
        assert answer["signed"] is True

    async def package(self, folder: Path) -> Path:
        """The auditor looks, exports, and carries the package away."""
        b = self.house.b
        await self.auditor.post(b, f"/api/records/{self.record}/views", {"purpose": "sample", "note": ""})
        begun = await self.auditor.post(b, f"/api/records/{self.record}/package")

        async def why_not() -> str | None:
            job = await self.auditor.get(b, f"/api/jobs/{begun['job']}")
            return None if job["state"] == "done" else f"the package job: {job}"

        await until(why_not, 60)
        path = folder / "package.tar"
        path.write_bytes(await self.auditor.get(b, f"/api/records/{self.record}/package"))
        return path


async def shown(client: Client, test: Callable[[Any], Any], what: str, within_s: float = 60) -> None:
    await client.sees(test, what, within_s)


async def test_the_whole_path_survives_a_killed_node_and_a_killed_worker(settings: Settings, tmp_path: Path) -> None:
    async with open_house(settings) as house:
        await travel(Journey(house), tmp_path)


async def travel(journey: Journey, folder: Path) -> None:
    house = journey.house
    for dwelling in (house.a, house.b):
        directory = dwelling.node.signaling.directory
        await until(lambda directory=directory: None if directory.pick_worker() else "no worker is known")
    await journey.log_in()
    await journey.come_in(await journey.open_case())
    await journey.take()
    await journey.start()
    await journey.step("identity", "show_credentials", "tell_rights")
    refused = await journey.lead.try_("close", result="pass")
    assert isinstance(refused, m.Refused) and refused.code == "I01", refused
    items = journey.items()
    await journey.answer(items[: len(items) // 2])
    journey.note("call is on, half of the list answered")
    draft = await journey.lead_person.get(house.b, f"/api/records/{journey.record}/draft.pdf")
    with pikepdf.open(io.BytesIO(draft)) as so_far:
        assert "/AcroForm" not in so_far.Root, "a draft cannot be signed"

    await node_dies(journey)
    await journey.answer(items[len(items) // 2 :])
    await worker_dies(journey)

    await journey.step("identity")  # the applicant was away: it is due again
    began = time.monotonic()
    await journey.lead.do("close", result="pass")
    journey.note("close → answered", began)
    await shown(journey.applicant, lambda view: view["sheet_ready"], "the sheet")
    journey.note("sheet after close", began)
    for person, role in (
        (journey.applicant_person, "applicant"),
        (journey.witness_person, "witness"),
        (journey.lead_person, "lead"),
        (journey.assist_person, "assist"),
    ):
        await journey.sign(person, house.b, role)
    await shown(journey.lead, lambda view: _signer(view, "seal") == "signed", "the office's seal")
    journey.note("sealed after close", began)
    await journey.lead.do("call.end")
    await asyncio.gather(journey.phone.close(), journey.desk.close())
    # The journal of the dead worker is given up after half a minute of silence; nobody else writes one now.
    house.packager_clock.skip(60)
    began = time.monotonic()
    await record_is_sealed(journey)
    journey.note("final manifest after the call", began)
    await verified(journey, folder)
    print("\n" + "\n".join(f"{seconds:7.2f} s  {what}" for what, seconds in journey.times.items()))


async def node_dies(journey: Journey) -> None:
    """Node A goes without a word; the applicant's page comes back to B with its token."""
    house, welcome = journey.house, journey.applicant.welcome
    assert welcome is not None
    spoken = journey.house.worker_of(journey.lead.view["call"])
    began = time.monotonic()
    await house.a.kill()
    journey.applicant = await house.b.join(journey.applicant_person, journey.record, resume=welcome.resume)
    assert journey.applicant.leg == welcome.you.leg
    assert journey.applicant.view["phase"] == "live"
    await shown(journey.applicant, lambda view: view["recording"], "that the recording goes on")
    journey.note("node killed → applicant back", began)
    for client in (journey.lead, journey.assist, journey.applicant):
        await shown(client, journey.kept, "every answer and photograph that was accepted")
    await journey.desk.hears()
    await journey.phone.hears()
    journey.note("node killed → packets both ways", began)
    journey.phone.client = journey.applicant
    assert spoken is house.worker_of(journey.lead.view["call"])
    assert all(person["online"] for person in journey.lead.view["people"])


async def worker_dies(journey: Journey) -> None:
    """The worker of the call goes without a word; the call goes on over the other, and the record says so."""
    house = journey.house
    call = journey.lead.view["call"]
    before = await epochs(journey)
    dead = house.worker_of(call)
    began = time.monotonic()
    await kill(dead)
    for client in (journey.applicant, journey.lead):
        moved = await client.wait(lambda client=client: client.of(m.MediaMoved), "media.moved", within_s=30)
        assert moved.reason == "worker_lost"
    journey.note("worker killed → told", began)
    await journey.connect_media()
    journey.note("worker killed → packets both ways", began)
    assert house.worker_of(call) is not dead
    await shown(journey.lead, lambda view: view["phase"] == "live", "the call again")
    gap = journey.lead.view["interruptions"][-1]
    assert gap["to"] is not None, gap

    async def why_not() -> str | None:
        new = set(await epochs(journey)) - set(before)
        return None if len(new) == 2 else f"{len(new)} new recordings"

    await until(why_not, 30)


async def epochs(journey: Journey) -> list[str]:
    from recordings import store

    async with journey.house.b.parts.db.read() as conn:
        return [row.epoch for row in await store.epochs_of(conn, journey.record)]


async def record_is_sealed(journey: Journey) -> None:
    from office import store

    async def why_not() -> str | None:
        async with journey.house.b.parts.db.read() as conn:
            tags = [event.tag for event in await store.events(conn, journey.record)]
        return None if tags[-1] == "system:record:sealed" else f"the record ends with {tags[-3:]}"

    await until(why_not, 60)


async def verified(journey: Journey, folder: Path) -> None:
    """What a stranger finds, with the office's published certificates."""
    parts = journey.house.b.parts
    began = time.monotonic()
    path = await journey.package(folder)
    journey.note("package", began)
    trust = await trust_bundle(await signing_means(parts, KINDS, effects(parts.clock)))
    verdict = await asyncio.to_thread(verify_package, path, parts.clock.now(), trust)
    found = [finding for part in verdict.parts for finding in part.findings]
    assert [part.state for part in verdict.parts] == ["pass"] * 5, found
    assert verdict.coverage_percent is not None and 0 < verdict.coverage_percent < 100


def _signer(view: Any, role: str) -> str | None:
    return next((signer["state"] for signer in view["signers"] if signer["role"] == role), None)
