"""What leaves together arrives as it was: every packet whole, none before another to the same address."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.media_worker import LIBRARY

SO_NO_CHECK = 11
"""Without sums the system cuts nothing (Linux, net/ipv4/udp.c): what a path that is too narrow says is the same."""

SIZES = st.sampled_from([40, 1100, 1101, 1180]) | st.integers(1, 1500)


@contextmanager
def port(sender: socket.socket) -> Iterator[Any]:
    assert LIBRARY is not None
    made = LIBRARY.lib.fp_new(sender.fileno(), *LIBRARY.steps)
    try:
        yield made
    finally:
        LIBRARY.lib.fp_free(made)


def name_of(receiver: socket.socket, local: bytes = b"") -> bytes:
    host, number = receiver.getsockname()[:2]
    if receiver.family == socket.AF_INET:
        address = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s", number, socket.inet_aton(host))
    else:
        packed = socket.inet_pton(socket.AF_INET6, host)
        address = struct.pack("=H", socket.AF_INET6) + struct.pack("!HI16sI", number, 0, packed, 0)
    return address.ljust(28, b"\0") + local


def receivers(count: int, family: int = socket.AF_INET) -> list[socket.socket]:
    made = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(count)]
    for each in made:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        each.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        each.setblocking(False)
    return made


def arrived(receiver: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(receiver.recv(1 << 16))
        except BlockingIOError:
            return found


def send_all(sender: socket.socket, to: list[socket.socket], packets: list[tuple[int, bytes]], local: bytes) -> None:
    assert LIBRARY is not None
    names = [name_of(each, local) for each in to]
    with port(sender) as out:
        for receiver, data in packets:
            LIBRARY.lib.fp_post(out, data, len(data), names[receiver], len(names[receiver]))
        LIBRARY.lib.fp_flush(out)


@given(
    st.lists(st.tuples(st.integers(0, 2), SIZES), max_size=200),
    st.sampled_from([socket.AF_INET, socket.AF_INET6]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=60)
def test_everything_arrives_whole_and_in_order(
    wanted: list[tuple[int, int]], family: int, said: bool, sums: bool
) -> None:
    packets = [(to, number.to_bytes(2, "big") * 750) for number, (to, _) in enumerate(wanted)]
    packets = [(to, data[:size]) for (to, data), (_, size) in zip(packets, wanted, strict=True)]
    there = receivers(3, family)
    local = socket.inet_pton(socket.AF_INET6, "::1" if family == socket.AF_INET6 else "::ffff:127.0.0.1")
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        if not sums:
            sender.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        send_all(sender, there, packets, local if said else b"")
    for number, receiver in enumerate(there):
        with receiver:
            assert arrived(receiver) == [data for to, data in packets if to == number]


def test_packets_of_one_size_leave_in_one_message() -> None:
    """What the system is asked to do is what saves the time: the receiver joins what was not sent alone (UDP_GRO)."""
    (there,) = receivers(1)
    udp_gro = 104
    with there, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        there.setsockopt(socket.IPPROTO_UDP, udp_gro, 1)
        send_all(sender, [there], [(0, bytes(1000))] * 5 + [(0, bytes(300)), (0, bytes(900))], b"")
        assert [len(data) for data in arrived(there)] == [5300, 900]
