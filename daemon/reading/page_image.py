"""One page on its way to an engine, and the bounds within which pages are decoded."""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.errors import ReadingError
from daemon.reading.document import Line
from daemon.reading.image import Image

MEGAPIXEL = 1_000_000


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Bounds of what is decoded; lengths in pixels."""

    max_pixels: int = 100 * MEGAPIXEL
    """Of one picture as it is stored; all of a file together may have ten times that."""
    longest_side: int = 2000
    """Pages are shrunk to this while they are decoded; more does not read better."""
    shortest_side: int = 800
    """Long receipts are shrunk to this width instead."""


@dataclass(frozen=True, slots=True)
class PageImage:
    """One page as it is given to an engine, or the text that it already carried.

    `width` and `height` are those of the page upright as stored; `image` may be smaller.
    `lines` is None where the page has to be read; else they are in pixels of width x height.
    """

    number: int
    width: int
    height: int
    image: Image | None = field(repr=False)
    lines: tuple[Line, ...] | None = None


def check_pixels(width: int, height: int, number: int, settings: PageSettings) -> None:
    """Raise ReadingError with code `too_many_pixels` for a page over the limit."""
    if width * height > settings.max_pixels:
        raise ReadingError(
            "too_many_pixels",
            f"page {number} has {width * height / MEGAPIXEL:.0f} million pixels; "
            f"at most {settings.max_pixels / MEGAPIXEL:.0f} are read",
        )


def check_all_pixels(pixels: int, settings: PageSettings) -> None:
    """Raise ReadingError with code `too_many_pixels` where all pages so far have too many."""
    if pixels > 10 * settings.max_pixels:
        raise ReadingError(
            "too_many_pixels",
            f"its pages together have over {10 * settings.max_pixels / MEGAPIXEL:.0f} million"
            " pixels",
        )


def too_many(max_pages: int) -> ReadingError:
    """The error for a file with more pages than allowed."""
    return ReadingError("too_many_pages", f"it has more than {max_pages} pages")


def reading_scale(width: float, height: float, settings: PageSettings) -> float:
    """How much a page is shrunk before it is read; at most 1.

    The longest side decides, but a long receipt keeps the width that its print needs.
    """
    long, short = max(width, height), min(width, height)
    return min(1.0, max(settings.longest_side / long, settings.shortest_side / short))
