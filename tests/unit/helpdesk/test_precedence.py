"""Acts before pages, and pages all the same."""

import asyncio
import time

import pytest

from helpdesk import precedence
from helpdesk.precedence import Precedence


async def passed(acts: Precedence) -> asyncio.Task[None]:
    """A page that gives way, as far as it comes by itself."""
    page = asyncio.create_task(acts.give_way(time.monotonic()))
    for _ in range(5):
        await asyncio.sleep(0)
    return page


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "PATIENCE_S", 30.0)


@pytest.mark.usefixtures("patient")
async def test_pages_wait_for_the_last_act_under_way() -> None:
    acts, ends = Precedence(), [asyncio.Event(), asyncio.Event()]

    async def act(call: asyncio.Event) -> None:
        await call.wait()

    under_way = [asyncio.create_task(acts.first(act)(end)) for end in ends]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    page = await passed(acts)
    assert not page.done()
    ends[0].set()
    await under_way[0]
    assert not (await passed(acts)).done() and not page.done()
    ends[1].set()
    await asyncio.wait_for(page, 5)
    assert (await passed(acts)).done(), "nobody acts now"


@pytest.mark.usefixtures("patient")
async def test_an_act_that_fails_is_over() -> None:
    acts = Precedence()

    async def act(call: object) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await acts.first(act)(None)  # type: ignore[arg-type]
    assert (await passed(acts)).done()


async def test_pages_come_through_where_somebody_always_acts() -> None:
    acts, never = Precedence(), asyncio.Event()

    async def act(call: object) -> None:
        await never.wait()

    acting = asyncio.create_task(acts.first(act)(None))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await asyncio.wait_for(acts.give_way(time.monotonic()), 5)
    assert not acting.done()
    acting.cancel()


@pytest.mark.usefixtures("patient")
async def test_a_page_that_is_late_waits_for_a_moment_only() -> None:
    acts, never = Precedence(), asyncio.Event()

    async def act(call: object) -> None:
        await never.wait()

    acting = asyncio.create_task(acts.first(act)(None))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await asyncio.wait_for(acts.give_way(time.monotonic() - precedence.LATE_S - 0.1), 5)
    assert not acting.done()
    acting.cancel()
