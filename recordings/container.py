"""What a file of a recording is made of, whichever container holds it, and which container that is. Pure.

VP8 goes into WebM (`recordings.webm`), H.264 into fragmented MP4 (`recordings.fmp4`): neither container holds the
other's pictures in a way that browsers play. Both are written alike: a head, clusters of at most a second whose bytes
never change once they are written, and at the end a final head and the cues behind the last cluster.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

CLUSTER_MS = 1000  # a cluster is what a crash may cost and what a live viewer waits for
AUDIO_TRACK, VIDEO_TRACK = 2, 1
USUAL_MS = {"audio": 20, "video": 33}  # how long a frame lasts where no next one tells

TrackName = Literal["audio", "video"]
VideoCodec = Literal["VP8", "H264"]


class Block(msgspec.Struct, frozen=True, gc=False):
    """One frame in its place: time in ms from the start of the epoch."""

    track: TrackName
    t_ms: int
    keyframe: bool
    data: bytes


class ParameterSets(msgspec.Struct, frozen=True):
    """What an H.264 decoder must know before the first picture: NAL units without start codes (ITU-T H.264 7.3.2)."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]

    @property
    def profile(self) -> bytes:
        """Profile, constraints and level: the three bytes behind the first unit's header."""
        return self.sps[0][1:4]


BASELINE = b"\x42\xe0\x1f"  # constrained baseline, level 3.1: what is negotiated, until a sender says more


class Shape(msgspec.Struct, frozen=True):
    """What the head needs: which streams there are, the picture's pixels, when (wall clock, ns) and what it is."""

    audio: bool
    video: bool
    width: int
    height: int
    start_wall_ns: int
    uid: bytes  # 16 bytes, the same for the same epoch
    codec: VideoCodec = "VP8"
    sets: ParameterSets | None = None  # of the first keyframe, once there was one

    @property
    def profile(self) -> bytes:
        """Profile, constraints and level of H.264."""
        return self.sets.profile if self.sets else BASELINE

    @property
    def mime(self) -> str:
        """The type a browser's MediaSource is asked for (RFC 6381)."""
        mp4 = self.video and self.codec == "H264"
        picture = f"avc3.{self.profile.hex().upper()}" if mp4 else "vp8"
        codecs = ",".join(name for name, there in ((picture, self.video), ("opus", self.audio)) if there)
        return f'{"video" if self.video else "audio"}/{"mp4" if mp4 else "webm"}; codecs="{codecs}"'


class CuePoint(msgspec.Struct, frozen=True):
    """A place to seek to: time in ms, offset of its cluster from the first cluster."""

    t_ms: int
    offset: int
    track: TrackName


class Container(Protocol):
    """How one kind of file is written; a module of functions, each of them decided by its arguments alone."""

    def head(self, shape: Shape) -> bytes:
        """All bytes before the first cluster while the file grows."""

    def cluster(self, n: int, blocks: Sequence[Block], end_ms: int) -> bytes:
        """The `n`th cluster; the times of its blocks do not fall, and no block behind them is before `end_ms`."""

    def closing(
        self, shape: Shape, points: Sequence[CuePoint], clusters_bytes: int, length_ms: int
    ) -> tuple[bytes, bytes]:
        """(final head, as long as the first one; cues) of a file with so many bytes of clusters."""


def media_type(mime: str) -> str:
    """`video/mp4` of `video/mp4; codecs="…"`."""
    return mime.partition(";")[0].strip()


def suffix(mime: str) -> str:
    """The ending of a file's name: `webm` or `mp4`."""
    return "mp4" if media_type(mime).endswith("/mp4") else "webm"
