"""The installation's own authority from the command line: what there is, the root's key taken out, keys replaced,
certificates taken back.

The root is needed seldom: to make a key that others sign with, or to take one back. Where its key was taken out, the
command is given its file and the passphrase; the key is in memory for that command and written nowhere.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

from cryptography import x509
from sqlalchemy import select

from foundation.clock import SystemClock
from foundation.db import Database
from foundation.errors import LANGS, Problem, sentence
from foundation.keyring import load_keyring
from office.demo import new_password
from office.tables import offices
from server.means import ORGANISATION
from server.preflight import read_settings
from server.schema import migrate_database
from server.supervise import CannotStart
from signing import root
from signing.certificates import pem
from signing.keys import ROTATED, KeyStore, RootAway, ServerKey
from signing.revocation import Why, list_ends
from signing.signers import KeyUnusable
from signing.store import signing_keys

WHYS: tuple[str, ...] = get_args(Why)


async def show() -> None:
    """Every certificate of the service with its number, where the root's key is, and how long its list is good."""
    async with _keys(None) as (db, keys):
        await keys.server_keys()
        gone = {one.serial: one.at for name in await _names(db) for one in await keys.revoked(name)}
        for name, made in (await _names(db)).items():
            certificate = x509.load_der_x509_certificate(made)
            revoked = gone.get(certificate.serial_number)
            print(
                f"{name:28} {certificate.serial_number:040x} {certificate.not_valid_after_utc:%Y-%m-%d}"
                + (f" revoked {revoked:%Y-%m-%d %H:%M}" if revoked else "")
            )
        where = "here" if await keys.is_root_here() else "taken out"
        print(f"The root's key: {where}. Its list is good until {list_ends(await keys.root_list()):%Y-%m-%d}.")


async def take_root_out(file: Path) -> None:
    """Write the root's key to ``file`` and print its passphrase once; this installation has it no more.

    Seals of every office are made before, because those need the root. Raises CannotStart when the file exists or the
    key was taken out before.
    """
    async with _keys(None) as (db, keys):
        await keys.server_keys()
        key = await keys.root()
        async with db.read() as conn:
            found = [(row.code, row.name) for row in await conn.execute(select(offices.c.code, offices.c.name))]
        for code, name in found:
            await keys.seal(code, name)
        await keys.renew_list()
        passphrase = f"{new_password()}-{new_password()}"
        await asyncio.to_thread(_write, file, root.closed(key, passphrase))
        if root.opened(await asyncio.to_thread(file.read_bytes), passphrase).certificate != key.certificate:
            raise CannotStart(f"{file}: 写入后读不回来。\n{file} does not read back.")
        await keys.forget_root()
        print(passphrase)


async def renew(file: Path) -> None:
    """Sign the root's list anew and make seals of offices that have none yet."""
    async with _keys(file) as (db, keys):
        await keys.renew_list()
        async with db.read() as conn:
            found = [(row.code, row.name) for row in await conn.execute(select(offices.c.code, offices.c.name))]
        for code, name in found:
            await keys.seal(code, name)
        print(f"{list_ends(await keys.root_list()):%Y-%m-%d}")


async def rotate(kind: str, file: Path | None) -> None:
    """Make a new key of this kind and print its certificate; it is in use from each process's next start."""
    async with _keys(file) as (_, keys):
        try:
            print(pem([await keys.rotate(kind)]))
        except ValueError:
            named = f"{', '.join(ROTATED)}, seal:CODE"
            raise CannotStart(f"{named}: 只有这些密钥可以更换。\nOnly these keys can be replaced: {named}.") from None


async def revoke(serial: str, why: str, file: Path | None) -> None:
    """Take the certificate of this number (hexadecimal) back and print from when on."""
    if why not in WHYS:
        raise CannotStart(f"原因：{', '.join(WHYS)}。\nReasons: {', '.join(WHYS)}.")
    async with _keys(file) as (_, keys):
        try:
            print((await keys.revoke(int(serial, 16), why)).at.isoformat())  # type: ignore[arg-type]  # one of WHYS
        except (KeyError, ValueError):
            raise CannotStart(
                f"{serial}：本系统没有签发过这个号码的证书，或者它是根证书。\n"
                f"{serial}: nothing that was issued here has this number, or it is the root."
            ) from None


@asynccontextmanager
async def _keys(file: Path | None) -> AsyncIterator[tuple[Database, KeyStore]]:
    """The database and its keys, with the root from ``file`` if one is given."""
    settings = read_settings()
    brought = await asyncio.to_thread(_read, file) if file else None
    await migrate_database(settings)
    db = await Database.open(settings.database)
    try:
        yield db, KeyStore(db, load_keyring(settings.office_key), SystemClock(), ORGANISATION, brought)
    except RootAway as error:
        raise CannotStart(f"这一步要用根密钥：--root 文件。\nThis needs the root: {error}.") from None
    except Problem as problem:
        raise CannotStart("\n".join(sentence(problem.code, lang) for lang in LANGS)) from None
    finally:
        await db.close()


async def _names(db: Database) -> dict[str, bytes]:
    async with db.read() as conn:
        rows = await conn.execute(select(signing_keys.c.name, signing_keys.c.certificate).order_by(signing_keys.c.name))
        return {row.name: bytes(row.certificate) for row in rows}


def _write(file: Path, data: bytes) -> None:
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise CannotStart(f"{file} 写不了：{error.strerror}。\n{file} cannot be written: {error.strerror}.") from error


def _read(file: Path) -> ServerKey:
    asked = getpass.getpass("Passphrase of the root: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    try:
        return root.opened(file.read_bytes(), asked)
    except (OSError, KeyUnusable) as error:
        raise CannotStart(f"{file} 打不开。\n{file}: {error}") from None
