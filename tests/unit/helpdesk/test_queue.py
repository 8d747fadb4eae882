"""The hall's rules played with numbers, windows and time: nobody called twice, nobody lost, everybody in their turn."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from helpdesk.queue import (
    AHEAD_OF_THE_LATE,
    AT_WINDOW,
    BACK_IN_TIME,
    BOOKED_CREDIT,
    CALLS,
    HAND_OVER,
    LATE,
    OVER,
    PRIORITY_CREDIT,
    RECALL_PAUSE,
    STEP_AWAY,
    TRANSITIONS,
    Act,
    Priority,
    State,
    Ticket,
    at_midnight,
    callable_now,
    first_rank,
    line_of,
    next_in_line,
    place,
    step,
    wait,
)
from office.session import Refused

NOW = datetime(2025, 11, 24, 6, 30, tzinfo=UTC)
LINES = ("social", "business")
WINDOWS = {"w1": ("social",), "w2": ("social", "business"), "w3": ("business",)}


def taken(
    number: int, at: datetime, priority: Priority = "ordinary", queue: str = "social", slot: datetime | None = None
) -> Ticket:
    return Ticket(
        id=f"tkt_{number:04d}",
        office="990101",
        queue=queue,
        day="2025-11-24",
        number=number,
        minutes=15,
        state="confirmed" if slot else "queued",
        priority=priority,
        rank=first_rank(priority, at, slot),
        came=at,
        slot=slot,
    )


def after(ticket: Ticket, *acts: Act, at: datetime = NOW, window: str | None = "w1") -> Ticket:
    for act in acts:
        moved = step(ticket, act, at, window=window)
        assert isinstance(moved, Ticket), (act, moved)
        ticket = moved
    return ticket


class Hall(RuleBasedStateMachine):
    """Any acts at all in any order, by people who press whatever they can press."""

    @initialize()
    def opens(self) -> None:
        self.now = NOW
        self.tickets: dict[str, Ticket] = {}
        self.given = 0
        self.given_up: set[str] = set()
        self.nights = 0

    # --- people ---

    @rule(queue=st.sampled_from(LINES), priority=st.sampled_from(["ordinary", "ordinary", "priority"]))
    def takes_a_number(self, queue: str, priority: Priority) -> None:
        self._enter(lambda number: taken(number, self.now, priority, queue))

    @rule(queue=st.sampled_from(LINES), minutes=st.integers(-60, 120))
    def books(self, queue: str, minutes: int) -> None:
        slot = self.now + timedelta(minutes=minutes)
        self._enter(lambda number: taken(number, self.now, "booked", queue, slot))

    def _enter(self, made: Callable[[int], Ticket]) -> None:
        self.given += 1
        ticket = made(self.given)
        self.tickets[ticket.id] = ticket

    @rule(data=st.data(), act=st.sampled_from(["arrive", "step_away", "come_back"]))
    def does(self, data: st.DataObject, act: Act) -> None:
        self._try(data, act)

    @rule(data=st.data())
    def gives_it_back(self, data: st.DataObject) -> None:
        moved = self._try(data, "abandon")
        if moved is not None:
            self.given_up.add(moved.id)

    # --- windows ---

    @rule(window=st.sampled_from(sorted(WINDOWS)))
    def calls_the_next(self, window: str) -> None:
        if any(one.window == window and one.state in AT_WINDOW for one in self.tickets.values()):
            return
        found = next_in_line(self.tickets.values(), WINDOWS[window], self.now)
        if found is None:
            assert not any(
                callable_now(one, self.now) and one.queue in WINDOWS[window] for one in self.tickets.values()
            )
            return
        for other in self.tickets.values():  # order by rule
            if other.queue in WINDOWS[window] and callable_now(other, self.now):
                assert place(found) <= place(other)
        self.tickets[found.id] = after(found, "call", at=self.now, window=window)

    @rule(data=st.data(), act=st.sampled_from(["recall", "serve", "miss", "park", "release", "finish", "decline"]))
    def acts(self, data: st.DataObject, act: Act) -> None:
        self._try(data, act)

    @rule(data=st.data(), window=st.sampled_from(sorted(WINDOWS)))
    def hands_over(self, data: st.DataObject, window: str) -> None:
        self._try(data, "hand_over", window=window)

    @rule(data=st.data(), queue=st.sampled_from(LINES))
    def forwards(self, data: st.DataObject, queue: str) -> None:
        self._try(data, "forward", queue=queue)

    @rule(data=st.data())
    def accepts(self, data: st.DataObject) -> None:
        offered = [one for one in self.tickets.values() if one.state == "transferred" and not self._busy(one.handed_to)]
        if offered:
            ticket = data.draw(st.sampled_from(offered))
            moved = after(ticket, "accept", at=self.now)
            assert (moved.window, moved.number) == (ticket.handed_to, ticket.number)
            self.tickets[moved.id] = moved

    def _busy(self, window: str | None) -> bool:
        return any(one.window == window and one.state in AT_WINDOW for one in self.tickets.values())

    @rule(data=st.data(), window=st.sampled_from(sorted(WINDOWS)))
    def takes_up_again(self, data: st.DataObject, window: str) -> None:
        if not self._busy(window):
            self._try(data, "resume", window=window)

    def _try(
        self, data: st.DataObject, act: Act, *, window: str | None = None, queue: str | None = None
    ) -> Ticket | None:
        if not self.tickets:
            return None
        ticket = self.tickets[data.draw(st.sampled_from(sorted(self.tickets)))]
        line = line_of(self.tickets.values(), ticket.queue)
        moved = step(ticket, act, self.now, window=window, queue=queue, line=line)
        if isinstance(moved, Refused):
            assert (ticket.state, act) not in TRANSITIONS or act in ("recall", "miss")
            return None
        self.tickets[moved.id] = moved
        return moved

    # --- time ---

    @rule(seconds=st.sampled_from([1, 25, 61, 301, 1900]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.nights < 2)
    @rule()
    def midnight(self) -> None:
        self.nights += 1
        before = {queue: [one.id for one in line_of(self.tickets.values(), queue)] for queue in LINES}
        self.now += timedelta(hours=12)
        opening = self.now + timedelta(hours=9)
        day = opening.date().isoformat()
        for ticket in list(self.tickets.values()):
            self.tickets[ticket.id] = at_midnight(ticket, self.now, day, opening)
        assert not any(one.state in ("queued", "called", "parked", "transferred") for one in self.tickets.values())
        for queue, waited in before.items():
            carried = [self.tickets[one] for one in waited]
            assert all(one.state == "confirmed" and one.slot == opening for one in carried)
            back = [after(one, "arrive", at=opening) for one in carried]
            assert [one.id for one in line_of(back, queue)] == waited, "a night changes nobody's turn"

    # --- what holds at every moment ---

    @invariant()
    def nobody_called_twice(self) -> None:
        busy = [one.window for one in self.tickets.values() if one.state in AT_WINDOW]
        assert len(busy) == len(set(busy)) and None not in busy
        for one in self.tickets.values():
            assert one.window is None or one.state not in ("queued", "missed", "confirmed", "reserved")
            assert one.calls <= CALLS

    @invariant()
    def nobody_lost(self) -> None:
        assert len(self.tickets) == self.given
        assert sorted(one.number for one in self.tickets.values()) == list(range(1, self.given + 1))
        for one in self.tickets.values():
            assert one.state in get_args(State)
            if one.state == "abandoned":
                # By their own act, or because they did not come: never by a window's.
                assert one.id in self.given_up or self.nights > 0
            if one.state == "queued":
                assert one in line_of(self.tickets.values(), one.queue)
                assert next_in_line(self.tickets.values(), [one.queue], self.now + STEP_AWAY) is not None


TestHall = Hall.TestCase
TestHall.settings = settings(max_examples=60, stateful_step_count=60)


def test_every_state_is_left_but_the_two_ends_and_every_act_is_of_some_use() -> None:
    left = {state for state, _ in TRANSITIONS}
    assert left == set(get_args(State)) - OVER
    assert {act for _, act in TRANSITIONS} == set(get_args(Act))
    assert set(TRANSITIONS.values()) | {"reserved"} == set(get_args(State))


def test_nobody_waits_for_those_who_came_more_than_the_credit_after_them() -> None:
    ordinary = taken(1, NOW)
    soon = taken(2, NOW + PRIORITY_CREDIT - timedelta(seconds=1), "priority")
    later = taken(3, NOW + PRIORITY_CREDIT + timedelta(seconds=1), "priority")
    booked = after(
        taken(4, NOW, "booked", slot=NOW + BOOKED_CREDIT - timedelta(seconds=2)),
        "arrive",
        at=NOW + timedelta(minutes=9),
    )
    assert [one.number for one in line_of([later, ordinary, booked, soon], "social")] == [4, 2, 1, 3]


def test_an_appointment_is_kept_for_half_an_hour_and_then_ranks_as_one_who_just_came() -> None:
    booked = taken(1, NOW - timedelta(days=2), "booked", slot=NOW)
    assert after(booked, "arrive", at=NOW + LATE).rank == NOW - BOOKED_CREDIT
    late = NOW + LATE + timedelta(seconds=1)
    assert after(booked, "arrive", at=late).rank == late


def test_a_number_is_missed_after_three_calls_with_time_to_walk_between_them() -> None:
    ticket = after(taken(1, NOW), "call")
    assert isinstance(step(ticket, "recall", NOW + RECALL_PAUSE / 2), Refused)
    for calls in range(1, CALLS):
        at = NOW + RECALL_PAUSE * calls
        assert isinstance(step(ticket, "miss", at), Refused), "not before it was called three times"
        ticket = after(ticket, "recall", at=at)
    assert isinstance(step(ticket, "recall", NOW + RECALL_PAUSE * 9), Refused)
    missed = after(ticket, "miss", at=NOW + RECALL_PAUSE * CALLS)
    assert (missed.state, missed.window) == ("missed", None)


def missed_one(number: int) -> Ticket:
    return replace(taken(number, NOW - timedelta(hours=1)), state="missed", missed_at=NOW)


def test_a_missed_number_that_is_back_in_five_minutes_goes_next_and_later_fourth() -> None:
    line = [taken(number, NOW + timedelta(seconds=number)) for number in range(2, 8)]
    in_time = step(missed_one(1), "come_back", NOW + BACK_IN_TIME, line=line)
    assert isinstance(in_time, Ticket)
    assert line_of([*line, in_time], "social")[0].number == 1
    late = step(missed_one(1), "come_back", NOW + BACK_IN_TIME * 2, line=line)
    assert isinstance(late, Ticket)
    assert [one.number for one in line_of([*line, late], "social")].index(1) == AHEAD_OF_THE_LATE
    # The next one who is late does not come before the first.
    whole = line_of([*line, late], "social")
    second = step(missed_one(8), "come_back", NOW + BACK_IN_TIME * 3, line=whole)
    assert isinstance(second, Ticket)
    assert [one.number for one in line_of([*whole, second], "social")] == [2, 3, 4, 1, 8, 5, 6, 7]


def test_who_stepped_away_is_passed_over_without_losing_their_place() -> None:
    first, second = after(taken(1, NOW), "step_away"), taken(2, NOW + timedelta(seconds=1))
    called = next_in_line([first, second], ["social"], NOW)
    assert called is not None and called.number == 2
    back = next_in_line([first, second], ["social"], NOW + STEP_AWAY)
    assert back is not None and back.number == 1


def test_an_offer_to_another_window_ends_where_it_began_unless_it_is_taken() -> None:
    serving = after(taken(1, NOW), "call", "serve")
    offered = after(serving, "hand_over", window="w2")
    assert (offered.window, offered.handed_to, offered.held_until) == ("w1", "w2", NOW + HAND_OVER)
    for act in ("decline", "expire"):
        assert after(offered, act) == serving
    assert after(offered, "accept") == replace(serving, window="w2")


def test_who_is_forwarded_keeps_number_and_rank() -> None:
    serving = after(taken(1, NOW), "call", "serve")
    later = taken(2, NOW + timedelta(minutes=1), queue="business")
    moved = step(serving, "forward", NOW + timedelta(minutes=20), queue="business")
    assert isinstance(moved, Ticket)
    assert (moved.number, moved.rank, moved.state) == (1, serving.rank, "queued")
    assert line_of([later, moved], "business") == [moved, later]


def test_a_window_that_closes_puts_its_number_in_front() -> None:
    released = after(after(taken(9, NOW), "call", "serve"), "release")
    line = line_of([taken(1, NOW - timedelta(hours=1), "priority"), released], "social")
    assert [one.number for one in line] == [9, 1]


@given(st.sampled_from(get_args(State)), st.sampled_from(get_args(Act)))
def test_what_is_not_in_the_table_is_refused_and_says_in_which_state_it_is(state: State, act: Act) -> None:
    ticket = replace(taken(1, NOW), state=state, calls=CALLS, called_at=NOW - timedelta(minutes=1))
    moved = step(ticket, act, NOW, window="w2", queue="business")
    if (state, act) not in TRANSITIONS:
        assert moved == Refused("Q04", {"state": state})
    elif isinstance(moved, Ticket):
        assert moved.state == TRANSITIONS[state, act]


@pytest.mark.parametrize("windows", [1, 2, 4])
@pytest.mark.parametrize("ahead", [0, 1, 3, 8, 20])
def test_seven_of_ten_waits_fall_into_the_range_that_was_told(windows: int, ahead: int) -> None:
    chance = random.Random(windows * 100 + ahead)
    told = wait(ahead, 15.0 * ahead, windows, 0)
    assert told.minutes_low is not None and told.minutes_high is not None

    def length() -> float:
        return chance.uniform(0.5, 1.5) * 15

    held = 0
    for _ in range(400):
        free = sorted(chance.random() * length() for _ in range(windows))
        for _ in range(ahead):
            free = sorted([free[0] + length(), *free[1:]])
        held += told.minutes_low <= free[0] <= told.minutes_high
    assert held >= 280


def test_nobody_serves_means_unknown() -> None:
    told = wait(2, 30, 0, 0)
    assert (told.minutes_low, told.minutes_high, told.officer_on_duty) == (None, None, False)
