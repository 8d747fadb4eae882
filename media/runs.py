"""Runs: what the compiled fast path forwarded of one connection and tells afterwards at once (native/account.c)."""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from media.compiled import Library
from media.rtp import Packet, read
from recordings import journal

_RUN, _SHARE, _BEGINNING = struct.Struct("=qq3I"), struct.Struct("=qqI2H"), struct.Struct("=q2IH?5x")


class Beginning(NamedTuple):
    """A packet with another time stamp than the one before (``struct fp_beginning``)."""

    arrival_ns: int
    ssrc: int
    timestamp: int
    seq: int
    keyframe: bool


class Share(NamedTuple):
    """So many packets of one stream, numbered from ``first`` on without a gap (``struct fp_share``)."""

    first_ns: int
    last_ns: int
    ssrc: int
    first: int
    packets: int
    beginnings: list[Beginning]


class Run(NamedTuple):
    """Whole records for the connection's journal, in the order they came, and each stream's share in them."""

    first_ns: int
    last_ns: int
    records: bytes
    shares: list[Share]

    def each(self) -> Iterator[tuple[Packet, int]]:
        """The packets one by one, and when they came; of those of mere padding the header."""
        for record in journal.Reader(journal.MAGIC + self.records).records():
            assert isinstance(record, journal.Packet)
            yield read(record.rtp), record.mono_ns


def read_run(library: Library, run: Any) -> Run:
    """A ``struct fp_run`` that has ended; it may be used for another afterwards."""
    data = memoryview(library.ffi.buffer(run))
    first_ns, last_ns, size, shares, begun = _RUN.unpack_from(data)
    at_shares, at_beginnings, at_records = library.run_fields
    begun_data = data[at_beginnings : at_beginnings + begun * _BEGINNING.size]
    shares_data = data[at_shares : at_shares + shares * _SHARE.size]
    beginnings = [Beginning(*each) for each in _BEGINNING.iter_unpack(begun_data)]
    return Run(
        first_ns,
        last_ns,
        bytes(data[at_records : at_records + size]),
        [
            Share(first, last, ssrc, seq, packets, [each for each in beginnings if each.ssrc == ssrc])
            for first, last, ssrc, seq, packets in _SHARE.iter_unpack(shares_data)
        ],
    )
