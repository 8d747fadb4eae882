"""Frame numbers as pictures: a strip of light and dark cells that survives compression and scaling.

The strip fills the top of the picture: 32 cells wide, two rows high, the lower row the inverse of the upper one. A cell
is read by comparing the two rows, so brightness, contrast and the encoder's blur cancel out. Of the 32 bits 24 carry
the number and 8 a checksum; a picture that does not check is reported as unreadable, never guessed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CELLS = 32
NUMBER_BITS = 24
ROWS_SHARE = 1 / 9  # of the picture's height: 80 of 720 lines for both rows
FLASH_SHARE = 1 / 4  # the lower quarter of the picture turns white on the second
Picture = NDArray[np.uint8]


def checksum(number: int) -> int:
    """Eight bits that a shifted or inverted strip does not reproduce by chance."""
    return ((number * 0x9E3779B1) >> 13 & 0xFF) ^ 0x5A


def bits_of(number: int) -> NDArray[np.bool_]:
    word = (number << 8) | checksum(number)
    return np.array([(word >> (CELLS - 1 - i)) & 1 for i in range(CELLS)], dtype=bool)


def draw(picture: Picture, number: int, *, flash: bool) -> None:
    """Write ``number`` (0 … 2²⁴-1) into the top of a grey or BGR picture and, on the second, the flash below."""
    height, width = picture.shape[:2]
    row = int(height * ROWS_SHARE / 2)
    edges = [width * i // CELLS for i in range(CELLS + 1)]
    for i, bit in enumerate(bits_of(number)):
        picture[:row, edges[i] : edges[i + 1]] = 255 if bit else 0
        picture[row : 2 * row, edges[i] : edges[i + 1]] = 0 if bit else 255
    if flash:
        picture[int(height * (1 - FLASH_SHARE)) :, :] = 255


def read(luma: Picture) -> int | None:
    """The number of a grey picture of any size, or ``None`` when the strip does not check."""
    height, width = luma.shape[:2]
    row = height * ROWS_SHARE / 2
    upper = luma[int(row * 0.3) : max(int(row * 0.7), int(row * 0.3) + 1)].astype(np.int32)
    lower = luma[int(row * 1.3) : max(int(row * 1.7), int(row * 1.3) + 1)].astype(np.int32)
    word = 0
    for i in range(CELLS):
        left, right = (
            int(width * (i + 0.3) / CELLS),
            max(int(width * (i + 0.7) / CELLS), int(width * (i + 0.3) / CELLS) + 1),
        )
        word = word << 1 | int(upper[:, left:right].mean() > lower[:, left:right].mean())
    number, check = word >> 8, word & 0xFF
    return number if checksum(number) == check else None


def is_flash(luma: Picture) -> bool:
    """Whether the lower quarter is white; the picture beneath it is never brighter than mid-grey."""
    return bool(luma[int(luma.shape[0] * (1 - FLASH_SHARE / 2)) :].mean() > 200)
