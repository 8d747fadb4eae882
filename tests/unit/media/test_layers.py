"""VP8 descriptors: a keyframe's first packet is known from every other."""

from hypothesis import given
from hypothesis import strategies as st

from media.layers import nothing_between, picture_id, renumbered, starts_keyframe, synced, temporal_layer
from tests.support.media_worker import LIBRARY


def test_keyframes_are_known_with_every_form_of_descriptor() -> None:
    key, other = b"\x10\x02\x00\x9d", b"\x11\x02\x00"
    for head in (
        b"\x10",
        b"\x90\x00",
        b"\x90\x80\x05",
        b"\x90\x80\x85\x01",
        b"\x90\xe0\x85\x01\x02\x20",
        b"\xb0\x20\x20",
    ):
        assert starts_keyframe(head + key), head.hex()
        assert not starts_keyframe(head + other), head.hex()


def test_later_packets_of_a_keyframe_do_not_start_one() -> None:
    assert not starts_keyframe(b"\x00\x10")
    assert not starts_keyframe(b"\x11\x10"), "another partition"


def test_consecutive_picture_numbers_show_that_nothing_lies_between() -> None:
    def packet(number: int, *, first: bool = True, long: bool = True) -> bytes:
        count = bytes([0x80 | number >> 8, number & 0xFF]) if long else bytes([number])
        return bytes([0x90 if first else 0x80, 0x80]) + count + b"\x01picture"

    assert picture_id(packet(300)) == (300, 1 << 15) and picture_id(packet(5, long=False)) == (5, 1 << 7)
    assert nothing_between(packet(300), packet(301)) and nothing_between(packet(0x7FFF), packet(0))
    assert nothing_between(packet(127, long=False), packet(0, long=False))
    assert not nothing_between(packet(300), packet(302)), "a picture is missing"
    assert not nothing_between(packet(300), packet(301, first=False)), "its first packet is missing"
    assert not nothing_between(packet(1), packet(2, long=False)), "another way of counting"
    assert not nothing_between(b"\x10\x01", b"\x10\x01"), "no count at all"


@given(st.binary(max_size=12), st.binary(max_size=12))
def test_arbitrary_bytes_have_an_answer(one: bytes, other: bytes) -> None:
    assert starts_keyframe(one) in (True, False)
    assert nothing_between(one, other) in (True, False)
    assert 0 <= temporal_layer(one) <= 3 and len(renumbered(one, 3, 2)) == len(one)


def test_pictures_that_wait_for_one_that_never_was_are_marked() -> None:
    def picture(layer: int, *, key: bool = False, sync: bool = False, first: bool = True) -> bytes:
        return bytes([0x90 if first else 0x80, 0xE0, 0x80, 7, 9, layer << 6 | sync << 5, not key])

    bare, marked = 0, []
    steps = [
        (picture(2), False),  # nobody knows what came before it
        (picture(0, key=True), False),
        (picture(2, sync=True), True),
        (picture(2), True),  # the encoder left out the marked one of layer 1
        (picture(0), False),
        (picture(2), True),
        (picture(1, first=False), False),
        (picture(1), True),
        (picture(2), False),
        (picture(1), False),
        (picture(0, key=True), False),
        (picture(1, sync=True), True),  # the encoder left out the marked one of layer 2
        (picture(2), True),
        (picture(0), False),
        (picture(2), False),
    ]
    for payload, expected in steps:
        shown, bare = synced(payload, bare)
        assert shown[:5] + shown[6:] == payload[:5] + payload[6:]
        marked.append(bool(shown[5] & 0x20))
        assert marked[-1] == expected, len(marked)


descriptors = st.builds(
    lambda head, rest: bytes([head]) + rest, st.sampled_from([0x90, 0x80, 0x10, 0x00, 0xB0]), st.binary(max_size=9)
)


@given(
    st.lists(st.one_of(st.binary(max_size=9), descriptors), max_size=12), st.integers(0, 7).map(lambda bits: 2 * bits)
)
def test_the_compiled_code_marks_what_python_marks(payloads: list[bytes], bare: int) -> None:
    assert LIBRARY is not None
    kept = LIBRARY.ffi.new("uint8_t *", bare)
    for payload in payloads:
        shown, bare = synced(payload, bare)
        body = LIBRARY.ffi.new("uint8_t[]", payload or b"\0")
        at = LIBRARY.lib.fp_sync(body, len(payload), kept)
        assert bytes(LIBRARY.ffi.buffer(body, len(payload))) == shown and kept[0] == bare
        changed = [place for place, (a, b) in enumerate(zip(payload, shown, strict=True)) if a != b]
        assert changed == ([at - 1] if at else [])


@given(st.integers(0, 0x7FFF), st.integers(0, 255), st.integers(0, 3), st.integers(0, 0x7FFF), st.integers(0, 255))
def test_numbers_close_up_in_the_width_they_have(number: int, base: int, layer: int, less: int, bases: int) -> None:
    def payload(number: int, base: int, long: bool) -> bytes:
        count = bytes([0x80 | number >> 8, number & 0xFF]) if long else bytes([number & 0x7F])
        return bytes([0x90, 0xE0]) + count + bytes([base, layer << 6 | 0x3F]) + b"\x10picture"

    for long, wrap in ((True, 1 << 15), (False, 1 << 7)):
        whole = payload(number, base, long)
        assert temporal_layer(whole) == layer
        closed = renumbered(whole, less, bases)
        assert closed == payload((number - less) % wrap, base - bases & 0xFF, long)
        assert starts_keyframe(closed) == starts_keyframe(whole)


def test_what_has_no_numbers_is_left_alone() -> None:
    for bare in (b"", b"\x10", b"\x10\x01picture", b"\x90\x00\x01", b"\x90\x20\xbf\x01"):
        assert renumbered(bare, 5, 5) == bare
    assert temporal_layer(b"\x90\x20\x80\x01") == 2 and temporal_layer(b"\x10\x80\x80") == 0
