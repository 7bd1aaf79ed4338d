"""Finds the skew of a page from its pixels, for engines that do not find it themselves."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from daemon.reading.document import Line
from daemon.reading.geometry import moved
from daemon.reading.image import Image

_SIDE = 480
"""Pixels of the longest side on which the skew is looked for."""
_MOST = 24.0
_STEPS = (4.0, 1.0, 0.25)
"""Degrees; each round looks closer around the best of the round before."""
_WORTH = 0.7
"""Degrees below which a page is left as it is."""


def skew_of(image: Image) -> float:
    """Degrees by which the print falls to the right, up to 24 either way.

    Rows of print are darkest and the ground between them lightest where they lie level, so the
    sums of the rows differ most there (Baird, "The Skew Angle of Printed Documents", 1987).
    """
    ink = _ink(image)
    best, reach = 0.0, _MOST
    for step in _STEPS:
        angles = np.arange(best - reach, best + reach + step / 2, step)
        best = max(angles.tolist(), key=lambda angle: (_contrast(ink, angle), -abs(angle)))
        reach = step
    return best


def straightened(image: Image) -> tuple[Image, NDArray[np.float64] | None]:
    """A page with its print level, and the matrix that leads back; None where nothing was done."""
    angle = skew_of(image)
    if abs(angle) < _WORTH:
        return image, None
    height, width = image.shape[:2]
    sine, cosine = abs(math.sin(math.radians(angle))), abs(math.cos(math.radians(angle)))
    size = (round(width * cosine + height * sine), round(width * sine + height * cosine))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    level = cv2.warpAffine(
        image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(level, dtype=np.uint8), np.asarray(cv2.invertAffineTransform(matrix))


def moved_back(line: Line, matrix: NDArray[np.float64]) -> Line:
    """A line of the straightened page where it is on the page itself."""
    (a, b, c), (d, e, f) = matrix.tolist()
    return moved(line, lambda x, y: (a * x + b * y + c, d * x + e * y + f))


def _ink(image: Image) -> NDArray[np.float32]:
    """Where a small copy of the page is darker than what is around."""
    ratio = min(1.0, _SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * ratio)), max(1, round(image.shape[0] * ratio)))
    grey = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    ground = cv2.blur(grey, (15, 15))
    ink: NDArray[np.float32] = np.maximum(ground.astype(np.float32) - grey - 8, 0)
    return ink


def _contrast(ink: NDArray[np.float32], angle: float) -> float:
    """How much the sums of rows differ from one to the next once the page is turned."""
    height, width = ink.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    rows = cv2.warpAffine(ink, matrix, (width, height)).sum(axis=1)
    return float(np.square(np.diff(rows)).sum())
