"""Words that an engine gives one by one, put together as the other engines give lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from daemon.reading.document import Line

_COLUMN_GAP = 1.5
"""Distance between two words, in heights of the line, from which they are two columns."""
_ON_END = 1.5


@dataclass(frozen=True, slots=True)
class Word:
    """One word, its confidence from 0 to 1, and the upright rectangle around it in pixels."""

    text: str
    confidence: float
    left: float
    top: float
    right: float
    bottom: float


def lines(words: Sequence[Word]) -> Iterator[Line]:
    """The words of one line of print as lines, broken where a column begins.

    The confidence of a line is the mean over its characters.
    """
    run: list[Word] = []
    reach = _COLUMN_GAP * _height(words)
    for word in words:
        if run and not _on_end(words) and word.left - run[-1].right > reach:
            yield _line(run)
            run = []
        run.append(word)
    if run:
        yield _line(run)


def _height(words: Sequence[Word]) -> float:
    """The middle one of the words' heights."""
    heights = sorted(word.bottom - word.top for word in words)
    return heights[len(heights) // 2] if heights else 0.0


def _on_end(words: Sequence[Word]) -> bool:
    """Whether a line runs up or down the page."""
    left, top, right, bottom = _bounds(words)
    return bottom - top > _ON_END * (right - left)


def _bounds(words: Iterable[Word]) -> tuple[float, float, float, float]:
    edges = [(word.left, word.top, word.right, word.bottom) for word in words]
    lefts, tops, rights, bottoms = zip(*edges, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _line(words: Sequence[Word]) -> Line:
    left, top, right, bottom = _bounds(words)
    characters = sum(len(word.text) for word in words)
    sure = sum(word.confidence * len(word.text) for word in words) / characters
    text = " ".join(word.text for word in words)
    return Line(text, sure, (left, top, right, top, right, bottom, left, bottom))
