"""A session on paper: people act, events are sealed, the state is their fold."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from office.commands import Command
from office.events import Event, StoredEvent, seal
from office.session import Outcome, Party, Refused

START = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)

S = TypeVar("S")


class Acting(Generic[S]):
    """Commands go in, the chain grows. `state` is always the fold of `chain`."""

    def __init__(
        self,
        record: str,
        state: S,
        apply: Callable[[S, Command, Party, datetime], Outcome | Refused],
        evolve: Callable[[S, Event], S],
    ) -> None:
        self.record = record
        self.state = state
        self.chain: list[StoredEvent] = []
        self.now = START
        self._apply = apply
        self._evolve = evolve

    def act(self, party: Party, command: Command) -> Outcome | Refused:
        self.now += timedelta(seconds=1)
        outcome = self._apply(self.state, command, party, self.now)
        if isinstance(outcome, Outcome):
            for new in outcome.events:
                prev = self.chain[-1] if self.chain else None
                event = seal(self.record, prev, new, self.now, f"{len(self.chain):032x}")
                self.chain.append(event)
                self.state = self._evolve(self.state, event)
        return outcome

    def done(self, party: Party, *commands: Command) -> Outcome:
        """Act and expect it to be accepted."""
        outcome: Outcome | Refused = Outcome()
        for command in commands:
            outcome = self.act(party, command)
            assert isinstance(outcome, Outcome), f"{command}: {outcome}"
        assert isinstance(outcome, Outcome)
        return outcome

    def refused(self, party: Party, command: Command) -> str:
        """Act, expect a refusal and no change; gives its code."""
        before, length = self.state, len(self.chain)
        outcome = self.act(party, command)
        assert isinstance(outcome, Refused), f"{command} was accepted"
        assert (self.state, len(self.chain)) == (before, length)
        plain = all(value is None or isinstance(value, str | int | float) for value in outcome.params.values())
        assert plain, f"{outcome} does not fit into the message that tells it"
        return outcome.code
