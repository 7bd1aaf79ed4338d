"""Rows of a page from geometry: the skew removed, boxes side by side joined.

An engine returns a label and its amount as separate boxes, in an order of its own; only their
positions tell that they belong together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from daemon.receipts.model import Evidence
from daemon.receipts.text import PageText, TextLine

MAX_LINES = 4000
"""Lines of a document that are looked at; a receipt has far fewer, and work must stay bounded."""
MAX_LENGTH = 300
"""Characters of one line that are looked at."""
_FLAT = 0.004
_STEEP = 0.6
_RECENT_ROWS = 8
_FAR = 1e6
"""Pixels from the corner beyond which nothing lies."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of text in its row: edges in pixels after the skew was removed."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    confidence: float
    place: Evidence
    slope: float = 0.0
    """How its writing still falls, in pixels per pixel, where the paper is curved."""

    @property
    def middle(self) -> float:
        """The vertical centre."""
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        """The height of its writing."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Row:
    """Cells that stand side by side, left to right; `index` counts through all pages."""

    index: int
    cells: tuple[Cell, ...]

    @property
    def text(self) -> str:
        """What the row says."""
        return " ".join(cell.text for cell in self.cells)

    @property
    def middle(self) -> float:
        """The vertical centre."""
        return sum(cell.middle for cell in self.cells) / len(self.cells)

    @property
    def height(self) -> float:
        """The usual height of its writing."""
        return median(cell.height for cell in self.cells)

    @property
    def page(self) -> int:
        """The page that it is on."""
        return self.cells[0].place.page

    @property
    def places(self) -> tuple[Evidence, ...]:
        """The lines that it is made of."""
        return tuple(cell.place for cell in self.cells)


def rows_of(pages: Sequence[PageText]) -> list[Row]:
    """All rows of a document from top to bottom; at most `MAX_LINES` lines are taken."""
    rows: list[Row] = []
    room = MAX_LINES
    for page in pages:
        lines = [line for line in page.lines[:room] if line.text.strip()]
        room -= len(lines)
        for cells in _grouped(_cells(page.number, lines)):
            rows.append(Row(len(rows), tuple(cells)))
    return rows


def skew_of(lines: Sequence[TextLine]) -> float:
    """The angle in radians at which the writing runs: the median over long lines, by width."""
    slopes: list[tuple[float, float]] = []
    for line in lines:
        box = _bounded(line)
        across, down = box[2] - box[0], box[3] - box[1]
        width = math.hypot(across, down)
        if len(line.text) >= 6 and width > 0:
            slopes.append((math.atan2(down, across), width))
    slopes.sort()
    half = sum(width for _, width in slopes) / 2
    reached = 0.0
    for angle, width in slopes:
        reached += width
        if reached >= half:
            return 0.0 if abs(angle) < _FLAT or abs(angle) > _STEEP else angle
    return 0.0


def _bounded(line: TextLine) -> list[float]:
    """The corners of a line as numbers that can be reckoned with."""
    return [max(-_FAR, min(_FAR, edge)) if math.isfinite(edge) else 0.0 for edge in line.box]


def _cells(page: int, lines: Sequence[TextLine]) -> list[Cell]:
    angle = skew_of(lines)
    cosine, sine = math.cos(-angle), math.sin(-angle)
    cells: list[Cell] = []
    for line in lines:
        box = _bounded(line)
        across = [box[i] * cosine - box[i + 1] * sine for i in (0, 2, 4, 6)]
        down = [box[i] * sine + box[i + 1] * cosine for i in (0, 2, 4, 6)]
        left_edge = math.hypot(box[6] - box[0], box[7] - box[1])
        right_edge = math.hypot(box[4] - box[2], box[5] - box[3])
        height = max(1.0, (left_edge + right_edge) / 2)
        middle = sum(down) / 4
        text = line.text.strip()[:MAX_LENGTH]
        top, bottom = middle - height / 2, middle + height / 2
        place = Evidence(page, line.index)
        left, right = min(across), max(across)
        fall = (down[1] + down[2] - down[0] - down[3]) / 2
        slope = fall / (right - left) if right - left > 2 * height else 0.0
        cell = Cell(text, left, top, right, bottom, line.confidence, place, slope)
        cells.append(cell)
    cells.sort(key=lambda cell: (cell.middle, cell.left))
    return cells


def _grouped(cells: Sequence[Cell]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for cell in cells:
        best: list[Cell] | None = None
        best_share = 0.5
        for row in rows[-_RECENT_ROWS:]:
            share = _shared_height(cell, row)
            if share > best_share:
                best, best_share = row, share
        if best is None:
            rows.append([cell])
        else:
            best.append(cell)
    for row in rows:
        row.sort(key=lambda cell: cell.left)
    rows.sort(key=lambda row: sum(cell.middle for cell in row) / len(row))
    return rows


def _shared_height(cell: Cell, row: Sequence[Cell]) -> float:
    """The share of height that a cell has in common with its nearest cell of a row, 0 to 1."""
    near = min(row, key=lambda other: max(other.left - cell.right, cell.left - other.right, 0.0))
    beside = min(cell.right, near.right) - max(cell.left, near.left)
    apart = abs(cell.middle - near.middle) if beside > 0 else _apart(cell, near)
    share = ((cell.height + near.height) / 2 - apart) / min(cell.height, near.height)
    stacked = beside > 0.4 * min(cell.right - cell.left, near.right - near.left)
    return 0.0 if stacked and share < 0.8 else min(1.0, share)


def _apart(cell: Cell, near: Cell) -> float:
    """How far two cells side by side are from one line, as both of them run on between them."""
    left, right = (cell, near) if cell.left < near.left else (near, cell)
    gap = right.left - left.right
    end = left.middle + left.slope * (left.right - left.left + gap) / 2
    start = right.middle - right.slope * (right.right - right.left + gap) / 2
    return abs(start - end)
