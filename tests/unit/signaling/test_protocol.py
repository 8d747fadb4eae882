"""One connection's table of states, driven without a socket or a clock."""

from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling import messages as m
from signaling import protocol
from signaling.protocol import (
    Asked,
    Connection,
    Cut,
    Fault,
    Greeted,
    LocalProtocolError,
    Pinged,
    Pointed,
    Repeated,
    State,
)

HELLO = m.encode(m.Hello(1)).decode()
COMMAND = '{"type":"command","id":"c1","command":{"do":"say","text":"您好"}}'
WELCOME = m.Welcome(1, m.You("inv_1", "leg_1", "applicant", "张伟"), "token", msgspec.Raw(b"{}"), 3, [])


def welcomed() -> Connection:
    connection = Connection(0.0)
    assert connection.receive(HELLO, 0.0) == [Greeted(m.Hello(1))]
    connection.send(WELCOME)
    return connection


def test_hello_comes_first_and_once() -> None:
    connection = Connection(0.0)
    assert connection.receive(COMMAND, 0.0) == [Fault("c1", "W01", {})]
    connection.receive(HELLO, 0.0)
    assert connection.receive(HELLO, 0.0) == [Fault(None, "W01", {})]
    connection.send(WELCOME)
    assert connection.receive(HELLO, 0.0) == [Fault(None, "W01", {})]


def test_a_version_that_is_not_spoken_is_told_and_ends_the_connection() -> None:
    happenings = Connection(0.0).receive('{"type":"hello","version":99}', 0.0)
    assert happenings == [
        Fault(None, "W02", {"version": 99, "supported": 1}),
        Cut(m.CloseCode.PROTOCOL_ERROR, "protocol"),
    ]


def test_who_does_not_say_hello_is_overdue() -> None:
    connection = Connection(100.0)
    assert not connection.overdue(100.0 + protocol.HELLO_WITHIN_S)
    assert connection.overdue(100.1 + protocol.HELLO_WITHIN_S)
    connection.receive(HELLO, 100.0)
    assert not connection.overdue(200.0)


def test_a_request_is_handed_on_once_while_its_answer_is_owed() -> None:
    connection = welcomed()
    [asked] = connection.receive(COMMAND, 0.0)
    assert isinstance(asked, Asked) and asked.message.id == "c1"
    assert connection.receive(COMMAND, 0.0) == []


def test_a_request_that_was_answered_gets_the_same_answer() -> None:
    connection = welcomed()
    connection.receive(COMMAND, 0.0)
    frame = connection.send(m.Done("c1", {"seq": 4}))
    assert connection.receive(COMMAND, 0.0) == [Repeated(frame)]


def test_an_id_that_means_something_else_is_refused() -> None:
    connection = welcomed()
    connection.receive(COMMAND, 0.0)
    assert connection.receive(COMMAND.replace("您好", "再见"), 0.0) == [Fault("c1", "W06", {})]
    connection.send(m.Done("c1", {}))
    assert connection.receive(COMMAND.replace("您好", "再见"), 0.0) == [Fault("c1", "W06", {})]


def test_only_so_many_answers_are_remembered() -> None:
    connection = welcomed()
    for n in range(protocol.ANSWERS_REMEMBERED + 1):
        connection.receive(COMMAND.replace("c1", f"c{n}"), float(n))
        connection.send(m.Done(f"c{n}", {}))
    assert isinstance(connection.receive(COMMAND.replace("c1", "c0"), 500.0)[0], Asked)
    assert isinstance(connection.receive(COMMAND, 500.0)[0], Repeated)


def test_a_message_is_as_long_as_its_kind_may_be() -> None:
    connection = welcomed()
    long = COMMAND.replace("您好", "x" * m.MESSAGE_LIMIT_BYTES)
    assert connection.receive(long, 0.0) == [Fault("c1", "W04", {"limit": m.MESSAGE_LIMIT_BYTES})]
    offer = m.Publish("p1", "v" * m.MESSAGE_LIMIT_BYTES, [m.TrackOffer("0", "audio")])
    assert isinstance(connection.receive(m.encode(offer).decode(), 0.0)[0], Asked)
    longest = "x" * (m.SDP_MESSAGE_LIMIT_BYTES + 1)
    assert connection.receive(longest, 0.0) == [Fault(None, "W04", {"limit": m.SDP_MESSAGE_LIMIT_BYTES})]


def test_length_is_counted_in_bytes() -> None:
    connection = welcomed()
    long = COMMAND.replace("您好", "字" * (m.MESSAGE_LIMIT_BYTES // 3))
    assert connection.receive(long, 0.0) == [Fault("c1", "W04", {"limit": m.MESSAGE_LIMIT_BYTES})]


def test_fifty_a_second_pass_for_ever_and_a_flood_is_told_once() -> None:
    connection = welcomed()
    ping = '{"type":"ping","t":1}'
    for n in range(1000):
        assert connection.receive(ping, n / 50) == [Pinged(1.0)]
    connection = welcomed()
    happenings = [connection.receive(ping, 0.0) for _ in range(300)]
    assert happenings.count([Pinged(1.0)]) == protocol.BURST_MESSAGES - 1  # hello took one
    assert happenings.count([Fault(None, "W05", {"limit": 50})]) == 1
    assert happenings.count([]) == 300 - protocol.BURST_MESSAGES


def test_a_flood_that_does_not_end_ends_the_connection() -> None:
    connection = welcomed()
    last = [connection.receive("{}", 0.0) for _ in range(protocol.BURST_MESSAGES + protocol.OVER_RATE_BEFORE_CUT + 5)]
    assert Cut(m.CloseCode.PROTOCOL_ERROR, "protocol") in last[-1]


def test_nonsense_is_answered_until_it_is_enough() -> None:
    connection = welcomed()
    for _ in range(protocol.FAULTS_BEFORE_CUT - 1):
        assert connection.receive("nonsense", 0.0) == [Fault(None, "W03", {})]
    assert connection.receive("nonsense", 0.0) == [
        Fault(None, "W03", {}),
        Cut(m.CloseCode.PROTOCOL_ERROR, "protocol"),
    ]


def test_mistakes_are_forgiven_after_a_minute() -> None:
    connection = welcomed()
    for n in range(protocol.FAULTS_BEFORE_CUT * 3):
        assert connection.receive("nonsense", n * 10.0) == [Fault(None, "W03", {})]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"type":"welcome"}',
        '{"type":"command","id":"c1"}',
        '{"type":"command","id":"","command":{}}',
        '{"type":"command","id":"c1","command":{},"more":1}',
        '{"type":"point","x":1.5,"y":0}',
        '{"type":"point","x":NaN,"y":0}',
        '{"type":"ping","t":1e999}',
        '{"type":"hello","version":1,"resume":"' + "x" * 600 + '"}',
        '{"type":"publish","id":"p","offer":"v=0","tracks":[]}',
        '{"type":"publish","id":"p","offer":"v=0","tracks":[{"mid":"0","kind":"smell"}]}',
        '{"type":"command","id":"c1","command":' + "[" * 20000 + "]" * 20000 + "}",
        '{"type":"subscribe","id":"\\ud800"}',
    ],
)
def test_what_is_malformed_is_refused_whole(text: str) -> None:
    [fault] = welcomed().receive(text, 0.0)
    assert isinstance(fault, Fault) and fault.code == "W03"


def test_a_refusal_names_the_message_if_its_id_can_be_read() -> None:
    assert welcomed().receive('{"type":"subscribe","id":"s9","extra":true}', 0.0) == [Fault("s9", "W03", {})]


def test_we_may_not_say_what_the_state_does_not_allow() -> None:
    connection = Connection(0.0)
    with pytest.raises(LocalProtocolError):
        connection.send(m.View(msgspec.Raw(b"{}"), 1))
    connection = welcomed()
    with pytest.raises(LocalProtocolError):
        connection.send(WELCOME)
    connection.send(m.Closing("stopping"))
    assert connection.state is State.CLOSING
    assert connection.receive(COMMAND, 0.0) == []
    with pytest.raises(LocalProtocolError):
        connection.send(m.Pong(1.0, msgspec.convert("2025-11-24T06:30:00Z", datetime)))


def test_every_message_of_the_lists_has_its_place_in_the_tables() -> None:
    received = {message for row in protocol.RECEIVE.values() for message in row}
    sent = {message for row in protocol.SEND.values() for message in row}
    assert received == set(m.CLIENT_MESSAGES)
    assert sent == set(m.SERVER_MESSAGES)


@given(st.lists(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))), max_size=30))
def test_no_text_raises(texts: list[str]) -> None:
    connection = welcomed()
    for text in texts:
        connection.receive(text, 0.0)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_fields = st.sampled_from(
    ["id", "command", "offer", "tracks", "answer", "direction", "x", "y", "t", "version", "resume"]
)


@given(st.sampled_from([c.__struct_config__.tag for c in m.CLIENT_MESSAGES]), st.dictionaries(_fields, _json))
def test_no_message_of_a_known_type_raises(tag: str, fields: dict[str, object]) -> None:
    connection = welcomed()
    for happening in connection.receive(msgspec.json.encode({"type": tag, **fields}).decode(), 0.0):
        assert isinstance(happening, Asked | Pointed | Pinged | Fault | Repeated)


@given(_json)
def test_text_is_clean_unless_it_holds_the_null_character(value: object) -> None:
    # The definition, said in another way: the null character appears in JSON only as this escape.
    raw = msgspec.json.encode(value).decode()
    assert protocol.clean_text(value) == ("\\u0000" not in raw.replace("\\\\", ""))


def test_depth_is_limited() -> None:
    deep: object = "x"
    for _ in range(20):
        deep = [deep]
    assert not protocol.clean_text(deep)
