"""Whoever presses a button goes before pages that only follow a line.

A node answers both with one interpreter, and fifty acts a second leave most of it free: that is when lines are read
and pages are written.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from foundation.http import Call, Handler, Result

PATIENCE_S = 0.1
"""How long a few pages let acts pass while they are in time."""

LATE_S = 1.0
"""Of changes older than this pages let acts pass for a moment only: people see where they stand within two seconds."""

_MOMENT_S = 0.005


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

    async def give_way(self, since: float) -> None:
        """Return when no act is under way, or when acts had their time. `since`: when what the page shows changed
        (monotonic).
        """
        late = time.monotonic() - since > LATE_S
        try:
            async with asyncio.timeout(_MOMENT_S if late else PATIENCE_S):
                await self._free.wait()
        except TimeoutError:
            pass
        # Those who were told before write their pages now.
        await asyncio.sleep(0)
