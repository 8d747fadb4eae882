"""Whether a picture and a line are good enough to inspect by: the judgement, without the measuring.

Theory of operation. `media.picture` measures one keyframe in the sandbox; here the measures become at most one finding,
the gravest first, because people can follow one piece of advice at a time:

    covered   the lens sees nothing: black, or the even red that a finger lets through
    dark      there is a scene, and too little light on it
    fast      smeared, and what was seen moved since the picture before
    blurred   smeared, though nothing moved: out of focus or a dirty lens
    still     picture after picture shows the same: nobody holds the phone, or the camera stands

A finding is raised by two looks in a row that say so and withdrawn by two that do not; while it stands its threshold is
eased, so a picture on the edge does not make the advice flicker. A line is judged likewise, from the figures of
`media.figures`. Pure, and free of OpenCV: the worker judges, only the sandbox measures.

The thresholds come from made rooms, photographs, smears, dusk and covered lenses, encoded as VP8 at 720p from 0.4 to
1.5 Mbit/s; tests/unit/media/test_picture.py makes them again.
"""

import math

import msgspec

from media.contract import LegStats, PictureFinding

# Brightness is the mean of luma stretched to 0..255. Lit rooms measure 65 to 120, the same at a third of the light 40,
# at a fifth 22. A phone raises its gain by itself, so what still comes out so dark is dark to people too.
DARK, DARK_EASED = 42.0, 50.0
# Share of the 16 × 9 cells in which nothing stands out. A covered lens has 1, a lit room 0 to 0.3, a cellar with one
# lamp up to 0.95.
BLIND, BLIND_EASED = 0.97, 0.93
# Nothing stands out and it is as dark as this: no camera in a room with any light sees that.
BLACK, BLACK_EASED = 25.0, 32.0
# Mean of Cr less 128. A finger before a lamp has 25 to 60; a grey wall close by has 0, and is no finger.
FINGER_RED = 14.0
FINGER_BRIGHTNESS = 130.0  # a tiled wall in warm light fills the picture evenly too, and is brighter
# Crete and others, "The blur effect", SPIE 6492 (2007), at 640 pixels' width: 0 sharp, 1 smeared. Sharp ones measure
# 0.11 to 0.33, a smear of 12 pixels of 1280 or a focus missed by 4 measures 0.42 to 0.58. What an encoder does to the
# smallest keyframes looks like edges, so below 5 kB a smear may pass for sharp; nothing sharp passes for smeared.
BLUR, BLUR_EASED = 0.42, 0.38
# Mean difference of two pictures at 32 × 18, 0..255, brightness taken out: the same place 0 to 1, a step aside over 7.
MOVED = 6.0
# Mean difference at 320 pixels' width, 0..255. The same place encoded twice differs by 0.3 to 2.7, whether it is one
# picture or a sensor's noise with it; a phone in the hand by 5 and more.
STILL, STILL_EASED = 2.7, 4.0

LOOKS = 2  # in a row, to raise a finding and to withdraw it
STILL_LOOKS = 5  # ten seconds and more: whoever films a label stands still for some

# Share of packets lost for good (sending) or before repair (receiving), over two seconds; at 5 % nobody notices.
WEAK_LOSS, WEAK_LOSS_EASED = 0.1, 0.05
# kbit/s of sound and a camera that sees something. A keyframe of such a picture every two seconds alone is as much: a
# browser that sends less has given up on the picture.
WEAK_KBPS, WEAK_KBPS_EASED = 60.0, 120.0
WEAK_AFTER, WELL_AFTER = 3, 5  # intervals of two seconds: a weak line has good moments, and a good one bad ones


class Measures(msgspec.Struct, frozen=True, gc=False):
    """What one keyframe shows. `brightness` 0..255; `red`: mean of Cr less 128; `blind`: share of cells, 0..1; `blur`
    0..1 in its worse direction; `moved` and `changed` 0..255 against the source's picture before, -1 without one.
    """

    width: int
    height: int
    brightness: float
    red: float
    blind: float
    blur: float
    moved: float
    changed: float

    @property
    def possible(self) -> bool:
        """Whether every figure is one that a picture can have: they come from a process that reads strangers' bytes."""
        shares, others = (self.blind, self.blur), (self.brightness, self.red, self.moved, self.changed)
        return all(math.isfinite(each) and -256 <= each <= 256 for each in others) and all(
            math.isfinite(each) and 0 <= each <= 1 for each in shares
        )


def judge(seen: Measures, standing: PictureFinding = "good") -> PictureFinding:
    """What to say of one picture; the threshold of the finding that stands is eased."""
    finger = seen.red >= FINGER_RED and seen.brightness < FINGER_BRIGHTNESS
    black = seen.brightness < (BLACK_EASED if standing == "covered" else BLACK)
    if seen.blind >= (BLIND_EASED if standing == "covered" else BLIND) and (finger or black):
        return "covered"
    if seen.brightness < (DARK_EASED if standing == "dark" else DARK):
        return "dark"
    if seen.blur >= (BLUR_EASED if standing in ("fast", "blurred") else BLUR):
        return "fast" if seen.moved >= MOVED else "blurred"
    if 0 <= seen.changed < (STILL_EASED if standing == "still" else STILL):
        return "still"
    return "good"


class Standing:
    """The finding that stands for one camera, through looks that come and go."""

    def __init__(self) -> None:
        self.finding: PictureFinding = "good"
        self.latest: PictureFinding = "good"
        self._against = 0

    @property
    def settled(self) -> bool:
        """Whether all is well and nothing speaks against it."""
        return self.finding == "good" and self._against == 0

    def look(self, seen: Measures) -> bool:
        """Take one picture; True if another finding stands from now on."""
        self.latest = judge(seen, self.finding)
        if self.latest == self.finding:
            self._against = 0
            return False
        self._against += 1
        if self._against < (STILL_LOOKS if self.latest == "still" else LOOKS):
            return False
        self.finding, self._against = self.latest, 0
        return True


class Line:
    """Whether one direction of a leg is weak, through its good and bad moments."""

    def __init__(self) -> None:
        self.weak = False
        self._against = 0

    def interval(self, stats: LegStats, *, camera: bool) -> bool:
        """Take the figures of two seconds; True if it is the other way round from now on.

        `camera`: a camera sends on it and was seen to show something, so that few bits mean a narrow line.
        """
        loss, kbps = (WEAK_LOSS_EASED, WEAK_KBPS_EASED) if self.weak else (WEAK_LOSS, WEAK_KBPS)
        weak = stats.loss >= loss or (camera and stats.direction == "publish" and stats.kbps < kbps)
        if weak == self.weak:
            self._against = 0
            return False
        self._against += 1
        if self._against < (WELL_AFTER if self.weak else WEAK_AFTER):
            return False
        self.weak, self._against = weak, 0
        return True
