"""Numbers in both databases: one person for one window, nobody lost, whatever happens at once."""

import asyncio
import random
from datetime import UTC, timedelta

from sqlalchemy import select

from foundation import jobs
from foundation.bus import Bus
from foundation.job_runner import JobRunner
from helpdesk import calling, directory, store
from helpdesk.hours import day_of
from helpdesk.jobs import handlers
from helpdesk.known import Known
from helpdesk.line import read_line
from helpdesk.queue import HAND_OVER, MOST_NUMBERS, NEAR, RECALL_PAUSE, STEP_AWAY, next_in_line, place
from helpdesk.store import Seen, Slip
from helpdesk.tables import moves
from office import notices
from office.session import Refused
from tests.support.hall import SOCIAL, TAX, Hall, no_record

W1, W2, TAX_WINDOW = "990101-S01", "990101-S02", "990101-T01"


async def outbox(hall: Hall, slip: Slip) -> list[tuple[str, str]]:
    async with hall.db.read() as conn:
        return [(each.kind, each.text_zh) for each in reversed(await notices.notices_of(conn, slip.ticket.id))]


async def history(hall: Hall, slip: Slip) -> list[str]:
    async with hall.db.read() as conn:
        found = select(moves.c.act).where(moves.c.ticket == slip.ticket.id).order_by(moves.c.seq)
        return [row.act for row in await conn.execute(found)]


async def run_due(hall: Hall, bus: Bus | None = None) -> None:
    """Every job of the hall that is due by the clock."""
    runner = JobRunner(hall.db, hall.clock, handlers(hall.db, hall.clock, no_record))
    task = asyncio.create_task(runner.run())
    for _ in range(200):
        await asyncio.sleep(0.02)
        async with hall.db.read() as conn:
            found = select(jobs.jobs.c.id).where(
                jobs.jobs.c.kind.in_([calling.EXPIRE, calling.MIDNIGHT]),
                jobs.jobs.c.state.in_(["queued", "leased"]),
                jobs.jobs.c.due_at <= hall.clock.now(),
            )
            if not (await conn.execute(found)).all():
                break
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_numbers_count_up_and_are_called_in_the_order_they_were_taken(hall: Hall) -> None:
    await hall.sit(W1, "stf_a")
    taken = []
    for _ in range(3):
        hall.clock.advance(1)
        taken.append(await hall.take())
    assert [slip.label for slip in taken] == ["S001", "S002", "S003"]
    called = []
    for _ in taken:
        slip = await hall.called(W1)
        called.append(slip.label)
        await hall.do(slip, "serve", "finish")
    assert called == ["S001", "S002", "S003"]
    assert await hall.next(W1) == Refused("Q03")
    assert await history(hall, taken[0]) == ["take", "call", "serve", "finish"]


async def test_windows_that_press_at_once_call_different_people_in_order(hall: Hall) -> None:
    async with hall.db.begin() as conn:
        for number in range(10, 20):
            await directory.add_window(
                conn,
                directory.Window(
                    id=f"w{number}", office="990101", number=f"S{number}", name="", gloss="", line=SOCIAL,
                    agent=f"stf_{number}", opened_at=hall.clock.now(), away=False,
                ),
            )  # fmt: skip
    for _ in range(14):
        hall.clock.advance(1)
        await hall.take()
    answers = await asyncio.gather(*(hall.next(f"w{number}") for number in range(10, 20)))
    assert sorted(slip.label for slip in answers if isinstance(slip, Slip)) == [f"S{n:03d}" for n in range(1, 11)]
    # Pressed again by an impatient hand: nobody gets a second person.
    again = await asyncio.gather(*(hall.next(f"w{number}") for number in range(10, 20)))
    assert {each.code for each in again if isinstance(each, Refused)} == {"Q06"}


async def test_the_same_button_pressed_twice_at_once_calls_one_person(hall: Hall) -> None:
    await hall.sit(W1, "stf_a")
    await hall.take()
    await hall.take()
    answers = await asyncio.gather(*(hall.next(W1) for _ in range(5)))
    assert [type(each).__name__ for each in answers].count("Slip") == 1


async def test_the_database_calls_whom_the_rules_call(hall: Hall) -> None:
    """Any line at all: the statement that finds the next one agrees with `queue.next_in_line`."""
    chance = random.Random(5)
    await hall.sit(W1, "stf_a")
    waiting: dict[str, Slip] = {}
    for _ in range(25):
        hall.clock.advance(chance.choice([0, 0, 1, 400]))
        slip = await hall.take(priority=chance.choice(["ordinary", "priority"]))  # type: ignore[arg-type]
        if chance.random() < 0.3:
            slip = await hall.do(slip, "step_away")
        waiting[slip.ticket.id] = slip
    hall.clock.advance(STEP_AWAY.total_seconds() / 2)
    while True:
        due = next_in_line([slip.ticket for slip in waiting.values()], [SOCIAL], hall.clock.now())
        found = await hall.next(W1)
        if due is None:
            assert found == Refused("Q03")
            break
        assert isinstance(found, Slip) and found.ticket.id == due.id
        async with hall.db.read() as conn:
            for slip in waiting.values():
                ahead = sum(
                    (other.ticket.band, other.ticket.rank, other.ticket.came, other.ticket.id)
                    < (slip.ticket.band, slip.ticket.rank, slip.ticket.came, slip.ticket.id)
                    for other in waiting.values()
                    if other.ticket.id != found.ticket.id
                )
                if slip.ticket.id != found.ticket.id:
                    assert (await store.standing(conn, slip.ticket)).ahead == ahead
        del waiting[found.ticket.id]
        await hall.do(found, "serve", "finish")


async def test_however_many_stepped_away_the_first_who_is_here_is_called(hall: Hall) -> None:
    """More than are read of a line at first."""
    await hall.sit(W1, "stf_a")
    for _ in range(2 * NEAR + 2):
        hall.clock.advance(1)
        await hall.do(await hall.take(), "step_away")
    hall.clock.advance(1)
    here = await hall.take()
    assert (await hall.called(W1)).ticket.id == here.ticket.id
    await hall.do(here, "serve", "finish", window=W1)
    assert await hall.next(W1) == Refused("Q03")


async def test_one_browser_and_one_telephone_hold_two_numbers_at_most(hall: Hall) -> None:
    asked = [hall.ask(holder="same", phone=f"1380000000{n}") for n in range(5)]
    given = await asyncio.gather(*asked)
    assert [type(each).__name__ for each in given].count("Taken") == MOST_NUMBERS
    assert {each.code for each in given if isinstance(each, Refused)} == {"Q01"}
    by_phone = await asyncio.gather(*(hall.ask(phone="13911112222") for _ in range(5)))
    assert [type(each).__name__ for each in by_phone].count("Taken") == MOST_NUMBERS
    # One that is over makes room.
    first = next(each for each in given if not isinstance(each, Refused)).slip
    await hall.do(first, "abandon")
    assert not isinstance(await hall.ask(holder="same"), Refused)


async def test_people_are_told_once_when_they_are_near_and_when_they_are_called(hall: Hall) -> None:
    await hall.sit(W1, "stf_a")
    early = [await hall.take() for _ in range(NEAR + 1)]
    hall.clock.advance(1)
    late = await hall.take(phone="13800005678")
    for slip in early:
        await hall.do(await hall.called(W1), "serve", "finish")
        assert slip is not None
    assert await outbox(hall, late) == [("near", "【松汀区政务服务中心】S005号前面还有3人，请回到大厅附近。")]
    await hall.called(W1)
    assert (await outbox(hall, late))[1:] == [("called", "【松汀区政务服务中心】轮到您了，请S005号到S01窗口。")]


async def test_a_missed_number_is_on_the_window_s_list_and_comes_back(hall: Hall) -> None:
    await hall.sit(W1, "stf_a")
    slip = await hall.take()
    await hall.called(W1)
    for _ in range(2):
        hall.clock.advance(RECALL_PAUSE.total_seconds())
        await hall.do(slip, "recall")
    assert (await hall.act(slip, "miss")) == Refused("Q05", {"calls": 3, "most": 3, "seconds": 20})
    hall.clock.advance(RECALL_PAUSE.total_seconds())
    await hall.do(slip, "miss")
    async with hall.db.read() as conn:
        assert [(each.label, each.state) for each in await store.seen(conn, SOCIAL)] == [("S001", "missed")]
    back = await hall.do(slip, "come_back")
    assert back.ticket.state == "queued"
    assert (await hall.called(W1)).label == "S001"


async def test_a_hand_over_keeps_number_and_window_until_somebody_accepts(hall: Hall) -> None:
    await hall.sit(W1, "stf_a")
    await hall.sit(TAX_WINDOW, "stf_t")
    slip = await hall.take()
    await hall.do(await hall.called(W1), "serve")
    offered = await hall.do(slip, "hand_over", window=W1, to=TAX_WINDOW)
    assert (await hall.act(slip, "accept", window=W1)) == Refused("Q06", {"number": "S001"}), "only who was asked"
    assert (await hall.next(W1)) == Refused("Q06", {"number": "S001"}), "you stay until they answer"
    moved = await hall.do(offered, "accept", window=TAX_WINDOW)
    assert (moved.ticket.state, moved.ticket.window, moved.label) == ("serving", TAX_WINDOW, "S001")
    assert (await hall.act(slip, "accept", window=TAX_WINDOW)) == Refused("Q06", {"number": "S001"})


async def test_an_offer_nobody_took_is_back_after_a_minute_by_itself(hall: Hall) -> None:
    await hall.sit(W1, "stf_a")
    await hall.sit(TAX_WINDOW, "stf_t")
    slip = await hall.take()
    await hall.do(await hall.called(W1), "serve")
    await hall.do(slip, "hand_over", window=W1, to=TAX_WINDOW)
    hall.clock.advance(HAND_OVER.total_seconds())
    assert isinstance(await hall.act(slip, "accept", window=TAX_WINDOW), Refused), "a minute is a minute"
    await run_due(hall)
    async with hall.db.read() as conn:
        back = await store.get_slip(conn, slip.ticket.id)
    assert back is not None and (back.ticket.state, back.ticket.window) == ("serving", W1)


async def test_a_hand_over_to_a_window_that_closes_goes_back_at_once(hall: Hall) -> None:
    await hall.sit(W1, "stf_a")
    await hall.sit(TAX_WINDOW, "stf_t")
    slip = await hall.take()
    await hall.do(await hall.called(W1), "serve")
    await hall.do(slip, "hand_over", window=W1, to=TAX_WINDOW)
    async with hall.db.begin() as conn:
        await calling.leave_window(conn, TAX_WINDOW, "stf_t", hall.clock.now())
        back = await store.get_slip(conn, slip.ticket.id)
    assert back is not None and (back.ticket.state, back.ticket.window) == ("serving", W1)
    assert (await hall.act(slip, "hand_over", window=W1, to=TAX_WINDOW)) == Refused("Q09"), "nobody sits there any more"


async def test_a_window_that_closes_loses_nobody(hall: Hall) -> None:
    await hall.sit(W1, "stf_a")
    await hall.sit(W2, "stf_b")
    for _ in range(4):
        hall.clock.advance(1)
        await hall.take()
    parked = await hall.do(await hall.called(W1), "serve", "park")
    serving = await hall.do(await hall.called(W1), "serve")
    async with hall.db.begin() as conn:
        kept = await calling.leave_window(conn, W1, "stf_a", hall.clock.now())
    assert {slip.label for slip in kept} == {parked.label, serving.label}
    # Before those who have not been called yet, in the order they came.
    order = []
    for _ in range(4):
        slip = await hall.called(W2)
        order.append(slip.label)
        await hall.do(slip, "serve", "finish")
    assert order == ["S001", "S002", "S003", "S004"]


async def test_who_is_forwarded_waits_in_the_other_line_with_the_same_number(hall: Hall) -> None:
    await hall.sit(W1, "stf_a")
    await hall.sit(TAX_WINDOW, "stf_t")
    slip = await hall.take()
    await hall.do(await hall.called(W1), "serve")
    await hall.do(slip, "forward", window=W1, to=TAX)
    assert (await hall.called(TAX_WINDOW)).label == "S001"


async def test_midnight_carries_over_who_still_waited_and_keeps_their_order(hall: Hall) -> None:
    await hall.sit(W1, "stf_a")
    waiting = []
    for number in range(4):
        hall.clock.advance(1)
        waiting.append(await hall.take(phone=f"1380000567{number}"))
    called = await hall.called(W1)
    hall.clock.advance(1)
    missed = await hall.take()
    await hall.do(await hall.take(), "abandon")
    today = day_of(hall.clock.now())
    hall.clock.advance(9.6 * 3600)  # ten past midnight
    await run_due(hall)
    async with hall.db.read() as conn:
        carried = [await store.get_slip(conn, slip.ticket.id) for slip in waiting]
        assert await store.left_over(conn, day_of(hall.clock.now())) == []
    assert all(slip is not None and slip.ticket.state == "confirmed" for slip in carried)
    labels = [slip.label for slip in carried if slip is not None]
    assert labels[1:] == sorted(labels[1:]) and len(set(labels)) == 4
    assert carried[0] is not None and carried[0].ticket.day == day_of(hall.clock.now()) != today
    told = await outbox(hall, waiting[1])
    assert told[-1][0] == "moved" and labels[1] in told[-1][1] and "9:00" in told[-1][1]
    assert called.label == "S001" and missed.ticket.state == "queued"
    # In the morning: somebody new is there first, and those of yesterday are called before them all the same.
    hall.clock.advance(8.75 * 3600)
    new = await hall.take()
    for slip in reversed(waiting):
        await hall.do(slip, "arrive")
    order = []
    async with hall.db.begin() as conn:
        await calling.leave_window(conn, W1, "stf_a", hall.clock.now())
    await hall.sit(W2, "stf_b")
    for _ in range(5):
        slip = await hall.called(W2)
        order.append(slip.ticket.id)
        await hall.do(slip, "serve", "finish")
    assert order == [*(slip.ticket.id for slip in waiting), new.ticket.id]


async def test_a_line_is_seen_as_its_rows_stand(hall: Hall) -> None:
    async with hall.db.read() as conn:
        assert await store.seen(conn, SOCIAL) == []
    await hall.sit(W1, "stf_a")
    taken = []
    for _ in range(5):
        hall.clock.advance(0.654321)
        taken.append(await hall.take())
    await hall.do(taken[1], "step_away")
    await hall.do(await hall.called(W1), "serve", "park")
    await hall.called(W1)
    await hall.do(taken[4], "abandon")
    async with hall.db.read() as conn:
        line = await store.seen(conn, SOCIAL)
        slips = await store.get_slips(conn, [slip.ticket.id for slip in taken])
    ordered = sorted(slips.values(), key=lambda slip: place(slip.ticket))
    assert [one.id for one in line] == [slip.ticket.id for slip in ordered if slip.ticket.state != "abandoned"]
    for one in line:
        slip = slips[one.id]
        for name in Seen.__struct_fields__:
            assert getattr(one, name) == getattr(slip if hasattr(slip, name) else slip.ticket, name), name
        assert one.came.tzinfo is UTC


async def test_what_is_told_is_true_of_windows_that_are_open(hall: Hall) -> None:
    async def now() -> tuple[int, int]:
        async with hall.db.read() as conn:
            found = await Known().line(conn, SOCIAL)
            assert found is not None
            line = await read_line(conn, *found)
        return line.windows_open, line.windows_free

    assert await now() == (0, 0)
    await hall.sit(W1, "stf_a")
    await hall.sit(W2, "stf_b")
    await hall.take()
    await hall.called(W1)
    assert await now() == (2, 1)
    async with hall.db.begin() as conn:
        await directory.set_away(conn, W2, True)
    assert await now() == (1, 0)


async def test_a_service_is_rated_once_and_only_when_it_is_over(hall: Hall) -> None:
    await hall.sit(W1, "stf_a")
    slip = await hall.do(await hall.take(), "step_away", "come_back")
    await hall.called(W1)

    async def rate(now_later: timedelta = timedelta()) -> Refused | None:
        given = store.Rating(
            ticket=slip.ticket.id, at=hall.clock.now() + now_later, level=5, reasons=["517"], words="", call_back=False
        )
        async with hall.db.begin() as conn:
            fresh = await store.get_slip(conn, slip.ticket.id)
            assert fresh is not None
            return await calling.rate(conn, fresh, given)

    assert await rate() == Refused("Q11")
    await hall.do(slip, "serve", "finish")
    assert await rate(timedelta(days=8)) == Refused("Q11")
    answers = await asyncio.gather(*(rate() for _ in range(4)))
    assert answers.count(None) == 1 and answers.count(Refused("Q07")) == 3
