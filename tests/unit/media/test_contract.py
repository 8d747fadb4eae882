"""The messages between nodes and workers."""

import msgspec
import pytest

from media import contract


@pytest.mark.parametrize(
    "request_",
    [
        contract.OpenLeg("call_1", "rec_1", "leg_1", True),
        contract.Publish("call_1", "leg_1", "v=0", [contract.TrackSpec("0", "audio")], record="rec_1"),
        contract.AssignSlots("call_1", "leg_1", [contract.SlotSpec("v0", "leg_2", "camera")]),
        contract.Gate("call_1", "leg_1", "camera", False),
        contract.RestartIce("call_1", "leg_1", "subscribe"),
        contract.CloseSession("call_1"),
    ],
)
def test_requests_survive_the_round_trip(request_: contract.Request) -> None:
    assert contract.decode_request(contract.encode(request_)) == request_


def test_replies_events_and_heartbeats_survive_the_round_trip() -> None:
    stats = contract.LegStats("leg_1", "publish", True, 1, 2, 3, 4, 0.5, None, 6.0, False)
    reply = contract.SessionStats([stats], ["ep_1"])
    assert contract.decode_reply(contract.encode(reply)) == reply
    event = contract.Quality("call_1", "leg_1", "subscribe", 0.25, 12.5, 900.0)
    assert contract.decode_event(contract.encode(event)) == event
    alive = contract.WorkerAlive("w1", 1, 2, 3, 0.5, False)
    assert contract.decode_heartbeat(contract.encode(alive)) == alive


@pytest.mark.parametrize("text", ["{}", '{"type":"Nonsense"}', '{"type":"CloseSession","session":"c","extra":1}', "x"])
def test_what_is_not_a_request_is_refused(text: str) -> None:
    with pytest.raises(msgspec.MsgspecError):
        contract.decode_request(text.encode())
