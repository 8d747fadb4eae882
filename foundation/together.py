"""What is asked while others are being carried out comes into the next transaction, together with all that is.

A commit costs the same for one as for many: two hundred who press at the same moment wait for two, not for two hundred.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.db import Database

MOST = 500
"""In one transaction: others wait for it as well."""

_NOBODYS_FAULT = (OperationalError, InterfaceError, TimeoutError, sqlite3.OperationalError)
"""The database is away or full or its turn did not come: to ask again for each would only take as long for each."""

Q = TypeVar("Q")
A = TypeVar("A")


class Together(Generic[Q, A]):
    """One kind of thing that this process writes, whoever asks for it."""

    def __init__(self, db: Database, work: Callable[[AsyncConnection, Sequence[Q]], Awaitable[Sequence[A]]]) -> None:
        """`work` gives an answer for each that it is given, in their order, and awaits nothing but statements."""
        self._db = db
        self._work = work
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """As `work` of this one alone. Raises what that raised."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._carry_out())
        return await answer

    async def _carry_out(self) -> None:
        while self._waiting:
            together, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if not await self._answer(together):
                # Nothing of it stands. Whose fault it is finds out alone; nobody else suffers for it.
                for one in together:
                    await self._answer([one])
        self._task = None

    async def _answer(self, together: list[tuple[Q, asyncio.Future[A]]]) -> bool:
        """Whether they have their answers, be it an error."""
        questions = [question for question, _ in together]
        try:
            found = await self._db.carry_out(lambda conn: self._work(conn, questions))
        except Exception as error:
            if len(together) > 1 and not isinstance(error, _NOBODYS_FAULT):
                return False
            for _, answer in together:
                if not answer.done():
                    answer.set_exception(error)
            return True
        for (_, answer), given in zip(together, found, strict=True):
            if not answer.done():  # whoever went away waits no more; what was asked is done all the same
                answer.set_result(given)
        return True
