"""From journal entries with H.264 to an MP4 that others read: each picture once, in its place, the same bytes again."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from recordings import fmp4
from recordings.container import Block, ParameterSets, Shape, media_type, suffix
from recordings.journal import Packet, Record
from recordings.muxer import Cluster, EpochMuxer
from tests.support import h264_source, rtp_source

SECONDS = 6
SHAPE = Shape(True, True, 640, 360, rtp_source.WALL_NS, bytes(16), "H264")


def muxed(records: list[Record]) -> tuple[EpochMuxer, list[Cluster]]:
    muxer = EpochMuxer(h264_source.header())
    return muxer, [cluster for record in records for cluster in muxer.feed(record)] + muxer.finish()


def closed(muxer: EpochMuxer, clusters: list[Cluster]) -> bytes:
    head, cues = muxer.closing()
    return head + body(clusters) + cues


def body(clusters: list[Cluster]) -> bytes:
    return b"".join(cluster.data for cluster in clusters)


def boxes(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """(kind, offset, body) of the boxes side by side in these bytes."""
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        assert 8 <= size <= len(data) - at
        yield kind, at, data[at + 8 : at + size]
        at += size


def inside(data: bytes, *path: bytes) -> list[bytes]:
    """Bodies of all boxes at a path."""
    found = [data]
    for kind in path:
        found = [content for each in found for name, _, content in boxes(each) if name == kind]
    return found


def samples(fragment: bytes) -> dict[int, list[tuple[int, bytes, int | None]]]:
    """Track → (time in its clock, data, flags) of the samples of a fragment, read as ISO/IEC 14496-12 8.8 says."""
    out: dict[int, list[tuple[int, bytes, int | None]]] = {}
    for traf in inside(fragment, b"moof", b"traf"):
        (tfhd,), (tfdt,), (trun,) = (inside(traf, kind) for kind in (b"tfhd", b"tfdt", b"trun"))
        flags, track = struct.unpack_from(">II", tfhd)
        assert flags & 0x020000, "offsets count from the fragment"
        _, time = struct.unpack(">IQ", tfdt)
        flags, count, offset = struct.unpack_from(">III", trun)
        per_sample = 2 + bool(flags & 0x400)
        rows = struct.unpack_from(f">{count * per_sample}I", trun, 12)
        for n in range(count):
            length, size, *own = rows[n * per_sample : (n + 1) * per_sample]
            out.setdefault(track, []).append((time, fragment[offset : offset + size], own[0] if own else None))
            time, offset = time + length, offset + size
    return out


def test_every_frame_of_an_undisturbed_call_is_in_the_file_once_and_a_foreign_program_decodes_it(
    tmp_path: Path,
) -> None:
    muxer, clusters = muxed(h264_source.call(SECONDS))
    data = closed(muxer, clusters)
    assert muxer.shape.mime == 'video/mp4; codecs="avc3.42C01E,opus"'
    assert (media_type(muxer.shape.mime), suffix(muxer.shape.mime)) == ("video/mp4", "mp4")
    packed: dict[str, list[bytes]] = {"video": [], "audio": []}
    with av.open(io.BytesIO(data)) as file:
        assert file.duration == pytest.approx(SECONDS * 1_000_000, abs=60_000)
        for packet in file.demux():
            if packet.size:
                packed[packet.stream.type].append(bytes(packet))
                assert packet.pts == packet.dts
    assert packed["video"] == [h264_source.stored(each) for each in h264_source.pictures(SECONDS)]
    assert packed["audio"] == list(rtp_source.sounds(SECONDS))
    path = tmp_path / "closed.mp4"
    path.write_bytes(data)
    assert h264_source.numbers(path) == list(range(SECONDS * rtp_source.FPS))


def test_the_growing_file_plays_to_any_of_its_clusters(tmp_path: Path) -> None:
    muxer, clusters = muxed(h264_source.call(SECONDS))
    path = tmp_path / "growing.mp4"
    for count in (2, len(clusters) - 1):
        path.write_bytes(muxer.head + body(clusters[:count]))
        assert h264_source.numbers(path) == list(range(sum(each.video_frames for each in clusters[:count])))


def test_closing_changes_no_byte_of_a_cluster_and_a_jump_lands_on_a_keyframe(tmp_path: Path) -> None:
    muxer, clusters = muxed(h264_source.call(8))
    head, cues = muxer.closing()
    assert closed(muxer, clusters) == head + body(clusters) + cues
    assert len(head) == len(muxer.head) and head != muxer.head
    path = tmp_path / "closed.mp4"
    path.write_bytes(closed(muxer, clusters))
    with av.open(str(path)) as file:
        file.seek(5_000_000)
        assert next(file.decode(video=0)).time == pytest.approx(4.0, abs=0.01)
    assert h264_source.numbers(path, seek_s=6.0) == list(range(150, 200))


def test_the_table_of_keyframes_points_where_they_are() -> None:
    muxer, clusters = muxed(h264_source.call(8))
    data = closed(muxer, clusters)
    keys = [each for each in clusters if each.keyframe]
    start = len(muxer.head)
    [tfra] = inside(data, b"mfra", b"tfra")
    rows = [struct.unpack_from(">QQBBB", tfra, 16 + 19 * n) for n in range(len(keys))]
    assert rows == [(each.t_ms * 90, start + each.offset, 1, 1, 1) for each in keys] and len(keys) == 4
    assert all(data[offset + 4 : offset + 8] == b"moof" for _, offset, *_ in rows)
    assert struct.unpack(">I", data[-4:])[0] == len(data) - data.index(b"mfra") + 4


def test_clusters_last_a_second_at_most_and_only_keyframes_begin_a_run() -> None:
    _, clusters = muxed(h264_source.call(8))
    assert all(cluster.d_ms <= 1000 for cluster in clusters)
    assert [cluster.t_ms for cluster in clusters if cluster.keyframe] == [0, 2000, 4000, 6000]
    for cluster in clusters:
        found = samples(cluster.data)
        assert len(found.get(1, [])) == cluster.video_frames and len(found.get(2, [])) == cluster.audio_frames
        flags = [each[2] for each in found.get(1, [])]
        assert flags == [0x02000000 if n == 0 and cluster.keyframe else 0x01010000 for n in range(len(flags))]


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_lossy_path_gives_each_whole_picture_once_and_the_same_bytes_again(seed: int) -> None:
    records = rtp_source.disturbed(h264_source.call(4), seed)
    muxer, clusters = muxed(records)
    assert closed(muxer, clusters) == closed(*muxed(records))
    sent = {h264_source.stored(each) for each in h264_source.pictures(4)}
    found = [each for cluster in clusters for each in samples(cluster.data).get(1, [])]
    times, got = [each[0] for each in found], [each[1] for each in found]
    assert times == sorted(times)
    assert len(got) == len(set(got)) and set(got) <= sent
    assert muxer.facts().video_frames == len(got)
    with av.open(io.BytesIO(closed(muxer, clusters))) as file:
        assert sum(1 for packet in file.demux(video=0) if packet.size) == len(got)


def test_sound_before_the_first_picture_gives_a_head_without_parameter_sets_that_plays(tmp_path: Path) -> None:
    late = rtp_source.START_NS + 3_000_000_000
    records: list[Record] = list(rtp_source.audio_packets(rtp_source.sounds(6)))
    records += h264_source.packets(h264_source.pictures(2), start_ns=late)
    muxer, clusters = muxed(sorted(records, key=lambda record: getattr(record, "mono_ns", 0)))
    assert b"avc3" in muxer.head and h264_source.pictures(2)[0][0] not in muxer.head
    assert h264_source.pictures(2)[0][0] in muxer.closing()[0]
    for data in (muxer.head + body(clusters), closed(muxer, clusters)):
        path = tmp_path / "late.mp4"
        path.write_bytes(data)
        assert h264_source.numbers(path) == list(range(50))
        with av.open(str(path)) as file:
            assert file.streams.video[0].start_time * file.streams.video[0].time_base == pytest.approx(3, abs=0.01)


def test_a_phone_that_is_turned_sends_other_parameter_sets_and_both_ways_decode() -> None:
    upright = h264_source.pictures(2, width=360, height=640)
    packets = h264_source.packets([*h264_source.pictures(2), *upright])
    muxer, clusters = muxed(list(packets))
    with av.open(io.BytesIO(closed(muxer, clusters))) as file:
        sizes = [(frame.width, frame.height) for frame in file.decode(video=0)]
    assert sizes == [(640, 360)] * 50 + [(360, 640)] * 50
    assert (muxer.shape.width, muxer.shape.height) == (640, 360)


def test_a_call_without_a_single_picture_is_closed_with_its_sound() -> None:
    muxer, clusters = muxed(list(rtp_source.audio_packets(rtp_source.sounds(2))))
    with av.open(io.BytesIO(closed(muxer, clusters))) as file:
        assert sum(1 for packet in file.demux(audio=0) if packet.size) == 100
    empty, none = muxed([])
    head, cues = empty.closing()
    assert none == [] and [kind for kind, *_ in boxes(head + cues)] == [b"ftyp", b"moov", b"free", b"mfra"]


@st.composite
def runs_of_blocks(draw: st.DrawFn) -> list[Block]:
    blocks: list[Block] = []
    t_ms = draw(st.integers(0, 2**31))
    for step, video, key, data in draw(
        st.lists(
            st.tuples(st.integers(0, 400), st.booleans(), st.booleans(), st.binary(max_size=50)),
            min_size=1,
            max_size=30,
        )
    ):
        t_ms += step
        blocks.append(Block("video" if video else "audio", t_ms, key, data))
    return blocks


@given(blocks=runs_of_blocks(), n=st.integers(0, 2**31), rest=st.integers(0, 5000))
def test_a_fragment_holds_every_frame_at_its_own_time(blocks: list[Block], n: int, rest: int) -> None:
    fragment = fmp4.cluster(n, blocks, blocks[-1].t_ms + rest)
    assert [kind for kind, *_ in boxes(fragment)] == [b"moof", b"mdat"]
    assert struct.unpack(">II", inside(fragment, b"moof", b"mfhd")[0]) == (0, n + 1)
    found = samples(fragment)
    for track, name, rate in ((1, "video", 90), (2, "audio", 48)):
        own = [block for block in blocks if block.track == name]
        assert [(time, data) for time, data, _ in found.get(track, [])] == [(b.t_ms * rate, b.data) for b in own]
        if name == "video":
            assert [flags == 0x02000000 for *_, flags in found.get(1, [])] == [block.keyframe for block in own]


def test_parameter_sets_too_large_for_the_head_stay_in_the_stream() -> None:
    large = ParameterSets((b"\x67\x42\xe0\x1f" + bytes(500),) * 3, (b"\x68",))
    sizes = {
        len(fmp4.head(replace(SHAPE, sets=sets))) for sets in (None, large, ParameterSets(large.sps[:1], large.pps))
    }
    assert sizes == {2048}
    assert large.sps[0] not in fmp4.head(replace(SHAPE, sets=large))
    assert large.sps[0] in fmp4.head(replace(SHAPE, sets=ParameterSets(large.sps[:1], (b"\x68",))))


def test_a_screen_in_h264_goes_into_a_file_of_its_own() -> None:
    screen = replace(h264_source.TRACKS[1], kind="screen", track=2)
    muxer = EpochMuxer(replace(h264_source.header(), tracks=(*h264_source.TRACKS, screen)), "screen")
    packets = [Packet(2, each.mono_ns, each.rtp) for each in h264_source.packets(h264_source.pictures(2))]
    clusters = [cluster for packet in packets for cluster in muxer.feed(packet)] + muxer.finish()
    assert muxer.shape.mime == 'video/mp4; codecs="avc3.42C01E"'
    assert sum(cluster.video_frames for cluster in clusters) == 50
