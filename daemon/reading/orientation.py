"""Finds which way up a page is, by reading it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from daemon.reading import geometry
from daemon.reading.document import Line
from daemon.reading.image import Image

SURE = 0.85
"""Mean confidence from which a page is taken to be upright; upside down it is far lower."""
_LONG = 4.0
"""A wide picture of these proportions is taken for a long receipt that lies on its side."""
_ON_END = 1.5


def turned(image: Image, rotation: int) -> Image:
    """An image turned clockwise by 0, 90, 180 or 270 degrees."""
    return np.ascontiguousarray(np.rot90(image, -rotation // 90)) if rotation else image


def read_upright(read: Callable[[Image], list[Line]], image: Image) -> tuple[int, list[Line]]:
    """The degrees clockwise that make a page upright, and its lines then, in its pixels then.

    A page that is upright and legible is read once. Where most text stands on end, the page lies:
    it is read turned both ways, the likelier first. Where the confidence is low, it is also read
    upside down, and the better reading counts.
    """
    height, width = image.shape[:2]
    start = 90 if width > _LONG * height else 0
    lines = read(turned(image, start))
    sure = score(lines)
    best = (sure, start, lines)
    others = [start + 180]
    if on_end(lines):
        # The engine lays such lines down anticlockwise: that it could read them says which way.
        others = [start + 270, start + 90] if sure >= SURE else [start + 90, start + 270]
        best = (0.0, start, lines)
    for rotation in others if lines else ():
        if best[0] >= SURE:
            break
        other = read(turned(image, rotation % 360))
        best = max(best, (score(other), rotation % 360, other), key=lambda found: found[0])
    return (best[1], best[2]) if lines else (0, [])


def score(lines: Sequence[Line]) -> float:
    """The mean confidence over all characters; 0 for no text."""
    characters = sum(len(line.text) for line in lines)
    if not characters:
        return 0.0
    return sum(line.confidence * len(line.text) for line in lines) / characters


def on_end(lines: Sequence[Line]) -> bool:
    """Whether more text stands on end than lies, by length; single characters do not count."""
    standing = lying = 0.0
    for line in lines:
        width, height = geometry.width(line.box), geometry.height(line.box)
        if height > _ON_END * width:
            standing += height
        elif width > _ON_END * height:
            lying += width
    return standing > lying
