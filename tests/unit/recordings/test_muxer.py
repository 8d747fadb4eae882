"""From journal entries to a file that others read: every frame once, in order, the same bytes each time."""

import io
import random

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings.depacketize import parse_rtp, unwrap
from recordings.journal import Mark, Packet, Record
from recordings.muxer import Cluster, EpochMuxer
from tests.support import rtp_source


def muxed(records: list[Record], screen: bool = False) -> tuple[EpochMuxer, list[Cluster], bytes]:
    muxer = EpochMuxer(rtp_source.header(screen=screen), "screen" if screen else "camera")
    clusters = [cluster for record in records for cluster in muxer.feed(record)] + muxer.finish()
    return muxer, clusters, muxer.head


def test_every_frame_of_an_undisturbed_call_is_in_the_file_once_and_in_time_order() -> None:
    muxer, clusters, _ = muxed(rtp_source.call(6))
    head, cues = muxer.closing()
    data = head + b"".join(cluster.data for cluster in clusters) + cues
    with av.open(io.BytesIO(data)) as file:
        assert file.duration == pytest.approx(6_000_000, abs=60_000)
        times: list[float] = []
        counts = {"video": 0, "audio": 0}
        packed: dict[str, list[bytes]] = {"video": [], "audio": []}
        for packet in file.demux():
            if packet.size:
                counts[packet.stream.type] += 1
                packed[packet.stream.type].append(bytes(packet))
                times.append(float(packet.pts * packet.time_base))
    assert counts == {"video": 6 * rtp_source.FPS, "audio": 300}
    assert times == sorted(times)
    assert packed["video"] == [frame for frame, _ in rtp_source.pictures(6)]
    assert packed["audio"] == list(rtp_source.sounds(6))
    with av.open(io.BytesIO(data)) as file:
        frames = list(file.decode(video=0))
    assert len(frames) == 6 * rtp_source.FPS and (frames[0].width, frames[0].height) == (320, 240)


def test_clusters_last_a_second_at_most_and_begin_at_keyframes_where_there_is_one() -> None:
    _, clusters, _ = muxed(rtp_source.call(8))
    assert all(cluster.d_ms <= 1000 for cluster in clusters)
    assert [cluster.t_ms for cluster in clusters if cluster.keyframe] == [0, 2000, 4000, 6000]
    assert [cluster.n for cluster in clusters] == list(range(len(clusters)))


def test_closing_changes_no_byte_of_a_cluster_and_not_the_length_of_the_head() -> None:
    muxer, clusters, growing = muxed(rtp_source.call(4))
    head, _ = muxer.closing()
    assert len(head) == len(growing) and head != growing
    growing_file = growing + b"".join(cluster.data for cluster in clusters)
    with av.open(io.BytesIO(growing_file)) as file:
        assert sum(bool(packet.size) for packet in file.demux(video=0)) == 4 * rtp_source.FPS


def test_seeking_finds_the_cues() -> None:
    muxer, clusters, _ = muxed(rtp_source.call(8))
    head, cues = muxer.closing()
    with av.open(io.BytesIO(head + b"".join(cluster.data for cluster in clusters) + cues)) as file:
        file.seek(5_000_000)
        frame = next(file.decode(video=0))
        assert frame.time == pytest.approx(4.0, abs=0.05)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_lossy_path_gives_ordered_blocks_each_whole_frame_once_and_the_same_bytes_again(seed: int) -> None:
    records = rtp_source.disturbed(rtp_source.call(4), seed)
    muxer, clusters, _ = muxed(records)
    again = muxed(records)[1]
    assert [cluster.data for cluster in clusters] == [cluster.data for cluster in again]
    sent = {frame for frame, _ in rtp_source.pictures(4)}
    head, cues = muxer.closing()
    got: list[bytes] = []
    times: list[int] = []
    with av.open(io.BytesIO(head + b"".join(cluster.data for cluster in clusters) + cues)) as file:
        for packet in file.demux():
            if packet.size:
                times.append(round(float(packet.pts * packet.time_base) * 1000))
                if packet.stream.type == "video":
                    got.append(bytes(packet))
    assert times == sorted(times)
    assert len(got) == len(set(got)) and set(got) <= sent
    facts = muxer.facts()
    assert facts.video_frames == len(got)
    # What came before the first packet that arrived cannot be told from an old duplicate.
    sounds = [parse_rtp(each.rtp) for each in records if isinstance(each, Packet) and each.track == 0]
    places = [unwrap(sound.sequence, 16, 65_600) for sound in sounds if sound]
    assert facts.audio_frames == len({place for place in places if place >= places[0]})


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_what_is_told_by_its_likeness_to_the_packet_before_is_what_reading_it_gives(seed: int) -> None:
    """Packets as browsers send them, with an extension, are read the short way; without one, each by itself."""
    dice = random.Random(seed)
    plain = rtp_source.disturbed(rtp_source.call(3), seed, loss=dice.choice((0, 0.01, 0.1)), late=dice.choice((0, 0.1)))
    dressed = [_dressed(record, dice) if isinstance(record, Packet) else record for record in plain]
    (one, clusters, _), (other, same, _) = muxed(plain), muxed(dressed)
    assert clusters == same and one.facts() == other.facts() and clusters


def _dressed(packet: Packet, dice: random.Random) -> Packet:
    """The same with a transport-wide sequence number, which is another one in each packet."""
    extension = b"\xbe\xde\x00\x01\x31" + dice.randbytes(2) + b"\0"
    return Packet(packet.track, packet.mono_ns, b"\x90" + packet.rtp[1:12] + extension + packet.rtp[12:])


def test_a_screen_goes_into_a_file_of_its_own() -> None:
    records = rtp_source.call(3, screen=True)
    muxer, clusters, head = muxed(records, screen=True)
    assert muxer.shape.mime == 'video/webm; codecs="vp8"'
    assert sum(cluster.video_frames for cluster in clusters) == 3 * rtp_source.FPS
    with av.open(io.BytesIO(head + b"".join(cluster.data for cluster in clusters))) as file:
        assert [stream.type for stream in file.streams] == ["video"]


def test_a_pause_of_the_picture_shows_in_the_runs_and_sound_goes_on() -> None:
    hidden = range(rtp_source.START_NS + 2_000_000_000, rtp_source.START_NS + 4_000_000_000)
    records = [r for r in rtp_source.call(6) if not (isinstance(r, Packet) and r.track == 1 and r.mono_ns in hidden)]
    # A camera that is switched off leaves no hole in its sequence numbers.
    muxer, clusters, _ = muxed(_renumbered(records))
    facts = muxer.facts()
    assert len(facts.video_runs) == 2 and facts.video_runs[1][0] == 4000
    assert len(facts.audio_runs) == 1
    assert sum(cluster.audio_frames for cluster in clusters) == 300


def _renumbered(records: list[Record]) -> list[Record]:
    out: list[Record] = []
    sequence = 100
    for record in records:
        if isinstance(record, Packet) and record.track == 1:
            sequence += 1
            record = Packet(1, record.mono_ns, record.rtp[:2] + (sequence & 0xFFFF).to_bytes(2, "big") + record.rtp[4:])
        out.append(record)
    return out


def test_lost_padding_that_the_worker_told_of_leaves_no_hole() -> None:
    records = rtp_source.call(3, sound=False)
    packets = [record for record in records if isinstance(record, Packet)]
    gone = packets[40]
    parsed = parse_rtp(gone.rtp)
    assert parsed is not None
    at = records.index(gone)
    silent = muxed([*records[:at], *records[at + 1 :]])[0].facts()
    told = Mark("padding_lost", gone.mono_ns + 50_000_000, {"track": gone.track, "sequence": parsed.sequence})
    # Any packet will do here: what counts is that a number the worker explained is not waited for.
    filled = muxed(sorted([*records[:at], *records[at + 1 :], told], key=lambda each: getattr(each, "mono_ns", 0)))[0]
    assert (silent.lost_packets, filled.facts().lost_packets) == (1, 0)
