"""Whoever presses "next" while others are being carried out comes into the next transaction, together with all who do.

Two hundred agents who press at the same moment wait for two transactions, not for two hundred.
"""

import asyncio
from functools import partial

from foundation.clock import Clock
from foundation.db import Database
from helpdesk import calling
from helpdesk.calling import Press
from helpdesk.store import Slip
from office.session import Refused

MOST = 500
"""Presses in one transaction: others wait for it as well."""


class Presses:
    """The presses of one node."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._waiting: list[tuple[Press, asyncio.Future[Slip | Refused]]] = []
        self._work: asyncio.Task[None] | None = None

    async def call_next(self, press: Press) -> Slip | Refused:
        """As `calling.call_next` of this press alone. Raises what its transaction raised."""
        answer: asyncio.Future[Slip | Refused] = asyncio.get_running_loop().create_future()
        self._waiting.append((press, answer))
        if self._work is None:
            self._work = asyncio.create_task(self._carry_out())
        return await answer

    async def _carry_out(self) -> None:
        while self._waiting:
            together, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            try:
                presses = [press for press, _ in together]
                found = await self._db.carry_out(partial(calling.call_next, presses=presses, now=self._clock.now()))
            except Exception as error:
                for _, answer in together:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, answer), called in zip(together, found, strict=True):
                if not answer.done():  # a browser that went away waits no more; its desk shows whom it called
                    answer.set_result(called)
        self._work = None
