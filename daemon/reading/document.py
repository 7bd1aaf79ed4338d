"""What reading yields: pages of lines with positions."""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[float, float, float, float, float, float, float, float]
"""Corners in pixels of the upright page, clockwise from the top left: x0, y0, ... x3, y3."""


@dataclass(frozen=True, slots=True)
class Line:
    """One run of text that the engine found; confidence from 0 to 1."""

    text: str
    confidence: float
    box: Box


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it was read; `rotation` in degrees clockwise is what made it upright."""

    number: int
    width: int
    height: int
    rotation: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """All pages of a file; `seconds` is the wall time that reading took."""

    engine: str
    version: str
    seconds: float
    pages: tuple[Page, ...]

    @property
    def text(self) -> str:
        """The lines of all pages, one a line, pages parted by a form feed."""
        return "\f".join("\n".join(line.text for line in page.lines) for page in self.pages)
