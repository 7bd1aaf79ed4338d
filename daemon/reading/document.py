"""What reading yields: pages of lines with positions, also as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    """One page as it was read.

    `width` and `height` are pixels of the page upright, as large as it is stored. `rotation` is in
    degrees clockwise what made it upright, on top of what its EXIF or PDF says: 0, 90, 180, 270.
    `lines` are in reading order. `receipts` is how many seem to lie on the page.
    """

    number: int
    width: int
    height: int
    rotation: int
    lines: tuple[Line, ...]
    receipts: int = 1


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


def to_json(document: Document) -> dict[str, Any]:
    """A document as JSON: boxes to a tenth of a pixel, confidences to four digits.

    How many receipts lie on a page is not part of it; the receipt tells that.
    """
    return {
        "engine": document.engine,
        "version": document.version,
        "seconds": round(document.seconds, 3),
        "pages": [_page_to_json(page) for page in document.pages],
    }


def from_json(data: Mapping[str, Any]) -> Document:
    """The document that `to_json` gave; raises KeyError, TypeError or ValueError for other data."""
    return Document(
        engine=data["engine"],
        version=data["version"],
        seconds=float(data["seconds"]),
        pages=tuple(_page_from_json(page) for page in data["pages"]),
    )


def _page_to_json(page: Page) -> dict[str, Any]:
    return {
        "number": page.number,
        "width": page.width,
        "height": page.height,
        "rotation": page.rotation,
        "lines": [
            {
                "text": line.text,
                "confidence": round(line.confidence, 4),
                "box": [round(value, 1) for value in line.box],
            }
            for line in page.lines
        ],
    }


def _page_from_json(data: Mapping[str, Any]) -> Page:
    return Page(
        number=int(data["number"]),
        width=int(data["width"]),
        height=int(data["height"]),
        rotation=int(data["rotation"]),
        lines=tuple(
            Line(line["text"], float(line["confidence"]), _box(line["box"]))
            for line in data["lines"]
        ),
    )


def _box(values: list[float]) -> Box:
    x0, y0, x1, y1, x2, y2, x3, y3 = map(float, values)
    return (x0, y0, x1, y1, x2, y2, x3, y3)
