"""What a call costs here, on Janus and on aiortc's own relay: the same people, the same footage, sides in turn.

`--peer janus` measures the comparisons; without it only our own rows are measured and the comparisons do not hold. A
turn that did not deliver and record 99.9 % of what was sent is void and is not counted. `--only NAME` measures one row.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from tests.bench.call import closing, joining
from tests.bench.call.footage import HALF, LIGHT, Footage, footage
from tests.bench.call.janus import janus
from tests.bench.call.relay import relay
from tests.bench.call.turn import Call, Turn, turn
from tests.bench.call.yuankan import yuankan
from tests.bench.figures import Figure, figure

TURNS = 3
TURN_S, LONG_TURN_S = 15.0, 80.0
SIDES = {"yuankan": yuankan, "janus": janus, "aiortc": relay}
MANY = 10  # sessions: with its own work counted in, the generator fills what is left of two cores
CROWD = 40  # of people who send little


def measure(peer: str | None = None, only: str | None = None) -> list[Figure]:
    """All figures, or those of one row."""
    rows: dict[str, Callable[[Footage, str | None], Awaitable[list[Figure]]]] = {
        "two_party_sessions": two_party,
        "six_party_session": six_party,
        "relay": against_relay,
        "memory_per_session": memory,
        "cost_per_session": cost,
        "first_picture": first_picture,
        "close_of_an_hour": close_of_an_hour,
    }

    async def all_rows() -> list[Figure]:
        film = await asyncio.to_thread(footage)
        gc.freeze()
        return [one for name, row in rows.items() if only in (None, name) for one in await row(film, peer)]

    return uvloop.run(all_rows())


async def two_party(film: Footage, peer: str | None) -> list[Figure]:
    """Ten sessions of two people, all recorded."""
    turns = await in_turn(("yuankan", *([peer] if peer else [])), film, MANY, 2)
    return [_processor("two_party_sessions", turns, peer)]


async def six_party(film: Footage, peer: str | None) -> list[Figure]:
    """One session of six people, recorded; forwarding delay comes from the same turns."""
    turns = await in_turn(("yuankan", *([peer] if peer else [])), film, 1, 6)
    figures = [_processor("six_party_session", turns, peer)]
    for name, share in (("delay_p50", 0.5), ("delay_p99", 0.99)):
        values = {side: [_quantile(each.delays_ms, share) for each in done] for side, done in turns.items()}
        figures.append(figure("media", name, values["yuankan"], peer=values.get(peer or "", [])))
    return figures


async def against_relay(film: Footage, peer: str | None) -> list[Figure]:
    """What a session of one who sends and one who views takes, recorded: of ten here, and of the one that aiortc, which
    decodes and encodes, can carry on two cores. Its turns are longer: it loses a moment of each.
    """
    half = await asyncio.to_thread(footage, HALF)
    ours = await in_turn(("yuankan",), half, MANY, 2, senders=1)
    theirs = await in_turn(("aiortc",), half, 1, 2, senders=1, seconds=LONG_TURN_S)
    for each in ours["yuankan"]:
        each.processor /= MANY
    return [_processor("relay", ours | theirs, "aiortc")]


async def memory(film: Footage, peer: str | None) -> list[Figure]:
    """What each session after the first takes."""
    sizes = []
    for few, many in await _few_and_many(film, MANY):
        sizes.append((sum(many.memory.values()) - sum(few.memory.values())) / (MANY - 1) / 1e6)
    return [figure("media", "memory_per_session", sizes)]


async def cost(film: Footage, peer: str | None) -> list[Figure]:
    """What one session of many takes of a processor, against one that is alone."""
    light = await asyncio.to_thread(footage, LIGHT)
    shares = [many.processor / CROWD / few.processor for few, many in await _few_and_many(light, CROWD)]
    return [figure("media", "cost_per_session", shares)]


async def _few_and_many(film: Footage, sessions: int) -> list[tuple[Turn, Turn]]:
    """Our own side with one session and with so many, in turn; pairs of which both are whole."""
    pairs = []
    for _ in range(TURNS):
        few, many = [(await in_turn(("yuankan",), film, count, 2, turns=1))["yuankan"] for count in (1, sessions)]
        pairs += list(zip(few, many, strict=False))
    return pairs


async def first_picture(film: Footage, peer: str | None) -> list[Figure]:
    """From the wish to join to the first whole picture, twenty times."""
    with tempfile.TemporaryDirectory(prefix="yuankan-bench-") as folder:
        async with yuankan(Path(folder)) as side:
            call = Call(side, film, seed=1)
            await call.join(2)
            return [figure("media", "first_picture", await joining.first_pictures(call, times=20))]


async def close_of_an_hour(film: Footage, peer: str | None) -> list[Figure]:
    """Six people for an hour, from journals made here: from the last entry until all six files play."""
    with tempfile.TemporaryDirectory(prefix="yuankan-bench-") as folder:
        return [figure("media", "close_of_an_hour", [await closing.close_s(Path(folder))])]


async def in_turn(
    names: tuple[str, ...],
    film: Footage,
    sessions: int,
    people: int,
    *,
    turns: int = TURNS,
    senders: int | None = None,
    seconds: float = TURN_S,
) -> dict[str, list[Turn]]:
    """Turns of each side, one after the other; those that are not whole are said and left out."""
    kept: dict[str, list[Turn]] = {name: [] for name in names}
    for _ in range(turns):
        for name in names:
            with tempfile.TemporaryDirectory(prefix="yuankan-bench-") as folder:
                async with SIDES[name](Path(folder)) as side:
                    done = await turn(side, film, sessions, people, seconds, Path(folder), senders=senders)
            _say(done, sessions, people, "" if done.whole else "  VOID")
            if done.whole:
                kept[name].append(done)
    return kept


def _processor(name: str, turns: dict[str, list[Turn]], peer: str | None) -> Figure:
    others = [each.processor * 100 for each in turns.get(peer or "", [])]
    return figure("media", name, [each.processor * 100 for each in turns["yuankan"]], peer=others)


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


def _say(done: Turn, sessions: int, people: int, remark: str) -> None:
    """One line for whoever waits; the figures go to standard output."""
    delays = [f"{_quantile(done.delays_ms, share):.2f}" for share in (0.5, 0.99)] if done.delays_ms else []
    memory = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in done.memory.items())
    print(
        f"{done.side} {sessions}×{people}: {done.processor * 100:.1f} % of a core, delivered {done.delivered:.5f}, "
        f"recorded {done.recorded:.5f}, delay {' / '.join(delays)} ms, {memory}; "
        f"generator {done.generator * 100:.0f} %, {done.late_ms:.1f} ms late{remark}",
        file=sys.stderr,
    )
