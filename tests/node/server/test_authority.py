"""The authority's commands, and that its keys and what it has taken back outlive the machine."""

from __future__ import annotations

import asyncio
import io
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509

from foundation.clock import SystemClock
from foundation.db import Database
from foundation.keyring import load_keyring
from foundation.settings import Settings
from server import authority
from server.backup import make_backup, restore_backup
from server.demo import ensure_demonstration
from server.means import ORGANISATION
from server.schema import migrate_database
from server.supervise import CannotStart
from signing.fonts import open_fonts
from signing.keys import KeyStore
from signing.trust import trust_bundle
from signing.verify import verify_pdf
from tests.node.signing.scene import APPLICANT, EVERYBODY, Browser, Scene

pytestmark = pytest.mark.may_block("a command of its own: no loop serves anybody meanwhile")

Installed = Callable[..., Settings]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """`installed("name")`: from now on the environment names that folder, and that database where one is given."""

    def choose(name: str, database_url: str = "") -> Settings:
        monkeypatch.setenv("YUANKAN_DATA_DIR", str(tmp_path / name))
        monkeypatch.setenv("YUANKAN_DATABASE_URL", database_url)
        return Settings()

    return choose


@asynccontextmanager
async def scene_of(settings: Settings) -> AsyncIterator[Scene]:
    """Signing on this installation's rows and objects."""
    db = await Database.open(settings.database)
    try:
        yield await Scene.set(db, settings.data_dir, open_fonts(), SystemClock())
    finally:
        await db.close()


async def made(settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True)
    settings.office_key.write_text(bytes(32).hex())
    settings.office_key.chmod(0o600)
    await migrate_database(settings)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(f"{text}\n"))


async def test_signing_goes_on_where_a_backup_was_put_back(
    installed: Installed, tmp_path: Path, postgres_url: str
) -> None:
    """Begun on SQLite, finished on PostgreSQL, with an authority replaced and a certificate taken back in between."""
    before = installed("before")
    await made(before)
    async with scene_of(before) as scene:
        await scene.issue()
        browser = Browser(APPLICANT, "applicant")
        ready = await browser.prepare(scene.ceremony)
        await scene.ceremony.finish(APPLICANT, ready.lease, browser.raw_signature(ready.attributes))
        serial = x509.load_der_x509_certificate(ready.certificate).serial_number
        await scene.means.keys.revoke(serial, "key_compromise")
        await scene.means.keys.rotate("event_ca")
        trusted = await trust_bundle(scene.means)
    await make_backup(tmp_path / "backup.tar")
    after = installed("after", postgres_url)
    await restore_backup(tmp_path / "backup.tar")
    async with scene_of(after) as scene:
        trust = await trust_bundle(scene.means)
        assert (trust.roots, trust.event_authorities) == (trusted.roots, trusted.event_authorities)
        assert (trust.stamps, trust.systems) == (trusted.stamps, trusted.systems)
        for actor, role in EVERYBODY[1:]:
            await Browser(actor, role).sign(scene.ceremony)
        pdf = await scene.seal()
        verdict = await asyncio.to_thread(verify_pdf, pdf, await trust_bundle(scene.means), scene.means.clock.now())
    assert verdict.state == "pass" and "V24" in verdict.codes(), verdict


async def test_the_root_is_taken_out_and_brought_back_for_what_needs_it(
    installed: Installed, tmp_path: Path, capsys: pytest.CaptureFixture[str], typed: Callable[[str], None]
) -> None:
    settings = installed("house")
    await made(settings)
    assert await ensure_demonstration(settings) is not None
    file = tmp_path / "root.p12"
    await authority.take_root_out(file)
    passphrase = capsys.readouterr().out.strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and len(passphrase) > 20
    await authority.show()
    shown = capsys.readouterr().out
    assert "The root's key: taken out." in shown and "seal:" in shown, "seals were made before it left"
    tsa = next(line.split()[1] for line in shown.splitlines() if line.startswith("tsa "))
    for needs in (authority.rotate("tsa", None), authority.revoke(tsa, "superseded", None)):
        with pytest.raises(CannotStart, match="--root"):
            await needs
    typed("wrong")
    with pytest.raises(CannotStart, match="打不开"):
        await authority.rotate("tsa", file)
    for work in (authority.rotate("tsa", file), authority.revoke(tsa, "superseded", file), authority.renew(file)):
        typed(passphrase)
        await work
    await authority.show()
    shown = capsys.readouterr().out
    assert f"{tsa} " in shown and "tsa#002" in shown and "revoked" in shown and "taken out." in shown
    with pytest.raises(CannotStart):
        await authority.take_root_out(tmp_path / "again.p12")
    assert not (tmp_path / "again.p12").exists()


@pytest.mark.parametrize(
    ("serial", "why"), [("abc", "unspecified"), ("no number", "unspecified"), ("1", "because")], ids=str
)
async def test_what_cannot_be_revoked_is_said_in_a_sentence(installed: Installed, serial: str, why: str) -> None:
    await made(installed("house"))
    with pytest.raises(CannotStart):
        await authority.revoke(serial, why, None)


async def test_a_file_in_the_way_keeps_the_root_where_it_is(installed: Installed, tmp_path: Path) -> None:
    settings = installed("house")
    await made(settings)
    (tmp_path / "root.p12").write_bytes(b"precious")
    with pytest.raises(CannotStart, match=r"root\.p12"):
        await authority.take_root_out(tmp_path / "root.p12")
    assert (tmp_path / "root.p12").read_bytes() == b"precious"
    db = await Database.open(settings.database)
    keys = KeyStore(db, load_keyring(settings.office_key), SystemClock(), ORGANISATION)
    assert await keys.is_root_here()
    await db.close()
