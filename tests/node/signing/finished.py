"""A sheet that everybody has signed or refused, sealed and stamped, with all that tests of verifiers need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from foundation.clock import SystemClock
from foundation.db import Database
from signing.fonts import FontSet
from signing.keys import ServerKey, ServerKeys
from signing.report import Report
from signing.trust import TrustBundle, trust_bundle
from tests.node.signing.scene import EVERYBODY, REMARK, Browser, Scene
from tests.unit.signing.samples import report

REFUSAL = "未看清冷库"


@dataclass(frozen=True)
class Sheet:
    """A sealed sheet and every revision on the way."""

    record: str
    pdf: bytes
    revisions: tuple[bytes, ...]


@dataclass(frozen=True)
class Finished(Sheet):
    """`other` is a second case of the same office; `keys` and `seal` are what an insider could steal."""

    other: Sheet
    trust: TrustBundle
    keys: ServerKeys
    seal: ServerKey
    fonts: FontSet
    at: datetime


async def finish(folder: Path, fonts: FontSet, made: Report, refusing: str = "") -> Finished:
    db = await Database.open(f"sqlite:///{folder / 'test.db'}")
    await db.create_all()
    scene = await Scene.set(db, folder, fonts, SystemClock())
    sheet = await _through(scene, made, refusing)
    second = msgspec.structs.replace(
        report(items=2, photos=2), record="rec_other", case_number="松汀勘〔2025〕000002号"
    )
    found = Finished(
        **vars(sheet),
        other=await _through(scene, second, ""),
        trust=await trust_bundle(scene.means),
        keys=await scene.means.keys.server_keys(),
        seal=await scene.means.keys.seal(made.office.code, made.office.name),
        fonts=fonts,
        at=datetime.now(UTC),
    )
    await db.close()
    return found


async def _through(scene: Scene, made: Report, refusing: str) -> Sheet:
    await scene.issue(made)
    record = made.record
    revisions = [await scene.pdf(record)]
    for actor, role in EVERYBODY:
        if role == refusing:
            await scene.ceremony.refuse(actor, record, role, REFUSAL)
        else:
            remark = REMARK if role == "applicant" else ""
            await Browser(actor, role, record=record).sign(scene.ceremony, remark)
            revisions.append(await scene.pdf(record))
    return Sheet(record, await scene.seal(record), tuple(revisions))
