"""Tells whether one page shows several receipts, by what each part of it would be on its own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from daemon.reading import geometry
from daemon.reading.document import Line
from daemon.reading.rows import skew

_AMOUNT = re.compile(r"(?<![\d.,])-?\d{1,6}[.,]\d{2}(?![\d.,]*\d)")
_DATE = re.compile(r"(?<!\d)(?:\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}-\d\d-\d\d)(?!\d)")
_WORD = re.compile(r"[^\W\d_]{4,}")
_MOST_PARTS = 20
_FEWEST_LINES = 8
_FEWEST_AMOUNTS = 3
_FEWEST_WORDS = 5
_GUTTER, _GAP = 1.0, 3.0
"""Width between two receipts side by side, and height between one above another, in lines."""

Span = Callable[[Line], tuple[float, float]]


def receipts_on(lines: Sequence[Line]) -> int:
    """How many receipts seem to lie on a page; 1 where there is no sign of more."""
    upright = _straightened(lines)
    heights = sorted(geometry.height(line.box) for line in upright)
    if len(heights) < 2 * _FEWEST_LINES:
        return 1
    return _count(upright, heights[len(heights) // 2], _MOST_PARTS)


def _count(lines: Sequence[Line], height: float, most: int) -> int:
    """Split at the first place where both sides are receipts, then look at both again."""
    for span, gap in ((_across, _GUTTER * height), (_down, _GAP * height)):
        for before, after in _splits(lines, span, gap):
            if most > 1 and _is_receipt(before) and _is_receipt(after):
                return _count(before, height, most - 1) + _count(after, height, most - 1)
    return 1


def _splits(lines: Sequence[Line], span: Span, gap: float) -> Iterator[tuple[list[Line], ...]]:
    """The lines before and after each gap that no line crosses."""
    ordered = sorted(lines, key=span)
    reach = -math.inf
    for at, line in enumerate(ordered):
        start, end = span(line)
        if at and start - reach >= gap:
            yield ordered[:at], ordered[at:]
        reach = max(reach, end)


def _is_receipt(lines: Sequence[Line]) -> bool:
    """Whether lines have what a receipt has: words, a column of amounts, and a date."""
    texts = [line.text for line in lines]
    return (
        len(texts) >= _FEWEST_LINES
        and _found(_AMOUNT, texts) >= _FEWEST_AMOUNTS
        and _found(_WORD, texts) >= _FEWEST_WORDS
        and _found(_DATE, texts) > 0
    )


def _found(pattern: re.Pattern[str], texts: Iterable[str]) -> int:
    return sum(1 for text in texts if pattern.search(text))


def _across(line: Line) -> tuple[float, float]:
    left, _, right, _ = geometry.bounds(line.box)
    return left, right


def _down(line: Line) -> tuple[float, float]:
    _, top, _, bottom = geometry.bounds(line.box)
    return top, bottom


def _straightened(lines: Sequence[Line]) -> list[Line]:
    """Lines where they would be on a page without skew."""
    slope = skew(lines)
    return [geometry.turned(line, -slope) for line in lines]
