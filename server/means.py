"""What signing works with on this installation: its own authority and time stamps, and the record as its witness.

Every signature becomes an event of the record in the same transaction, through the rules of the record's kind.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import msgspec
from cryptography.x509 import load_pem_x509_certificates
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.errors import Problem
from office import invitations, notices, sending
from office import store as office
from office.commands import ReportBuilt, SealMade, SignatureMade, SignatureRefused
from office.session import SYSTEM
from recordings.store import RecordKeys
from server.assembly import Parts
from server.effects import seal_recording
from server.records import Kinds, act_within
from server.supervise import CannotStart
from signaling.room import OnEffect
from signing.authority import InternalAuthority
from signing.certificates import der
from signing.clockguard import ClockGuard
from signing.fonts import open_fonts
from signing.keys import KeyStore, ServerKeys
from signing.means import Means, SigningEvent
from signing.signers import KeyUnusable, Signer, open_signer
from signing.timestamp import HttpTimeStampAuthority, InternalTimeStampAuthority, TimeStampAuthority

# Whom the installation's certificates name.
ORGANISATION = "远勘"
# What signing says, by the end of its tag, as the command that the record's procedure knows.
COMMANDS = {
    "report:built": ReportBuilt,
    "signature:made": SignatureMade,
    "signature:refused": SignatureRefused,
    "seal:made": SealMade,
}


async def signing_means(parts: Parts, kinds: Kinds, on_effect: OnEffect) -> Means:
    """Keys are made on first use and are the same for every process of the installation."""
    keys = KeyStore(parts.db, parts.keyring, parts.clock, ORGANISATION)
    server = await keys.server_keys()
    record_keys = RecordKeys(parts.db, parts.keyring, parts.clock)

    async def on_event(conn: AsyncConnection, record: str, event: SigningEvent) -> None:
        command = COMMANDS[event.tag.partition(":")[2]]
        known = {name: value for name, value in event.body.items() if name in command.__struct_fields__}
        now = parts.clock.now()
        await act_within(conn, kinds, record, msgspec.convert(known, command), SYSTEM, on_effect, now)
        if command is SealMade:
            row = await office.get_record(conn, record)
            if row is not None and row.call is None:
                await seal_recording(conn, record, now, at_once=True)

    async def send_code(conn: AsyncConnection, party: str, code: str, lang: str) -> str:
        invitation = await invitations.get_invitation(conn, party)
        record = await office.get_record(conn, invitation.record) if invitation else None
        if invitation is None or record is None:
            raise Problem("S404")
        key, now = await record_keys.within(conn, record.id), parts.clock.now()
        return await sending.send_code(
            conn, invitation, record, code, notices.signing_text, key=key, lang=lang, now=now
        )

    stamps, stamp_certificates = await _time_stamps(parts, server, await keys.certificates("tsa"))
    try:
        seals = {code: await _seal(parts, code) for code in parts.settings.seal_keys}
    except KeyUnusable as error:
        raise CannotStart(f"Seal key: {error}") from None
    for code, seal in seals.items():
        await keys.remember_seal(code, seal.chain[0])
    return Means(
        db=parts.db,
        objects=parts.objects,
        record_key=record_keys,
        keys=keys,
        authority=InternalAuthority(server, keys, parts.clock, responder(parts.settings.base_url)),
        stamps=stamps,
        stamp_certificates=stamp_certificates,
        fonts=await asyncio.to_thread(open_fonts, parts.settings.font_dir),
        clock=parts.clock,
        on_event=on_event,
        send_code=send_code,
        seals=seals,
    )


async def _seal(parts: Parts, code: str) -> Signer:
    secret = parts.settings.seal_secrets.get(code)
    return await open_signer(parts.settings.seal_keys[code], secret.get_secret_value() if secret else "")


async def _time_stamps(
    parts: Parts, keys: ServerKeys, own: list[bytes]
) -> tuple[TimeStampAuthority, tuple[bytes, ...]]:
    """The service in use, and the certificates that verdicts believe: our own always, for what they stamped."""
    settings = parts.settings
    if settings.tsa_certificates is None:
        guard = ClockGuard(settings.time_servers, parts.clock) if settings.time_servers else None
        return InternalTimeStampAuthority(keys.tsa, parts.clock, guard), tuple(own)
    pem = await asyncio.to_thread(settings.tsa_certificates.read_bytes)
    foreign = tuple(der(one) for one in load_pem_x509_certificates(pem))
    return HttpTimeStampAuthority(settings.tsa_urls, foreign), (*own, *foreign)


def responder(base_url: str) -> str | None:
    """Where strangers may ask for a certificate's status; none for an address that only this machine can reach, because
    verifiers that cannot reach a responder named in a certificate distrust the certificate."""
    host = urlsplit(base_url).hostname or ""
    return None if host in ("", "localhost", "::1") or host.startswith("127.") else f"{base_url.rstrip('/')}/ocsp"
