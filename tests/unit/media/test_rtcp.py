"""RTCP: what we build others read, what others send we read, and hostile bytes raise RtcpError alone."""

import contextlib

import pytest
from aiortc import rtp as reference
from hypothesis import given
from hypothesis import strategies as st

from media import rtcp

u32 = st.integers(0, 0xFFFFFFFF)
blocks = st.lists(
    st.builds(rtcp.ReportBlock, u32, st.integers(0, 255), st.integers(-0x800000, 0x7FFFFF), u32, u32, u32, u32),
    max_size=5,
).map(tuple)


@given(st.builds(rtcp.SenderReport, u32, st.integers(0, 2**64 - 1), u32, u32, u32, blocks))
def test_sender_reports_survive_the_round_trip(report: rtcp.SenderReport) -> None:
    compound = rtcp.sender_report(report) + rtcp.description(report.ssrc, "leg_1")
    assert rtcp.parse(compound) == [report]


@given(st.builds(rtcp.ReceiverReport, u32, blocks))
def test_receiver_reports_survive_the_round_trip(report: rtcp.ReceiverReport) -> None:
    assert rtcp.parse(rtcp.receiver_report(report)) == [report]


@given(st.integers(0, 0xFFFF), st.sets(st.integers(0, 400), min_size=1, max_size=100))
def test_lost_numbers_are_all_asked_for_across_the_wrap(start: int, offsets: set[int]) -> None:
    lost = [(start + offset) & 0xFFFF for offset in sorted(offsets)]
    [packet] = rtcp.parse(rtcp.nack(1, 2, lost))
    assert isinstance(packet, rtcp.Nack)
    assert sorted(packet.lost) == sorted(lost)
    [foreign] = reference.RtcpPacket.parse(rtcp.nack(1, 2, lost))
    assert sorted(number & 0xFFFF for number in foreign.lost) == sorted(lost)  # it does not wrap what it reads


def test_keyframe_requests_of_both_kinds_are_one() -> None:
    full_intra_request = (
        bytes([0x84, 206, 0, 4]) + (7).to_bytes(4, "big") + bytes(4) + (9).to_bytes(4, "big") + bytes(4)
    )
    assert rtcp.parse(rtcp.pli(7, 9)) == [rtcp.Pli(7, 9)] == rtcp.parse(full_intra_request)


def test_a_profile_extension_does_not_cost_the_report() -> None:
    report = rtcp.ReceiverReport(5)
    data = rtcp.receiver_report(report)
    assert rtcp.parse(data[:3] + b"\x02" + data[4:] + bytes(4)) == [report]


def test_reports_written_by_another_implementation_are_read() -> None:
    info = reference.RtcpReceiverInfo(3, 10, -2, 70_000, 4, 5, 6)
    [packet] = rtcp.parse(bytes(reference.RtcpRrPacket(ssrc=1, reports=[info])))
    assert packet == rtcp.ReceiverReport(1, (rtcp.ReportBlock(3, 10, -2, 70_000, 4, 5, 6),))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\xc8\x00\x01" + bytes(4), b"\x00\xc9\x00\x01" + bytes(4)])
def test_broken_datagrams_are_refused(data: bytes) -> None:
    with pytest.raises(rtcp.RtcpError):
        rtcp.parse(data)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_but_our_own_error(data: bytes) -> None:
    with contextlib.suppress(rtcp.RtcpError):
        rtcp.parse(data)


@given(st.integers(0x80, 0xBF), st.sampled_from([200, 201, 202, 203, 204, 205, 206, 207]), st.binary(max_size=120))
def test_arbitrary_bodies_of_known_types_raise_nothing_but_our_own_error(first: int, kind: int, body: bytes) -> None:
    body = body[: len(body) // 4 * 4]
    with contextlib.suppress(rtcp.RtcpError):
        for packet in rtcp.parse(bytes([first, kind]) + (len(body) // 4).to_bytes(2, "big") + body):
            assert not isinstance(packet, rtcp.Nack) or len(packet.lost) <= 1024
