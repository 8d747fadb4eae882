"""What the compiled code writes down and keeps of forwarded packets is what Python would."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media import layers
from media.cache import PACKETS, PacketCache, enough_ns
from media.runs import Beginning, read_run
from recordings import journal, journal_writer
from tests.support.media_worker import LIBRARY
from tests.unit.media.test_fastpath import packets, python

assert LIBRARY is not None
LIB, FFI = LIBRARY.lib, LIBRARY.ffi
HEADER = journal.JournalHeader("rec", "call", "leg", "ep", "w", 0, 0, ())


def noted(came: list[tuple[int, bytes]]) -> tuple[list[bool], object]:
    """Put packets, each with its time of arrival, on an account; which of them it took, and the account."""
    port, lane, run = FFI.new("struct fp_port *"), FFI.new("struct fp_lane *"), FFI.new("struct fp_run *")
    stream, entry = FFI.new("struct fp_stream *"), FFI.new("struct fp_entry *")
    LIB.fp_sums()
    lane.run, stream.track, stream.way = run, 3, LIB.PICTURE
    taken = []
    for at_ns, raw in came:
        assert LIB.fp_header(raw, len(raw), entry) == 0
        entry.arrival_ns = at_ns
        taken.append(bool(LIB.fp_note(port, lane, stream, raw, entry)))
    return taken, run


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1 << 62), packets), max_size=40))
def test_a_run_holds_the_records_that_python_writes(tmp_path: Path, came: list[tuple[int, bytes]]) -> None:
    taken, account = noted(came)
    run = read_run(LIBRARY, account)  # type: ignore[arg-type]
    inside = [each for each, into in zip(came, taken, strict=True) if into]
    path = tmp_path / "journal"
    path.unlink(missing_ok=True)
    writer = journal_writer.JournalWriter(path, HEADER)
    start = path.stat().st_size
    for at_ns, raw in inside:
        packet = python(raw)
        assert packet is not None
        writer.packet(3, at_ns, raw if packet.payload_bytes else b"\x80" + raw[1:12])
    writer.flush()
    assert run.records == path.read_bytes()[start:]
    writer.close("end")
    assert [at_ns for _, at_ns in run.each()] == [at_ns for at_ns, _ in inside]
    assert sum(share.packets for share in run.shares) == len(inside)
    if all(taken):
        assert [each for share in run.shares for each in share.beginnings] == sorted(
            beginnings_of(came), key=lambda each: [share.ssrc for share in run.shares].index(each.ssrc)
        )


def beginnings_of(came: list[tuple[int, bytes]]) -> list[Beginning]:
    found, newest = [], 0
    for at_ns, raw in came:
        packet = python(raw)
        assert packet is not None
        if packet.timestamp != newest:
            newest, keyframe = packet.timestamp, layers.starts_keyframe(packet.body)
            found.append(Beginning(at_ns, packet.ssrc, newest, packet.seq, keyframe))
    return found


def test_what_does_not_fit_into_a_run_is_told_alone() -> None:
    raw = b"\x80\x60" + bytes(10) + bytes(1400)
    taken, account = noted([(0, raw)] * 40)
    fitting = LIB.RUN_ROOM // (len(raw) + 18)
    assert taken == [True] * fitting + [False] * (40 - fitting)
    assert len(list(read_run(LIBRARY, account).each())) == fitting  # type: ignore[arg-type]


@given(st.binary(max_size=12))
def test_a_keyframe_is_seen_alike(body: bytes) -> None:
    assert bool(LIB.fp_starts_keyframe(body, len(body))) == layers.starts_keyframe(body)


@given(st.lists(st.tuples(st.integers(0, 3 * PACKETS), st.binary(min_size=8, max_size=1400)), max_size=300))
def test_packets_are_kept_alike(came: list[tuple[int, bytes]]) -> None:
    here, there, size = PacketCache(), FFI.gc(LIB.fp_cache_new(), LIB.fp_cache_free), FFI.new("int *")
    for index, rest in came:
        raw = b"\x80\x60" + index.to_bytes(2, "big") + rest
        here.keep(index, raw, 0)
        LIB.fp_keep(there, raw, len(raw), 0)
    for index, _ in came:
        place = LIB.fp_kept(there, index, size)
        assert (bytes(FFI.buffer(place, size[0])) if place else None) == here.kept(index)


def test_a_packet_is_kept_for_a_second_and_its_memory_is_given_back() -> None:
    cache, size, second = FFI.gc(LIB.fp_cache_new(), LIB.fp_cache_free), FFI.new("int *"), 1_000_000_000
    for index in range(100):
        raw = b"\x80\x60" + index.to_bytes(2, "big") + bytes(1200)
        LIB.fp_keep(cache, raw, len(raw), index * second // 10)
    kept = [index for index in range(100) if LIB.fp_kept(cache, index, size)]
    assert kept[-11:] == [*range(89, 100)]
    assert len(kept) < 25, "chunks go as a whole"


def kept_of(per_s: int, enough_ns: int) -> tuple[float, int]:
    """Seconds and packets that are kept of three seconds of so many packets."""
    cache, size = FFI.gc(LIB.fp_cache_new(), LIB.fp_cache_free), FFI.new("int *")
    LIB.fp_keep_for(cache, enough_ns)
    for index in range(3 * per_s):
        raw = b"\x80\x60" + index.to_bytes(2, "big") + bytes(1200)
        LIB.fp_keep(cache, raw, len(raw), index * 1_000_000_000 // per_s)
    kept = sum(bool(LIB.fp_kept(cache, index, size)) for index in range(3 * per_s))
    return kept / per_s, kept


def test_of_a_wide_stream_no_more_is_kept_than_viewers_may_ask_for_and_of_a_narrow_one_a_whole_second() -> None:
    far, near = enough_ns([20_000_000, None]), enough_ns([20_000_000, 100_000_000])
    assert 1.1 <= kept_of(300, far)[0] < 1.2
    assert 0.6 <= kept_of(300, near)[0] < 0.7
    assert kept_of(40, near)[0] > 1
    assert enough_ns([]) == enough_ns([1]) < enough_ns([200_000_000]) < enough_ns([60_000_000_000]) == enough_ns([None])
