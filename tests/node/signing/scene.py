"""The people and the parts of one signing, with real keys: a browser is played by its key and by what it checks."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from PIL import Image, ImageDraw
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.access import Actor
from foundation.clock import Clock
from foundation.db import Database
from foundation.keyring import Keyring
from foundation.objects import open_store
from signing import store
from signing.authority import InternalAuthority
from signing.ceremony import Ceremony, Ready
from signing.code import BY_CODE
from signing.fonts import FontSet
from signing.issue import issue
from signing.keys import KeyStore
from signing.means import Composed, Means, SigningEvent
from signing.report import Report
from signing.seal import seal
from signing.timestamp import InternalTimeStampAuthority
from tests.unit.signing.samples import RECORD, report, thumbnails

RECORD_KEY = bytes(range(32, 64))
APPLICANT = Actor("guest", id="inv_1", name="张䶮", record=RECORD, role="applicant")
WITNESS = Actor("guest", id="inv_2", name="王鿏", record=RECORD, role="witness")
LEAD = Actor("staff", id="stf_1", name="周岚", office="990101", roles=frozenset({"officer"}))
ASSIST = Actor("staff", id="stf_2", name="李𬍛", office="990101", roles=frozenset({"officer"}))
EVERYBODY = ((APPLICANT, "applicant"), (LEAD, "lead"), (ASSIST, "assist"))
MANIFEST = b'{"epochs":[]}'
REMARK = "后厨照片偏暗"
# The newest code on each party's phone.
PHONES: dict[str, str] = {}


def drawn(seed: int = 0) -> bytes:
    """Strokes on nothing, as a canvas gives them."""
    image = Image.new("RGBA", (600, 240), (255, 255, 255, 0))
    pen = ImageDraw.Draw(image)
    for stroke in range(4):
        x = 60 + stroke * 120
        points = [(x + at * 4, 120 + ((at * (7 + seed) + stroke * 13) % 90) - 45) for at in range(24)]
        pen.line(points, fill=(10, 10, 60, 255), width=6)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@dataclass
class Browser:
    """A device: its key never leaves it, and it signs nothing but what it has hashed itself."""

    actor: Actor
    role: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    record: str = RECORD
    code: str = ""

    @property
    def spki(self) -> bytes:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.DER, form)

    def raw_signature(self, data: bytes) -> bytes:
        """r‖s as `crypto.subtle.sign` gives it."""
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def check(self, ready: Ready, pdf: bytes) -> None:
        """What the page does before it signs: the range leaves out one hexadecimal string, and the attributes speak of
        the rest and the certificate of this key."""
        start, first, second, last = ready.byte_range
        assert (start, second + last) == (0, len(pdf))
        assert pdf[first : first + 1] == b"<" and pdf[second - 1 : second] == b">"
        assert set(pdf[first + 1 : second - 1]) <= set(b"0123456789abcdefABCDEF")
        assert hashlib.sha256(pdf[:first] + pdf[second:]).digest() in ready.attributes
        assert self.spki in ready.certificate

    async def fresh_code(self, ceremony: Ceremony) -> str:
        await ceremony.send_code(self.actor, self.record, self.role, "zh")
        return PHONES[self.actor.id]

    async def prepare(self, ceremony: Ceremony, remark: str = "") -> Ready:
        """With a code where this role signs by one; who has to wait for a turn keeps it."""
        if self.role in BY_CODE and not self.code:
            self.code = await self.fresh_code(ceremony)
        ready = await ceremony.prepare(self.actor, self.record, self.role, self.spki, drawn(), remark, self.code)
        self.code = ""
        return ready

    async def sign(self, ceremony: Ceremony, remark: str = "") -> str:
        ready = await self.prepare(ceremony, remark)
        self.check(ready, await ceremony.prepared_pdf(self.actor, ready.lease))
        return await ceremony.finish(self.actor, ready.lease, self.raw_signature(ready.attributes))


@dataclass
class Scene:
    """One office with one sheet, and what it has told so far."""

    means: Means
    ceremony: Ceremony
    events: list[SigningEvent]

    @classmethod
    async def set(cls, db: Database, folder: Path, fonts: FontSet, clock: Clock, **others: Any) -> "Scene":
        keys = KeyStore(db, Keyring(bytes(32)), clock, "松汀区政务服务中心")
        server = await keys.server_keys()
        told: list[SigningEvent] = []

        async def on_event(_conn: AsyncConnection, _record: str, event: SigningEvent) -> None:
            told.append(event)

        async def record_key(_record: str) -> bytes:
            return RECORD_KEY

        async def send_code(_conn: AsyncConnection, party: str, code: str, _lang: str) -> str:
            PHONES[party] = code
            return "199****0001"

        parts: dict[str, Any] = {
            "db": db,
            "objects": open_store((folder / "objects").as_uri()),
            "record_key": record_key,
            "keys": keys,
            "authority": InternalAuthority(server, keys, clock),
            "stamps": InternalTimeStampAuthority(server.tsa, clock),
            "stamp_certificates": tuple(await keys.certificates("tsa")),
            "fonts": fonts,
            "clock": clock,
            "on_event": on_event,
            "send_code": send_code,
        }
        means = Means(**{**parts, **others})
        return cls(means, Ceremony(means), told)

    async def issue(self, made: Report | None = None, small: dict[str, bytes] | None = None) -> store.Revision:
        made = made or report(items=2, photos=1)
        return await issue(self.means, Composed(made, small or thumbnails(len(made.photos)), MANIFEST))

    async def everybody_signs(self) -> None:
        for actor, role in EVERYBODY:
            await Browser(actor, role).sign(self.ceremony, REMARK if role == "applicant" else "")

    async def seal(self, record: str = RECORD) -> bytes:
        await seal(self.means, record)
        return await self.pdf(record)

    async def current(self, record: str = RECORD) -> store.Revision:
        async with self.means.db.read() as conn:
            found = await store.current(conn, record)
        assert found is not None
        return found

    async def pdf(self, record: str = RECORD) -> bytes:
        return await self.means.objects.get((await self.current(record)).object, RECORD_KEY)

    async def states(self) -> dict[str, str]:
        async with self.means.db.read() as conn:
            return {row.field: row.state for row in await store.signers(conn, RECORD)}

    def tags(self) -> list[str]:
        return [event.tag for event in self.events]


Moment = Callable[[], datetime]
