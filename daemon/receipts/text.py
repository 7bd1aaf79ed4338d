"""What understanding starts from: pages of lines with positions."""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[float, float, float, float, float, float, float, float]
"""Corners in pixels of the upright page, clockwise from the top left: x0, y0, ... x3, y3."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """One run of text; `index` is its place on its page, confidence goes from 0 to 1."""

    index: int
    text: str
    confidence: float
    box: Box


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of one page; `number` counts from 1, width and height are in pixels.

    `receipts` is how many seem to lie on the page.
    """

    number: int
    width: int
    height: int
    lines: tuple[TextLine, ...]
    receipts: int = 1
