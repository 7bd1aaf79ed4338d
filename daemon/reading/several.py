"""Tells whether one page shows several receipts, by what each part of it would be on its own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from daemon.reading import geometry
from daemon.reading.document import Line
from daemon.reading.rows import skew

_AMOUNT = re.compile(r"(?<![\d.,])-?\d{1,6}[.,]\d{2}(?![\d.,]*\d)")
_MONTH = (
    "jan|ene|gen|feb|fév|fev|mar|mär|mrz|mac|apr|avr|abr|mai|may|mei|mag|jun|jui|giu|jul|lug|aug|ago"
    "|aoû|aou|ogo|sep|set|oct|okt|ott|out|nov|dec|dez|déc|dic|dis"
)
_DATE = re.compile(
    r"(?<!\d)(?:\d{1,2}[./-]\d{1,2}[./-]\d{2}|\d{4}[./-]\d\d[./-]\d\d)"
    rf"|(?<!\d)\d{{1,2}}[ .,/'-]{{0,2}}(?:de )?(?:{_MONTH})[a-zç.]{{0,8}}(?: de )?[ .,/'-]{{0,2}}"
    r"\d{2}"
    r"|(?<!\d)\d{8} \d{2}:\d{2}",
    re.IGNORECASE,
)
"""Its end is left open: OCR sticks the time to it."""
_WORD = re.compile(r"[^\W\d_]{4,}")
_MOST_PARTS = 20
_FEWEST_LINES = 8
_FEWEST_AMOUNTS = 3
_FEWEST_WORDS = 5
_GUTTER, _GAP = 1.0, 3.0
"""Width between two receipts side by side, and height between one above another, in lines."""
_NARROW_GUTTER, _NARROW_GAP = 0.3, 1.0
"""The same where the dates of both differ and the second begins with a heading."""
_HEADING = 2
"""Lines in which a receipt names the shop, before any amount or date."""

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
    for span, gap, narrow in ((_across, _GUTTER, _NARROW_GUTTER), (_down, _GAP, _NARROW_GAP)):
        for before, after, apart in _splits(lines, span, narrow * height):
            if most <= 1 or not (_is_receipt(before) and _is_receipt(after)):
                continue
            if apart >= gap * height or _are_apart(before, after):
                return _count(before, height, most - 1) + _count(after, height, most - 1)
    return 1


def _splits(
    lines: Sequence[Line], span: Span, gap: float
) -> Iterator[tuple[list[Line], list[Line], float]]:
    """The lines before and after each gap that no line crosses, and how wide it is."""
    ordered = sorted(lines, key=span)
    reach = -math.inf
    for at, line in enumerate(ordered):
        start, end = span(line)
        if at and start - reach >= gap:
            yield ordered[:at], ordered[at:], start - reach
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


def _are_apart(before: Sequence[Line], after: Sequence[Line]) -> bool:
    """Whether the second of two parts begins anew, on another day.

    Neither a stamp nor a slip does, nor the table of taxes, whose first row has several words.
    """
    top = sorted(after, key=lambda line: geometry.centre(line.box)[1])[:_HEADING]
    texts = [line.text for line in top]
    headed = not _found(_AMOUNT, texts) and not _found(_DATE, texts) and _found(_WORD, texts) > 0
    beside = _down(top[0])[1] > geometry.centre(top[1].box)[1]
    return headed and not beside and not _dates(before) & _dates(after)


def _dates(lines: Sequence[Line]) -> set[str]:
    """The dates on lines, whatever parts day, month and year."""
    found = (match for line in lines for match in _DATE.finditer(line.text))
    return {"".join(sign for sign in match[0].lower() if sign.isalnum()) for match in found}


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
