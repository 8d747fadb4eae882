"""What a VP8 payload descriptor tells without decoding (RFC 7741 §4.2): where a picture starts, and whether it is a
keyframe.
"""


def starts_keyframe(payload: bytes) -> bool:
    """True for the first packet of a VP8 keyframe; False for anything else, damaged bytes included."""
    if not payload or payload[0] & 0x17 != 0x10:  # S set, partition 0; the N and R bits do not matter
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
