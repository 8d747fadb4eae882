"""Everybody presses at once: one transaction for many, different people for each, an answer of their own for each."""

import asyncio
import itertools
import random

import pytest
from sqlalchemy import select, update

from helpdesk import directory
from helpdesk.calling import Press
from helpdesk.known import Known
from helpdesk.presses import presses
from helpdesk.queue import TRANSITIONS
from helpdesk.store import Slip
from helpdesk.tables import moves, windows
from office.session import Refused
from tests.support.hall import SOCIAL, Hall

AGENTS = 30


@pytest.fixture
async def crowded(hall: Hall) -> Hall:
    """Thirty windows of one line, each with its agent; nobody waits yet."""
    async with hall.db.begin() as conn:
        for number in range(AGENTS):
            window = directory.Window(
                id=f"w{number:02d}", office="990101", number=f"S{number}", name="", gloss="", line=SOCIAL,
                agent=f"stf_{number}", opened_at=hall.clock.now(), away=False,
            )  # fmt: skip
            await directory.add_window(conn, window)
    return hall


def press(number: int, agent: int | None = None) -> Press:
    return Press(f"w{number:02d}", "an agent", f"stf_{number if agent is None else agent}")


async def test_presses_of_two_nodes_at_once_call_everybody_once(crowded: Hall) -> None:
    labels = []
    for _ in range(AGENTS):
        crowded.clock.advance(1)
        labels.append((await crowded.take()).label)
    commits = 0

    async def count(_subjects: frozenset[str]) -> None:
        nonlocal commits
        commits += 1

    crowded.db.committed.append(count)
    nodes = [presses(crowded.db, crowded.clock, Known()), presses(crowded.db, crowded.clock, Known())]
    answers = await asyncio.gather(*(nodes[number % 2].ask(press(number)) for number in range(AGENTS)))
    assert sorted(slip.label for slip in answers if isinstance(slip, Slip)) == labels
    assert commits <= 4, "those who pressed together were served together"


async def test_each_press_has_its_own_answer(crowded: Hall) -> None:
    first = await crowded.take()
    async with crowded.db.begin() as conn:
        await conn.execute(update(windows).where(windows.c.id == "w03").values(agent=None))
    node = presses(crowded.db, crowded.clock, Known())
    asked = [press(0, agent=9), press(1), press(1), press(2), press(3), Press("no window", "x", "stf_1")]
    answers = await asyncio.gather(*(node.ask(each) for each in asked))
    called = answers[1]
    assert isinstance(called, Slip) and called.label == first.label
    assert [each.code if isinstance(each, Refused) else "called" for each in answers] == [
        "Q09", "called", "Q06", "Q03", "Q09", "Q09",
    ]  # fmt: skip


async def test_whatever_happens_at_once_each_number_went_a_way_that_the_table_has(crowded: Hall) -> None:
    """People step away, come back and give back while windows call, serve and finish, in any order."""
    chance = random.Random(11)
    taken = []
    for _ in range(12):
        crowded.clock.advance(1)
        taken.append(await crowded.take())
    node = presses(crowded.db, crowded.clock, Known())

    async def agent(number: int) -> None:
        for _ in range(3):
            await asyncio.sleep(chance.random() / 50)
            called = await node.ask(press(number))
            if isinstance(called, Slip):
                await crowded.act(called, "serve", window=f"w{number:02d}")
                await crowded.act(called, chance.choice(["finish", "release"]), window=f"w{number:02d}")

    async def citizen(slip: Slip) -> None:
        for what in ("step_away", "come_back", "abandon"):
            await asyncio.sleep(chance.random() / 25)
            await crowded.act(slip, what)  # type: ignore[arg-type]

    await asyncio.gather(*(agent(number) for number in range(8)), *(citizen(slip) for slip in taken))
    async with crowded.db.read() as conn:
        rows = (await conn.execute(select(moves).order_by(moves.c.ticket, moves.c.seq))).all()
    ways: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        assert row.seq == len(ways.setdefault(row.ticket, [])) + 1
        ways[row.ticket].append((row.act, row.state))
    assert len(ways) == len(taken)
    for way in ways.values():
        assert way[0] == ("take", "queued")
        for (_, before), (act, after) in itertools.pairwise(way):
            assert TRANSITIONS[before, act] == after  # type: ignore[index]


async def test_a_transaction_that_fails_is_told_to_those_in_it_and_to_nobody_else(crowded: Hall) -> None:
    await crowded.take()
    node = presses(crowded.db, crowded.clock, Known())
    # A lone surrogate cannot be sent to any database.
    with pytest.raises(UnicodeEncodeError):
        await node.ask(Press("\ud800", "x", "stf_0"))
    assert isinstance(await node.ask(press(0)), Slip)


async def test_a_browser_that_went_away_costs_the_others_nothing(crowded: Hall) -> None:
    for _ in range(2):
        crowded.clock.advance(1)
        await crowded.take()
    node = presses(crowded.db, crowded.clock, Known())
    gone = asyncio.create_task(node.ask(press(0)))
    stays = asyncio.create_task(node.ask(press(1)))
    await asyncio.sleep(0)
    gone.cancel()
    slip = await stays
    assert isinstance(slip, Slip) and slip.label == "S002", "the first one is at the window of whoever went away"
