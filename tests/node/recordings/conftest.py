"""One sealed record with a recorded call, a photograph and a signed sheet, and its package; made once."""

import asyncio
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.clock import ManualClock
from foundation.db import Database
from foundation.keyring import Keyring
from foundation.metrics import Metrics
from office import store as office
from office.events import NewEvent
from office.register import Case, Office, Person
from office.tables import files, photos
from recordings import seal
from recordings.export import package_stream
from recordings.packager import Packager
from recordings.store import RecordKeys
from signing import seal as signing_seal
from signing.fonts import open_fonts
from signing.means import Means, SigningEvent
from signing.trust import TrustBundle, trust_bundle
from tests.node.signing.scene import EVERYBODY, Browser, Scene
from tests.support import rtp_source
from tests.support.documents import PDF
from tests.unit.signing.samples import RECORD

START = datetime.fromtimestamp(rtp_source.WALL_NS // 1_000_000_000, UTC)
SECONDS = 6
KEYRING = Keyring(bytes(range(32)))


@dataclass(frozen=True)
class Sealed:
    """`folder` holds database and objects; `tar` is the package; `now` is after everything."""

    folder: Path
    tar: bytes
    trust: TrustBundle
    now: datetime

    def path(self, folder: Path, data: bytes) -> Path:
        path = folder / "package.tar"
        path.write_bytes(data)
        return path


async def open_means(folder: Path, db: Database, clock: ManualClock) -> tuple[Means, Scene]:
    """The parts of an installation whose data lie in `folder`."""

    async def on_event(conn: AsyncConnection, record: str, event: SigningEvent) -> None:
        await told(conn, record, clock, (event.tag, event.actor, event.body))

    keys = RecordKeys(db, KEYRING, clock)
    fonts = await asyncio.to_thread(open_fonts)
    scene = await Scene.set(db, folder, fonts, clock, record_key=keys, on_event=on_event)
    return scene.means, scene


async def told(
    conn: AsyncConnection, record: str, clock: ManualClock, *events: tuple[str, str, dict[str, Any]]
) -> None:
    known = await office.events(conn, record)
    new = [NewEvent(tag=tag, actor=actor, body=body) for tag, actor, body in events]
    await office.append(conn, record, len(known), new, at=clock.now())


async def open_record(conn: AsyncConnection, record: str, at: datetime, place: str = "990101") -> None:
    """A case of an office, with this record."""
    await office.add_office(
        conn,
        Office(
            code=place, parent=None, level="district", name="松汀区政务服务中心", gloss="Songting", short="松汀区",
            address="栈桥路88号", lat=35.9, lon=123.4, phone="0000-8801100", hours={}, inspection_matters=[],
        ),
    )  # fmt: skip
    await office.insert_person(conn, Person(id=f"per_{record}", name="张三", phone="13800005678", created_at=at))
    case = Case(
        id=f"cas_{record}"[:40], number=await office.next_number(conn, place, 2025), office=place, matter="food",
        person=f"per_{record}", business_name="青禾餐馆", address="听雨巷1号", lat=35.9, lon=123.4, facts={},
        documents_ok=True, created_at=at, created_by="stf_1",
    )  # fmt: skip
    await office.insert_case(conn, case)
    await office.insert_record(conn, record, case, matter_version=1, scheduled_at=at, at=at)


async def hold_call(
    means: Means, db: Database, clock: ManualClock, spool: Path, record: str, phone: ModuleType = rtp_source
) -> None:
    """A call of six seconds from this phone, a photograph, the result; packaged to its end."""
    picture = io.BytesIO()
    Image.new("RGB", (640, 480), (90, 120, 80)).save(picture, "JPEG")
    photo = await means.objects.put(
        f"records/{record}/photos/pho_1", picture.getvalue(), await means.record_key(record)
    )
    file = await means.objects.put(f"records/{record}/files/fil_1", PDF, await means.record_key(record))
    joined = {"name": "张伟", "role": "applicant", "leg": "leg_1"}
    async with db.begin() as conn:
        await told(conn, record, clock, ("applicant:person:joined", "inv_1", joined))
        await told(conn, record, clock, ("officer:call:started", "stf_1", {"call": f"call_{record}"}))
    head = phone.header(epoch=f"ep_{record}"[:40], record=record)
    await asyncio.to_thread(rtp_source.write_journal, spool, head, phone.call(SECONDS))
    clock.advance(3)
    async with db.begin() as conn:
        body = {"photo": "pho_1", "sha256": photo.sha256, "item": "fc-01"}
        await told(conn, record, clock, ("applicant:photo:taken", "inv_1", body))
        values = {"id": "pho_1", "record": record, "object": photo.name, "thumbnail": None, "sha256": photo.sha256}
        size = {"bytes": photo.size, "mime": "image/jpeg", "width": 640, "height": 480, "at": clock.now()}
        await conn.execute(insert(photos).values(**values, **size, request=""))
        body = {"file": "fil_1", "sha256": file.sha256, "title": "a.pdf"}
        await told(conn, record, clock, ("officer:file:sent", "stf_1", body))
        values = {"id": "fil_1", "record": record, "object": file.name, "sha256": file.sha256, "bytes": file.size}
        about = {"mime": "application/pdf", "name": "a.pdf", "sender": "stf_1", "at": clock.now()}
        await conn.execute(insert(files).values(**values, **about))
    clock.advance(1)
    async with db.begin() as conn:
        await told(conn, record, clock, ("officer:record:closed", "stf_1", {"result": "pass"}))
    await Packager(db, means.objects, KEYRING, clock, spool, None, Metrics()).drain()
    _, row = await seal.cut(db, record, clock)
    await seal.stamp(db, means.stamps, row)
    clock.advance(2)
    async with db.begin() as conn:
        await told(conn, record, clock, ("officer:call:ended", "stf_1", {"call": f"call_{record}"}))


async def make(folder: Path) -> tuple[bytes, TrustBundle, datetime]:
    clock = ManualClock(START)
    db = await Database.open(f"sqlite:///{folder / 'test.db'}")
    await db.create_all()
    means, scene = await open_means(folder, db, clock)
    async with db.begin() as conn:
        await open_record(conn, RECORD, START - timedelta(days=1))
    await hold_call(means, db, clock, folder / "spool", RECORD)
    await scene.issue()
    for actor, role in EVERYBODY:
        await Browser(actor, role).sign(scene.ceremony)
    await signing_seal.seal(means, RECORD)
    clock.advance(1)
    _, row = await seal.cut(db, RECORD, clock, final=True)
    await seal.stamp(db, means.stamps, row)

    async def silent(_percent: int) -> None:
        return None

    tar = b"".join([piece async for piece in package_stream(means, RECORD, silent)])
    trust = await trust_bundle(means)
    await db.close()
    return tar, trust, clock.now()


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sealed]:
    folder = tmp_path_factory.mktemp("sealed")
    tar, trust, now = asyncio.run(make(folder))
    yield Sealed(folder, tar, trust, now)
