"""A stream made thinner: what is left closes up, decodes, and no number ever stands for two things."""

import functools
import random
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from media import layers
from media.thinning import FULL, Share, Thinning
from recordings.depacketize import vp8_payload

PATTERN = (0, 2, 1, 2)  # temporal layers of one group, as browsers and libvpx send three


@functools.cache
def encoded(pictures: int, every: int) -> list[tuple[bytes, int, bool]]:
    """VP8 of three temporal layers: bytes, layer, keyframe."""
    context = av.CodecContext.create("libvpx", "w")
    context.width, context.height, context.pix_fmt = 160, 120, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 30), Fraction(30, 1)
    context.bit_rate, context.gop_size = 300_000, every
    layered = "ts_number_layers=3:ts_target_bitrate=120,180,300:ts_rate_decimator=4,2,1"
    layered += ":ts_periodicity=4:ts_layer_id=0,2,1,2:ts_layering_mode=3"
    context.options = {"deadline": "realtime", "lag-in-frames": "0", "error-resilient": "1", "ts-parameters": layered}
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    out = []
    for n in range(pictures):
        frame = av.VideoFrame.from_ndarray(np.roll(noise // 4 + 90, n * 3, axis=1).astype(np.uint8), format="rgb24")
        frame.pts, frame.time_base = n, context.time_base
        out += [(bytes(packet), PATTERN[n % 4], packet.is_keyframe) for packet in context.encode(frame)]
    return out


def packets(pictures: list[tuple[bytes, int, bool]], piece: int = 300) -> list[tuple[int, int, bytes]]:
    """(index, time stamp, payload), with picture ids, TL0PICIDX and layers as a browser writes them."""
    out, index, base = [], 70_000, 250
    for n, (data, layer, _) in enumerate(pictures):
        base += layer == 0
        for at in range(0, len(data), piece):
            head = 0x90 if at == 0 else 0x80
            numbers = struct.pack("!BHBB", 0xE0, 0x8000 | 0x7FF0 + n & 0x7FFF, base & 0xFF, layer << 6)
            out.append((index, n * 3000, bytes([head]) + numbers + data[at : at + piece]))
            index += 1
    return out


class Receiver:
    """What a viewer makes of it: pictures by id, and the rule that no number comes with two contents."""

    def __init__(self) -> None:
        self.numbers: dict[int, tuple[int, bytes] | None] = {}

    def take(self, share: Share, timestamp: int, payload: bytes) -> None:
        found = None if share.empty else (timestamp, layers.renumbered(payload, share.pictures, share.bases))
        assert share.number not in self.numbers, "a number came twice"
        self.numbers[share.number] = found

    def pictures(self) -> dict[int, list[bytes]]:
        """Payloads by time stamp, in the order of their numbers."""
        out: dict[int, list[bytes]] = {}
        for number in sorted(self.numbers):
            if (found := self.numbers[number]) is not None:
                out.setdefault(found[0], []).append(found[1])
        return out


def feed(thinning: Thinning, receiver: Receiver, each: tuple[int, int, bytes], *, afford: bool = True) -> Share | None:
    index, timestamp, payload = each
    layer, key = layers.temporal_layer(payload), layers.starts_keyframe(payload)
    share = thinning.take(index, timestamp, layer, key=key, media=bool(payload), afford=afford)
    if share is not None:
        receiver.take(share, timestamp, payload)
    return share


def decoded(pictures: dict[int, list[bytes]]) -> int:
    """How many pictures a decoder makes of them; it raises for one that lacks what it builds upon."""
    decoder = av.CodecContext.create("vp8", "r")
    count = 0
    for payloads in pictures.values():
        data = b"".join(parsed.data for payload in payloads if (parsed := vp8_payload(payload)) is not None)
        count += len(decoder.decode(av.Packet(data)))
    return count


@pytest.mark.parametrize(("level", "share"), [(2, 0.5), (1, 0.25)])
def test_what_is_left_decodes_and_its_numbers_close_up(level: int, share: float) -> None:
    thinning, receiver = Thinning(level, None), Receiver()
    pictures = encoded(120, 60)
    for each in packets(pictures):
        feed(thinning, receiver, each)
    seen = receiver.pictures()
    assert len(seen) == 120 * share
    assert decoded(seen) == len(seen)
    numbers = sorted(receiver.numbers)
    assert numbers == list(range(70_000, 70_000 + len(numbers)))
    ids = [layers.picture_id(payloads[0]) for payloads in seen.values()]
    first = ids[0]
    assert first is not None
    assert ids == [((first[0] + n) % (1 << 15), 1 << 15) for n in range(len(ids))]
    bases = [payloads[0][4] for payloads in seen.values() if layers.temporal_layer(payloads[0]) == 0]
    assert bases == [(251 + n) & 0xFF for n in range(len(bases))]


def test_the_pixels_are_those_of_the_whole_stream() -> None:
    thinning, receiver = Thinning(1, None), Receiver()
    pictures = encoded(40, 20)
    for each in packets(pictures):
        feed(thinning, receiver, each)
    whole, part = av.CodecContext.create("vp8", "r"), av.CodecContext.create("vp8", "r")
    thinned = receiver.pictures()
    for n, (data, _, _) in enumerate(pictures):
        [picture] = whole.decode(av.Packet(data))
        if n * 3000 in thinned:
            bytes_ = b"".join(p.data for each in thinned[n * 3000] if (p := vp8_payload(each)) is not None)
            [same] = part.decode(av.Packet(bytes_))
            assert np.array_equal(picture.to_ndarray(format="gray"), same.to_ndarray(format="gray")), n


def test_of_the_lowest_level_only_keyframes_pass_and_only_those_the_line_affords() -> None:
    thinning, receiver = Thinning(0, None), Receiver()
    pictures = encoded(90, 15)
    for each in packets(pictures):
        feed(thinning, receiver, each, afford=each[1] // 3000 % 30 == 0)
    assert [at // 3000 for at in receiver.pictures()] == [0, 30, 60]
    assert decoded(receiver.pictures()) == 3
    assert sorted(receiver.numbers) == list(range(70_000, 70_000 + len(receiver.numbers)))


def test_behind_a_keyframe_of_the_lowest_level_layer_0_goes_on_until_the_line_cannot_afford_one() -> None:
    thinning, receiver = Thinning(0, None), Receiver()
    for each in packets(encoded(96, 32)):
        n = each[1] // 3000 % 32
        feed(thinning, receiver, each, afford=n < 10 or n >= 16)
    seen = receiver.pictures()
    assert [at // 3000 for at in seen] == [key + n for key in (0, 32, 64) for n in (0, 4, 8)]
    assert decoded(seen) == 9
    assert sorted(receiver.numbers) == list(range(70_000, 70_000 + len(receiver.numbers)))


def test_a_lower_level_begins_with_any_picture_and_a_higher_one_with_a_keyframe() -> None:
    pictures = encoded(120, 40)
    stream = packets(pictures)
    thinning, receiver = Thinning(1, None), Receiver()
    for each in stream:
        picture = each[1] // 3000
        thinning.wanted = 1 if picture < 50 else 2 if picture < 100 else 0
        feed(thinning, receiver, each)
    seen = [at // 3000 for at in receiver.pictures()]
    assert seen == [*range(0, 80, 4), *range(80, 100, 2)]
    assert decoded(receiver.pictures()) == len(seen)


@pytest.mark.parametrize("seed", range(20))
def test_lost_and_late_packets_spoil_no_number_and_no_picture_that_came_whole(seed: int) -> None:
    dice = random.Random(seed)
    stream = packets(encoded(160, 40))
    thinning, receiver = Thinning(dice.choice([1, 2]), None), Receiver()
    arriving, late = [stream[0]], []
    for each in stream[1:]:
        if dice.random() < 0.1:
            late.append((len(arriving) + dice.randrange(1, 60), each))
        else:
            arriving.append(each)
        while late and late[0][0] <= len(arriving):
            arriving.append(late.pop(0)[1])
    sent: dict[int, tuple[int, Share]] = {}
    for each in [*arriving, *(each for _, each in late)]:
        share = feed(thinning, receiver, each)
        if share is not None:
            sent[share.number] = each[0], share
    assert all(thinning.sent(number & 0xFFFF) == found for number, found in list(sent.items())[-400:])
    assert sorted(receiver.numbers) == list(range(70_000, 70_000 + len(receiver.numbers))), "everything came in the end"
    layer_of = {n * 3000: PATTERN[n % 4] for n in range(160)}
    kept = receiver.pictures()
    assert all(layer_of[at] < thinning.level for at in kept)
    assert {at for at, layer in layer_of.items() if layer < thinning.level} == set(kept), "nothing wanted was left out"
    assert decoded(dict(sorted(kept.items()))) == len(kept)


def test_padding_is_left_out_and_what_lies_before_the_beginning_stays_as_it_was() -> None:
    thinning = Thinning(1, (70_005, 9000))
    assert thinning.take(70_003, 9000, 0, key=False, media=True, afford=True) == Share(70_003, 0, 0, False)
    assert thinning.take(70_006, 9000, 0, key=False, media=True, afford=True) == Share(70_006, 0, 0, False)
    assert thinning.take(70_007, 9000, 0, key=False, media=False, afford=True) is None
    assert thinning.take(70_008, 12_000, 0, key=False, media=True, afford=True) == Share(70_007, 0, 0, False)
    assert thinning.sent(70_003 & 0xFFFF) == (70_003, Share(70_003, 0, 0, False))
    assert thinning.sent(70_009 & 0xFFFF) is None
    assert thinning.level == 1 < FULL
