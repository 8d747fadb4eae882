"""A stream of pictures made thinner for a viewer whose line cannot carry it, so that what is left decodes.

Theory of operation. The fewer pictures a viewer gets, the more of their numbers must close up: a gap in the sequence
numbers is asked for again, a gap in the picture ids is waited for. So each picture is let through or left out as a
whole, when its first packet comes; what is left out takes no number.

    level 3   everything (then nothing of this is in a packet's way)
    level 2   without the topmost of three temporal layers: half the pictures
    level 1   layer 0: a quarter
    level 0   keyframes, as often as the line carries one, and what it carries of layer 0 right behind each

No picture needs one of a higher layer, so a lower level begins with any picture; a higher one begins with a keyframe.
Of a sender without layers all is layer 0, so levels 1 and 2 are no less than the whole.

A packet that is missing keeps a number, since nobody knows to what it belongs. If it comes and belongs to what was left
out, padding takes that number. Pure: packets in, numbers out.
"""

from dataclasses import dataclass

FULL = 3
_KEPT = 1024  # numbers that may be asked for again, as cache.PACKETS
_PICTURES = 256  # whose late packets may still come


@dataclass(frozen=True, slots=True)
class Share:
    """What a packet comes to: its number without wraps, and by how much its picture's numbers close up."""

    number: int
    pictures: int
    bases: int
    empty: bool
    """Padding in its place."""


@dataclass(frozen=True, slots=True)
class _Picture:
    out: bool
    pictures: int
    bases: int


class Thinning:
    """The numbers of one stream to one viewer. ``level`` is what is let through now; ``wanted`` what will be."""

    def __init__(self, level: int, newest: tuple[int, int] | None) -> None:
        """Begin behind the packet with this index and time stamp, whose picture is still let through; None: with the
        first packet there is.
        """
        self.level = self.wanted = level
        self._newest = self._begun = newest[0] if newest is not None else None
        self._unbroken = False  # on level 0: a keyframe and all of layer 0 behind it were let through
        self._gap = self._pictures = self._bases = 0
        self._latest = newest[1] if newest is not None else -1
        self._seen: dict[int, _Picture] = {self._latest: _Picture(False, 0, 0)}
        self._shares: dict[int, Share] = {}
        self._indexes: dict[int, int] = {}  # by 16-bit number

    @property
    def wider(self) -> bool:
        """Whether the next keyframe brings a higher level."""
        return self.wanted > self.level

    @property
    def broken(self) -> bool:
        """Whether nothing but a keyframe can be let through."""
        return self.level == 0 and not self._unbroken

    def take(self, index: int, timestamp: int, layer: int, *, key: bool, media: bool, afford: bool) -> Share | None:
        """What to send for the packet with this index, or None. ``key``: it begins a keyframe; ``media``: it holds more
        than padding; ``afford``: the line could take another picture now.
        """
        if self._newest is None or self._begun is None:
            self._newest = self._begun = index - 1
        if index <= self._newest:
            return self._late(index, timestamp, layer, media=media)
        picture = self._seen.get(timestamp)
        inside = picture is not None and picture.out and timestamp == self._latest
        for missing in range(max(self._newest + 1, index - _KEPT), index):
            if inside:
                self._gap += 1  # between packets of a picture that is left out
            else:
                self._keep(missing, Share(missing - self._gap, self._pictures, self._bases, False))
        self._newest = index
        if picture is None and media:
            picture = self._judge(timestamp, layer, key=key, afford=afford)
        if picture is None or picture.out or not media:
            self._gap += 1
            return None
        return self._keep(index, Share(index - self._gap, picture.pictures, picture.bases, False))

    def _judge(self, timestamp: int, layer: int, *, key: bool, afford: bool) -> _Picture:
        if key:
            self.level = self.wanted
        self.level = min(self.level, self.wanted)
        if self.level == 0:
            out = not afford or not (key or (layer == 0 and self._unbroken))
            self._unbroken = not out if key or layer == 0 else self._unbroken
        else:
            out, self._unbroken = layer >= self.level, False
        picture = _Picture(out, self._pictures, self._bases)
        if out:
            self._pictures += 1
            self._bases += layer == 0
        self._seen[timestamp] = picture
        self._latest = timestamp
        if len(self._seen) > _PICTURES:
            del self._seen[next(iter(self._seen))]
        return picture

    def _late(self, index: int, timestamp: int, layer: int, *, media: bool) -> Share | None:
        if self._begun is None or index <= self._begun:
            return Share(index, 0, 0, False)  # as it came: so it would be sent again (``sent``)
        share = self._shares.get(index)
        if share is None:
            return None
        picture = self._seen.get(timestamp)
        out = layer >= max(1, self.level) or self.level == 0 if picture is None else picture.out
        pictures, bases = (share.pictures, share.bases) if picture is None else (picture.pictures, picture.bases)
        return self._keep(index, Share(share.number, pictures, bases, out or not media))

    def _keep(self, index: int, share: Share) -> Share:
        self._shares[index] = share
        self._indexes[share.number & 0xFFFF] = index
        while len(self._shares) > _KEPT:
            oldest = next(iter(self._shares))
            number = self._shares.pop(oldest).number & 0xFFFF
            if self._indexes.get(number) == oldest:
                del self._indexes[number]
        return share

    def sent(self, number: int) -> tuple[int, Share] | None:
        """The index of the packet that has this 16-bit number at the viewer, and what it came to."""
        index = self._indexes.get(number)
        if index is not None:
            return index, self._shares[index]
        if self._begun is None:
            return None
        before = self._begun + ((number - self._begun + 0x8000) & 0xFFFF) - 0x8000
        return (before, Share(before, 0, 0, False)) if before <= self._begun else None
