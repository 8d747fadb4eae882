"""What a VP8 payload descriptor tells without decoding (RFC 7741 §4.2): where pictures start, which are keyframes,
whether any lies between two packets, and which need no other of an upper layer.
"""

_SYNC = 0x20  # the Y bit
_UPPER = 0b1110  # layers 1 to 3


def starts_picture(payload: bytes) -> bool:
    """True for the first packet of a picture: S set, partition 0 (the N and R bits do not matter)."""
    return bool(payload) and payload[0] & 0x17 == 0x10


def starts_keyframe(payload: bytes) -> bool:
    """True for the first packet of a VP8 keyframe; False for anything else, damaged bytes included."""
    if not payload or payload[0] & 0x17 != 0x10:
        return False
    at = 1
    if payload[0] & 0x80:
        if len(payload) < 2:
            return False
        flags = payload[1]
        at = 2
        if flags & 0x80:
            at += 2 if len(payload) > at and payload[at] & 0x80 else 1
        at += (flags >> 6 & 1) + (1 if flags & 0x30 else 0)
    return len(payload) > at and not payload[at] & 1


def needs_before(payload: bytes) -> bool:
    """Never: a VP8 keyframe begins with its first packet."""
    return False


def picture_id(payload: bytes) -> tuple[int, int] | None:
    """(number, how many numbers there are before it wraps) of the picture, or None where the sender does not count."""
    if len(payload) < 3 or not payload[0] & 0x80 or not payload[1] & 0x80:
        return None
    if not payload[2] & 0x80:
        return payload[2], 1 << 7
    return ((payload[2] & 0x7F) << 8 | payload[3], 1 << 15) if len(payload) > 3 else None


def nothing_between(last: bytes, first: bytes) -> bool:
    """True when the packets missing between a picture's last packet and another's first carried no picture.

    A browser without a repair stream probes the path with padding on the picture's own sequence numbers, a fifth to a
    third of them; such a packet, once lost, is never sent again.
    """
    before, after = picture_id(last), picture_id(first)
    if before is None or after is None or before[1] != after[1] or not starts_picture(first):
        return False
    return (before[0] + 1) % before[1] == after[0]


def temporal_layer(payload: bytes) -> int:
    """Layer of the picture this packet belongs to; 0, which nobody can do without, where the sender has none."""
    if len(payload) < 2 or not payload[0] & 0x80 or not payload[1] & 0x20:
        return 0
    at = _after_picture_id(payload) + (payload[1] >> 6 & 1)
    return payload[at] >> 6 if len(payload) > at else 0


def renumbered(payload: bytes, pictures: int, bases: int) -> bytes:
    """The payload as if so many pictures before it, and so many of them of layer 0, had never been: its picture id and
    TL0PICIDX less that many, each in the width it has.
    """
    if len(payload) < 3 or not payload[0] & 0x80:
        return payload
    out, flags, at = bytearray(payload), payload[1], _after_picture_id(payload)
    found = picture_id(payload)
    if found is not None:
        number = (found[0] - pictures) % found[1]
        if found[1] == 1 << 7:
            out[2] = number
        else:
            out[2], out[3] = 0x80 | number >> 8, number & 0xFF
    if flags & 0x40 and len(out) > at:
        out[at] = out[at] - bases & 0xFF
    return bytes(out)


def synced(payload: bytes, bare: int) -> tuple[bytes, int]:
    """The payload, marked where its picture waits for no other of an upper layer, and which layers are bare now:
    without any picture since the last keyframe, as ``bare`` says it was before (a bit each).

    An encoder marks the first pictures of upper layers behind a keyframe, and later one in eight. If it leaves out one
    of the marked, as it does where a keyframe has taken the bits, browsers wait for it and show none of the upper
    layers until the next mark: half a second of every fourth picture. But nobody needs what was left out: while a
    layer is bare whoever refers to it gets the keyframe. (The first of layer 2 may also refer to one of layer 1 that is
    there: decoders take them in order.) Only a picture's first packet is looked at, by browsers too.
    """
    if not starts_picture(payload):
        return payload, bare
    if starts_keyframe(payload):
        return payload, _UPPER
    layer = temporal_layer(payload)
    still = bare & ~(1 << layer)
    if not bare & (2 << layer) - 1:
        return payload, still
    at = _after_picture_id(payload) + (payload[1] >> 6 & 1)
    return payload[:at] + bytes([payload[at] | _SYNC]) + payload[at + 1 :], still


def _after_picture_id(payload: bytes) -> int:
    """Where TL0PICIDX is, or would be."""
    if not payload[1] & 0x80:
        return 2
    return 4 if len(payload) > 2 and payload[2] & 0x80 else 3
