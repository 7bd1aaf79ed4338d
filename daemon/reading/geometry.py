"""Plain geometry of boxes; lengths in pixels, angles in radians, y downwards."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from daemon.reading.document import Box, Line


def centre(box: Box) -> tuple[float, float]:
    """The middle of a box."""
    return sum(box[0::2]) / 4, sum(box[1::2]) / 4


def width(box: Box) -> float:
    """The mean length of a box along its text."""
    x0, y0, x1, y1, x2, y2, x3, y3 = box
    return (math.hypot(x1 - x0, y1 - y0) + math.hypot(x2 - x3, y2 - y3)) / 2


def height(box: Box) -> float:
    """The mean length of a box across its text."""
    x0, y0, x1, y1, x2, y2, x3, y3 = box
    return (math.hypot(x3 - x0, y3 - y0) + math.hypot(x2 - x1, y2 - y1)) / 2


def angle(box: Box) -> float:
    """The slope of a box's text; positive when it falls to the right."""
    x0, y0, x1, y1, x2, y2, x3, y3 = box
    return math.atan2(y1 - y0 + y2 - y3, x1 - x0 + x2 - x3)


def bounds(box: Box) -> tuple[float, float, float, float]:
    """The upright rectangle around a box: left, top, right, bottom."""
    return min(box[0::2]), min(box[1::2]), max(box[0::2]), max(box[1::2])


def shifted(line: Line, x: float, y: float) -> Line:
    """A line moved to the right and down."""
    x0, y0, x1, y1, x2, y2, x3, y3 = line.box
    return replace(line, box=(x0 + x, y0 + y, x1 + x, y1 + y, x2 + x, y2 + y, x3 + x, y3 + y))


def scaled(line: Line, x: float, y: float) -> Line:
    """A line whose page was stretched by two factors."""
    x0, y0, x1, y1, x2, y2, x3, y3 = line.box
    return replace(line, box=(x0 * x, y0 * y, x1 * x, y1 * y, x2 * x, y2 * y, x3 * x, y3 * y))


def turned(line: Line, angle: float) -> Line:
    """A line on a page that was turned by an angle around its top left corner."""
    sine, cosine = math.sin(angle), math.cos(angle)
    return moved(line, lambda x, y: (x * cosine - y * sine, x * sine + y * cosine))


def moved(line: Line, move: Callable[[float, float], tuple[float, float]]) -> Line:
    """A line whose corners were moved one by one."""
    x0, y0, x1, y1, x2, y2, x3, y3 = line.box
    return replace(line, box=(*move(x0, y0), *move(x1, y1), *move(x2, y2), *move(x3, y3)))


def overlap(one: Box, other: Box) -> float:
    """How much of the smaller of two upright rectangles around boxes the other covers, 0 to 1."""
    left, top, right, bottom = bounds(one)
    left2, top2, right2, bottom2 = bounds(other)
    across = min(right, right2) - max(left, left2)
    down = min(bottom, bottom2) - max(top, top2)
    smaller = min((right - left) * (bottom - top), (right2 - left2) * (bottom2 - top2))
    if across <= 0 or down <= 0 or smaller <= 0:
        return 0.0
    return across * down / smaller
