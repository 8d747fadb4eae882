"""When somebody counts as gone, from rows and times alone."""

from datetime import UTC, datetime, timedelta

from media.contract import WorkerAlive
from signaling.nodes import Liveness, least_loaded
from signaling.presence import Flow, Flowing, Gone, Stalled, due
from signaling.store import Leg

NOW = datetime(2025, 11, 24, 6, 30, tzinfo=UTC)
GRACE = timedelta(seconds=3)


def leg(**changes: object) -> Leg:
    values: dict[str, object] = {
        "leg": "leg_1",
        "record": "rec_1",
        "person": "inv_1",
        "name": "张伟",
        "kind": "guest",
        "role": "applicant",
        "position": 0,
        "node": "node-a",
        "connection": "con_1",
        "resume_hash": "",
        "state": "up",
        "cause": "",
        "since": NOW,
    }
    return Leg(**(values | changes))  # type: ignore[arg-type]


def found(
    *legs: Leg, after_s: float = 0, dead: tuple[str, ...] = (), silent: dict[str, datetime | None] | None = None
) -> list[object]:
    now = NOW + timedelta(seconds=after_s)
    return list(due(legs, now, grace=GRACE, node_is_dead=lambda node: node in dead, silent_since=silent or {}))


def test_a_socket_that_stands_is_nobodys_business() -> None:
    assert found(leg(), after_s=3600) == []


def test_a_lost_socket_has_its_grace_and_then_the_leg_is_gone() -> None:
    lost = leg(state="lost", cause="lost")
    assert found(lost, after_s=2.9) == []
    assert found(lost, after_s=3.0) == [Gone(lost, "lost", "socket")]


def test_a_page_that_was_closed_is_gone_as_closed() -> None:
    closed = leg(state="lost", cause="closed")
    assert found(closed, after_s=3.0) == [Gone(closed, "closed", "socket")]


def test_a_dead_node_takes_its_legs_at_once() -> None:
    assert found(leg(), dead=("node-a",)) == [Gone(leg(), "lost", "node")]
    assert found(leg(), dead=("node-b",)) == []


def test_who_is_down_stays_down() -> None:
    assert found(leg(state="down"), after_s=100, dead=("node-a",)) == []


def test_nothing_is_said_of_media_that_nothing_is_known_of() -> None:
    assert found(leg(tracks=frozenset({"camera"}))) == []


def test_silence_for_the_grace_is_a_stall_and_the_first_packet_ends_it() -> None:
    sending = leg(tracks=frozenset({"audio", "camera"}))
    assert found(sending, after_s=2.9, silent={"leg_1": NOW}) == []
    assert found(sending, after_s=3.0, silent={"leg_1": NOW}) == [Stalled(sending)]
    stalled = leg(tracks=frozenset({"audio", "camera"}), stalled=True)
    assert found(stalled, after_s=9.0, silent={"leg_1": NOW}) == []
    assert found(stalled, after_s=9.0, silent={"leg_1": None}) == [Flowing(stalled)]


def test_what_a_lost_worker_said_brings_nothing_back() -> None:
    moved = leg(tracks=frozenset(), stalled=True)
    assert found(moved, after_s=0.1, silent={"leg_1": None}) == []


def test_a_connection_that_ended_is_silence_too() -> None:
    ended = leg(tracks=frozenset())
    assert found(ended, after_s=3.0, silent={"leg_1": NOW}) == [Stalled(ended)]


def test_a_flow_is_silent_only_when_no_track_comes() -> None:
    flow = Flow()
    assert not flow.known
    flow.flowing("audio")
    flow.flowing("camera")
    flow.stalled("camera", NOW)
    assert flow.silent_since is None
    flow.stalled("audio", NOW + timedelta(seconds=1))
    assert flow.silent_since == NOW + timedelta(seconds=1)
    flow.flowing("camera")
    assert flow.silent_since is None
    flow.ended(NOW + timedelta(seconds=5))
    assert flow.silent_since == NOW + timedelta(seconds=5)


def test_somebody_who_has_just_begun_to_listen_accuses_nobody() -> None:
    liveness = Liveness(started_s=100.0, dead_after_s=3.0)
    assert not liveness.dead("node-b", 102.0)
    assert liveness.dead("node-b", 103.1)
    assert liveness.heard("node-b", 103.2)
    assert not liveness.heard("node-b", 104.0)
    assert not liveness.dead("node-b", 107.0)
    assert liveness.dead("node-b", 107.1)
    assert liveness.heard("node-b", 107.2)


def test_the_least_busy_worker_that_lives_and_takes_calls_is_chosen() -> None:
    workers = {
        name: WorkerAlive(name, 0, sessions, legs, load, draining)
        for name, sessions, legs, load, draining in (
            ("busy", 9, 20, 0.8, False),
            ("leaving", 0, 0, 0.0, True),
            ("dead", 0, 0, 0.0, False),
            ("idle", 1, 2, 0.12, False),
            ("noisy", 1, 1, 0.14, False),
        )
    }
    assert least_loaded(workers, lambda name: name != "dead") == "noisy"
    assert least_loaded(workers, lambda name: name == "leaving") is None
