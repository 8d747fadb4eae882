"""A small writer of fragmented MP4: H.264 and Opus, every byte decided by what goes in (ISO/IEC 14496-12).

    ftyp · moov · free · (moof · mdat)* · mfra

A fragment is a cluster: its offsets count from its own beginning and its times are absolute, so it can be appended to a
MediaSource in any order. The head has one length for ever. Closing writes the file's length and the first keyframe's
parameter sets into it and the table of keyframes behind the last fragment; no byte of a fragment changes.

Pictures are `avc3`: parameter sets stay in the stream (ISO/IEC 14496-15 5.3.3), because a phone that is turned sends
other ones. Opus has no pre-skip, as in our WebM ("Encapsulation of Opus in ISO Base Media File Format" 4.3).
"""

import struct
from collections.abc import Sequence

import msgspec

from recordings.container import AUDIO_TRACK, USUAL_MS, VIDEO_TRACK, Block, CuePoint, Shape, TrackName

_RATE: dict[TrackName, int] = {"video": 90, "audio": 48}  # ticks of a track's clock in a millisecond
_NUMBER: dict[TrackName, int] = {"video": VIDEO_TRACK, "audio": AUDIO_TRACK}
_EPOCH_1904_S = 2_082_844_800  # creation times count seconds from 1904 (8.2.2)
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED = 0x55C4  # ISO 639-2/T "und" in five bits a letter
_SYNC, _NOT_SYNC = 0x02000000, 0x01010000  # sample flags (8.8.3.1): depends on no other; depends, no place to start
_MOOF_RELATIVE, _DEFAULT_FLAGS = 0x020000, 0x20  # tfhd
_OFFSET, _DURATIONS, _SIZES, _FLAGS = 0x1, 0x100, 0x200, 0x400  # trun
_PREROLL = -4  # packets of 20 ms a decoder hears before its sound is right: 80 ms, as in WebM's SeekPreRoll
_LONGEST_MS = 1000  # what the last picture of a cluster lasts at most: beyond that there was none
_HEAD_BYTES = 2048  # of every head: ours have 1,200 and the parameter sets of the first keyframe
_HIGH = frozenset({100, 110, 122, 144})  # profiles whose configuration tells the chroma format


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def _full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def head(shape: Shape) -> bytes:
    """All bytes before the first fragment of a growing file."""
    return _head(shape, box(b"free", bytes(12)))


def _head(shape: Shape, length: bytes) -> bytes:
    written = _described(shape, length)
    if len(written) > _HEAD_BYTES - 8:  # parameter sets of a size nobody needs: they are in the stream as well
        written = _described(msgspec.structs.replace(shape, sets=None), length)
    return written + box(b"free", bytes(_HEAD_BYTES - 8 - len(written)))


def _described(shape: Shape, length: bytes) -> bytes:
    created = shape.start_wall_ns // 1_000_000_000 + _EPOCH_1904_S
    movie = struct.pack(">QQIQIH10x", created, created, 1000, 0, 0x10000, 0x100)
    there = {"video": shape.video, "audio": shape.audio}
    names = [name for name in _NUMBER if there[name]]
    tracks = [_track(shape, name, created) for name in names]
    defaults = [_full(b"trex", 0, 0, struct.pack(">5I", _NUMBER[name], 1, 0, 0, 0)) for name in names]
    return box(b"ftyp", b"iso6", struct.pack(">I", 0), b"iso6mp41") + box(
        b"moov",
        _full(b"mvhd", 1, 0, movie, _MATRIX, bytes(24), struct.pack(">I", 3)),
        *tracks,
        box(b"mvex", length, *defaults),
    )


def _track(shape: Shape, name: TrackName, created: int) -> bytes:
    video = name == "video"
    size = (shape.width << 16, shape.height << 16) if video else (0, 0)
    handler = (b"vide", b"video\0") if video else (b"soun", b"sound\0")
    kind = _full(b"vmhd", 0, 1, bytes(8)) if video else _full(b"smhd", 0, 0, bytes(4))
    place = box(b"dinf", _full(b"dref", 0, 0, struct.pack(">I", 1), _full(b"url ", 0, 1)))
    samples = box(
        b"stbl",
        _full(b"stsd", 0, 0, struct.pack(">I", 1), _avc(shape) if video else _opus()),
        *(_full(name, 0, 0, bytes(4)) for name in (b"stts", b"stsc")),
        _full(b"stsz", 0, 0, bytes(8)),
        _full(b"stco", 0, 0, bytes(4)),
        b"" if video else _full(b"sgpd", 1, 0, b"roll", struct.pack(">IIh", 2, 1, _PREROLL)),
    )
    header = struct.pack(">QQIIQ8xhhH2x", created, created, _NUMBER[name], 0, 0, 0, 0, 0 if video else 0x100)
    media = struct.pack(">QQIQHH", created, created, _RATE[name] * 1000, 0, _UNDETERMINED, 0)
    return box(
        b"trak",
        _full(b"tkhd", 1, 7, header, _MATRIX, struct.pack(">II", *size)),
        box(
            b"mdia",
            _full(b"mdhd", 1, 0, media),
            _full(b"hdlr", 0, 0, bytes(4), handler[0], bytes(12), handler[1]),
            box(b"minf", kind, place, samples),
        ),
    )


def _avc(shape: Shape) -> bytes:
    """The sample entry; a head written before the first keyframe has no parameter sets in it, and needs none."""
    sps, pps = (shape.sets.sps, shape.sets.pps) if shape.sets else ((), ())
    configuration = b"\x01" + shape.profile + bytes((0xFF, 0xE0 | len(sps)))
    configuration += b"".join(struct.pack(">H", len(unit)) + unit for unit in sps) + bytes((len(pps),))
    configuration += b"".join(struct.pack(">H", len(unit)) + unit for unit in pps)
    if shape.profile[0] in _HIGH:
        configuration += b"\xfd\xf8\xf8\x00"  # 4:2:0, 8 bits, 8 bits, no extensions
    picture = struct.pack(">6xH16xHHIIIH32xHh", 1, shape.width, shape.height, 0x480000, 0x480000, 0, 1, 24, -1)
    # Square pixels, told as 2 : 2: where nothing or 1 : 1 is told, Chromium stretches the pictures of a phone that is
    # turned to the proportions in the track's header.
    return box(b"avc3", picture, box(b"avcC", configuration), box(b"pasp", struct.pack(">II", 2, 2)))


def _opus() -> bytes:
    sound = struct.pack(">6xH8xHHIHH", 1, 2, 16, 0, 48_000, 0)
    return box(b"Opus", sound, box(b"dOps", struct.pack(">BBHIhB", 0, 2, 0, 48_000, 0, 0)))


def cluster(n: int, blocks: Sequence[Block], end_ms: int) -> bytes:
    """One fragment: the pictures, then the sounds.

    A sample lasts to the next one of its track; the last one to `end_ms`, which its successor does not come before.
    """
    tracks: list[list[Block]] = [[block for block in blocks if block.track == name] for name in ("video", "audio")]
    tracks = [track for track in tracks if track]
    size = len(_moof(n, tracks, end_ms, 0))
    return _moof(n, tracks, end_ms, size + 8) + box(b"mdat", *(block.data for track in tracks for block in track))


def _moof(n: int, tracks: Sequence[Sequence[Block]], end_ms: int, data_at: int) -> bytes:
    parts = [_full(b"mfhd", 0, 0, struct.pack(">I", n + 1))]
    for track in tracks:
        parts.append(_traf(track, end_ms, data_at))
        data_at += sum(len(block.data) for block in track)
    return box(b"moof", *parts)


def _traf(track: Sequence[Block], end_ms: int, data_at: int) -> bytes:
    name = track[0].track
    video = name == "video"
    last = track[-1].t_ms
    rest = min(end_ms - last, _LONGEST_MS) if video else USUAL_MS["audio"]
    times = [block.t_ms for block in track] + [last + max(1, rest)]
    samples: list[int] = []
    for place, block in enumerate(track):
        samples += ((times[place + 1] - block.t_ms) * _RATE[name], len(block.data))
        if video:
            samples.append(_SYNC if block.keyframe else _NOT_SYNC)
    number = struct.pack(">I", _NUMBER[name])
    begin = (
        _full(b"tfhd", 0, _MOOF_RELATIVE, number)
        if video
        else _full(b"tfhd", 0, _MOOF_RELATIVE | _DEFAULT_FLAGS, number, struct.pack(">I", _SYNC))
    )
    flags = _OFFSET | _DURATIONS | _SIZES | (_FLAGS if video else 0)
    return box(
        b"traf",
        begin,
        _full(b"tfdt", 1, 0, struct.pack(">Q", times[0] * _RATE[name])),
        b"" if video else _full(b"sbgp", 0, 0, b"roll", struct.pack(">III", 1, len(track), 1)),
        _full(b"trun", 0, flags, struct.pack(f">II{len(samples)}I", len(track), data_at, *samples)),
    )


def closing(shape: Shape, points: Sequence[CuePoint], clusters_bytes: int, length_ms: int) -> tuple[bytes, bytes]:
    """(final head, cues): the length in front, the table of keyframes (8.8.9) at the end.

    There is no segment index (8.16.3): FFmpeg takes each piece that one names for a single fragment that begins with a
    keyframe, and without one finds every fragment by itself.
    """
    front = _head(shape, _full(b"mehd", 1, 0, struct.pack(">Q", length_ms)))
    leading: TrackName = "video" if shape.video else "audio"
    # Of a keyframe's cluster the keyframe is the first sample of the first run.
    rows = [struct.pack(">QQBBB", point.t_ms * _RATE[leading], len(front) + point.offset, 1, 1, 1) for point in points]
    table = _full(b"tfra", 1, 0, struct.pack(">III", _NUMBER[leading], 0, len(rows)), *rows)
    return front, box(b"mfra", table, _full(b"mfro", 0, 0, struct.pack(">I", 8 + len(table) + 16)))
