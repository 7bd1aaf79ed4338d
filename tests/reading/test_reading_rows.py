"""Lines come out in the order in which a person reads them."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from daemon.reading.document import Box, Line
from daemon.reading.rows import in_reading_order, rows, skew


def _line(text: str, left: float, top: float, width: float, slope: float = 0.0) -> Line:
    """A line 20 pixels high on a page that was turned by `slope` radians about its corner."""
    corners = ((left, top), (left + width, top), (left + width, top + 20), (left, top + 20))
    sine, cosine = math.sin(slope), math.cos(slope)
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = (
        (x * cosine - y * sine, x * sine + y * cosine) for x, y in corners
    )
    box: Box = (x0, y0, x1, y1, x2, y2, x3, y3)
    return Line(text, 0.99, box)


def _table(slope: float) -> list[Line]:
    lines = []
    for row in range(12):
        top = 30 * row
        lines.append(_line(f"{row}a", 10, top, 200, slope))
        lines.append(_line(f"{row}b", 260, top + 3, 60, slope))
        lines.append(_line(f"{row}c", 400, top - 3, 90, slope))
    return lines


@given(st.floats(-0.15, 0.15), st.randoms(use_true_random=False))
def test_rows_are_found_on_a_skewed_page(slope: float, shuffle: random.Random) -> None:
    """A page turned by up to eight degrees reads row by row, whatever order the engine gave."""
    lines = _table(slope)
    shuffle.shuffle(lines)
    expected = [f"{row}{column}" for row in range(12) for column in "abc"]
    assert [line.text for line in in_reading_order(lines)] == expected


@given(st.floats(-0.2, 0.2))
def test_the_skew_is_that_of_the_long_lines(slope: float) -> None:
    """Short boxes, whose angle is chance, do not tilt the page."""
    noise = [_line("x", 40 * index, 500, 12, 0.7) for index in range(5)]
    assert math.isclose(skew(_table(slope) + noise), slope, abs_tol=1e-6)


def test_lines_below_each_other_never_share_a_row() -> None:
    """Tight lines whose boxes overlap stay two rows."""
    found = rows([_line("upper", 0, 0, 300), _line("lower", 5, 9, 300)])
    assert [[line.text for line in row] for row in found] == [["upper"], ["lower"]]


def test_no_lines_give_no_rows() -> None:
    """An empty page is in order."""
    assert in_reading_order([]) == ()
