"""One decoded keyframe in a few figures (`media.quality.Measures`). OpenCV and numpy; pure.

Everything is measured on small copies, because advice needs no more and the smallest phone sends as much: 640 pixels
wide for smear, 320 for cells and sameness, 32 × 18 for movement.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from media.quality import Measures

Luma = npt.NDArray[np.uint8]

WIDE, SMALL = 640, 320  # pixels of the longer side
CELLS = 16, 9
_TINY = 32, 18
_BLACK, _WHITE = 16.0, 235.0  # VP8's luma is of limited range (RFC 6386 §5 gives the decoder no other)
_CELL_SPREAD = 2.5  # standard deviation within a cell that is more than what an encoder leaves of a sensor's noise
_EDGE = 1  # differences below are noise and the encoder's, not edges
_BLUR_SPAN = 9  # pixels: as in the paper
_FINE = 6  # bits behind the point: 16-bit whole numbers are four times as fast as floats
_PLAIN = 0.4  # mean difference between neighbours below which a picture has too few edges to call it smeared


class Look:
    """What is kept of a picture to compare the next with. About 60 kB."""

    __slots__ = ("small", "tiny")

    def __init__(self, small: Luma, tiny: npt.NDArray[np.float32]) -> None:
        self.small = small
        self.tiny = tiny


def measure(luma: Luma, red: float = 0.0, before: Look | None = None) -> tuple[Measures, Look]:
    """The figures of a picture and what to keep of it. `luma`: height × width, as decoded; `red`: mean of Cr less 128;
    `before`: of the source's picture before. Takes any size from 1 × 1 on; raises ValueError for an empty one.
    """
    if luma.ndim != 2 or luma.size == 0:
        raise ValueError("a picture has height and width")
    height, width = luma.shape
    wide = _shrunk(luma, WIDE)
    small = _shrunk(wide, SMALL)
    tiny = cv2.resize(small, _TINY, interpolation=cv2.INTER_AREA).astype(np.float32)
    moved = changed = -1.0
    if before is not None:
        moved = float(np.abs((tiny - tiny.mean()) - (before.tiny - before.tiny.mean())).mean())
        changed = float(cv2.absdiff(small, before.small).mean()) if small.shape == before.small.shape else 256.0
    brightness = (float(small.mean()) - _BLACK) * 255 / (_WHITE - _BLACK)
    found = Measures(
        width=width,
        height=height,
        brightness=min(255.0, max(0.0, brightness)),
        red=red,
        blind=_blind(small),
        blur=_blur(wide),
        moved=moved,
        changed=changed,
    )
    return found, Look(small, tiny)


def _shrunk(picture: Luma, longest: int) -> Luma:
    height, width = picture.shape
    scale = longest / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _blind(small: Luma) -> float:
    """Share of cells in which nothing stands out."""
    values = small.astype(np.float32)
    mean = cv2.resize(values, CELLS, interpolation=cv2.INTER_AREA)
    square = cv2.resize(values * values, CELLS, interpolation=cv2.INTER_AREA)
    return float((np.maximum(square - mean * mean, 0) < _CELL_SPREAD**2).mean())


def _blur(wide: Luma) -> float:
    """The blur effect of Crete and others, of the worse direction: how little a further smear takes from the edges.
    0 where there are no edges to judge by.
    """
    values = np.left_shift(wide, _FINE, dtype=np.uint16)
    return max(_smear(values, 0), _smear(values, 1))


def _smear(values: npt.NDArray[np.uint16], axis: int) -> float:
    if values.shape[axis] <= _BLUR_SPAN:
        return 0.0
    smeared = cv2.blur(values, (1, _BLUR_SPAN) if axis == 0 else (_BLUR_SPAN, 1))
    edges = _steps(values, axis)
    edges = cv2.threshold(edges, int(_EDGE) << _FINE, 0, cv2.THRESH_TOZERO)[1]
    total = cv2.sumElems(edges)[0]
    if total < edges.size * _PLAIN * (1 << _FINE):
        return 0.0
    gone = cv2.subtract(edges, _steps(smeared, axis))  # never below 0
    return float(1 - cv2.sumElems(gone)[0] / total)


def _steps(values: Any, axis: int) -> Any:
    """How much neighbours differ."""
    first, second = (values[1:], values[:-1]) if axis == 0 else (values[:, 1:], values[:, :-1])
    return cv2.absdiff(first, second)
