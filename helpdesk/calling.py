"""The acts of the hall, each in its caller's transaction: take a number, call the next, everything that follows.

What may be done is `queue`'s to say; here it is done to the one row that is meant, whoever else does something at the
same moment, and people are told.
"""

from datetime import datetime, timedelta

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import jobs
from foundation.i18n import BEIJING
from foundation.ids import new_id, new_token
from helpdesk import directory, messages, store
from helpdesk.directory import Line, Window
from helpdesk.guide import Guide
from helpdesk.hours import day_of, next_opening
from helpdesk.queue import MOST_NUMBERS, NEAR, Act, Priority, Ticket, at_midnight, first_rank, step
from helpdesk.rating import RATE_WITHIN
from helpdesk.store import Rating, Slip
from office import notices, register
from office.register import Office
from office.secret import hash_token
from office.session import Refused

EXPIRE = "hall.expire"
MIDNIGHT = "hall.midnight"

_TAKES_THE_WINDOW: frozenset[Act] = frozenset({"call", "resume", "accept"})
_SHORTENS_THE_LINE: frozenset[Act] = frozenset({"call", "abandon"})


async def take(
    conn: AsyncConnection,
    line: Line,
    guide: Guide,
    *,
    priority: Priority,
    name: str,
    phone: str | None,
    lang: str,
    holder: str,
    now: datetime,
) -> tuple[Slip, str] | Refused:
    """A number for this matter, and the token of its page. `holder`: what the browser keeps (a secret).

    Refused: Q01 the browser or the telephone has enough numbers.
    """
    holder_hash, day = hash_token(holder), day_of(now)
    await store.one_at_a_time(conn, holder_hash, *([phone] if phone else []))
    held = await store.held_by(conn, holder_hash, phone)
    if held >= MOST_NUMBERS:
        return Refused("Q01", {"count": held})
    token, number = new_token(), await store.next_number(conn, line.id, day)
    if number == 1:
        await _at_the_end_of(conn, day, now)
    ticket = Ticket(
        id=new_id("tkt"),
        office=line.office,
        queue=line.id,
        day=day,
        number=number,
        minutes=guide.typical_minutes.window,
        state="queued",
        priority=priority,
        rank=first_rank(priority, now),
        came=now,
    )
    near = (await store.standing(conn, ticket)).ahead <= NEAR
    slip = Slip(
        ticket=ticket,
        letter=line.letter,
        guide=guide.slug,
        name=name,
        phone=phone,
        lang=lang,
        holder_hash=holder_hash,
        token_hash=hash_token(token),
        taken_at=now,
        # Who takes a number so late is told on the spot.
        told_near_at=now if near else None,
    )
    return await store.insert_slip(conn, slip, "take", "citizen", now), token


async def call_next(conn: AsyncConnection, window: str, actor: str, now: datetime) -> Slip | Refused:
    """The next in a window's line, called to it. Any number of windows at once call different people, in order.

    Refused: Q09 nobody sits there, Q06 somebody is at the window, Q03 nobody waits.
    """
    at = await _free_window(conn, window)
    if isinstance(at, Refused):
        return at
    await directory.lock_line(conn, at.line)
    found = await store.first_callable(conn, at.line, now)
    if found is None:
        return Refused("Q03")
    return await _carry_out(conn, found, "call", actor, now, window=at)


async def act(
    conn: AsyncConnection,
    ticket: str,
    what: Act,
    actor: str,
    now: datetime,
    *,
    window: str | None = None,
    to: str | None = None,
) -> Slip | Refused:
    """One act on one number. `window`: whose act it is, None for its holder's; `to`: the window it is handed over to,
    or the line it is forwarded to.

    Refused: as `queue.step` and `call_next`; Q04 for a number that is another window's; S404 for none at all.
    """
    at: Window | Refused | None = None
    if what in _TAKES_THE_WINDOW:
        at = await _free_window(conn, window or "")
    elif what == "hand_over":
        at = await _open_window(conn, to or "")
    if isinstance(at, Refused):
        return at
    if what == "come_back":
        seen = await store.get_slip(conn, ticket)
        if seen is not None:
            await directory.lock_line(conn, seen.ticket.queue)
    slip = await store.get_slip(conn, ticket, lock=True)
    if slip is None:
        return Refused("S404")
    if not _is_theirs(slip.ticket, what, window, at, now):
        return Refused("Q04", {"state": slip.ticket.state})
    queue = at.line if what == "accept" and at is not None else to
    return await _carry_out(conn, slip, what, actor, now, window=at, queue=queue)


def _is_theirs(ticket: Ticket, what: Act, window: str | None, at: Window | None, now: datetime) -> bool:
    match what:
        case "accept":
            return ticket.handed_to == window and ticket.held_until is not None and now < ticket.held_until
        case "decline":
            return ticket.handed_to == window
        case "call" | "resume":
            # Any window of the line: who called or parked it may have gone home.
            return at is not None and at.line == ticket.queue
        case "hand_over":
            near = at is not None and at.office == ticket.office and at.id != ticket.window
            return near and ticket.window == window
    return window is None or ticket.window == window


async def _free_window(conn: AsyncConnection, window: str) -> Window | Refused:
    at = await _open_window(conn, window)
    busy = None if isinstance(at, Refused) else await store.at_window(conn, window)
    return Refused("Q06", {"number": busy.label}) if busy is not None else at


async def _open_window(conn: AsyncConnection, window: str) -> Window | Refused:
    at = await directory.lock_window(conn, window)
    return at if at is not None and at.agent is not None else Refused("Q09")


async def _carry_out(
    conn: AsyncConnection,
    slip: Slip,
    what: Act,
    actor: str,
    now: datetime,
    *,
    window: Window | None = None,
    queue: str | None = None,
) -> Slip | Refused:
    before = slip.ticket
    line = [one.ticket for one in await store.line_of(conn, before.queue, NEAR)] if what == "come_back" else []
    after = step(before, what, now, window=window.id if window else None, queue=queue, line=line)
    if isinstance(after, Refused):
        return after
    moved = await store.move(conn, slip, after, what, actor, now)
    if what == "call" and window is not None and moved.phone is not None:
        office = await _office(conn, after.office)
        texts = messages.called(office, moved.label, window.number)
        await notices.queue_notice(
            conn, about=after.id, kind="called", phone=moved.phone, texts=texts, lang=moved.lang, now=now
        )
    if what in _SHORTENS_THE_LINE and before.state == "queued":
        await _tell_near(conn, before.queue, now)
    if what == "hand_over" and after.held_until is not None:
        payload = {"ticket": after.id, "until": after.held_until.isoformat()}
        await jobs.enqueue(conn, EXPIRE, payload, now=now, due_at=after.held_until)
    return moved


async def _tell_near(conn: AsyncConnection, queue: str, now: datetime) -> None:
    """Each is told once that they are among the next."""
    first = await store.line_of(conn, queue, NEAR + 1)
    new = [(ahead, slip) for ahead, slip in enumerate(first) if slip.told_near_at is None]
    if not new:
        return
    await store.told_near(conn, [slip.ticket.id for _, slip in new], now)
    for ahead, slip in new:
        if slip.phone is not None:
            texts = messages.near(await _office(conn, slip.ticket.office), slip.label, ahead)
            await notices.queue_notice(
                conn, about=slip.ticket.id, kind="near", phone=slip.phone, texts=texts, lang=slip.lang, now=now
            )


async def leave_window(conn: AsyncConnection, window: str, actor: str, now: datetime) -> list[Slip]:
    """Close a window: whoever it called, serves or has parked goes in front of the line; offers go back."""
    at = await directory.lock_window(conn, window)
    if at is None:
        return []
    kept = []
    for seen in await store.kept_by(conn, window):
        slip = await store.get_slip(conn, seen.ticket.id, lock=True)
        acts: list[Act] = []
        if slip is not None and slip.ticket.state == "transferred":
            acts.append("expire")
        if slip is not None and slip.ticket.window == window:
            acts.append("release")
        for what in acts:
            done = await _carry_out(conn, slip, what, actor, now) if slip is not None else None
            slip = done if isinstance(done, Slip) else slip
        if slip is not None:
            kept.append(slip)
    await directory.stand_up(conn, window)
    store.changed(conn, at.line)
    return kept


async def rate(conn: AsyncConnection, slip: Slip, given: Rating) -> Refused | None:
    """Keep a rating that `rating.fault_of` has nothing against. Refused: Q11 too early or late, Q07 rated before."""
    ended = slip.ended_at if slip.ticket.state == "finished" else None
    if ended is None or given.at > ended + RATE_WITHIN:
        return Refused("Q11")
    await store.get_slip(conn, slip.ticket.id, lock=True)
    if await store.get_rating(conn, slip.ticket.id) is not None:
        return Refused("Q07")
    await store.insert_rating(conn, given)
    return None


# --- what time does --------------------------------------------------------------------------------------------------


async def expire(conn: AsyncConnection, ticket: str, until: datetime, now: datetime) -> Slip | None:
    """End an offer that nobody took; None where it is another one by now, or was taken."""
    slip = await store.get_slip(conn, ticket, lock=True)
    if slip is None or slip.ticket.held_until != until:
        return None
    done = await _carry_out(conn, slip, "expire", "system", now)
    return None if isinstance(done, Refused) else done


async def carry_over(conn: AsyncConnection, ticket: str, now: datetime) -> Slip | None:
    """What midnight makes of one number of an earlier day (`queue.at_midnight`), with a message to its holder."""
    slip = await store.get_slip(conn, ticket, lock=True)
    if slip is None:
        return None
    office = await _office(conn, slip.ticket.office)
    opening = next_opening(office.hours, now) or now + timedelta(days=1)
    day = day_of(opening)
    after = at_midnight(slip.ticket, now, day, opening)
    if after == slip.ticket:
        return slip
    if after.state != "confirmed":
        return await store.move(conn, slip, after, "expire", "system", now)
    line = await directory.get_line(conn, after.queue)
    number = await store.next_number(conn, after.queue, day)
    if number == 1:
        await _at_the_end_of(conn, day, now)
    # Numbers are counted anew each day: yesterday's A023 would meet another one.
    after = replace(after, number=number)
    letter = line.letter if line else slip.letter
    moved = await store.move(conn, slip, after, "carry_over", "system", now, letter=letter)
    if moved.phone is not None:
        texts = messages.carried(office, slip.label, moved.label, opening)
        await notices.queue_notice(
            conn, about=ticket, kind="moved", phone=moved.phone, texts=texts, lang=moved.lang, now=now
        )
    return moved


async def _at_the_end_of(conn: AsyncConnection, day: str, now: datetime) -> None:
    """The job that looks after whoever is left at the end of this day."""
    midnight = datetime.fromisoformat(day).replace(tzinfo=BEIJING) + timedelta(days=1)
    await jobs.enqueue(conn, MIDNIGHT, {"day": day}, now=now, due_at=midnight, key=f"{MIDNIGHT}:{day}")


async def _office(conn: AsyncConnection, code: str) -> Office:
    office = await register.get_office(conn, code)
    if office is None:
        raise LookupError(code)
    return office
