"""A small WebM writer: VP8 and Opus, every byte decided by what goes in (RFC 8794 EBML, RFC 9559 Matroska).

    EBML header · Segment( Void · Info · Tracks · Cluster* · Cues )

The head (all before the first cluster) has one length for ever. While the file grows, the Segment's size is unknown,
the place of the SeekHead and that of the Duration are Void; closing fills both, corrects the picture's size, and adds
the Cues behind the last cluster. No byte of a cluster changes, so their hashes stand from the moment they are written.

Time stamps are whole milliseconds. Opus has no pre-skip and CodecDelay 0: with FFmpeg's usual delay the blocks of sound
and picture are no longer in time order and Chromium's MediaSource refuses them.
"""

import struct
from collections.abc import Sequence

import msgspec

from recordings.container import AUDIO_TRACK, VIDEO_TRACK, Block, CuePoint, Shape

_APP = "yuankan"
_BLOCK = struct.Struct(">BhB")
_USUAL_BLOCK = struct.Struct(">BHBhB")  # the same behind the identity of an element and a size of two bytes
_UNKNOWN_SIZE = b"\x01\xff\xff\xff\xff\xff\xff\xff"
_SEEK_ROOM = 96  # bytes kept for the SeekHead: three entries of 21 bytes and their frame
_EPOCH_2001_NS = 978_307_200_000_000_000  # DateUTC counts from 2001 (RFC 9559 5.1.2.11)
_INFO, _TRACKS, _CUES = b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b", b"\x1c\x53\xbb\x6b"


def size(value: int, length: int = 0) -> bytes:
    """An EBML element size, in as few bytes as hold it or in `length` bytes (RFC 8794 4)."""
    width = length or next(n for n in range(1, 9) if value < (1 << 7 * n) - 1)
    return ((1 << 7 * width) | value).to_bytes(width, "big")


def element(identity: bytes, body: bytes) -> bytes:
    return identity + size(len(body)) + body


def _uint(identity: bytes, value: int) -> bytes:
    return element(identity, _shortest(value))


def void(length: int) -> bytes:
    """A Void element of exactly `length` ≥ 2 bytes."""
    width = 1 if length < 128 else 8
    return b"\xec" + size(length - 1 - width, width) + bytes(length - 1 - width)


class Closing(msgspec.Struct, frozen=True):
    """What is known at the end: bytes of clusters and of cues, length in ms."""

    clusters_bytes: int
    cues_bytes: int
    length_ms: int


def _seek(identity: bytes, position: int) -> bytes:
    # SeekPosition in 8 bytes, so that the length does not depend on where things lie.
    return element(b"\x4d\xbb", element(b"\x53\xab", identity) + element(b"\x53\xac", position.to_bytes(8, "big")))


def _tracks(shape: Shape) -> bytes:
    entries = b""
    if shape.video:
        # Two bytes each: a size corrected at the end must not move anything.
        video = element(b"\xb0", struct.pack(">H", shape.width)) + element(b"\xba", struct.pack(">H", shape.height))
        entries += element(
            b"\xae",
            _uint(b"\xd7", VIDEO_TRACK)
            + element(b"\x73\xc5", shape.uid[:4] + bytes((VIDEO_TRACK,)))
            + _uint(b"\x83", 1)
            + _uint(b"\x9c", 0)
            + element(b"\x86", b"V_VP8")
            + element(b"\xe0", video),
        )
    if shape.audio:
        head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 0, 48_000, 0, 0)  # RFC 7845 5.1; pre-skip 0
        audio = element(b"\xb5", struct.pack(">d", 48_000.0)) + _uint(b"\x9f", 2)
        entries += element(
            b"\xae",
            _uint(b"\xd7", AUDIO_TRACK)
            + element(b"\x73\xc5", shape.uid[:4] + bytes((AUDIO_TRACK,)))
            + _uint(b"\x83", 2)
            + _uint(b"\x9c", 0)
            + element(b"\x86", b"A_OPUS")
            + _uint(b"\x56\xaa", 0)
            + _uint(b"\x56\xbb", 80_000_000)
            + element(b"\x63\xa2", head)
            + element(b"\xe1", audio),
        )
    return element(_TRACKS, entries)


def head(shape: Shape, closing: Closing | None = None) -> bytes:
    """All bytes before the first cluster: of a growing file, or (same length) of a closed one."""
    ebml = element(
        b"\x1a\x45\xdf\xa3",
        _uint(b"\x42\x86", 1)
        + _uint(b"\x42\xf7", 1)
        + _uint(b"\x42\xf2", 4)
        + _uint(b"\x42\xf3", 8)
        + element(b"\x42\x82", b"webm")
        + _uint(b"\x42\x87", 4)
        + _uint(b"\x42\x85", 2),
    )
    duration = void(11) if closing is None else element(b"\x44\x89", struct.pack(">d", float(closing.length_ms)))
    info = element(
        _INFO,
        _uint(b"\x2a\xd7\xb1", 1_000_000)
        + duration
        + element(b"\x44\x61", (shape.start_wall_ns - _EPOCH_2001_NS).to_bytes(8, "big", signed=True))
        + element(b"\x73\xa4", shape.uid)
        + element(b"\x4d\x80", _APP.encode())
        + element(b"\x57\x41", _APP.encode()),
    )
    tracks = _tracks(shape)
    after = info + tracks
    if closing is None:
        return ebml + b"\x18\x53\x80\x67" + _UNKNOWN_SIZE + void(_SEEK_ROOM) + after
    clusters_at = _SEEK_ROOM + len(after)
    seek = element(
        b"\x11\x4d\x9b\x74",
        _seek(_INFO, _SEEK_ROOM)
        + _seek(_TRACKS, _SEEK_ROOM + len(info))
        + _seek(_CUES, clusters_at + closing.clusters_bytes),
    )
    total = clusters_at + closing.clusters_bytes + closing.cues_bytes
    return ebml + b"\x18\x53\x80\x67" + size(total, 8) + seek + void(_SEEK_ROOM - len(seek)) + after


def cluster(n: int, blocks: Sequence[Block], end_ms: int) -> bytes:
    """One cluster; block times must not fall and lie within 32 s (RFC 9559 10.2). WebM needs neither number nor end."""
    t_ms = blocks[0].t_ms
    parts = [b"", _uint(b"\xe7", t_ms)]
    for block in blocks:
        number = 0x80 | (VIDEO_TRACK if block.track == "video" else AUDIO_TRACK)
        flags, length = 0x80 if block.keyframe else 0, _BLOCK.size + len(block.data)
        if 127 <= length < 0x3FFF:  # most frames
            parts.append(_USUAL_BLOCK.pack(0xA3, 0x4000 | length, number, block.t_ms - t_ms, flags))
        else:
            parts += (b"\xa3", size(length), _BLOCK.pack(number, block.t_ms - t_ms, flags))
        parts.append(block.data)
    parts[0] = b"\x1f\x43\xb6\x75" + size(sum(map(len, parts)))  # joined at once: the frames are copied only here
    return b"".join(parts)


def closing(shape: Shape, points: Sequence[CuePoint], clusters_bytes: int, length_ms: int) -> tuple[bytes, bytes]:
    """(final head, cues)."""
    index = cues(shape, points)
    return head(shape, Closing(clusters_bytes, len(index), length_ms)), index


def cues(shape: Shape, points: Sequence[CuePoint]) -> bytes:
    """The index behind the last cluster; a file without any still gets one point, as Cues must not be empty."""
    start = len(head(shape)) - _segment_data_at(shape)
    found = points or [CuePoint(0, 0, "video" if shape.video else "audio")]
    return element(_CUES, b"".join(_point(point, start + point.offset) for point in found))


def _point(point: CuePoint, position: int) -> bytes:
    """One CuePoint (RFC 9559 5.1.5.1); an hour has thousands, and none of its parts has more bytes than one says."""
    number = VIDEO_TRACK if point.track == "video" else AUDIO_TRACK
    time, place = _shortest(point.t_ms), _shortest(position)
    inner = b"\xf7\x81%c\xf1%c%b" % (number, 0x80 | len(place), place)
    return b"\xbb%c\xb3%c%b\xb7%c%b" % (
        0x80 | 4 + len(time) + len(inner), 0x80 | len(time), time, 0x80 | len(inner), inner
    )  # fmt: skip


def _shortest(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _segment_data_at(shape: Shape) -> int:
    return head(shape).index(b"\x18\x53\x80\x67") + 4 + len(_UNKNOWN_SIZE)
