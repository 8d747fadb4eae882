"""SRTP: both profiles, repeats by us allowed, repeats and changes by others refused."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.dtls import SrtpKeys
from media.rtp import build
from media.srtp import SrtpError, SrtpReceiver, SrtpSender

SIZES = {"SRTP_AEAD_AES_128_GCM": 28, "SRTP_AES128_CM_SHA1_80": 30}


def ends(profile: str) -> tuple[SrtpSender, SrtpReceiver]:
    mine, theirs = secrets.token_bytes(SIZES[profile]), secrets.token_bytes(SIZES[profile])
    return SrtpSender(SrtpKeys(profile, mine, theirs)), SrtpReceiver(SrtpKeys(profile, theirs, mine))


@pytest.mark.parametrize("profile", SIZES)
def test_packets_survive_the_round_trip_once(profile: str) -> None:
    sender, receiver = ends(profile)
    packet = build(96, 65_535, 1, 2, b"picture" * 100)
    protected = sender.rtp(packet)
    assert b"picture" not in protected
    assert receiver.rtp(protected) == packet
    with pytest.raises(SrtpError):
        receiver.rtp(protected)
    report = bytes.fromhex("80c9000100000001")
    assert receiver.rtcp(sender.rtcp(report)) == report


@pytest.mark.parametrize("profile", SIZES)
def test_a_packet_sent_again_is_the_same_down_to_the_last_bit_even_a_thousand_later(profile: str) -> None:
    sender, _ = ends(profile)
    first = sender.rtp(build(96, 1, 1, 2, b"one"))
    for seq in range(2, 1500):
        sender.rtp(build(96, seq, 1, 2, b"later"))
    assert sender.rtp(build(96, 1, 1, 2, b"one")) == first


def test_a_longest_packet_fits_and_a_longer_one_is_refused() -> None:
    sender, receiver = ends("SRTP_AEAD_AES_128_GCM")
    longest = build(96, 1, 1, 2, bytes(1484 - 12))
    assert receiver.rtp(sender.rtp(longest)) == longest
    with pytest.raises(SrtpError):
        sender.rtp(bytes(1501))


@given(st.binary(max_size=1600), st.sampled_from(sorted(SIZES)))
def test_arbitrary_bytes_raise_nothing_but_our_own_error(data: bytes, profile: str) -> None:
    _, receiver = ends(profile)
    for take in (receiver.rtp, receiver.rtcp):
        with pytest.raises(SrtpError):
            take(data)
