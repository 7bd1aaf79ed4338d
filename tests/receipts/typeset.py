"""A printed receipt as what a perfect reader would see: lines of text with positions."""

from __future__ import annotations

import math
import random

from daemon.receipts.text import PageText, TextLine
from tests.receipts.rows import Cell, Row, Sheet

_CHARACTER, _LINE, _HEIGHT, _MARGIN = 13.0, 34.0, 24.0, 60.0
_LEFT_PART = {"left": 0.0, "center": 0.5, "right": 1.0}


def page(sheet: Sheet, seed: int | str) -> PageText:
    """The lines of a sheet, a little askew, sometimes in no particular order."""
    chance = random.Random(f"page {seed}")
    angle = chance.choice((0.0, 0.0, 0.02, -0.03))
    joined = chance.random() < 0.2
    lines: list[tuple[str, tuple[float, ...]]] = []
    y = _MARGIN
    for row in sheet.rows:
        y += _LINE * row.above
        cells = _joined(row) if joined else row.cells
        lines += [(cell.text, _box(cell, row.scale, y, angle)) for cell in cells]
        y += _LINE * row.scale
    if chance.random() < 0.3:
        chance.shuffle(lines)
    return PageText(
        number=1,
        width=int(2 * _MARGIN + _CHARACTER * sheet.columns),
        height=int(y + _MARGIN),
        lines=tuple(TextLine(n, text, 0.98, box) for n, (text, box) in enumerate(lines)),  # type: ignore[arg-type]
    )


def _joined(row: Row) -> tuple[Cell, ...]:
    """A label and its amount as the one line that some engines make of them."""
    if len(row.cells) != 2:
        return row.cells
    return (Cell("  ".join(cell.text for cell in row.cells), row.cells[0].at),)


def _box(cell: Cell, scale: float, y: float, angle: float) -> tuple[float, ...]:
    width, height = _CHARACTER * scale * len(cell.text), _HEIGHT * scale
    x = _MARGIN + _CHARACTER * cell.at - _LEFT_PART[cell.anchor] * width
    corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    turned: list[float] = []
    for across, down in corners:
        turned.append(across * math.cos(angle) - down * math.sin(angle))
        turned.append(across * math.sin(angle) + down * math.cos(angle))
    return tuple(turned)
