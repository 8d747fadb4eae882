"""Running a coroutine up to its n-th wait, and no further."""

from __future__ import annotations

import os
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Broken(Exception):
    """What it waited for has failed."""


class BreaksAt(Generic[T]):
    """`await BreaksAt(work, n)`: at its n-th wait (from 1) the work gets `Broken`, or the process ends as by kill -9.

    `waits` counts how often it has waited; a work that comes to its end before gives its result.
    """

    def __init__(self, work: Coroutine[Any, Any, T], at: int, *, kill: bool = False) -> None:
        self._work, self._at, self._kill = work, at, kill
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, T]:
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                waited = self._work.throw(error) if error else self._work.send(value)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            value = error = None
            self.waits += 1
            if self.waits == self._at:
                if self._kill:
                    os._exit(9)
                error = Broken()
                continue
            try:
                value = yield waited
            except BaseException as thrown:
                error = thrown
