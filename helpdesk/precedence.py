"""Whoever presses a button goes before pages that only follow a line.

A node answers both with one interpreter, and fifty acts a second leave most of it free: that is when lines are read
and pages are written.
"""

import asyncio
from collections.abc import Awaitable, Callable

from foundation.http import Call, Handler, Result

PATIENCE_S = 0.005
"""How long pages let acts pass before the next few are written all the same."""


class Precedence:
    """The acts under way on one node."""

    def __init__(self) -> None:
        self._acts = 0
        self._free = asyncio.Event()
        self._free.set()

    def first(self, handler: Callable[[Call], Awaitable[Result]]) -> Handler:
        """The same handler; pages wait for it."""

        async def act(call: Call) -> Result:
            self._acts += 1
            self._free.clear()
            try:
                return await handler(call)
            finally:
                self._acts -= 1
                if not self._acts:
                    self._free.set()

        return act

    async def give_way(self) -> None:
        """Return when no act is under way, or when acts had their time."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._free.wait()
        except TimeoutError:
            pass
        # Those who were told before write their pages now.
        await asyncio.sleep(0)
