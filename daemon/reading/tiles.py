"""Reads long receipts at full resolution, in tiles that overlap."""

from __future__ import annotations

from collections.abc import Callable

from daemon.reading import geometry
from daemon.reading.document import Line
from daemon.reading.image import Image

LONG = 4.0
"""Height over width from which a page is read in tiles."""
_NARROWEST = 64
"""Pixels of width below which no print fits; such a strip is not worth hundreds of tiles."""
_TILE = 2.5
_OVERLAP = 0.4
"""Height of a tile and of what two share, in widths of the page."""
_SAME = 0.5


def zones(width: int, height: int) -> list[tuple[int, int]]:
    """Top and bottom of the tiles of a page, evenly spread; one for a page that is not long."""
    if height <= LONG * width or width < _NARROWEST:
        return [(0, height)]
    tile, step = round(_TILE * width), (_TILE - _OVERLAP) * width
    count = max(2, -(-(height - tile) // max(1, int(step))) + 1)
    tops = [round(index * (height - tile) / (count - 1)) for index in range(count)]
    return [(top, top + tile) for top in tops]


def read_in_tiles(read: Callable[[Image], list[Line]], image: Image) -> list[Line]:
    """All lines of a page, each once, in its pixels."""
    height, width = image.shape[:2]
    parts = zones(width, height)
    if len(parts) == 1:
        return read(image)
    merged: list[Line] = []
    previous: list[Line] = []
    for index, (top, bottom) in enumerate(parts):
        lines = [
            geometry.shifted(line, 0, top)
            for line in read(image[top:bottom])
            if not _cut(line, index > 0, index < len(parts) - 1, bottom - top)
        ]
        merged = _merge(merged, previous, lines)
        previous = lines
    return merged


def _cut(line: Line, above: bool, below: bool, height: int) -> bool:
    """Whether a line touches an edge where the page goes on: the next tile has it whole."""
    _, top, _, bottom = geometry.bounds(line.box)
    return (above and top <= 1) or (below and bottom >= height - 1)


def _merge(merged: list[Line], previous: list[Line], lines: list[Line]) -> list[Line]:
    """Lines of a tile added to those so far; of two readings of one line the surer stays."""
    kept = list(lines)
    dropped: set[int] = set()
    for old in previous:
        for new in lines:
            if geometry.overlap(old.box, new.box) < _SAME:
                continue
            if (len(old.text), old.confidence) > (len(new.text), new.confidence):
                kept = [line for line in kept if line is not new]
            else:
                dropped.add(id(old))
    return [line for line in merged if id(line) not in dropped] + kept
