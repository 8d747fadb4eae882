import asyncio
import io
from pathlib import Path

import msgspec
import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from sqlalchemy import select

from foundation.clock import ManualClock
from foundation.db import Database
from foundation.errors import Problem
from foundation.keyring import Keyring
from signing.certificates import der
from signing.fonts import FontSet
from signing.keys import ROTATED, KeyStore
from signing.report import Kind
from signing.store import signing_keys
from signing.trust import trust_bundle
from signing.verify import verify_pdf
from tests.node.signing.scene import EVERYBODY, Browser, Scene
from tests.unit.signing.samples import report

OFFICE_KEY = bytes(32)


def key_store(database: Database, clock: ManualClock, office_key: bytes = OFFICE_KEY) -> KeyStore:
    return KeyStore(database, Keyring(office_key), clock, "松汀区政务服务中心")


async def test_two_nodes_that_start_at_once_share_one_set_of_keys(database: Database, clock: ManualClock) -> None:
    found = await asyncio.gather(*(key_store(database, clock).server_keys() for _ in range(2)))
    assert der(found[0].event_ca.certificate) == der(found[1].event_ca.certificate)
    assert found[0].tsa.key.private_numbers() == found[1].tsa.key.private_numbers()
    again = await key_store(database, clock).server_keys()
    assert again.root == found[0].root


async def test_every_office_has_a_seal_of_its_own(sqlite_database: Database, clock: ManualClock) -> None:
    store = key_store(sqlite_database, clock)
    one, other = await store.seal("990101", "松汀区"), await store.seal("990102", "另一区")
    assert one.certificate != other.certificate
    assert await store.seal_certificates() == [der(one.certificate), der(other.certificate)]


@pytest.mark.parametrize(("kind", "service"), [("help", "视频帮办系统"), ("inspection", "远程视频勘验系统")])
async def test_a_signature_names_its_records_service_and_the_certificates_that_serve_both_name_neither(
    scene_folder: Path, fonts: FontSet, clock: ManualClock, kind: Kind, service: str
) -> None:
    db = await Database.open(f"sqlite:///{scene_folder / 'test.db'}")
    scene = await Scene.set(db, scene_folder, fonts, clock)
    await scene.issue(msgspec.structs.replace(report(items=1, photos=0), kind=kind))
    said = PdfFileReader(io.BytesIO(await scene.pdf())).embedded_signatures[0].sig_object
    assert said["/Name"] == f"松汀区政务服务中心 {service}" and "勘验" not in said["/Reason"]
    keys = await scene.means.keys.server_keys()
    made = [keys.root, *(each.certificate for each in (keys.event_ca, keys.ocsp, keys.tsa, keys.system))]
    assert not [one.subject for one in made if "勘验" in one.subject.rfc4514_string()]
    await db.close()


async def test_keys_lie_sealed_in_the_database(sqlite_database: Database, clock: ManualClock) -> None:
    keys = await key_store(sqlite_database, clock).server_keys()
    secret = keys.system.key.private_numbers().private_value.to_bytes(32, "big")
    async with sqlite_database.read() as conn:
        rows = list(await conn.execute(select(signing_keys)))
    assert len(rows) == 5
    assert not any(secret in row.sealed_key or secret in row.certificate for row in rows)


async def test_another_office_key_opens_nothing(sqlite_database: Database, clock: ManualClock) -> None:
    await key_store(sqlite_database, clock).server_keys()
    with pytest.raises(Problem) as caught:
        await key_store(sqlite_database, clock, bytes([1] * 32)).server_keys()
    assert caught.value.code == "O03"


async def test_a_key_moved_under_another_name_does_not_open(sqlite_database: Database, clock: ManualClock) -> None:
    await key_store(sqlite_database, clock).server_keys()
    async with sqlite_database.begin() as conn:
        tsa = (await conn.execute(select(signing_keys).where(signing_keys.c.name == "tsa"))).one()
        changed = signing_keys.update().where(signing_keys.c.name == "system")
        await conn.execute(changed.values(sealed_key=tsa.sealed_key))
    with pytest.raises(Problem):
        await key_store(sqlite_database, clock).server_keys()


@pytest.mark.parametrize("kind", ROTATED)
async def test_a_replaced_key_signs_what_is_new_and_what_is_old_stays_believed(
    scene_folder: Path, fonts: FontSet, clock: ManualClock, kind: str
) -> None:
    db = await Database.open(f"sqlite:///{scene_folder / 'test.db'}")
    scene = await Scene.set(db, scene_folder, fonts, clock)
    await scene.everybody_signs()
    old = await scene.seal()
    replaced = getattr(await scene.means.keys.server_keys(), kind)
    await scene.means.keys.rotate(kind)
    again = await Scene.set(db, scene_folder, fonts, clock)  # another process, started afterwards
    assert getattr(await again.means.keys.server_keys(), kind).certificate != replaced.certificate
    second = msgspec.structs.replace(report(items=1, photos=0), record="rec_second")
    await again.issue(second)
    for actor, role in EVERYBODY:
        await Browser(actor, role, record=second.record).sign(again.ceremony)
    trust = await trust_bundle(again.means)
    for pdf in (old, await again.seal(second.record)):
        verdict = await asyncio.to_thread(verify_pdf, pdf, trust, clock.now())
        assert verdict.state == "pass", verdict
    await db.close()


async def test_who_signs_while_the_authority_is_replaced_signs_anew(scene_folder: Path, fonts: FontSet) -> None:
    clock = ManualClock()
    db = await Database.open(f"sqlite:///{scene_folder / 'test.db'}")
    scene = await Scene.set(db, scene_folder, fonts, clock)
    browser = Browser(*EVERYBODY[0])
    ready = await browser.prepare(scene.ceremony)
    await scene.means.keys.rotate("event_ca")
    again = await Scene.set(db, scene_folder, fonts, clock)
    with pytest.raises(Problem) as caught:
        await again.ceremony.finish(browser.actor, ready.lease, browser.raw_signature(ready.attributes))
    assert caught.value.code == "G01"
    await browser.sign(again.ceremony)
    assert (await again.states())["Applicant"] == "signed"
    await db.close()


@pytest.mark.parametrize("kind", ["root", "ocsp", "seal:990101", ""])
async def test_other_keys_are_not_replaced(sqlite_database: Database, clock: ManualClock, kind: str) -> None:
    with pytest.raises(ValueError):
        await key_store(sqlite_database, clock).rotate(kind)
