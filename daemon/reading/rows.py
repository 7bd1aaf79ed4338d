"""Puts the lines of a page in the order in which a person reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from daemon.reading import geometry
from daemon.reading.document import Line

_LONG = 3.0
"""A line this many times longer than high tells the slope of the page."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A line where it would be on a page without skew."""

    line: Line
    x: float
    y: float
    half_width: float
    height: float


def in_reading_order(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Lines in rows from top to bottom, each row from left to right, the page's skew removed."""
    return tuple(line for row in rows(lines) for line in row)


def rows(lines: Iterable[Line]) -> list[list[Line]]:
    """Lines that stand beside each other, row by row."""
    given = list(lines)
    slope = skew(given)
    placed = sorted((_place(line, slope) for line in given), key=lambda item: (item.y, item.x))
    found: list[list[_Placed]] = []
    for item in placed:
        row = next((row for row in reversed(found[-4:]) if _belongs(item, row)), None)
        if row is None:
            found.append([item])
        else:
            row.append(item)
    return [[item.line for item in sorted(row, key=lambda item: item.x)] for row in found]


def skew(lines: Sequence[Line]) -> float:
    """The slope of a page in radians: the median over its long lines, each as heavy as it is long.

    0 where there are none.
    """
    slopes = sorted(
        (geometry.angle(line.box), geometry.width(line.box))
        for line in lines
        if geometry.width(line.box) > _LONG * geometry.height(line.box)
    )
    half = sum(weight for _, weight in slopes) / 2
    passed = 0.0
    for slope, weight in slopes:
        passed += weight
        if passed >= half:
            return slope
    return 0.0


def _place(line: Line, slope: float) -> _Placed:
    x, y = geometry.centre(line.box)
    sine, cosine = math.sin(slope), math.cos(slope)
    return _Placed(
        line,
        x * cosine + y * sine,
        y * cosine - x * sine,
        geometry.width(line.box) / 2,
        geometry.height(line.box),
    )


def _belongs(item: _Placed, row: Sequence[_Placed]) -> bool:
    """Whether a line is level with the one of a row that is nearest, and beside all of them."""
    nearest = min(row, key=lambda other: abs(other.x - item.x))
    level = abs(item.y - nearest.y) < 0.5 * min(item.height, nearest.height)
    return level and not any(_covers(item, other) for other in row)


def _covers(item: _Placed, other: _Placed) -> bool:
    """Whether two lines share more than half of the shorter one's width: one is under the other."""
    shared = item.half_width + other.half_width - abs(item.x - other.x)
    return shared > min(item.half_width, other.half_width)
