"""A journal keeps everything before the damage, and its writer never troubles the forwarder."""

import errno
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordings import journal, journal_writer
from recordings.journal import Anchor, Closed, Mark, Packet, Reader, Record, SenderReport, read
from recordings.journal_writer import SILENT_S, JournalWriter, has_writer
from tests.support import rtp_source

times = st.integers(0, 2**63 - 1)
details = st.dictionaries(st.text(max_size=4), st.integers(0, 9), max_size=2)
records = st.lists(
    st.one_of(
        st.builds(Packet, st.integers(0, 255), times, st.binary(max_size=60)),
        st.builds(SenderReport, st.integers(0, 255), times, st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)),
        st.builds(Anchor, times, times),
        st.builds(
            Mark, st.text(max_size=8), times, st.dictionaries(st.text(max_size=4), st.integers(0, 9), max_size=2)
        ),
    ),
    max_size=12,
)
in_a_folder = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(tmp_path: Path, told: list[Record]) -> tuple[bytes, list[Record]]:
    """The bytes of a journal, and the records in it."""
    head = rtp_source.header()
    path = tmp_path / "one.journal"
    path.unlink(missing_ok=True)
    writer = JournalWriter(path, head)
    for record in told:
        rtp_source.append(writer, record)
    writer.close("left", 7)
    return path.read_bytes(), [head, *told, Closed("left", 7)]


@in_a_folder
@given(told=records)
def test_what_was_written_is_read_in_order(tmp_path: Path, told: list[Record]) -> None:
    data, expected = written(tmp_path, told)
    assert [entry.record for entry in read(data)] == expected
    assert [entry.record for entry in read(tmp_path / "one.journal")] == expected


@in_a_folder
@given(told=records, place=st.floats(0, 1, exclude_max=True))
def test_a_truncated_journal_keeps_all_whole_records_and_goes_on_when_it_grows(
    tmp_path: Path, told: list[Record], place: float
) -> None:
    data, expected = written(tmp_path, told)
    cut = int(place * len(data))
    reader = Reader(data[:cut])
    kept = list(reader)
    ends = [entry.end for entry in read(data)]
    assert [entry.record for entry in kept] == expected[: sum(end <= cut for end in ends)]
    assert reader.state == ("end" if cut in (len(journal.MAGIC), *ends) else "incomplete")
    rest = [entry.record for entry in read(data, reader.offset)]
    assert [entry.record for entry in kept] + rest == expected


@in_a_folder
@given(told=records, place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_ends_the_journal_there_and_keeps_what_came_before(
    tmp_path: Path, told: list[Record], place: float, bit: int
) -> None:
    data, expected = written(tmp_path, told)
    at = int(place * len(data))
    broken = bytearray(data)
    broken[at] ^= 1 << bit
    reader = Reader(bytes(broken))
    kept = [entry.record for entry in reader]
    whole = sum(entry.end <= at for entry in read(data))
    assert kept == expected[:whole]
    assert reader.state in ("damaged", "incomplete")


def test_a_hole_of_zeros_left_by_a_power_cut_is_damage(tmp_path: Path) -> None:
    data, expected = written(tmp_path, [Packet(0, 1, b"x" * 50)])
    reader = Reader(data[:-10] + bytes(4096))
    assert [entry.record for entry in reader] == expected[:2] and reader.state == "damaged"
    assert Reader(b"").state == "end" and list(read(b"")) == [] and list(read(b"GARBAGE!")) == []


class _Disk:
    """Stands between the journal and the system: what the n-th write or fsync answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, call: str, fault: int) -> None:
        self.failing = False
        real = getattr(os, call)

        def answer(fd: int, *data: object) -> object:
            if self.failing:
                raise OSError(fault, os.strerror(fault))
            return real(fd, *data)

        monkeypatch.setattr(journal_writer.os, call, answer)


def test_what_a_full_disk_refused_is_kept_and_written_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = _Disk(monkeypatch, "write", errno.ENOSPC)
    writer = JournalWriter(tmp_path / "one.journal", rtp_source.header())
    disk.failing = True
    writer.packet(0, 1, b"x" * 100)
    writer.flush()
    assert writer.fault == "disk_full"
    disk.failing = False
    writer.fault = None
    writer.close("disk_full")
    kept = [entry.record for entry in read(tmp_path / "one.journal")]
    assert kept[1:] == [Packet(0, 1, b"x" * 100), Closed("disk_full", 1)]


@pytest.mark.parametrize(("call", "number", "said"), [
    ("write", errno.EIO, "disk_failed"), ("write", errno.EROFS, "disk_read_only"),
    ("fsync", errno.EIO, "disk_failed"), ("fsync", errno.ENOSPC, "disk_full"),
])  # fmt: skip
def test_a_failing_disk_ends_the_journal_with_a_reason_and_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, said: str
) -> None:
    disk = _Disk(monkeypatch, call, number)
    writer = JournalWriter(tmp_path / "one.journal", rtp_source.header())
    writer.packet(0, 1, b"before")
    writer.flush()
    disk.failing = True
    writer.packet(0, 2, b"lost")
    writer.flush()
    writer.sync()
    assert writer.fault == said
    disk.failing = False
    writer.packet(0, 3, b"after a failed fsync nobody knows what the disk holds")
    writer.flush()
    writer.close("disk_failed")
    kept = [entry.record for entry in read(tmp_path / "one.journal")]
    assert Packet(0, 1, b"before") in kept and not any(isinstance(r, Packet) and r.mono_ns == 3 for r in kept)
    assert isinstance(kept[-1], Closed) == (call == "fsync"), "after half a record nothing more is appended"


def test_a_writer_holds_its_journal_and_notices_when_it_was_taken(tmp_path: Path) -> None:
    path = tmp_path / "one.journal"
    writer = JournalWriter(path, rtp_source.header())
    assert has_writer(path)
    path.rename(tmp_path / "one.taken.journal")
    writer.packet(0, 1, b"to a file nobody reads")
    writer.sync()
    assert writer.fault == "journal_taken"
    writer.close("journal_taken")
    assert not has_writer(tmp_path / "one.taken.journal")


def test_a_writer_that_stood_still_looks_before_it_trusts_a_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.journal"
    writer = JournalWriter(path, rtp_source.header())
    path.rename(tmp_path / "one.taken.journal")
    real = time.monotonic
    monkeypatch.setattr(journal_writer.time, "monotonic", lambda: real() + SILENT_S / 2)
    writer.packet(0, 1, b"after a standstill")
    writer.flush()
    assert writer.fault == "journal_taken"
    writer.close("journal_taken")
