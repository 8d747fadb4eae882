"""Keyframes: one request for many wishes, and one every two seconds of a recording."""

from media.keyframes import COALESCE_NS, JOINED_NS, LOSSY_NS, RECORDING_NS, KeyframeRequests

S = 1_000_000_000


def test_the_first_wish_is_passed_on_at_once_and_the_next_ones_wait() -> None:
    requests = KeyframeRequests(0, recorded=False)
    requests.wish(S)
    assert requests.due(S)
    requests.wish(S + 1)
    assert not requests.due(S + 1)
    assert not requests.due(S + COALESCE_NS - 1)
    assert requests.due(S + COALESCE_NS), "still nothing came"
    assert requests.sent == 2


def test_who_was_without_signal_is_asked_again_at_once() -> None:
    requests = KeyframeRequests(0, recorded=False)
    requests.wish(S)
    assert requests.due(S)
    requests.wish(S + 1, unheard=True)
    assert requests.due(S + 1) and requests.sent == 2
    requests.wish(S + 2)
    assert not requests.due(S + 2)


def test_who_joins_does_not_wait_for_the_second_to_pass() -> None:
    requests = KeyframeRequests(0, recorded=False)
    requests.wish(S)
    assert requests.due(S)
    requests.wish(S + 1, joined=True)
    assert not requests.due(S + JOINED_NS), "the keyframe asked for is still on its way, and serves both"
    requests.seen(S + JOINED_NS + 1)
    assert not requests.due(S + 2 * JOINED_NS)
    requests.wish(S + 2 * JOINED_NS, joined=True)
    assert requests.due(S + 2 * JOINED_NS)
    requests.seen(S + 2 * JOINED_NS + 1)
    requests.wish(S + 3 * JOINED_NS)
    assert not requests.due(S + 2 * JOINED_NS + COALESCE_NS - 1), "a viewer that lost something waits as before"


def test_a_keyframe_serves_all_wishes_before_it() -> None:
    requests = KeyframeRequests(0, recorded=False)
    requests.wish(S)
    requests.seen(S + 1)
    assert not requests.due(10 * S)


def test_a_recorded_source_is_asked_two_seconds_after_its_last_keyframe() -> None:
    requests = KeyframeRequests(0, recorded=True)
    requests.seen(S)
    assert not requests.due(S + RECORDING_NS - 1)
    assert requests.due(S + RECORDING_NS)
    requests.seen(S + RECORDING_NS + 1)
    assert not requests.due(S + 2 * RECORDING_NS)


def test_where_packets_are_lost_a_recording_is_content_with_fewer_and_a_viewer_is_not() -> None:
    requests = KeyframeRequests(0, recorded=True)
    requests.lossy = True
    requests.seen(S)
    assert not requests.due(S + LOSSY_NS - 1)
    assert requests.due(S + LOSSY_NS)
    requests.seen(S + LOSSY_NS + 1)
    requests.wish(2 * S + LOSSY_NS)
    assert requests.due(2 * S + LOSSY_NS)


def test_a_source_that_never_answers_is_not_asked_for_ever_on_a_viewers_behalf() -> None:
    requests = KeyframeRequests(0, recorded=False)
    requests.wish(0)
    asked = [at for at in range(0, 20_000, 50) if requests.due(at * S // 1000)]
    assert 1 < len(asked) <= 7
