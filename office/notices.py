"""Notices: the text messages people get, an applicant's word for word (ux.md A0), and the outbox they leave by.

A notice is a row in the transaction of what it tells; a job sends it. The transport is one method, so that an
office's own gateway is a class of ten lines. Links and codes are not in the text: they lie sealed beside it and are
put in when it is sent or shown to those who may see them.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import jobs
from foundation.clock import Clock
from foundation.db import Database, insert_all
from foundation.i18n import BEIJING
from foundation.ids import new_id
from office.matter import Matter
from office.person import mask_name, mask_name_en
from office.register import Office
from office.secret import open_text, seal_text
from office.tables import notices

SECRET = "{secret}"
SEND = "notice.send"

RecordKey = Callable[[AsyncConnection, str], Awaitable[bytes]]
"""The key of a record's secrets and objects, made when it is first asked for."""

Kind = Literal["invitation", "code", "near", "called", "moved"]

_WEEKDAYS = "一二三四五六日"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Notice(Struct, frozen=True, kw_only=True):
    """One row of the outbox, about a case or a ticket. The texts hold `{secret}` where link or code go."""

    id: str
    about: str
    record: str | None
    kind: str
    phone: str
    text_zh: str
    text_en: str
    secret_sealed: bytes | None
    lang: str
    at: datetime
    state: str
    sent_at: datetime | None


class Transport(Protocol):
    """A way out. Raises if the message was not taken; the job then tries again."""

    async def send(self, phone: str, text: str) -> None: ...


class OutboxOnly:
    """The demonstration's transport: nothing leaves the house, the desk shows the outbox."""

    async def send(self, phone: str, text: str) -> None:
        return None


def short_time(at: datetime, lang: str) -> str:
    """`11月24日（星期一）14:30` / `Mon 24 Nov 14:30`, Beijing time: near dates need no year."""
    local = at.astimezone(BEIJING)
    if lang == "en":
        return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local:%H:%M}"
    return f"{local.month}月{local.day}日（星期{_WEEKDAYS[local.weekday()]}）{local:%H:%M}"


def permit_name(matter: Matter, lang: str) -> str:
    """What people call it: 食品经营许可, without what stands in brackets."""
    return (matter.permit_gloss or matter.gloss) if lang == "en" else matter.name.split("（")[0]


def invitation_text(office: Office, matter: Matter, name: str, scheduled_at: datetime, lang: str) -> str:
    when, permit = short_time(scheduled_at, lang), permit_name(matter, lang)
    if lang == "en":
        return (
            f"[{office.gloss}] {mask_name_en(name)}: remote video inspection for your {permit.lower()}, {when}. "
            f"Open {SECRET} on a phone at the premises. No fee, no app. To check: {office.phone}"
        )
    return (
        f"【{office.name}】{mask_name(name)}，您的“{permit}”定于{when}远程视频勘验，"
        f"请用现场的手机打开{SECRET}。不收费，不用下载软件。核实：{office.phone}"
    )


def witness_text(office: Office, name: str, lang: str) -> str:
    if lang == "en":
        return (
            f"[{office.gloss}] {mask_name_en(name)}: you are named as a witness of a remote video inspection. Open "
            f"{SECRET} on your own phone to read the sheet and sign it, or not. To check: {office.phone}"
        )
    return (
        f"【{office.name}】{mask_name(name)}，您是一次远程视频勘验的见证人，请用您自己的手机打开{SECRET}，"
        f"看勘验单，签名或者不签。核实：{office.phone}"
    )


def code_text(office: Office, minutes: int, lang: str) -> str:
    if lang == "en":
        return (
            f"[{office.gloss}] Code {SECRET}, valid for {minutes} minutes, opens your remote video inspection. "
            f"Tell nobody; our staff never ask for it. To check: {office.phone}"
        )
    return (
        f"【{office.name}】验证码{SECRET}，{minutes}分钟内有效，用于进入远程视频勘验。"
        f"请不要告诉别人，工作人员也不会向您要。核实：{office.phone}"
    )


def signing_text(office: Office, minutes: int, lang: str) -> str:
    if lang == "en":
        return (
            f"[{office.gloss}] Code {SECRET}, valid for {minutes} minutes, signs the sheet of your remote video "
            f"inspection. Tell nobody; our staff never ask for it. To check: {office.phone}"
        )
    return (
        f"【{office.name}】验证码{SECRET}，{minutes}分钟内有效，用于在远程视频勘验单上签名。"
        f"请不要告诉别人，工作人员也不会向您要。核实：{office.phone}"
    )


class Sealed(Struct, frozen=True):
    """The link or code of a message, and the record under whose key it lies."""

    record: str
    key: bytes
    secret: str


class Letter(Struct, frozen=True, kw_only=True):
    """A message to be sent. `texts`: zh and en."""

    about: str
    kind: Kind
    phone: str
    texts: Mapping[str, str]
    lang: str
    sealed: Sealed | None = None


async def queue_notices(conn: AsyncConnection, letters: Sequence[Letter], now: datetime) -> None:
    """Put messages into the outbox, with their jobs, in the caller's transaction."""
    rows = [_row(new_id("not"), letter, now) for letter in letters]
    if rows:
        await insert_all(conn, notices, rows)
        await jobs.enqueue_all(conn, SEND, [{"notice": row["id"]} for row in rows], now=now)


def _row(notice: str, letter: Letter, now: datetime) -> dict[str, Any]:
    sealed = letter.sealed
    return {
        "id": notice,
        "about": letter.about,
        "record": sealed.record if sealed else None,
        "kind": letter.kind,
        "phone": letter.phone,
        "text_zh": letter.texts["zh"],
        "text_en": letter.texts["en"],
        "secret_sealed": seal_text(sealed.key, sealed.secret, notice) if sealed else None,
        "lang": letter.lang,
        "at": now,
        "state": "queued",
    }


async def notices_of(conn: AsyncConnection, about: str) -> list[Notice]:
    """The outbox of a case or a ticket, newest first."""
    found = select(notices).where(notices.c.about == about).order_by(notices.c.at.desc(), notices.c.id.desc())
    return [Notice(**row._mapping) for row in await conn.execute(found)]


async def key_of(conn: AsyncConnection, notice: Notice, record_key: RecordKey) -> bytes | None:
    """What `read_out` opens the notice's secret with; None where it has none."""
    return await record_key(conn, notice.record) if notice.record is not None else None


def read_out(notice: Notice, key: bytes | None, lang: str) -> str:
    """The message whole, with its link or code; `key` is that of its record."""
    text = notice.text_en if lang == "en" else notice.text_zh
    if notice.secret_sealed is None or key is None:
        return text
    return text.replace(SECRET, open_text(key, notice.secret_sealed, notice.id))


def handlers(db: Database, clock: Clock, record_key: RecordKey, transport: Transport) -> dict[str, jobs.Handler]:
    """The job that sends. A notice that was sent already is not sent again after a crash of the runner."""

    async def find(conn: AsyncConnection, notice: str) -> Notice:
        row = (await conn.execute(select(notices).where(notices.c.id == notice))).first()
        if row is None:
            raise jobs.GiveUp("S404")
        return Notice(**row._mapping)

    async def send(job: jobs.Job, progress: jobs.Progress) -> dict[str, Any] | jobs.Done:
        notice = await db.ask(lambda conn: find(conn, job.payload["notice"]))
        if notice.state == "sent":
            return {"notice": notice.id}
        key = None
        if notice.record is not None:
            async with db.begin() as conn:
                key = await key_of(conn, notice, record_key)
        await transport.send(notice.phone, read_out(notice, key, notice.lang))
        sent = update(notices).where(notices.c.id == notice.id).values(state="sent", sent_at=clock.now())
        return jobs.Done({"notice": notice.id}, lambda conn: conn.execute(sent))

    return {SEND: send}
