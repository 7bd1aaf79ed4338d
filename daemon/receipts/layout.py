"""Rows of a page from geometry: the skew removed, boxes side by side joined.

An engine returns a label and its amount as separate boxes, in an order of its own; only their
positions tell that they belong together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
_LONG_CELL = 4.0
"""Heights that a cell must be wide for its slope to tell."""
_AROUND = 8
_NEAR = 0.25
"""Share of the page's width within which paper curves alike."""
_FEWEST_TOLD = 6
_FAN = 0.015
"""The least difference between the slopes at the top and the bottom that is taken out."""
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
        slope = fall / (right - left) if right > left else 0.0
        cell = Cell(text, left, top, right, bottom, line.confidence, place, slope)
        cells.append(cell)
    cells = _without_fan(cells)
    cells.sort(key=lambda cell: (cell.middle, cell.left))
    return _with_common_slopes(cells)


def _with_common_slopes(cells: list[Cell]) -> list[Cell]:
    """The cells with the slope that those around them have: of a short one alone it is noise."""
    if not cells:
        return cells
    near = _NEAR * (max(cell.right for cell in cells) - min(cell.left for cell in cells))
    common: list[Cell] = []
    for number, cell in enumerate(cells):
        weight = fall = 0.0
        for other in cells[max(0, number - _AROUND) : number + _AROUND + 1]:
            beside = abs(other.left + other.right - cell.left - cell.right) / 2 < near
            if beside and abs(other.middle - cell.middle) < 3 * cell.height:
                # A longer cell tells its slope better, by the square of its length.
                told = (other.right - other.left) ** 2
                weight, fall = weight + told, fall + told * other.slope
        common.append(replace(cell, slope=fall / weight if weight else 0.0))
    return common


def _without_fan(cells: list[Cell]) -> list[Cell]:
    """The cells as if seen from above: a page that leans has rows that fan out downwards."""
    fan = _fan_of(cells)
    if fan is None:
        return cells
    start, growth = fan
    middle = (min(cell.left for cell in cells) + max(cell.right for cell in cells)) / 2
    level: list[Cell] = []
    for cell in cells:
        slope = start + growth * cell.middle
        down = slope * ((cell.left + cell.right) / 2 - middle)
        moved = replace(
            cell, top=cell.top - down, bottom=cell.bottom - down, slope=cell.slope - slope
        )
        level.append(moved)
    return level


def _fan_of(cells: Sequence[Cell]) -> tuple[float, float] | None:
    """How the slope of rows depends on their height: at the top, and for each pixel down.

    Least squares over long cells by their width, twice, the second time without outliers; None
    where too few cells tell, or where the rows are parallel.
    """
    told = [cell for cell in cells if cell.right - cell.left > _LONG_CELL * cell.height]
    found: tuple[float, float] | None = None
    for _ in range(2):
        if len(told) < _FEWEST_TOLD:
            return None
        found = _line_through(told)
        gaps = [abs(cell.slope - found[0] - found[1] * cell.middle) for cell in told]
        most = 3 * median(gaps) + 1e-4
        told = [cell for cell, gap in zip(told, gaps, strict=True) if gap <= most]
    if found is None:
        return None
    ends = (min(cell.middle for cell in cells), max(cell.middle for cell in cells))
    return found if abs(found[1]) * (ends[1] - ends[0]) > _FAN else None


def _line_through(cells: Sequence[Cell]) -> tuple[float, float]:
    weight = sum(cell.right - cell.left for cell in cells)
    height = sum(cell.middle * (cell.right - cell.left) for cell in cells) / weight
    slope = sum(cell.slope * (cell.right - cell.left) for cell in cells) / weight
    spread = sum((cell.middle - height) ** 2 * (cell.right - cell.left) for cell in cells)
    both = sum(
        (cell.middle - height) * (cell.slope - slope) * (cell.right - cell.left) for cell in cells
    )
    growth = both / spread if spread else 0.0
    return slope - growth * height, growth


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
