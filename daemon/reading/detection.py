"""Finds where text stands on a page: the detection model and what turns its map into boxes.

The model is a differentiable binarisation network (Liao et al., "Real-time Scene Text Detection
with Differentiable Binarization", AAAI 2020): it gives for every pixel the chance that it lies in
the shrunk core of a line of text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from daemon.reading.image import Image
from daemon.reading.runtime import Network

Corners = NDArray[np.float32]
"""4 x 2: the corners of a line from the top left, clockwise."""


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """How lines are told from the ground; lengths in pixels."""

    longest_side: int = 1280
    """The page is shrunk to this before it is looked at."""
    narrow: int = 400
    enlarged: float = 3.0
    """A page narrower than that is enlarged up to so much: its print is too small to be seen."""
    threshold: float = 0.3
    """Chance from which a pixel counts as text."""
    box_threshold: float = 0.5
    """Mean chance from which a region counts as a line."""
    growth: float = 1.6
    """Area over circumference times this is added on all sides: the model marks shrunk cores."""
    smallest_core: float = 3.0
    smallest_line: float = 5.0
    most: int = 2000
    """Regions that are looked at; a page of noise has more."""


class Detector:
    """Boxes of lines by the detection model."""

    def __init__(self, network: Network, settings: DetectionSettings | None = None) -> None:
        self._network = network
        self._settings = settings or DetectionSettings()

    def find(self, image: Image) -> list[Corners]:
        """The lines of an image, in its pixels."""
        height, width = image.shape[:2]
        if min(height, width) < 4:
            return []
        chances = self._network.run(self._prepare(image))[0, 0]
        scale = np.array([width / chances.shape[1], height / chances.shape[0]], dtype=np.float32)
        limits = np.array([width, height], dtype=np.float32)
        return [np.clip(corners * scale, 0, limits) for corners in regions(chances, self._settings)]

    def _prepare(self, image: Image) -> NDArray[np.float32]:
        """Sides in multiples of 32 as the model wants, BGR, from -1 to 1, channels first."""
        height, width = image.shape[:2]
        most = self._settings.enlarged if min(height, width) < self._settings.narrow else 1.0
        ratio = min(most, self._settings.longest_side / max(height, width))
        size = (_to_32(width * ratio), _to_32(height * ratio))
        way = cv2.INTER_CUBIC if ratio > 1.0 else cv2.INTER_LINEAR
        seen = cv2.resize(image, size, interpolation=way)
        planes = np.empty((1, 3, size[1], size[0]), dtype=np.float32)
        for plane in range(3):
            np.multiply(seen[:, :, 2 - plane], 1 / 127.5, out=planes[0, plane])
        planes -= 1.0
        return planes


def _to_32(length: float) -> int:
    return max(32, round(int(length) / 32) * 32)


def regions(chances: NDArray[np.float32], settings: DetectionSettings) -> list[Corners]:
    """Boxes around the regions of a map of chances, in its pixels."""
    mask = (chances > settings.threshold).astype(np.uint8)
    grown_mask = cv2.dilate(mask, np.ones((2, 2), dtype=np.uint8))
    contours, _ = cv2.findContours(grown_mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours[: settings.most]:
        (centre, (width, height), angle) = cv2.minAreaRect(contour)
        if min(width, height) < settings.smallest_core:
            continue
        core = _corners(centre, width, height, angle)
        if _mean_inside(chances, core) < settings.box_threshold:
            continue
        grow = 2 * settings.growth * width * height / (2 * (width + height))
        if min(width, height) + grow >= settings.smallest_line:
            found.append(clockwise(_corners(centre, width + grow, height + grow, angle)))
    return found


def _corners(centre: Sequence[float], width: float, height: float, angle: float) -> Corners:
    corners = cv2.boxPoints(((centre[0], centre[1]), (width, height), angle))
    return np.asarray(corners, dtype=np.float32)


def _mean_inside(chances: NDArray[np.float32], corners: Corners) -> float:
    """The mean chance inside a box."""
    height, width = chances.shape
    low = np.clip(np.floor(corners.min(axis=0)), 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), 0, [width - 1, height - 1]).astype(int)
    mask = np.zeros((high[1] - low[1] + 1, high[0] - low[0] + 1), dtype=np.uint8)
    cv2.fillPoly(mask, [(corners - low).astype(np.int32)], 1)
    part = chances[low[1] : high[1] + 1, low[0] : high[0] + 1]
    return float(cv2.mean(part, mask)[0])


def clockwise(corners: Corners) -> Corners:
    """The corners of a box, from the one that is top left, clockwise."""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left = by_x[:2][np.argsort(by_x[:2, 1], kind="stable")]
    right = by_x[2:][np.argsort(by_x[2:, 1], kind="stable")]
    return np.array([left[0], right[0], right[1], left[1]], dtype=np.float32)


def crop(image: Image, corners: Corners) -> Image:
    """The line in a box, straightened; one that stands on end is laid down."""
    width = max(np.linalg.norm(corners[0] - corners[1]), np.linalg.norm(corners[2] - corners[3]))
    height = max(np.linalg.norm(corners[0] - corners[3]), np.linalg.norm(corners[1] - corners[2]))
    size = (max(1, int(width)), max(1, int(height)))
    target = np.array([[0, 0], [size[0], 0], [*size], [0, size[1]]], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(corners, target)
    straight = cv2.warpPerspective(
        image, matrix, size, borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC
    )
    upright = np.rot90(straight) if size[1] >= 1.5 * size[0] else straight
    return np.asarray(upright, dtype=np.uint8)
