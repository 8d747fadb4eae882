"""What a journal without an end becomes: every frame that was read is in a part."""

from pathlib import Path

import pytest

from recordings.journal import Packet
from recordings.tail import EpochTail, link_all
from tests.support import rtp_source
from tests.support.rtp_source import AUDIO


@pytest.mark.parametrize("sound_ms", range(900, 2400, 300))
def test_sound_that_waited_for_a_picture_when_its_writer_died_is_kept(tmp_path: Path, sound_ms: int) -> None:
    """Of pictures only pieces come: none of them makes anything certain, and the clock goes on."""
    header = rtp_source.header()
    records = [
        record
        for record in rtp_source.call(3)
        if isinstance(record, Packet)
        and (
            record.mono_ns - header.mono_ns < sound_ms * 1_000_000
            if record.track == AUDIO
            else record.rtp[1] < 0x80  # no marker: no picture ends
        )
    ]
    path = rtp_source.write_journal(tmp_path, header, records)
    path.write_bytes(path.read_bytes()[:-5])  # its end was not written to the end
    tail = EpochTail(path)
    while tail.look():
        link_all(tail.files)
    tail.finish("worker_died")
    [file] = tail.files
    stored = sum(cluster.audio_frames for part in file.parts for cluster in part.clusters)
    assert stored == file.muxer.facts().audio_frames == len([r for r in records if r.track == AUDIO])
