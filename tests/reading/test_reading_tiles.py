"""Long receipts are read in tiles, and every line once."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from daemon.reading.document import Box, Line
from daemon.reading.image import Image
from daemon.reading.tiles import read_in_tiles, zones


@given(st.integers(64, 3000), st.integers(1, 60_000))
def test_tiles_cover_the_page_and_overlap(width: int, height: int) -> None:
    """No pixel is left out, no two tiles merely touch."""
    parts = zones(width, height)
    assert parts[0][0] == 0
    assert parts[-1][1] == height
    for (_, bottom), (top, _) in itertools.pairwise(parts):
        assert top < bottom - width // 4


def test_a_page_that_is_not_long_is_one_tile() -> None:
    """Up to four times as high as wide, a page is read at once."""
    assert zones(500, 2000) == [(0, 2000)]


def test_a_strip_too_narrow_for_print_is_one_tile() -> None:
    """A line of pixels does not become thousands of readings."""
    assert zones(10, 60_000) == [(0, 60_000)]


def _read_marks(image: Image) -> list[Line]:
    """An engine that sees bars of 16 dark rows, whose brightness is their number."""
    lines: list[Line] = []
    rows = image[:, 0, 0]
    start = 0
    for y in range(1, len(rows) + 1):
        if y == len(rows) or rows[y] != rows[start]:
            if rows[start] != 255:
                box: Box = (0, start, 80, start, 80, y, 0, y)
                whole = y - start == 16
                lines.append(Line(str(rows[start]), 0.99 if whole else 0.6, box))
            start = y
    return lines


@given(st.integers(0, 39))
def test_every_line_is_read_once_and_whole(offset: int) -> None:
    """Lines in the overlap are not doubled, lines cut by a tile's edge come from the other tile."""
    image = np.full((6000, 300, 3), 255, dtype=np.uint8)
    numbers = range(1, 149)
    for number in numbers:
        top = offset + 40 * number
        image[top : top + 16] = number
    lines = read_in_tiles(_read_marks, image)
    assert sorted(int(line.text) for line in lines) == list(numbers)
    assert all(line.confidence == 0.99 for line in lines)
    assert all(line.box[1] == offset + 40 * int(line.text) for line in lines)
