"""STUN: what clients send is read, what strangers send is refused by our own error alone."""

import contextlib

import pytest
from aioice import stun as reference
from hypothesis import given
from hypothesis import strategies as st

from media import stun

TRANSACTION = bytes(range(12))
PASSWORD = b"secret-of-22-characters"


def request(**fields: bool | int) -> bytes:
    return stun.binding_request(TRANSACTION, "ours:theirs", PASSWORD, priority=77, tie_breaker=5, **fields)  # type: ignore[arg-type]


def test_a_request_survives_the_round_trip() -> None:
    data = request(use_candidate=True)
    parsed = stun.parse_binding_request(data)
    assert stun.is_stun(data)
    assert (parsed.transaction, parsed.username, parsed.priority) == (TRANSACTION, "ours:theirs", 77)
    assert parsed.use_candidate and parsed.controlling
    assert stun.verify_integrity(data, parsed, PASSWORD)
    assert not stun.verify_integrity(data, parsed, b"another")


def test_requests_of_another_implementation_are_read() -> None:
    message = reference.Message(reference.Method.BINDING, reference.Class.REQUEST, transaction_id=TRANSACTION)
    message.attributes["USERNAME"] = "ours:theirs"
    message.attributes["PRIORITY"] = 1
    message.attributes["ICE-CONTROLLED"] = 9
    message.add_message_integrity(PASSWORD)
    data = bytes(message)
    parsed = stun.parse_binding_request(data)
    assert stun.verify_integrity(data, parsed, PASSWORD) and not parsed.controlling and not parsed.use_candidate


@pytest.mark.parametrize(("host", "port"), [("192.0.2.7", 40_000), ("2001:db8::1:2", 9), ("fe80::1%eth0", 65_535)])
def test_another_implementation_reads_our_answer(host: str, port: int) -> None:
    answer = stun.success_response(TRANSACTION, host, port, PASSWORD)
    message = reference.parse_message(answer)
    assert message.check_message_integrity(PASSWORD)
    assert message.message_class == reference.Class.RESPONSE
    assert message.attributes["XOR-MAPPED-ADDRESS"] == (host.partition("%")[0], port)


def test_a_client_that_thinks_it_is_controlled_is_told_so() -> None:
    message = reference.parse_message(stun.role_conflict_response(TRANSACTION, PASSWORD))
    assert message.check_message_integrity(PASSWORD)
    assert message.attributes["ERROR-CODE"][0] == 487


@pytest.mark.parametrize(
    "change",
    [
        lambda d: b"",
        lambda d: d[:-1],
        lambda d: d + bytes(4),
        lambda d: bytes([d[0], 0x03]) + d[2:],  # another method
        lambda d: d[:4] + bytes(4) + d[8:],  # no magic cookie
        lambda d: d[:-1] + bytes([d[-1] ^ 1]),  # fingerprint wrong
        lambda d: d[:20] + b"\x7f\x01\x00\x04" + d[24:],  # an attribute that must be understood
        lambda d: d[:22] + b"\xff\xff" + d[24:],  # an attribute longer than the message
    ],
)
def test_broken_requests_are_refused(change: object) -> None:
    with pytest.raises(stun.StunError):
        stun.parse_binding_request(change(request()))  # type: ignore[operator]


def test_what_follows_the_integrity_is_not_believed() -> None:
    data = request()
    without_fingerprint = data[:-8]
    forged = without_fingerprint + b"\x00\x25\x00\x00"  # USE-CANDIDATE slipped in behind
    forged = forged[:2] + (len(forged) - 20).to_bytes(2, "big") + forged[4:]
    parsed = stun.parse_binding_request(forged)
    assert not parsed.use_candidate
    assert stun.verify_integrity(forged, parsed, PASSWORD)


@given(st.binary(max_size=1500))
def test_arbitrary_bytes_raise_nothing_but_our_own_error(data: bytes) -> None:
    with contextlib.suppress(stun.StunError):
        stun.parse_binding_request(data)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_requests_never_pass_the_integrity_check(changes: list[tuple[int, int]]) -> None:
    original = request(use_candidate=True)
    data = bytearray(original)
    for at, value in changes:
        data[at % len(data)] = value
    if bytes(data) == original:
        return
    try:
        parsed = stun.parse_binding_request(bytes(data))
    except stun.StunError:
        return
    covered = bytes(data[: parsed.integrity_at + 24]) != original[: parsed.integrity_at + 24]
    assert not covered or not stun.verify_integrity(bytes(data), parsed, PASSWORD)
