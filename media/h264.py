"""H.264 as browsers negotiate it (RFC 6184 §8, RFC 7742 §6.2), and where its keyframes start, without decoding. Pure.

VP8 comes first wherever it is offered; this is the way for browsers that can send nothing else (web views that leave
encoding to the phone's own hardware).
"""

from collections.abc import Iterable

from media.sdp import Codec

_SPS, _IDR, _STAP_A, _FU_A = 7, 5, 24, 28


def takeable(codecs: Iterable[Codec]) -> Codec | None:
    """The H.264 that every viewer with H.264 can decode: constrained baseline, else plain baseline, in packetization
    mode 1; None if there is none. Other profiles would go to viewers that were offered this one.
    """
    fitting = [(rank, codec) for codec in codecs if (rank := _rank(codec)) is not None]
    return min(fitting, key=lambda each: each[0])[1] if fitting else None


def _rank(codec: Codec) -> int | None:
    if codec.name.upper() != "H264" or codec.clock_rate != 90_000:
        return None
    profile = codec.parameters.get("profile-level-id", "420010")  # RFC 6184 §8.1: absent, it is baseline at level 1
    if codec.parameters.get("packetization-mode", "0") != "1" or not _is_hexadecimal(profile):
        return None
    kind, constraints = int(profile[:2], 16), int(profile[2:4], 16)
    # RFC 6184 table 5: constrained baseline has constraint_set1, and extended needs constraint_set0 as well.
    constrained = bool(constraints & 0x40) and kind in (0x42, 0x4D if constraints & 0x80 else 0x42)
    return 0 if constrained else 1 if kind == 0x42 else None


def _is_hexadecimal(profile: str) -> bool:
    return len(profile) == 6 and all(digit in "0123456789abcdefABCDEF" for digit in profile)


def starts_keyframe(payload: bytes) -> bool:
    """True for a packet in which a keyframe begins: parameter sets, or the first packet of an IDR picture that came
    without any. False for anything else, damaged bytes included.
    """
    return _begins(payload) is not None


def needs_before(payload: bytes) -> bool:
    """True for an IDR picture's first packet without parameter sets: if a packet or two before it are missing, those
    may have been there, and without them it cannot be decoded.
    """
    return _begins(payload) == _IDR


def _begins(payload: bytes) -> int | None:
    """The type of the unit that a keyframe begins with in this packet."""
    if len(payload) < 2:
        return None
    kind = payload[0] & 31
    if kind == _FU_A:
        kind = payload[1] & 31 if payload[1] & 0x80 else 0
    elif kind == _STAP_A:
        at = 1
        while at + 2 < len(payload):
            kind = payload[at + 2] & 31
            if kind in (_IDR, _SPS):
                break
            at += 2 + (payload[at] << 8 | payload[at + 1])
    return kind if kind in (_IDR, _SPS) else None


def nothing_between(last: bytes, first: bytes) -> bool:
    """Never certain: H.264 packets do not number their pictures, so each missing one may have carried one."""
    return False
