"""Asking a media worker: one request, one reply, a time limit, and refusals in our own words.

A node keeps nothing of a worker's state. What it wants (who is admitted, what plays where, what is covered) is computed
from rows and said whole, so asking twice, or by two nodes, does no harm.
"""

from typing import TypeVar

from nats.errors import NoRespondersError

from foundation import log
from foundation.bus import Bus, BusUnavailable
from foundation.errors import Problem
from media import contract

REPLY_WITHIN_S = 4.0
"""An answer takes a worker milliseconds; one that needs longer is judged by its heartbeat before this is over."""

BROWSERS_FAULT = frozenset({"bad_sdp", "no_codec", "nothing_to_receive", "wrong_kind"})
"""What an offer or an answer may be refused for. Everything else passes when the client connects anew."""

R = TypeVar("R", contract.Done, contract.Published, contract.Offered, contract.SessionClosed, contract.SessionStats)


def subject_of(worker: str) -> str:
    return f"media.worker.{worker}"


class WorkerUnreachable(Problem):
    """Nobody answered. `gone`: the bus knows nobody of that name, so it is dead, not merely slow."""

    def __init__(self, worker: str, *, gone: bool) -> None:
        super().__init__("M01", worker=worker)
        self.gone = gone


class MediaLink:
    """The requests of one node to all workers."""

    def __init__(self, bus: Bus, *, reply_within_s: float = REPLY_WITHIN_S) -> None:
        self._bus = bus
        self._reply_within_s = reply_within_s
        self._log = log.get("signaling.media")

    async def ask(self, worker: str, request: contract.Request, expect: type[R], *, within_s: float | None = None) -> R:
        """The worker's reply. Raises `WorkerUnreachable`, or Problem M02/M04 where the worker refused."""
        limit_s = self._reply_within_s if within_s is None else within_s
        try:
            data = await self._bus.request(subject_of(worker), contract.encode(request), limit_s)
            reply = contract.decode_reply(data)
        except (BusUnavailable, ValueError) as error:
            self._log.warning("a media worker did not answer", worker=worker, asked=type(request).__name__, error=error)
            raise WorkerUnreachable(worker, gone=isinstance(error.__cause__, NoRespondersError)) from error
        if isinstance(reply, expect):
            return reply
        refused = reply.code if isinstance(reply, contract.MediaRefused) else type(reply).__name__
        reason = reply.reason if isinstance(reply, contract.MediaRefused) else "unexpected reply"
        self._log.info("a media worker refused", worker=worker, asked=type(request).__name__, why=refused, text=reason)
        raise Problem("M04" if refused in BROWSERS_FAULT else "M02", reason=refused)

    async def tell(self, worker: str, request: contract.Request, expect: type[R]) -> bool:
        """As `ask`, for what is said again later anyway: False instead of an exception."""
        try:
            await self.ask(worker, request, expect)
        except Problem:
            return False
        return True
