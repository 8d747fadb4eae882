"""The acts of the hall, each in its caller's transaction: take a number, call the next, everything that follows.

What may be done is `queue`'s to say; here it is done to the one row that is meant, whoever else does something at the
same moment, and people are told.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation import jobs
from foundation.i18n import BEIJING
from foundation.ids import new_id, new_token
from helpdesk import directory, messages, store
from helpdesk.directory import Line, Window
from helpdesk.guide import Guide
from helpdesk.hours import day_of, next_opening
from helpdesk.queue import MOST_NUMBERS, NEAR, Act, Priority, Ticket, at_midnight, callable_now, first_rank, step
from helpdesk.rating import RATE_WITHIN
from helpdesk.store import Rating, Slip, Standing
from office import notices, register
from office.notices import Letter
from office.register import Office
from office.secret import hash_token
from office.session import Refused

EXPIRE = "hall.expire"
MIDNIGHT = "hall.midnight"

_TAKES_THE_WINDOW: frozenset[Act] = frozenset({"call", "resume", "accept"})
_SHORTENS_THE_LINE: frozenset[Act] = frozenset({"call", "abandon"})
_CHANGES_THE_LINE: frozenset[Act] = frozenset({"call", "come_back", "step_away", "abandon"})
"""Whoever does these with a number waits for those who are calling from its line, and they for them."""


Offices = Callable[[AsyncConnection, Collection[str]], Awaitable[Mapping[str, Office]]]
"""Offices by code, of which messages speak."""


class Taken(Struct, frozen=True):
    """A new number, the token of its page, and how its line stands for it."""

    slip: Slip
    token: str
    standing: Standing


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
    video: bool = False,
) -> Taken | Refused:
    """A number for this matter. `holder`: what the browser keeps (a secret); `video`: its
    holder is helped by video and does not come.

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
        minutes=guide.typical_minutes.video if video else guide.typical_minutes.window,
        state="queued",
        priority=priority,
        rank=first_rank(priority, now),
        came=now,
    )
    standing = await store.standing(conn, ticket)
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
        told_near_at=now if standing.ahead <= NEAR else None,
        video=video,
    )
    return Taken(await store.insert_slip(conn, slip, "take", "citizen", now), token, standing)


class Press(Struct, frozen=True):
    """Somebody wants the next person at a window. `agent`: their staff id; None where that was asked before."""

    window: str
    actor: str
    agent: str | None = None


async def call_next(
    conn: AsyncConnection, presses: Sequence[Press], now: datetime, offices: Offices = register.get_offices
) -> list[Slip | Refused]:
    """The next of each window's line, called to it: an answer for each press, in their order.

    Any number of windows, here or in transactions at the same moment, call different people and in the lines' order.
    All of them cost as many statements as one. `offices`: where they are read.
    Refused: Q09 nobody sits there (or not this agent), Q06 somebody is at the window, Q03 nobody waits.
    """
    windows = await directory.lock_windows(conn, [press.window for press in presses])
    wanted = Counter(windows[press.window].line for press in presses if press.window in windows)
    await directory.lock_lines(conn, wanted)
    # Whoever is among the next after so many calls is told; they are locked and read with those who are called.
    most = max(wanted.values(), default=0) + NEAR + 1
    front = await store.front(conn, sorted(windows), sorted(wanted), most)
    waiting = {line: [slip for slip in first if callable_now(slip.ticket, now)] for line, first in front.lines.items()}
    for line, first in front.lines.items():
        if len(waiting[line]) < wanted[line] and len(first) == most:
            waiting[line] = await store.first_callable(conn, line, wanted[line], now)
    answers: list[Slip | Refused] = []
    called: list[tuple[Slip, Ticket, str]] = []
    for press in presses:
        at = windows.get(press.window)
        if at is None or at.agent is None or press.agent not in (None, at.agent):
            answers.append(Refused("Q09"))
        elif at.id in front.busy:
            answers.append(Refused("Q06", {"number": front.busy[at.id].label}))
        elif not waiting.get(at.line):
            answers.append(Refused("Q03"))
        else:
            slip = waiting[at.line].pop(0)
            after = step(slip.ticket, "call", now, window=at.id)
            if isinstance(after, Refused):
                answers.append(after)
                continue
            called.append((slip, after, press.actor))
            front.busy[at.id] = slip
            answers.append(replace(slip, ticket=after, moves=slip.moves + 1))
    await store.move_all(conn, called, "call", now)
    gone = {slip.ticket.id for slip, _, _ in called}
    shorter = {slip.ticket.queue for slip, _, _ in called}
    left = [[slip for slip in front.lines[line] if slip.ticket.id not in gone] for line in sorted(shorter)]
    await _tell(conn, [(slip, windows[after.window or ""]) for slip, after, _ in called], left, now, offices)
    return answers


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
    if what in _CHANGES_THE_LINE:
        seen = await store.get_slip(conn, ticket)
        if seen is not None:
            await directory.lock_lines(conn, [seen.ticket.queue])
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
    busy = await store.at_window(conn, window)
    return Refused("Q06", {"number": busy.label}) if isinstance(at, Window) and busy is not None else at


async def _open_window(conn: AsyncConnection, window: str) -> Window | Refused:
    at = (await directory.lock_windows(conn, [window])).get(window)
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
    called = [(moved, window)] if what == "call" and window is not None else []
    shorter = what in _SHORTENS_THE_LINE and before.state == "queued"
    if called or shorter:
        left = [await store.line_of(conn, before.queue, NEAR + 1)] if shorter else []
        await _tell(conn, called, left, now)
    if what == "hand_over" and after.held_until is not None:
        payload = {"ticket": after.id, "until": after.held_until.isoformat()}
        await jobs.enqueue(conn, EXPIRE, payload, now=now, due_at=after.held_until)
    return moved


async def _tell(
    conn: AsyncConnection,
    called: Sequence[tuple[Slip, Window]],
    shorter: Sequence[Sequence[Slip]],
    now: datetime,
    offices: Offices = register.get_offices,
) -> None:
    """Messages to who was called, and in the lines that are shorter now, once each, to who is among the next.
    `shorter`: the first of each of them, in order.
    """
    near = [(slip, ahead) for line in shorter for ahead, slip in enumerate(line[: NEAR + 1]) if not slip.told_near_at]
    if near:
        await store.told_near(conn, [slip.ticket.id for slip, _ in near], now)
    slips = [slip for slip, _ in (*called, *near) if slip.phone is not None]
    at = await offices(conn, {slip.ticket.office for slip in slips})

    letters: list[Letter] = []
    for slip, window in called:
        if slip.phone is not None:
            texts = messages.called(at[slip.ticket.office], slip.label, window.number)
            letters.append(_letter(slip, "called", texts))
    for slip, ahead in near:
        if slip.phone is not None:
            letters.append(_letter(slip, "near", messages.near(at[slip.ticket.office], slip.label, ahead)))
    await notices.queue_notices(conn, letters, now)


def _letter(slip: Slip, kind: notices.Kind, texts: messages.Texts) -> Letter:
    return Letter(about=slip.ticket.id, kind=kind, phone=slip.phone or "", texts=texts, lang=slip.lang)


async def leave_window(conn: AsyncConnection, window: str, actor: str, now: datetime) -> list[Slip]:
    """Close a window: whoever it called, serves or has parked goes in front of the line; offers go back."""
    at = (await directory.lock_windows(conn, [window])).get(window)
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
    seen = await store.get_slip(conn, ticket)
    if seen is not None:
        await directory.lock_lines(conn, [seen.ticket.queue])
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
    moved = await store.move(conn, slip, after, "carry_over", "system", now, letter=line.letter if line else None)
    if moved.phone is not None:
        letter = _letter(moved, "moved", messages.carried(office, slip.label, moved.label, opening))
        await notices.queue_notices(conn, [letter], now)
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
