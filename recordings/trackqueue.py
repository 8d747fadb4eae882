"""One track of an epoch on its way into a file: its order, its frames, its clock, and the frames that wait. Pure."""

import struct
from collections import deque
from collections.abc import Callable, Sequence

from recordings.container import TrackName
from recordings.depacketize import Frame, Frames, LostFrame, OpusFrames, Reorder, Vp8Frames
from recordings.h264 import H264Frames
from recordings.journal import Codec, Packet
from recordings.mediaclock import MediaClock

RUN_BREAK_MS = 1000  # a pause of this length ends a run of picture or sound; shorter ones nobody calls an interruption
_FRAMES: dict[Codec, Callable[[], Frames]] = {"opus": OpusFrames, "VP8": Vp8Frames, "H264": H264Frames}
_HEAD = struct.Struct(">HH12s")  # RFC 3550 5.1: flags and type; sequence number; times, SSRC, head of the extension
# Head, place and bytes of the payload's descriptor, place of what follows: no packet is that long.
_MARKER = 0x80
_NONE = (0, b""), 0, b"", 1 << 30


class TrackQueue:
    """What the muxer knows of one track."""

    def __init__(self, kind: TrackName, codec: Codec, clock_rate: int) -> None:
        self.kind = kind
        self.reorder = Reorder()
        self.frames: Frames = _FRAMES[codec]()
        self.clock = MediaClock(clock_rate)
        self.waiting: deque[tuple[int, Frame]] = deque()
        self.sender_offset_ns: int | None = None
        self.lost_packets = 0
        self.lost_frames = 0
        self.written = 0  # frames
        self._vp8 = self.frames if isinstance(self.frames, Vp8Frames) else None
        self._middle = _NONE
        self.runs: list[list[int]] = []

    def continues(self, packet: Packet) -> Sequence[Frame | LostFrame] | None:
        """Take the packet if it came in turn and continues or ends a picture, as most do: then what was read of the one
        before need not be read again. None if not, and nothing was done.
        """
        rtp = packet.rtp
        head, start, descriptor, at = self._middle
        if len(rtp) <= at or not rtp.startswith(descriptor, start):
            return None
        first, sequence, rest = _HEAD.unpack_from(rtp)
        if (first & ~_MARKER, rest) != head or self._vp8 is None or not self.reorder.steps(sequence):
            return None
        if first & _MARKER:
            self._middle = _NONE
            return self._vp8.more(rtp[at:], packet.mono_ns, True)
        return self._vp8.more(rtp[at:], packet.mono_ns, False)

    def learn(self, rtp: bytes) -> None:
        """What the packet behind this one, which was the newest in order, has to look like to continue its picture."""
        descriptor = self._vp8.descriptor if self._vp8 else None
        if descriptor is None or rtp[0] != 0x90:
            self._middle = _NONE
        else:  # the twelve bytes behind the sequence number say where the payload begins
            first, _, rest = _HEAD.unpack_from(rtp)
            start = 16 + 4 * (rtp[14] << 8 | rtp[15])
            self._middle = (first, rest), start, descriptor, start + len(descriptor)

    def forget(self) -> None:
        """Something else came in between."""
        self._middle = _NONE

    def note(self, t_ms: int) -> None:
        self.written += 1
        if self.runs and t_ms - self.runs[-1][1] < RUN_BREAK_MS:
            self.runs[-1][1] = t_ms
        else:
            self.runs.append([t_ms, t_ms])
