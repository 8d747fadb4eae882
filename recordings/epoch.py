"""One file of the recording as the manifest names it, and the clock it stands on. Pure."""

from datetime import datetime, timedelta

import msgspec

from recordings.coverage import Span


class EpochEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `chain` is the hash chain after `clusters` clusters; the two last hashes stand once it is closed.

    Frames lost came damaged or not at all; those dropped by the sender its browser made and never sent whole.
    """

    epoch: str
    session: str
    leg: str
    kind: str
    worker: str
    start_wall_ns: int
    start_ms: int
    error_ms: int
    length_ms: int
    mime: str
    clusters: int
    size: int
    chain: str
    chain_sm3: str
    closed: bool
    closed_reason: str = ""
    final_sha256: str = ""
    cues_sha256: str = ""
    video_frames: int = 0
    audio_frames: int = 0
    lost_packets: int = 0
    lost_frames: int = 0
    dropped_by_sender: int = 0
    video_runs: tuple[Span, ...] = ()
    audio_runs: tuple[Span, ...] = ()


def since_ms(origin: datetime, at: datetime) -> int:
    """A moment in ms of the session clock."""
    return (at - origin) // timedelta(milliseconds=1)
