"""Waiting for something that happens elsewhere, with the reason if it does not."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(why_not: Callable[[], str | Awaitable[str | None] | None], within_s: float = 10.0) -> None:
    """Return once `why_not` says None; fail with what it last said. The limit only ends a hopeless wait."""
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        answer = why_not()
        reason = await answer if inspect.isawaitable(answer) else answer
        if reason is None:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {within_s} s: {reason}")
        await asyncio.sleep(0.01)
